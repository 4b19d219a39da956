"""Phase from the transport of intensity, its axial derivative by finite differences."""

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Problem
from reconbench.errors import UserError
from reconbench.methods._phase import TransportParameters, focal_stack, inverse_laplacian, solve_transport
from reconbench.methods._phase_grids import make_grid

METHOD = Method(
    name="tie",
    title="transport of intensity",
    reference="Teague 1983, J. Opt. Soc. Am. 73, 1434; several planes: Waller et al. 2010, doi:10.1364/OE.18.012552",
    doi="10.1364/JOSA.73.001434",
    kinds=frozenset({"phase_retrieval"}),
    told=frozenset({"forward model"}),
    grid={"regularisation": (0.0, 1e-6, 1e-5, 1e-4, 1e-3), "degree": (1, 3, 5)},
)


class Params(TransportParameters):
    """Parameters of the transport of intensity."""

    regularisation: float = Field(default=0.0, ge=0)
    """Added to the squared spatial frequency that the phase is divided by; cycles per pixel, squared. It keeps down
    the lowest frequencies, of which the intensity holds least."""
    degree: int = Field(default=1, ge=1, le=20)
    """Degree of the polynomial in z that is fitted to the planes by least squares, at most one less than they are:
    a degree beyond that changes nothing."""
    largest_distance: float | None = Field(default=None, gt=0)
    """Planes farther from focus than this, in metres, are left out of the derivative; by default none."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Solve -k dI/dz = div(I grad phi) by Fourier transforms.

    dI/dz at focus is the slope there of a polynomial in z, fitted to each pixel's intensities I(z_i). Two planes give
    (I(z_2) - I(z_1)) / (z_2 - z_1); as many planes as the polynomial has coefficients give the finite difference of
    highest order; more planes average noise. For a uniform intensity I,

        PHI = F[k dI/dz] / (4 pi^2 (|w|^2 + regularisation)) / I,

    with w in cycles per pixel and lengths in pixels. Otherwise `solve_transport` solves two such equations, with the
    intensity at focus. The equation holds where z q^2 / (2 k) is small, with q in radians per metre.

    Parameters
    ----------
    measurement : ndarray
        Intensities of shape (c, y, x), float32, c at least 2.
    problem : Problem
        Tells distances, wavenumber, pixel size and range of the phase.
    params : Params
    device : str
        ``"cpu"`` or ``"cuda"``.

    Returns
    -------
    ndarray
        In the truth's unit, float32, mean 0: shape (y, x), or (2, y, x) with the amplitude where the truth has it.

    Raises
    ------
    NotApplicableError
        If the measurement is not of two planes at least, or not of intensities.
    UserError
        If fewer than two planes are within the largest distance.
    """
    stack = focal_stack(measurement, problem)
    near = np.flatnonzero(np.abs(stack.distances) <= (params.largest_distance or np.inf))
    if len(near) < 2:
        least = np.sort(np.abs(stack.distances))[1]
        raise UserError(
            f"largest_distance {params.largest_distance:g} m leaves fewer than two planes; take {least:g} m at least"
        )
    weights = stack.scale * derivative_weights(stack.distances[near], params.degree)
    rate = sum(weight * stack.planes[plane].astype(np.float64) for weight, plane in zip(weights, near, strict=True))
    grid = make_grid(measurement.shape[1:], params.boundary, device)
    inverse = inverse_laplacian(grid, params.regularisation)
    source = grid.transform(grid.tensor(rate))
    return stack.estimate(solve_transport(grid, source, inverse, stack.intensity(params.uniform)))


def derivative_weights(distances: np.ndarray, degree: int) -> np.ndarray:
    """Return what to multiply values at some distances by, so that they add up to the derivative at 0.

    It is that of the polynomial which fits the values with the least squared error.

    Parameters
    ----------
    distances : ndarray
        All different, shape (n,).
    degree : int
        Of the polynomial; n - 1 if that is less.

    Returns
    -------
    ndarray
        Shape (n,), one over the unit of the distances.
    """
    unit = np.abs(distances).max()
    powers = np.vander(distances / unit, min(degree, len(distances) - 1) + 1, increasing=True)
    return np.linalg.pinv(powers)[1] / unit
