"""The point-spread function of Born and Wolf: scalar, paraxial, without aberrations."""

from functools import partial

import numpy as np

from reconbench.contracts import Description
from reconbench.forward._blur import Blur
from reconbench.forward._point_spread import Microscope, gauss_legendre, image_of_point, pupil_points, scalar_intensity

FORWARD = Description(
    name="born_wolf",
    title="wide-field microscope, Born and Wolf",
    reference="Born & Wolf, Principles of Optics, 7th edition 1999, section 8.8, doi:10.1017/CBO9781139644181",
)


class Params(Microscope):
    """Parameters of the microscope; lengths in nanometres."""


def build(params: Params) -> Blur:
    """Return the convolution with the image of a point, which sums to 1; zeros beyond the edge."""
    return Blur(image_of_point(params, partial(_intensity, params)))


def _intensity(params: Params, radius: np.ndarray, defocus: np.ndarray) -> np.ndarray:
    """Return h(r, z), shape (radii, planes).

    With the wavenumber k in vacuum and the immersion's index n (Born & Wolf, section 8.8),

        h(r, z) = | integral from 0 to 1 of J0(k NA r rho) exp(-i k z NA^2 rho^2 / (2 n)) rho drho |^2.
    """
    lateral = params.wavenumber * params.numerical_aperture * radius
    axial = params.wavenumber * params.numerical_aperture**2 / (2 * params.immersion_index) * defocus
    pupil_radius, weight = gauss_legendre(1.0, pupil_points(lateral.max() + np.abs(axial).max()))
    phase = np.outer(pupil_radius**2, -axial)
    return scalar_intensity(np.outer(lateral, pupil_radius), (weight * pupil_radius)[:, None] * np.exp(1j * phase))
