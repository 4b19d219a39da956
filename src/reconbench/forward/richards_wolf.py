"""The point-spread function of Richards and Wolf: vectorial, without aberrations."""

from functools import partial

import numpy as np

from reconbench.contracts import Description
from reconbench.forward._blur import Blur
from reconbench.forward._point_spread import Microscope, bessel, gauss_legendre, image_of_point, pupil_points

FORWARD = Description(
    name="richards_wolf",
    title="wide-field microscope, Richards and Wolf",
    reference="Richards & Wolf 1959, doi:10.1098/rspa.1959.0200",
)


class Params(Microscope):
    """Parameters of the microscope; lengths in nanometres. The sample has the immersion's index."""


def build(params: Params) -> Blur:
    """Return the convolution with the image of a point, which sums to 1; zeros beyond the edge."""
    return Blur(image_of_point(params, partial(_intensity, params)))


def _intensity(params: Params, radius: np.ndarray, defocus: np.ndarray) -> np.ndarray:
    """Return h(r, z), shape (radii, planes), averaged over all polarisations.

    With k = n 2 pi / wavelength and alpha = asin(NA / n) (Richards & Wolf 1959, section 2),

        I0 = integral from 0 to alpha of sqrt(cos t) sin t (1 + cos t) J0(k r sin t) exp(i k z cos t) dt
        I1 = integral from 0 to alpha of sqrt(cos t) sin^2 t           J1(k r sin t) exp(i k z cos t) dt
        I2 = integral from 0 to alpha of sqrt(cos t) sin t (1 - cos t) J2(k r sin t) exp(i k z cos t) dt
        h(r, z) = |I0|^2 + 2 |I1|^2 + |I2|^2.

    J2(x) = 2 J1(x) / x - J0(x). The EPFL's generator of point-spread functions has a plus there, which shows at a
    high NA.
    """
    wavenumber = params.wavenumber * params.immersion_index
    largest_angle = np.arcsin(params.numerical_aperture / params.immersion_index)
    reach = radius.max() * np.sin(largest_angle) + np.abs(defocus).max() * (1 - np.cos(largest_angle))
    angle, weight = gauss_legendre(largest_angle, pupil_points(wavenumber * reach))
    sine, cosine = np.sin(angle), np.cos(angle)
    argument = np.maximum(wavenumber * np.outer(radius, sine), 1e-9)  # on the axis J1(x) / x has a limit only
    zeroth, first = bessel(0, argument), bessel(1, argument)
    second = 2 * first / argument - zeroth

    apodisation = weight * np.sqrt(cosine) * sine
    # The phase is that relative to the axis.
    wave = apodisation[:, None] * np.exp(1j * wavenumber * np.outer(cosine - 1, defocus))
    along = zeroth @ (wave * (1 + cosine)[:, None])
    axial = first @ (wave * sine[:, None])
    across = second @ (wave * (1 - cosine)[:, None])
    return np.abs(along) ** 2 + 2 * np.abs(axial) ** 2 + np.abs(across) ** 2
