"""Phase from the transport of intensity, its axial derivative by Gaussian-process regression (GPTIE)."""

from collections.abc import Iterator

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Problem
from reconbench.methods._phase import (
    FocalStack,
    TransportParameters,
    focal_stack,
    inverse_laplacian,
    solve_transport,
)
from reconbench.methods._phase_grids import make_grid

METHOD = Method(
    name="gptie",
    title="GPTIE",
    reference="Jingshan et al. 2014, Opt. Express 22, 10661",
    doi="10.1364/OE.22.010661",
    kinds=frozenset({"phase_retrieval"}),
    told=frozenset({"forward model"}),
    grid={"regularisation": (0.0, 5e-6, 5e-5, 5e-4), "noise": (1e-9, 1e-6, 1e-3)},
)

# By how much a ring's regression goes beyond the axial frequency of its rim, for the first ring and the last.
MARGINS = 1.2, 1.1


class Params(TransportParameters):
    """Parameters of GPTIE."""

    regularisation: float = Field(default=5e-6, ge=0)
    """Added to the squared spatial frequency that the phase is divided by; cycles per pixel, squared. The default is
    the published one."""
    rings: int = Field(default=50, ge=2, le=1000)
    """Number of rings of spatial frequency, each with a regression of its own; the first is the mean alone. Published:
    50."""
    noise: float = Field(default=1e-9, gt=0, le=1)
    """Variance of the noise over that of the signal, in the regression; a pure number. Published: 1e-9. What changes
    less than its root from the first plane to the last is taken for noise, low frequencies between near planes too."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Solve the transport of intensity, with a regression in z for each ring of spatial frequencies.

    What the intensity has of the frequency u goes along z as sin(pi lambda z |u|^2), with lambda the wavelength in the
    medium: at most as fast as the axial frequency f = lambda |u|^2 / 2 (Jingshan et al. 2014). Low frequencies are
    thus known to be smooth in z, and all planes help them; high ones rest on the planes near focus. In each ring,
    the planes count as a Gaussian process that is smooth to 1.1 to 1.2 times the axial frequency of its rim. So

        F[dI/dz](u) = sum over i of w_i(|u|) F[I_i](u),

    with the weights of `derivative_weights`, for planes at any distances. Where they lie symmetric about focus, the
    weights are odd, and half as many differences I(z) - I(-z) are transformed. The phase then follows as by `tie`.

    The published program takes the planes as periodic, appends 100 zeros before it solves for the phase, and has the
    uniform version only; here `boundary` holds for both steps. Weights, transforms and their sum are double precision,
    and so is Poisson's equation; each plane is transformed and added by itself, so that the stack stays as it is.

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
    """
    import torch

    stack = focal_stack(measurement, problem)
    grid = make_grid(measurement.shape[1:], params.boundary, device, double=True)
    ring = torch.tensor(rings(grid.squared_frequency, params.rings), device=device)
    lengths = squared_lengths(stack, np.sqrt(grid.squared_frequency.max()), params)
    source = 0
    for weights, plane in _terms(stack, lengths, params.noise):
        of_frequency = grid.tensor(stack.scale * weights).index_select(0, ring.ravel()).reshape(ring.shape)
        source += grid.transform(torch.tensor(plane, device=device)).mul_(of_frequency)
    inverse = inverse_laplacian(grid, params.regularisation)
    return stack.estimate(solve_transport(grid, source, inverse, stack.intensity(params.uniform)).float())


def rings(squared_frequency: np.ndarray, number: int) -> np.ndarray:
    """Return the ring of each frequency: 0 is the mean alone, the others have the same width, number - 1 the highest.

    Published are the axial frequencies of the rims, f_k = (lambda / 2) ((k - 1) / (number - 1) |u|_max)^2 for k from 1
    to `number`, with ring k reaching from f_(k - 1) to f_k: here that is ring k - 1, to which the rim belongs.
    """
    radius = np.sqrt(squared_frequency)
    # A frequency on a rim stays inside it, however its division is rounded.
    return np.ceil(radius * ((number - 1) / radius.max()) - 1e-9).astype(np.int64)


