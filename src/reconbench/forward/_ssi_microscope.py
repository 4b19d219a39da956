"""The microscope of the SSI benchmark: what it makes of a point, in 17 planes through its focus."""

import numpy as np

from reconbench.forward._point_spread import gauss_legendre, scalar_intensity, table_radii

# Lengths in micrometres.
WAVELENGTH = 0.6
NUMERICAL_APERTURE = 0.8
MAGNIFICATION = 16
REFRACTIVE_INDEX = 1.33
SAMPLING = 0.406  # of all three axes
SIZE = 17  # planes of the stack, and pixels a side
NEAREST_FOCUS = -3.045  # defocus of plane 0
RADIAL_OVERSAMPLING = 2
PUPIL_POINTS = 200  # the integrand turns a few times only: 50 points reach rounding error already


def point_image(plane: int) -> np.ndarray:
    """Return the image of a point in one plane of the stack.

    The radial profile, tabulated every half pixel, is sampled at the middle of each pixel by linear interpolation.
    The coarse table and the point sampling (a pixel is wider than the Abbe limit) are the benchmark's and shape the
    kernel; so they are part of its definition.

    Parameters
    ----------
    plane : int
        0 to 16, 0.406 micrometres apart; best focus lies between 7 and 8.

    Returns
    -------
    ndarray
        Shape (17, 17), the point in the middle; intensity in a unit that all planes share.
    """
    offset = SAMPLING * (np.arange(SIZE) - SIZE // 2)
    distance = np.hypot(offset[:, None], offset)
    radius = table_radii(distance.max(), SAMPLING / RADIAL_OVERSAMPLING)
    return np.interp(distance, radius, _radial_intensity(radius, SAMPLING * plane + NEAREST_FOCUS))


def _radial_intensity(radius: np.ndarray, defocus: float) -> np.ndarray:
    """Return the intensity at some distances from the axis, in arbitrary units.

    The scalar model of Gibson & Lanni (J. Opt. Soc. Am. A 9, 154, 1992) where immersion, design and sample have one
    index n: with k0 = 2 pi / wavelength and defocus z,

        h(r) = | integral from 0 to 1 of J0(beta r rho) exp(i k0 z sqrt(n^2 - NA^2 rho^2)) rho drho |^2,

    by Gauss-Legendre quadrature. beta = k0 NA M / sqrt(M^2 + NA^2), the aperture as the image side sees it (Li, Xue &
    Blu, J. Opt. Soc. Am. A 34, 1029, 2017), 0.1 per cent below k0 NA.
    """
    pupil_radius, weight = gauss_legendre(1.0, PUPIL_POINTS)
    wavenumber = 2 * np.pi / WAVELENGTH
    path = defocus * np.sqrt(REFRACTIVE_INDEX**2 - (NUMERICAL_APERTURE * pupil_radius) ** 2)
    beta = wavenumber * NUMERICAL_APERTURE * MAGNIFICATION / np.hypot(MAGNIFICATION, NUMERICAL_APERTURE)
    amplitude = weight * pupil_radius * np.exp(1j * wavenumber * path)
    return scalar_intensity(beta * np.outer(radius, pupil_radius), amplitude)
