"""A lensless camera: each point of the scene throws the pattern of a diffuser, its caustic, onto the sensor."""

from typing import Annotated

import numpy as np
from pydantic import Field

from reconbench.contracts import Description
from reconbench.convolution import Convolution
from reconbench.errors import UserError
from reconbench.forward import measured_psf
from reconbench.forward._blur import Blur

FORWARD = Description(
    name="caustic",
    title="measured caustic of a lensless camera",
    reference='N. Antipa et al., "DiffuserCam: lensless single-exposure 3D imaging", Optica 5, 1 (2018), '
    "doi:10.1364/OPTICA.5.000001",
)

Margin = Annotated[int, Field(ge=0, le=65_536)]


class Params(measured_psf.Params):
    """Parameters of a caustic that is read from a file, as a measured point-spread function is, and of the sensor:

    `{path: caustic.tif, background: 104, negative: clip, centre: centroid, beyond: [50, 80]}`.
    """

    beyond: tuple[Margin, Margin] = (0, 0)
    """How far the scene goes beyond the sensor at either side, (y, x), in pixels of both."""


def files(params: Params) -> tuple[str, ...]:
    """Return the paths of the files that are read."""
    return measured_psf.files(params)


class Caustic:
    """Convolution of a scene with a caustic, of which a sensor records the middle; each colour by itself.

    The scene is dark beyond its edge.

    Parameters
    ----------
    kernel : ndarray
        Shape (y, x), odd sizes.
    beyond : tuple of int
        How far the scene goes beyond the sensor at either side, (y, x).
    """

    def __init__(self, kernel: np.ndarray, beyond: tuple[int, int]):
        self.convolution = Convolution(kernel, "zero")
        self.beyond = beyond

    def __call__(self, truth):
        """Return what the sensor records of a scene of shape (..., y, x).

        Raises
        ------
        UserError
            If no pixel of the scene is in front of the sensor.
        """
        *_, height, width = self.measurement_shape(tuple(truth.shape))
        down, right = self.beyond
        return self.convolution(truth)[..., down : down + height, right : right + width]

    def adjoint(self, measurement):
        """Return the transpose applied to a recording of shape (..., y, x)."""
        from torch.nn.functional import pad

        down, right = self.beyond
        return self.convolution.adjoint(pad(measurement, (right, right, down, down)))

    def measurement_shape(self, truth_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the recording of a scene of this shape."""
        sizes = tuple(size - 2 * margin for size, margin in zip(truth_shape[-2:], self.beyond, strict=True))
        if min(sizes) < 1:
            raise UserError(
                f"nothing of a scene of shape {tuple(truth_shape)} is left within {self.beyond} pixels at either side; "
                "make the forward model's `beyond` smaller"
            )
        return (*truth_shape[:-2], *sizes)


def build(params: Params) -> Caustic | Blur:
    """Return the convolution with the caustic, which is scaled to the sum 1; a plain blur of a scene without margins.

    Raises
    ------
    UserError
        If the file is no image that a kernel can be cut from, as for `measured_psf`, or a stack.
    """
    kernel = measured_psf.build(params).kernel
    if kernel.ndim != 2:
        raise UserError(f"{params.path} is a stack; a caustic is one image (y, x)")
    return Caustic(kernel, params.beyond) if any(params.beyond) else Blur(kernel)