def squared_lengths(stack: FocalStack, highest: float, params: Params) -> np.ndarray:
    """Return the squared length of each ring's Gaussian process in square metres, shape (rings,); inf for the mean.

    With s the axial frequency of the ring's rim times its margin, and p the planes per metre, it solves

        2 pi^2 s^2 l - ln(l) / 2 = ln(p sqrt(2 pi) / noise):

    at the frequency s, the power of the process is down to that of the noise.

    Parameters
    ----------
    stack : FocalStack
    highest : float
        Spatial frequency where the last ring ends, cycles per pixel.
    params : Params
    """
    rim = np.arange(1, params.rings) / (params.rings - 1) * highest / stack.forward.pixel_size
    limit = np.linspace(*MARGINS, params.rings)[1:] * np.pi / stack.forward.wavenumber * rim**2
    density = len(stack.distances) / np.ptp(stack.distances)
    right_side = np.log(density * np.sqrt(2 * np.pi) / (params.noise * limit))
    # For a = s^2 l, of two solutions the larger one. Where the noise is too strong for any, the least left side.
    a = np.ones_like(limit)
    for _ in range(100):
        a = np.maximum((right_side + np.log(a) / 2) / (2 * np.pi**2), 1 / (4 * np.pi**2))
    return np.concatenate([[np.inf], a / limit**2])


def derivative_weights(
    distances: np.ndarray, squared_lengths: np.ndarray, noise: float, odd: bool = False
) -> np.ndarray:
    """Return what to multiply values at some distances by, so that they add up to the derivative at 0.

    It is that of a Gaussian process with the covariance K_ij = exp(-(z_i - z_j)^2 / (2 l)) and white noise:

        w = d (K + noise)^-1,    d_i = exp(-z_i^2 / (2 l)) z_i / l.

    Parameters
    ----------
    distances : ndarray
        Shape (n,), all different, in metres.
    squared_lengths : ndarray
        l for each process, shape (rings,), in square metres.
    noise : float
    odd : bool
        If so, the distances are all above 0, the same planes lie on the other side of focus, and the weights are for
        the differences of their values, with K_ij = exp(-(z_i - z_j)^2 / (2 l)) - exp(-(z_i + z_j)^2 / (2 l)).

    Returns
    -------
    ndarray
        Shape (n, rings), float64, per metre.
    """
    import torch

    l = squared_lengths[:, None, None]  # noqa: E741 - as in the formula
    z = distances[:, None]
    covariance = np.exp(-((z - distances) ** 2) / (2 * l)) + noise * np.eye(len(distances))
    if odd:
        covariance -= np.exp(-((z + distances) ** 2) / (2 * l))
    slope = np.exp(-(z**2) / (2 * l)) * z / l
    factor = torch.linalg.cholesky(torch.from_numpy(covariance))
    return torch.cholesky_solve(torch.from_numpy(slope), factor)[..., 0].numpy().T


def is_symmetric(distances: np.ndarray) -> bool:
    """Return whether for each distance there is its opposite."""
    order = np.sort(distances)
    return np.allclose(order, -order[::-1], rtol=0, atol=1e-6 * np.ptp(order))


def _terms(stack: FocalStack, lengths: np.ndarray, noise: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the weights in each ring, shape (rings,), and the plane or difference of planes that they belong to."""
    if is_symmetric(stack.distances):
        order = np.argsort(stack.distances)
        half = len(order) // 2
        below, above = order[:half][::-1], order[-half:]
        weights = derivative_weights(stack.distances[above], lengths, noise, odd=True)
        changes = (
            np.subtract(stack.planes[high], stack.planes[low], dtype=np.float64)
            for low, high in zip(below, above, strict=True)
        )
    else:
        weights = derivative_weights(stack.distances, lengths, noise)
        changes = iter(stack.planes)
    yield from zip(weights, changes, strict=True)
