"""The blur of the SSI benchmark for volumes: a wide-field microscope, focused through the sample."""

import numpy as np
from pydantic import Field, field_validator

from reconbench.contracts import Description, Parameters
from reconbench.forward._blur import Blur
from reconbench.forward._ssi_microscope import SIZE, point_image

FORWARD = Description(
    name="ssi_blur_3d",
    title="wide-field microscope in 3D, NA 0.8",
    reference="Kobayashi et al. 2020, arXiv:2006.06156; Gibson & Lanni 1992, doi:10.1364/JOSAA.9.000154",
)


class Params(Parameters):
    """Parameters of the blur."""

    size: int = Field(default=SIZE, ge=3, le=SIZE)
    """Width of the kernel along each axis in voxels, odd. The benchmark has 17; a smaller kernel is its middle."""

    @field_validator("size")
    @classmethod
    def _odd(cls, size: int) -> int:
        if size % 2 == 0:
            raise ValueError("must be odd")
        return size


def build(params: Params) -> Blur:
    """Return the convolution with the kernel of `size` voxels along z, y and x, which sums to 1.

    The planes keep the weights that they have in the stack. Best focus lies half a plane before the middle, so that
    the blur also moves a volume by half a plane towards z = 0; that is the benchmark's. Zeros lie beyond the edge.
    """
    middle = slice((SIZE - params.size) // 2, (SIZE + params.size) // 2)
    kernel = np.stack([point_image(plane)[middle, middle] for plane in range(SIZE)[middle]])
    return Blur(kernel / kernel.sum())
