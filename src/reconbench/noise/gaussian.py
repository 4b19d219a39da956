"""Additive white Gaussian noise: the same everywhere, whatever the signal."""

from typing import Any

import numpy as np
from pydantic import Field

from reconbench.contracts import Description, Parameters

NOISE = Description(
    name="gaussian",
    title="white Gaussian noise",
    reference="A. Moskalev, Trainable Regularization for Wiener Deconvolution, Skoltech (2019)",
)


class Params(Parameters):
    """Parameters of the noise. The default is the paper's 1 %."""

    deviation: float = Field(default=0.01, ge=0, le=1e9)
    """Standard deviation; the signal's unit. Truths are scaled to a peak of 1, so that 0.01 is the paper's "1 %"."""


def draw(params: Params, generator: np.random.Generator) -> dict[str, float]:
    """Return what is drawn once an image: nothing."""
    return {}


def apply(clean: Any, generator: Any, params: Params, drawn: dict[str, float]) -> Any:
    """Add noise to one image.

    Parameters
    ----------
    clean : ndarray or torch.Tensor
        One noiseless image or volume g, of any shape.
    generator : numpy.random.Generator or torch.Generator
        Of the same library as `clean`.
    params : Params
        The standard deviation s.
    drawn : dict
        Not used.

    Returns
    -------
    ndarray of float32 or torch.Tensor
        y = g + s n, where n is standard normal and independent from pixel to pixel. Nothing is clipped, so that values
        may be negative.
    """
    if isinstance(clean, np.ndarray):
        return (clean + params.deviation * generator.standard_normal(clean.shape)).astype(np.float32)
    import torch

    normal = torch.randn(clean.shape, generator=generator, dtype=clean.dtype, device=clean.device)
    return clean + params.deviation * normal


def variance(signal: np.ndarray, params: Params, drawn: dict[str, float]) -> np.ndarray:
    """Return the variance of the noise, the same wherever and whatever the signal is."""
    return np.full(np.shape(signal), params.deviation**2)


def gain(params: Params, drawn: dict[str, float]) -> None:
    """Return None: nothing is counted."""
