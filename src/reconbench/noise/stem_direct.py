"""The noise that the direct denoiser of STEM images was trained with: few counts, dark current, saturation."""

from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field

from reconbench.contracts import Description, Parameters
from reconbench.noise import _amplitude, _common_numbers

NOISE = Description(
    name="stem_direct",
    title="Poisson noise, dark current and saturation",
    reference="F. Wang et al., arXiv:1810.12183 (2018)",
)
# Doses that a level is looked for between, in counts. Below one count the clipped image only becomes emptier.
WEAKEST, STRONGEST = 1e6, 1.0

_Saturation = Annotated[float, Field(gt=0, le=1)]


class Params(Parameters):
    """Parameters of the noise, for a signal in [0, 1]. The defaults are the paper's."""

    dose: _amplitude.Amplitudes = (1.0, 10.0)
    """Bounds that the dose of an image is drawn between, evenly; counts that a signal of 1 gives."""
    dark_current: float = Field(default=0.1, ge=0, le=1)
    """Largest dark current of a pixel; the signal's unit."""
    saturation: Annotated[tuple[_Saturation, _Saturation], AfterValidator(_amplitude.ordered)] = (0.9, 1.0)
    """Bounds that the largest value of an image is drawn between, evenly; the signal's unit."""
    level: _amplitude.Level | None = Field(default=None)
    """SNR of the measurement in dB, for which the dose is found; None draws the dose."""


def draw(params: Params, generator: np.random.Generator) -> dict[str, float]:
    """Draw the saturation and the dose of one image; no dose where a level is set."""
    drawn = {"saturation": float(generator.uniform(*params.saturation))}
    if params.level is None:
        drawn["dose"] = float(generator.uniform(*params.dose))
    return drawn


def apply(clean: Any, generator: Any, params: Params, drawn: dict[str, float]) -> Any:
    """Return the noisy image.

    Parameters
    ----------
    clean : ndarray or torch.Tensor
        The noiseless image I in [0, 1], of any shape. Negative values count as 0.
    generator : numpy.random.Generator or torch.Generator
        Of the same library as `clean`.
    params : Params
    drawn : dict
        What `draw` gave: the dose c and the saturation s.

    Returns
    -------
    ndarray of float32 or torch.Tensor
        O = S(P(c I) / c + b, s), where P draws Poisson counts, b is uniform in [0, dark current], independent from
        pixel to pixel, and S clips to [0, s] (the reference's Appendix). The counts are not divided by the dose as that
        is printed, and then a single one saturates a pixel; here they are, which keeps the unit of I.

    Raises
    ------
    UserError
        If the level cannot be reached. Dark current and saturation stay as they are, and bound it above. Below, values
        above s are clipped, and with less than one count the image only becomes emptier. Of 40 clusters of
        `atomic_clusters` (128 x 128 pixels, stretched to [0, 1]) the noisiest measurements had -4 to 1 dB and the best
        ones 4 to 14 dB: all reach 1 to 4 dB, none -5 dB, and -10 dB is far out of reach.
    """
    signal = _common_numbers.double(clean).clip(0, None)
    dark = params.dark_current * _common_numbers.uniform(clean, generator)
    count = _common_numbers.counter(clean, generator, common=params.level is not None)

    def measured(dose: float) -> Any:
        return (count(dose * signal) / dose + dark).clip(0, drawn["saturation"])

    dose = drawn.get("dose")
    if params.level is not None:
        dose = _amplitude.amplitude_at(params.level, measured, signal, WEAKEST, STRONGEST, NOISE.name)
    return _common_numbers.as_measured(measured(dose), clean)


def variance(signal: np.ndarray, params: Params, drawn: dict[str, float]) -> None:
    """Return None: clipping makes the noise biased and its variance not known."""


def gain(params: Params, drawn: dict[str, float]) -> None:
    """Return None: what is clipped and has a dark current on it are no counts any more."""
