"""A point-spread function that was measured: the image or stack of a bead, from a file."""

from typing import Literal

import numpy as np
from pydantic import Field

from reconbench.contracts import Description, Parameters
from reconbench.datasets.reading import read_image
from reconbench.errors import UserError
from reconbench.forward._blur import Blur
from reconbench.forward._point_spread import Size

FORWARD = Description(
    name="measured_psf",
    title="measured point-spread function",
    reference="a bead in a file of your own",
)


class Params(Parameters):
    """Parameters of a kernel that is read from a file, for instance of a bead in a stack that a camera took:

    `{path: bead.tif, background: 104, negative: clip, centre: centroid, size: [15, 33, 33]}`.
    """

    path: str = Field(min_length=1)
    """A TIFF file of one bead, (y, x) or (z, y, x), with the pixel size of the images. A relative path is against the
    working directory."""
    background: float = Field(default=0.0, ge=-1e6, le=1e6)
    """What is subtracted from every value, in the unit of the file: what the camera shows without light."""
    negative: Literal["refuse", "clip"] = "refuse"
    """What is done where the background leaves negative values, as noise makes it do: an error, or 0."""
    centre: Literal["middle", "brightest", "centroid"] = "middle"
    """Where the bead is: in the middle of the file, which then has odd sizes; in its brightest pixel; or in the pixel
    nearest to the centroid of what is above the background. There the middle of the kernel will be. By what fraction
    of a pixel the bead lies beside it, the blur moves an image."""
    size: Size | None = None
    """Size of the kernel, (y, x) or (z, y, x), odd; by default the largest that the file has about the bead."""


def files(params: Params) -> tuple[str, ...]:
    """Return the paths of the files that are read."""
    return (params.path,)


def build(params: Params) -> Blur:
    """Return the convolution with the kernel, which is scaled to the sum 1; zeros beyond the edge.

    Raises
    ------
    UserError
        If the file cannot be read, is no single image or volume, has no middle, holds negative values or no light, or
        is too small for the size.
    """
    bead, axes, _ = read_image(params.path)
    if axes not in ("YX", "ZYX"):
        raise UserError(f"{params.path} has the axes {axes}; one image (y, x) or one stack (z, y, x) is needed")
    light = _without_background(params, bead.astype(np.float64))
    kernel = light[_window(params, light)]
    if kernel.sum() == 0:
        raise UserError(f"{params.path} holds no light above a background of {params.background:g} where the kernel is")
    return Blur(kernel / kernel.sum())


def _without_background(params: Params, bead: np.ndarray) -> np.ndarray:
    """Return what is above the background, zero elsewhere."""
    below = bead < params.background
    if below.any() and params.negative == "refuse":
        raise UserError(
            f"{params.path} has {below.sum()} of {bead.size} values below the background of {params.background:g}, "
            f"down to {bead.min():g}; give a lower one, or set negative: clip to make them 0"
        )
    return np.where(below, 0, bead - params.background)


def _window(params: Params, light: np.ndarray) -> tuple[slice, ...]:
    """Return where in the file the kernel is."""
    centre = _centre(params, light)
    largest = tuple(2 * min(place, length - 1 - place) + 1 for place, length in zip(centre, light.shape, strict=True))
    size = params.size or largest
    if len(size) != light.ndim or any(wanted > found for wanted, found in zip(size, largest, strict=True)):
        raise UserError(
            f"{params.path} has room for a kernel of size {largest} about its centre {centre}, and not for {size}"
        )
    return tuple(
        slice(place - length // 2, place + length // 2 + 1) for place, length in zip(centre, size, strict=True)
    )


def _centre(params: Params, light: np.ndarray) -> tuple[int, ...]:
    """Return the pixel of the bead."""
    if params.centre == "middle":
        if any(length % 2 == 0 for length in light.shape):
            raise UserError(
                f"{params.path} has the even sizes {light.shape} and so no middle; set centre: brightest or centroid"
            )
        return tuple(length // 2 for length in light.shape)
    if params.centre == "brightest" or not light.any():
        return tuple(int(place) for place in np.unravel_index(light.argmax(), light.shape))
    return tuple(round(float(np.average(places, weights=light))) for places in np.indices(light.shape))
