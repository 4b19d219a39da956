"""The noise of the SSI benchmark: a Gaussian that grows with the signal, impulses, and a 10-bit camera."""

import numpy as np
from pydantic import Field

from reconbench.contracts import Description, Parameters

NOISE = Description(
    name="ssi_noise",
    title="signal-dependent Gaussian and impulse noise, 10 bits",
    reference="Kobayashi et al. 2020, arXiv:2006.06156",
)


class Params(Parameters):
    """Parameters of the noise, for a signal in [0, 1]."""

    alpha: float = Field(default=0.001, ge=0)
    """Variance per unit of signal; the signal's unit."""
    sigma: float = Field(default=0.1, ge=0)
    """Standard deviation where there is no signal; the signal's unit."""
    impulse_probability: float = Field(default=0.01, ge=0, le=1)
    """Fraction of pixels whose value is replaced by a uniform draw from [0, 1). The volumes of the benchmark have 0."""
    bits: int = Field(default=10, ge=1, le=23)
    """Values are rounded to multiples of 2^-bits."""


def draw(params: Params, generator: np.random.Generator) -> dict[str, float]:
    """Return what is drawn once an image: nothing."""
    return {}


def apply(clean: np.ndarray, generator: np.random.Generator, params: Params, drawn: dict[str, float]) -> np.ndarray:
    """Return the noisy image.

    Parameters
    ----------
    clean : ndarray
        The signal, any shape, nominally in [0, 1].
    generator : numpy.random.Generator
        Not used: the benchmark's authors seed numpy's legacy generator with 0 for every image, and only these very
        draws give the published measurements. So two images of one shape have the same noise pattern.
    params : Params
    drawn : dict
        Not used.

    Returns
    -------
    ndarray
        float32, in [0, 1], same shape.
    """
    legacy = np.random.RandomState(0)
    # The order of these three draws is part of the definition.
    normal = legacy.normal(size=clean.shape)
    selector = legacy.uniform(size=clean.shape)
    impulse = legacy.uniform(size=clean.shape)
    signal = np.asarray(clean, dtype=np.float64)
    noisy = signal + np.sqrt(_gaussian_variance(signal, params)) * normal
    noisy = np.where(selector < params.impulse_probability, impulse, noisy)
    levels = 2**params.bits
    return np.clip(np.round(levels * noisy) / levels, 0, 1).astype(np.float32)


def variance(signal: np.ndarray, params: Params, drawn: dict[str, float]) -> np.ndarray:
    """Return the mean square of measurement minus signal, as the model declares it.

    With probability p the pixel is a uniform draw, whose mean square distance from the signal x is
    1/12 + (1/2 - x)^2, so

        variance(x) = (1 - p) (alpha x + sigma^2) + p (1/12 + (1/2 - x)^2).

    Rounding (2^-2 bits / 12, below 1e-7) and clipping, which makes the noise of the darkest and brightest pixels
    smaller and biased, are left out: they belong to the camera's range, not to the noise.
    """
    probability = params.impulse_probability
    impulse = 1 / 12 + (0.5 - signal) ** 2
    return (1 - probability) * _gaussian_variance(signal, params) + probability * impulse


def gain(params: Params, drawn: dict[str, float]) -> None:
    """Return None: nothing is counted, the name 'Poisson' in the benchmark's code notwithstanding."""


def _gaussian_variance(signal: np.ndarray, params: Params) -> np.ndarray:
    # A signal from an FFT may fall below zero by rounding, and must not make the variance negative.
    return np.maximum(params.alpha * signal + params.sigma**2, 0)
