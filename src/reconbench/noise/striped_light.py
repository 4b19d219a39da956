"""Stripes of interfering light that differ from plane to plane, and white noise: coherent light in a microscope."""

from typing import Any

import numpy as np
from pydantic import Field, model_validator

from reconbench.contracts import Description, Parameters
from reconbench.noise import gaussian

NOISE = Description(
    name="striped_light",
    title="stripes of interfering light and white noise",
    reference="none: what the planes of the measured through-focus stack show beside the cell",
)

# Waves that the stripes of a plane are made of.
WAVES = 4


class Params(Parameters):
    """Parameters of the stripes and of the white noise."""

    stripes: float = Field(default=0.05, ge=0, le=1)
    """Standard deviation of the stripes, over the intensity that they stand on."""
    periods: tuple[float, float] = (12.0, 100.0)
    """Shortest and longest period of the stripes in pixels; all between are as likely, on a logarithmic scale."""
    deviation: float = Field(default=0.02, ge=0, le=1e9)
    """Standard deviation of the white noise, which is Gaussian; the signal's unit."""

    @model_validator(mode="after")
    def _in_order(self) -> "Params":
        if not 2 <= self.periods[0] <= self.periods[1]:
            raise ValueError("periods must be the shortest, at least 2 pixels, and the longest")
        return self


def draw(params: Params, generator: np.random.Generator) -> dict[str, float]:
    """Return what is drawn once an image: nothing, as each plane has stripes of its own."""
    return {}


def apply(clean: Any, generator: Any, params: Params, drawn: dict[str, float]) -> Any:
    """Return the noisy planes.

    Parameters
    ----------
    clean : ndarray or torch.Tensor
        Noiseless intensities g of shape (..., y, x).
    generator : numpy.random.Generator or torch.Generator
        Of the same library as `clean`.
    params : Params
        The deviations s of the stripes and d of the white noise.
    drawn : dict
        Not used.

    Returns
    -------
    ndarray of float32 or torch.Tensor
        y = g (1 + s w) + d n, where w is, in each plane, a sum of plane waves with any directions and phases, of the
        variance 1, and n is standard normal and independent from pixel to pixel.
    """
    waves = _uniform(generator, (3, *clean.shape[:-2], WAVES))
    striped = params.stripes * _stripes(waves, clean.shape[-2:], params.periods)
    if not isinstance(clean, np.ndarray):
        striped = clean.new_tensor(striped)
    return gaussian.apply(clean * (1 + striped), generator, gaussian.Params(deviation=params.deviation), {})


def variance(signal: np.ndarray, params: Params, drawn: dict[str, float]) -> np.ndarray:
    """Return the variance of the noise where the noiseless image is `signal`."""
    return (params.stripes * np.asarray(signal)) ** 2 + params.deviation**2


def gain(params: Params, drawn: dict[str, float]) -> None:
    """Return None: nothing is counted."""


def _uniform(generator: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return numbers in [0, 1) from a generator of either library."""
    if isinstance(generator, np.random.Generator):
        return generator.random(shape)
    import torch

    return torch.rand(shape, generator=generator, device=generator.device, dtype=torch.float64).cpu().numpy()


def _stripes(waves: np.ndarray, size: tuple[int, int], periods: tuple[float, float]) -> np.ndarray:
    """Return sums of plane waves, shape (..., y, x), given three numbers in [0, 1) for each, (3, ..., waves)."""
    period = periods[0] * (periods[1] / periods[0]) ** waves[0]
    direction, start = 2 * np.pi * waves[1], 2 * np.pi * waves[2]
    along_y, along_x = (
        np.exp(2j * np.pi * (part / period)[..., None] * np.arange(side))
        for part, side in zip((np.sin(direction), np.cos(direction)), size, strict=True)
    )
    along_y *= np.sqrt(2 / WAVES) * np.exp(1j * start)[..., None]
    return (np.swapaxes(along_y, -1, -2) @ along_x).real
