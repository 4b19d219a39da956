"""What the point-spread functions share: their parameters, integrals over the pupil, and the image on a grid of pixels.

Lengths are nanometres. A model gives the intensity at some distances from the axis, for some defoci; here it is
sampled on the pixels.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from reconbench.contracts import Parameters

# Of a table along the radius: entries in one wavelength / NA. Linear interpolation is then wrong by no more than
# 4e-6 of the highest value.
TABLE_DENSITY = 1000
WIDEST = 50  # largest distance from the axis, in wavelength / NA


def _odd_sizes(size: tuple[int, ...]) -> tuple[int, ...]:
    if len(size) not in (2, 3) or not all(length % 2 and 1 <= length <= 1001 for length in size):
        raise ValueError(f"a kernel has two or three odd sizes, (y, x) or (z, y, x), up to 1001; got {size}")
    return size


Size = Annotated[tuple[int, ...], AfterValidator(_odd_sizes)]


class Sampling(Parameters):
    """How the image of a point is sampled."""

    pixel_size: float = Field(default=100.0, ge=1, le=10_000)
    """Width of a pixel in the sample, in nanometres: that of the camera's pixel divided by the magnification."""
    z_step: float = Field(default=250.0, ge=1, le=10_000)
    """Distance of neighbouring planes of a volume, in nanometres."""
    defocus: float = Field(default=0.0, ge=-100_000, le=100_000)
    """Distance of the plane of an image from focus, in nanometres. A volume's planes lie evenly about focus, at
    (k - (n_z - 1) / 2) z_step, and it takes none."""
    sampling: Literal["integrated", "point"] = "integrated"
    """A pixel's value: the mean intensity over its area, as a camera has it, or the intensity in its middle."""


