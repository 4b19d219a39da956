"""Images of a phase object out of focus: propagation in free space, with an aperture and partial coherence."""

import math
from typing import Annotated, Self

from pydantic import Field, model_validator

from reconbench.contracts import Description
from reconbench.forward._wave import Distance, Optics, WaveModel, require_as_printed

FORWARD = Description(
    name="through_focus",
    title="planes through focus",
    reference='F. Wang et al., "Solving inverse problems with multi-scale deep convolutional neural networks" (2018); '
    "A. Eljarrat et al. 2018, doi:10.1364/OE.26.011819",
)


class Params(Optics):
    """Parameters of the planes; lengths in metres, angles in radians."""

    distances: Annotated[tuple[Distance, ...], Field(min_length=1, max_length=1000)] = (-52e-6, 52e-6)
    """Distance of each plane from focus along the way of the light, in metres. The default is MDCNN-V's."""
    numerical_aperture: Annotated[float, Field(gt=0, le=2)] | None = None
    """Numerical aperture of the objective; None cuts nothing but what does not travel at all."""
    aperture_smoothing: float = Field(default=2.0, ge=0, le=100)
    """Width of the aperture's cosine edge, from NA^2 to (1 + aperture_smoothing) NA^2 in the square of the
    frequency. 0 is a sharp edge; the default is that of the authors' HeLa simulation."""
    convergence: float = Field(default=0.0, ge=0, le=1)
    """Semi-angle of the cone of the illumination in radians; 0 is coherent light."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.numerical_aperture is not None and self.numerical_aperture >= self.refractive_index:
            raise ValueError(
                f"numerical_aperture {self.numerical_aperture:g} must be below refractive_index "
                f"{self.refractive_index:g}"
            )
        require_as_printed(self, numerical_aperture=self.numerical_aperture, convergence=self.convergence)
        return self


class ThroughFocus(WaveModel):
    """Intensity of a wave at some distances from focus.

    With psi the wave at focus and k = 2 pi n / wavelength (Goodman, Introduction to Fourier Optics,
    section 3.10; Eljarrat et al. 2018),

        psi_z = F^-1[ F[psi] A(q) exp(i z (sqrt(k^2 - q^2) - k)) ],    I_z = |psi_z|^2,

    where A is the aperture, and waves with q > k are cut. Light from a cone of directions with
    the semi-angle b blurs I_z, whose Fourier transform is multiplied by exp(-(q z b / 2)^2).

    `as_published` is |F^-1[ F[psi] sin(z q^2 / (2 k)) ]|; Wang et al. (2018) print the argument for frequencies in
    cycles, pi wavelength z q^2. That is no propagation: the planes at -z and z are the same, and without an object
    all is dark.

    Parameters
    ----------
    params : Params

    Attributes
    ----------
    distances : tuple of float
        Positions of the planes, in metres.
    numerical_aperture : float or None
    convergence : float
        Semi-angle, in radians.
    """

    def __init__(self, params: Params):
        super().__init__(params, params.distances)
        self.distances = params.distances
        self.numerical_aperture = params.numerical_aperture
        self.convergence = params.convergence
        self._aperture_smoothing = params.aperture_smoothing

    def _distance(self, position: float) -> float:
        return position

    def _transfer_function(self, q_y, q_x, position: float):
        import torch

        squared = q_y**2 + q_x**2
        if self.reading == "as_published":
            return torch.sin(position * squared / (2 * self.wavenumber)).to(torch.complex128)
        axial = torch.sqrt((self.wavenumber**2 - squared).clamp(min=0))
        travels = (squared <= self.wavenumber**2).to(torch.float64)
        return torch.polar(travels * self._aperture(squared), position * (axial - self.wavenumber))

    def _aperture(self, squared):
        """Return what the objective lets through, given q^2: 1 inside, 0 outside, a cosine between."""
        import torch

        if self.numerical_aperture is None:
            return 1.0
        beyond = squared / (self.wavenumber * self.numerical_aperture / self.refractive_index) ** 2 - 1
        if self._aperture_smoothing == 0:
            return (beyond <= 0).to(torch.float64)
        return 0.5 + 0.5 * torch.cos(math.pi * (beyond / self._aperture_smoothing).clamp(0, 1))

    def _record(self, spectrum, position: float):
        import torch

        recorded = super()._record(spectrum, position)
        if self.convergence == 0 or position == 0:
            return recorded
        q_y, q_x = self._frequencies(recorded.shape[-2:], recorded.device)
        half = q_x[:, : recorded.shape[-1] // 2 + 1]
        shift = position * self.convergence / 2
        along_y, along_x = (torch.exp(-((q * shift) ** 2)) for q in (q_y, half))
        blur = (along_y * along_x).to(recorded.dtype)
        return torch.fft.irfft2(torch.fft.rfft2(recorded) * blur, s=recorded.shape[-2:])


def build(params: Params) -> ThroughFocus:
    """Return the model of the planes."""
    return ThroughFocus(params)
