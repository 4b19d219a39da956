"""The blur of the SSI benchmark: a wide-field microscope, out of focus."""

from pydantic import Field

from reconbench.contracts import Description, Parameters
from reconbench.forward._blur import Blur
from reconbench.forward._ssi_microscope import SIZE, point_image

FORWARD = Description(
    name="ssi_blur",
    title="defocused wide-field microscope, NA 0.8",
    reference="Kobayashi et al. 2020, arXiv:2006.06156; Gibson & Lanni 1992, doi:10.1364/JOSAA.9.000154",
)


class Params(Parameters):
    """Parameters of the blur."""

    plane: int = Field(default=0, ge=0, le=SIZE - 1)
    """Plane of the stack of 17, 0.406 micrometres apart. The benchmark takes the first, which is 3.045 micrometres out
    of focus and blurs to a ring; probably "no defocus" was meant, but published numbers rest on it. Best focus lies
    between planes 7 and 8."""


def build(params: Params) -> Blur:
    """Return the convolution with the plane's 17 x 17 kernel, which sums to 1; zeros beyond the edge."""
    kernel = point_image(params.plane)
    return Blur(kernel / kernel.sum())
