"""The blur of the SSI benchmark: a wide-field microscope, out of focus."""

import numpy as np
from pydantic import Field

from reconbench.contracts import Description, Parameters
from reconbench.convolution import Convolution, transfer_function

FORWARD = Description(
    name="ssi_blur",
    title="defocused wide-field microscope, NA 0.8",
    reference="Kobayashi et al. 2020, arXiv:2006.06156; Gibson & Lanni 1992, doi:10.1364/JOSAA.9.000154",
)

# Lengths in micrometres.
WAVELENGTH = 0.6
NUMERICAL_APERTURE = 0.8
MAGNIFICATION = 16
REFRACTIVE_INDEX = 1.33
SAMPLING = 0.406
SIZE = 17
NEAREST_FOCUS = -3.045  # defocus of plane 0
RADIAL_OVERSAMPLING = 2
PUPIL_POINTS = 200  # the integrand turns a few times only: 50 points reach rounding error already


class Params(Parameters):
    """Parameters of the blur."""

    plane: int = Field(default=0, ge=0, le=SIZE - 1)
    """Plane of the stack of 17, 0.406 micrometres apart. The benchmark takes the first, which is 3.045 micrometres out
    of focus and blurs to a ring; probably "no defocus" was meant, but published numbers rest on it. Best focus lies
    between planes 7 and 8."""


class SsiBlur:
    """Convolution with the 17 x 17 kernel, zeros beyond the edge.

    Attributes
    ----------
    kernel : ndarray
        Shape (17, 17), float64, sums to 1.
    """

    def __init__(self, kernel: np.ndarray):
        self.kernel = kernel
        self._convolution = Convolution(kernel, "zero")

    def __call__(self, truth):
        """Blur a tensor of shape (..., y, x)."""
        return self._convolution(truth)

    def adjoint(self, measurement):
        """Apply the transpose of the blur to a tensor of shape (..., y, x)."""
        return self._convolution.adjoint(measurement)

    def transfer_function(self, shape: tuple[int, int], dtype=None, device="cpu"):
        """Return the blur's Fourier transform on a periodic grid of this shape, ordered as by `torch.fft.rfft2`."""
        return transfer_function(self.kernel, shape, dtype, device)

    def measurement_shape(self, truth_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the measurement, which is the truth's."""
        return truth_shape


def build(params: Params) -> SsiBlur:
    """Return the blur."""
    return SsiBlur(_kernel(SAMPLING * params.plane + NEAREST_FOCUS))


def _kernel(defocus: float) -> np.ndarray:
    """Sample the radial profile, tabulated every half pixel, at the middle of each pixel by linear interpolation.

    The coarse table and the point sampling (a pixel is wider than the Abbe limit) are the benchmark's and shape the
    kernel; so they are part of its definition.
    """
    offset = SAMPLING * (np.arange(SIZE) - SIZE // 2)
    distance = np.hypot(offset[:, None], offset)
    step = SAMPLING / RADIAL_OVERSAMPLING
    radius = step * np.arange(np.ceil(distance.max() / step) + 1)
    kernel = np.interp(distance, radius, _radial_intensity(radius, defocus))
    return kernel / kernel.sum()


def _radial_intensity(radius: np.ndarray, defocus: float) -> np.ndarray:
    """Return the intensity at some distances from the axis, in arbitrary units.

    The scalar model of Gibson & Lanni (J. Opt. Soc. Am. A 9, 154, 1992) where immersion, design and sample have one
    index n: with k0 = 2 pi / wavelength and defocus z,

        h(r) = | integral from 0 to 1 of J0(beta r rho) exp(i k0 z sqrt(n^2 - NA^2 rho^2)) rho drho |^2,

    by Gauss-Legendre quadrature. beta = k0 NA M / sqrt(M^2 + NA^2), the aperture as the image side sees it (Li, Xue &
    Blu, J. Opt. Soc. Am. A 34, 1029, 2017), 0.1 per cent below k0 NA.
    """
    # torch is loaded anyway to apply the blur; SciPy's own Bessel function would cost every job half a second more.
    import torch

    node, weight = np.polynomial.legendre.leggauss(PUPIL_POINTS)
    pupil_radius, weight = (node + 1) / 2, weight / 2
    wavenumber = 2 * np.pi / WAVELENGTH
    path = defocus * np.sqrt(REFRACTIVE_INDEX**2 - (NUMERICAL_APERTURE * pupil_radius) ** 2)
    beta = wavenumber * NUMERICAL_APERTURE * MAGNIFICATION / np.hypot(MAGNIFICATION, NUMERICAL_APERTURE)
    bessel = torch.special.bessel_j0(torch.from_numpy(beta * np.outer(radius, pupil_radius))).numpy()
    amplitude = bessel @ (weight * pupil_radius * np.exp(1j * wavenumber * path))
    return np.abs(amplitude) ** 2
