"""A camera that sets its exposure by itself and shakes: what the images of one recording differ by."""

from typing import Any

import numpy as np
from pydantic import Field

from reconbench.contracts import Description, Parameters
from reconbench.noise import gaussian

NOISE = Description(
    name="drifting_camera",
    title="drifting exposure, vibration and white noise",
    reference="F. Wang et al., Sci. Rep. 10, 5730 (2020), doi:10.1038/s41598-020-62484-z",
)


class Params(Parameters):
    """Parameters of the camera. The paper names the three and has no numbers; the defaults are assumptions."""

    exposure_drift: float = Field(default=0.05, ge=0, le=1)
    """Standard deviation of the logarithm of an image's exposure, which is 1 in the middle."""
    vibration: float = Field(default=0.2, ge=0, le=100)
    """Standard deviation of an image's shift along each axis, in pixels of the camera."""
    deviation: float = Field(default=0.005, ge=0, le=1e9)
    """Standard deviation of the white noise, which is Gaussian; the signal's unit."""


def draw(params: Params, generator: np.random.Generator) -> dict[str, float]:
    """Return what is drawn once an image: its exposure, and its shift down and to the right in pixels.

    No method is told any of them.
    """
    exposure, down, right = generator.standard_normal(3)
    return {
        "exposure": float(np.exp(params.exposure_drift * exposure)),
        "shift_down": float(params.vibration * down),
        "shift_right": float(params.vibration * right),
    }


def apply(clean: Any, generator: Any, params: Params, drawn: dict[str, float]) -> Any:
    """Return the image that the camera took.

    Parameters
    ----------
    clean : ndarray or torch.Tensor
        A noiseless image g of shape (..., y, x).
    generator : numpy.random.Generator or torch.Generator
        Of the same library as `clean`.
    params : Params
        The standard deviation s.
    drawn : dict
        The exposure e and the shift.

    Returns
    -------
    ndarray of float32 or torch.Tensor
        y = e g' + s n. g' is g shifted, by linear interpolation and with its outermost pixels repeated beyond the edge;
        n is standard normal and independent from pixel to pixel. Nothing is clipped, so that values may be negative.
    """
    shifted = _shifted(_shifted(clean, drawn["shift_down"], -2), drawn["shift_right"], -1)
    return gaussian.apply(drawn["exposure"] * shifted, generator, gaussian.Params(deviation=params.deviation), {})


def variance(signal: np.ndarray, params: Params, drawn: dict[str, float]) -> None:
    """Return None: with an exposure and a shift that nobody knows, it is no function of the signal."""


def gain(params: Params, drawn: dict[str, float]) -> None:
    """Return None: nothing is counted."""


def _shifted(image: Any, pixels: float, axis: int) -> Any:
    """Return an image of either library, moved along the last axis or the one before it."""
    whole = int(np.floor(pixels))
    fraction = pixels - whole
    places = np.arange(image.shape[axis]) - whole
    # Lists are an index in either library.
    near, far = (np.clip(places - back, 0, image.shape[axis] - 1).tolist() for back in (0, 1))
    rest = (slice(None),) * (-1 - axis)
    return (1 - fraction) * image[(..., near, *rest)] + fraction * image[(..., far, *rest)]
