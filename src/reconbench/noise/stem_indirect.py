"""The noise that the indirect denoiser of STEM images was trained with: uniform, and clipped."""

from typing import Any

import numpy as np
from pydantic import Field

from reconbench.contracts import Description, Parameters
from reconbench.noise import _amplitude, _common_numbers

NOISE = Description(
    name="stem_indirect",
    title="uniform noise, clipped",
    reference="F. Wang et al., arXiv:1810.12183 (2018)",
)
# What a level is looked for between.
WEAKEST, STRONGEST = 1e-5, 1e3


class Params(Parameters):
    """Parameters of the noise, for a signal in [0, 1]. The defaults are the paper's: any value may become any other."""

    amplitude: _amplitude.Amplitudes = (1.0, 1.0)
    """Bounds that the amplitude of an image is drawn between, evenly; the signal's unit."""
    level: _amplitude.Level | None = Field(default=None)
    """SNR of the measurement in dB, for which the amplitude is found; None draws the amplitude."""


def draw(params: Params, generator: np.random.Generator) -> dict[str, float]:
    """Draw the amplitude of one image; nothing where a level is set."""
    return {} if params.level is not None else {"amplitude": float(generator.uniform(*params.amplitude))}


def apply(clean: Any, generator: Any, params: Params, drawn: dict[str, float]) -> Any:
    """Return the noisy image.

    Parameters
    ----------
    clean : ndarray or torch.Tensor
        The noiseless image I in [0, 1], of any shape.
    generator : numpy.random.Generator or torch.Generator
        Of the same library as `clean`.
    params : Params
    drawn : dict
        What `draw` gave: the amplitude a.

    Returns
    -------
    ndarray of float32 or torch.Tensor
        O = S(I + a u, 1), where u is uniform in [-1, 1], independent from pixel to pixel, and S clips to [0, 1]
        (the reference's Appendix; its a is 1).

    Raises
    ------
    UserError
        If the level cannot be reached. What is clipped to [0, 1] cannot be arbitrarily wrong: the strongest noise turns
        every pixel into 0 or 1, whatever it was. With M1 and M2 the means of I and of its square, the SNR stays above
        about 10 log10(M2 / (1/2 - M1 + M2)). For 40 clusters of `atomic_clusters` (128 x 128 pixels, stretched to
        [0, 1]) that was -17 to -6 dB: all reach -5 dB and more, and only the sparse ones -10 dB.
    """
    signal = _common_numbers.double(clean)
    even = 2 * _common_numbers.uniform(clean, generator) - 1

    def measured(amplitude: float) -> Any:
        return (signal + amplitude * even).clip(0, 1)

    amplitude = drawn.get("amplitude")
    if params.level is not None:
        amplitude = _amplitude.amplitude_at(params.level, measured, signal, WEAKEST, STRONGEST, NOISE.name)
    return _common_numbers.as_measured(measured(amplitude), clean)


def variance(signal: np.ndarray, params: Params, drawn: dict[str, float]) -> None:
    """Return None: clipping makes the noise biased and its variance not known."""


def gain(params: Params, drawn: dict[str, float]) -> None:
    """Return None: nothing is counted."""
