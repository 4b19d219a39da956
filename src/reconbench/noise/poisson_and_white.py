"""Slight Poisson and white noise: a camera that counts much light and has a noise of its own."""

from typing import Any

import numpy as np
from pydantic import Field

from reconbench.contracts import Description, Parameters
from reconbench.noise import gaussian, poisson

NOISE = Description(
    name="poisson_and_white",
    title="slight Poisson and white noise",
    reference="F. Wang et al., Sci. Rep. 10 (2020), doi:10.1038/s41598-020-62484-z",
)


class Params(Parameters):
    """Parameters of the noise. The paper has no numbers; the defaults are 1 per cent each where the signal is 1."""

    dose: float = Field(default=10_000.0, gt=0, le=1e9)
    """Counts that a signal of 1 gives."""
    deviation: float = Field(default=0.01, ge=0, le=1e9)
    """Standard deviation of the white noise, which is Gaussian; the signal's unit."""


def draw(params: Params, generator: np.random.Generator) -> dict[str, float]:
    """Return what is drawn once an image: nothing."""
    return {}


def apply(clean: Any, generator: Any, params: Params, drawn: dict[str, float]) -> Any:
    """Return the noisy image.

    Parameters
    ----------
    clean : ndarray or torch.Tensor
        A noiseless intensity g, of any shape. Negative values, which rounding in a blur can leave, count as 0.
    generator : numpy.random.Generator or torch.Generator
        Of the same library as `clean`.
    params : Params
        The dose c and the standard deviation s.
    drawn : dict
        Not used.

    Returns
    -------
    ndarray of float32 or torch.Tensor
        y = Poisson(c g) / c + s n, where n is standard normal and independent from pixel to pixel. Nothing is clipped,
        so that values may be negative.
    """
    counted = poisson.apply(clean, generator, poisson.Params(), {"dose": params.dose})
    return gaussian.apply(counted, generator, gaussian.Params(deviation=params.deviation), {})


def variance(signal: np.ndarray, params: Params, drawn: dict[str, float]) -> np.ndarray:
    """Return the variance of the noise where the noiseless image is `signal`."""
    return np.clip(signal, 0, None) / params.dose + params.deviation**2


def gain(params: Params, drawn: dict[str, float]) -> float:
    """Return the counts that a signal of 1 gives."""
    return params.dose