class Microscope(Sampling):
    """A wide-field microscope and how its image of a point is sampled."""

    size: Size = (21, 21)
    """Size of the kernel in pixels, (y, x) for images or (z, y, x) for volumes, odd."""
    wavelength: float = Field(default=520.0, ge=100, le=10_000)
    """Wavelength of the light in vacuum, in nanometres."""
    numerical_aperture: float = Field(default=1.2, ge=0.01, le=2)
    """Numerical aperture of the objective."""
    immersion_index: float = Field(default=1.5, ge=1, le=2.5)
    """Refractive index of the medium in front of the objective. 1.5 is the default of the EPFL's generator of
    point-spread functions."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.numerical_aperture >= self.immersion_index:
            raise ValueError(
                f"numerical_aperture {self.numerical_aperture:g} must be below immersion_index {self.immersion_index:g}"
            )
        require_image_for_defocus(len(self.size), self.defocus)
        reach = self.pixel_size * math.hypot(*self.size[-2:]) / 2
        if reach * self.numerical_aperture > WIDEST * self.wavelength:
            raise ValueError(
                f"a kernel of size {self.size} with pixels of {self.pixel_size:g} nm reaches {reach:.0f} nm from the "
                f"axis; it may reach {WIDEST} wavelength / NA, {WIDEST * self.wavelength / self.numerical_aperture:.0f}"
                " nm"
            )
        return self

    @property
    def wavenumber(self) -> float:
        """In vacuum, in radians per nanometre."""
        return 2 * math.pi / self.wavelength


def require_image_for_defocus(dimensions: int, defocus: float) -> None:
    """Raise ValueError where a volume is given a defocus."""
    if dimensions == 3 and defocus:
        raise ValueError(f"a volume's planes lie evenly about focus; leave out defocus {defocus:g}")


def image_of_point(params: Microscope, intensity: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the image of a point on the grid of pixels, the point in the middle.

    Parameters
    ----------
    params : Microscope
    intensity : callable
        From distances to the axis, shape (n,), and defoci, shape (planes,), both in nanometres, to intensities of
        shape (n, planes), in a unit that all planes share.

    Returns
    -------
    ndarray
        float64, of shape `params.size`, with sum 1. The planes of a volume keep their share of it.
    """
    *planes, height, width = params.size
    defocus = params.z_step * (np.arange(planes[0]) - (planes[0] - 1) / 2) if planes else np.array([params.defocus])
    place, weight = _places_in_pixel(params)
    y, x = (params.pixel_size * (np.arange(size // 2 + 1)[:, None] + place) for size in (height, width))
    distance = np.hypot(y[:, :, None, None], x)  # one quadrant: pixels and places along y, then along x
    radius = _radii(distance, params.wavelength / (params.numerical_aperture * TABLE_DENSITY))
    quadrant = [
        np.einsum("yaxb,a,b->yx", np.interp(distance, radius, profile), weight, weight)
        for profile in intensity(radius, defocus).T
    ]
    rows, columns = (np.abs(np.arange(size) - size // 2) for size in (height, width))
    image = np.stack(quadrant)[:, rows[:, None], columns].reshape(params.size)
    return image / image.sum()


def _places_in_pixel(params: Microscope) -> tuple[np.ndarray, np.ndarray]:
    """Return where in a pixel, as a fraction of its width from the middle, the intensity is taken, and the weights."""
    if params.sampling == "point":
        return np.zeros(1), np.ones(1)
    # No detail is finer than wavelength / (2 NA).
    turns = params.pixel_size * 2 * params.numerical_aperture / params.wavelength
    place, weight = gauss_legendre(1.0, 3 + math.ceil(2 * turns))
    return place - 0.5, weight


def _radii(distance: np.ndarray, step: float) -> np.ndarray:
    """Return the distances from the axis at which intensities are computed: these, or a table that is shorter."""
    radius, table = np.unique(distance), table_radii(distance.max(), step)
    return radius if len(radius) < len(table) else table


def table_radii(largest: float, step: float) -> np.ndarray:
    """Return the distances from the axis at which intensities are tabulated, from 0 to beyond the largest."""
    return step * np.arange(np.ceil(largest / step) + 1)


def gauss_legendre(upper: float, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes and weights of a Gauss-Legendre quadrature from 0 to `upper`."""
    node, weight = _legendre(points)
    return upper * (node + 1) / 2, upper * weight / 2


# Several kernels of a problem ask for the same, and a hundred nodes take longer than the integrals.
_legendre = cache(np.polynomial.legendre.leggauss)


def pupil_points(turning: float) -> int:
    """Return how many points a quadrature over the pupil needs.

    Parameters
    ----------
    turning : float
        By how much the phase of the integrand varies from the middle of the pupil to its rim, and the argument of its
        Bessel functions with it, in radians.

    Returns
    -------
    int
        Twice what the highest frequency needs, and 32, so that the integral is as exact as its integrand.
    """
    return 32 + math.ceil(turning / 2)


def scalar_intensity(argument: np.ndarray, amplitude: np.ndarray) -> np.ndarray:
    """Return | sum over the pupil of J0(argument) amplitude |^2, in arbitrary units.

    Parameters
    ----------
    argument : ndarray
        Shape (radii, points of the pupil): wavenumber times NA times radius times radius in the pupil.
    amplitude : ndarray
        Complex, shape (points of the pupil,) or (points of the pupil, planes), weights of the quadrature included.

    Returns
    -------
    ndarray
        Shape (radii,) or (radii, planes).
    """
    return np.abs(bessel(0, argument) @ amplitude) ** 2


def bessel(order: Literal[0, 1], argument: np.ndarray) -> np.ndarray:
    """Return the Bessel function of the first kind of this order, right to 5e-7."""
    # torch is loaded anyway to apply the blur; SciPy's own Bessel functions would cost every job half a second more.
    import torch

    function = (torch.special.bessel_j0, torch.special.bessel_j1)[order]
    return function(torch.from_numpy(argument)).numpy()
