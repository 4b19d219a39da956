"""Images of a phase object through a cylinder lens that is turned from image to image."""

import math
from typing import Self

from pydantic import Field, model_validator

from reconbench.contracts import Description
from reconbench.forward._wave import Distance, Optics, WaveModel, require_as_printed

FORWARD = Description(
    name="astigmatic",
    title="astigmatic images",
    reference='F. Wang et al., "Solving inverse problems with multi-scale deep convolutional neural networks" (2018)',
)
LARGEST_EXPONENT = 2.0


class Params(Optics):
    """Parameters of the images; lengths in metres, phases in radians."""

    distance: Distance = 108e-6
    """Depth of defocus that the cylinder stands for, in metres. Wang et al. (2018) give none; the default is their
    MDCNN-II's."""
    rotations: int = Field(default=32, ge=1, le=1000)
    """Number of images, the m-th with the lens turned by pi m / rotations. The default is MDCNN-IV's; MDCNN-III has
    one image."""
    phase_range: float = Field(default=2 * math.pi, gt=0, le=100)
    """Phase in radians where the truth is 1."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        require_as_printed(self)
        if self.reading == "as_published":
            exponent = abs(self.distance) * _largest_bracket(self) / (4 * self.wavenumber)
            if exponent > LARGEST_EXPONENT:
                raise ValueError(
                    f"the exponent as published, which is real, reaches {exponent:.3g} at a distance of "
                    f"{self.distance:g} m; it may reach {LARGEST_EXPONENT:g}, at most "
                    f"{abs(self.distance) * LARGEST_EXPONENT / exponent:.3g} m away"
                )
        return self

    @property
    def angles(self) -> tuple[float, ...]:
        """The rotations in radians. Twice the angle is what counts, so that all differ within pi, not 2 pi."""
        return tuple(math.pi * index / self.rotations for index in range(self.rotations))


class Astigmatic(WaveModel):
    """Intensity of a wave behind a cylinder lens at several rotations.

    With psi the wave, k = 2 pi n / wavelength, z the distance and a the rotation,

        psi_a = F^-1[ F[psi] exp(-i z [(q_x^2 - q_y^2) cos 2a + 2 q_x q_y sin 2a] / (4 k)) ],    I_a = |psi_a|^2,

    where waves with q > k are cut. So one axis is out of focus by z / 2 and the other by -z / 2.

    `as_published` is |F^-1[ F[psi] exp(-z [(q_x^2 + q_y^2) cos 2a + 2 q_x q_y sin 2a] / (4 k)) ]|: as Wang et al.
    (2018) print it, the exponent is real and the sign in the first bracket plus, so that it is a blur at one rotation
    and the opposite of a blur at another.

    Parameters
    ----------
    params : Params

    Attributes
    ----------
    distance : float
        In metres.
    rotations : tuple of float
        Positions of the planes, in radians.
    """

    def __init__(self, params: Params):
        super().__init__(params, params.angles)
        self.distance = params.distance
        self.rotations = params.angles

    def _distance(self, position: float) -> float:
        return self.distance

    def _transfer_function(self, q_y, q_x, position: float):
        import torch

        cosine, sine = math.cos(2 * position), math.sin(2 * position)
        squared = q_x**2 + q_y**2
        if self.reading == "as_published":
            bracket = squared * cosine + 2 * q_x * q_y * sine
            return torch.exp(-self.distance * bracket / (4 * self.wavenumber)).to(torch.complex128)
        bracket = (q_x**2 - q_y**2) * cosine + 2 * q_x * q_y * sine
        travels = (squared <= self.wavenumber**2).to(torch.float64)
        return torch.polar(travels, -self.distance * bracket / (4 * self.wavenumber))


def _largest_bracket(params: Params) -> float:
    """Return the largest value of the bracket as published: in a corner of the grid, where q_x^2 = q_y^2."""
    corner = (math.pi / params.pixel_size) ** 2
    return max(2 * corner * (abs(math.cos(2 * angle)) + abs(math.sin(2 * angle))) for angle in params.angles)


def build(params: Params) -> Astigmatic:
    """Return the model of the images."""
    return Astigmatic(params)
