"""Noise of STEM images of few counts: white, Gaussian and Poisson noise, clipped."""

from typing import Any

import numpy as np
from pydantic import Field

from reconbench.contracts import Description, Parameters, Reading
from reconbench.noise import _amplitude, _common_numbers

NOISE = Description(
    name="stem_counts",
    title="Poisson, Gaussian and white noise, clipped",
    reference="F. Wang et al., Sci. Rep. 10 (2020), doi:10.1038/s41598-020-62484-z",
)
# What a level is looked for between.
WEAKEST, STRONGEST = 1e-3, 1e2
# What is counted is clipped to this first; the signal's unit.
BRIGHTEST = 10.0


class Params(Parameters):
    """Parameters of the noise, for a signal in [0, 1]. The defaults are those of the authors' code."""

    amplitude: _amplitude.Amplitudes = (0.25, 1.0)
    """Bounds that the amplitude of an image is drawn between, evenly: of the white part, in the signal's unit."""
    deviation: float = Field(default=0.1, ge=0, le=1e3)
    """Standard deviation of the Gaussian part at amplitude 1; the signal's unit."""
    dose: float = Field(default=10.0, gt=0, le=1e9)
    """Counts that a signal of 1 gives at amplitude 1."""
    level: _amplitude.Level | None = Field(default=None)
    """SNR of the measurement in dB, for which the amplitude is found; None draws the amplitude."""
    reading: Reading = "corrected"
    """`corrected` lets all three parts grow with the amplitude; `as_published` only the white one."""


def draw(params: Params, generator: np.random.Generator) -> dict[str, float]:
    """Draw the amplitude of one image; nothing where a level is set."""
    return {} if params.level is not None else {"amplitude": float(generator.uniform(*params.amplitude))}


def apply(clean: Any, generator: Any, params: Params, drawn: dict[str, float]) -> Any:
    """Return the noisy image.

    Parameters
    ----------
    clean : ndarray or torch.Tensor
        The noiseless image x in [0, 1], of any shape.
    generator : numpy.random.Generator or torch.Generator
        Of the same library as `clean`.
    params : Params
        The deviation s and the dose c, both at amplitude 1.
    drawn : dict
        What `draw` gave: the amplitude a.

    Returns
    -------
    ndarray of float32 or torch.Tensor
        Two clipped steps, a light one and a count,

            v = clip(x + a (u - u') + r s n, 0, 10 m)
            y = clip(P(c v / r^2) r^2 / c, 0, m),

        where u and u' are uniform in [0, 1], n is standard normal, and P draws Poisson counts, all independent from
        pixel to pixel. `as_published` has r = m = 1, as the authors' released code. `corrected` has r = a and
        m = max(1, a): the deviations of all three parts are in proportion to the amplitude, so that weak noise is weak
        in all of them. Up to amplitude 1, y is in [0, 1]. Beyond, it is in [0, a], like a dim image that was clipped
        and then divided by its brightness; clipped to [0, 1], not every image could be as noisy as -10 dB.

    Raises
    ------
    UserError
        If the level cannot be reached. `corrected` brings any cluster of `atomic_clusters` to -30 to 40 dB.
        `as_published` cannot: of 40 (128 x 128 pixels, stretched to [0, 1]) the noisiest measurements had -17 to -6 dB,
        the limit of `stem_indirect`, and the best ones -1 to 6 dB, where the Gaussian and Poisson parts alone are left.
    """
    signal = _common_numbers.double(clean)
    white = _common_numbers.uniform(clean, generator) - _common_numbers.uniform(clean, generator)
    gaussian = params.deviation * _common_numbers.normal(clean, generator)
    count = _common_numbers.counter(clean, generator, common=params.level is not None)

    def measured(amplitude: float) -> Any:
        ratio = amplitude if params.reading == "corrected" else 1.0
        dose, brightest = params.dose / ratio**2, max(1.0, ratio)
        light = (signal + amplitude * white + ratio * gaussian).clip(0, BRIGHTEST * brightest)
        return (count(dose * light) / dose).clip(0, brightest)

    amplitude = drawn.get("amplitude")
    if params.level is not None:
        amplitude = _amplitude.amplitude_at(params.level, measured, signal, WEAKEST, STRONGEST, NOISE.name)
    return _common_numbers.as_measured(measured(amplitude), clean)


def variance(signal: np.ndarray, params: Params, drawn: dict[str, float]) -> None:
    """Return None: clipping makes the noise biased and its variance not known."""


def gain(params: Params, drawn: dict[str, float]) -> None:
    """Return None: what is clipped are no counts any more."""
