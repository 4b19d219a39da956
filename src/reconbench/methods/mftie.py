"""Phase from several pairs of planes, each where transport of intensity holds and noise is low (MFTIE)."""

from typing import Any, Literal

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Problem, Reading
from reconbench.errors import NotApplicableError
from reconbench.methods._phase import TransportParameters, coherence, focal_stack, solve_transport
from reconbench.methods._phase_grids import make_grid

METHOD = Method(
    name="mftie",
    title="MFTIE",
    reference="Eljarrat et al. 2018, Opt. Express 26, 11819",
    doi="10.1364/OE.26.011819",
    kinds=frozenset({"phase_retrieval"}),
    told=frozenset({"forward model"}),
    grid={
        "high_cut": ("quartic_phase", "contrast"),
        "nonlinearity": (0.05, 0.25, 1.0),
        "low_cut": (0.1, 1.0, 10.0, 100.0),
    },
)


class Params(TransportParameters):
    """Parameters of MFTIE. What is not said otherwise is the published default."""

    high_cut: Literal["quartic_phase", "contrast"] = "quartic_phase"
    """What `nonlinearity` limits, as `high_cuts` says. The published program calls them chi and ptf."""
    nonlinearity: float = Field(default=0.25, gt=0, le=10)
    """h, how far a pair may leave the linear range: radians for the quartic phase, a share for the contrast."""
    low_cut: float = Field(default=1.0, gt=0)
    """How much noise a pair may have at its lowest frequency, over what the farthest pair has at the lowest of all; a
    pure number. With 1, that lowest frequency comes at a quarter; with 10, in full."""
    order: int = Field(default=10, ge=1, le=100)
    """Order of the Butterworth filters, in the squared frequency."""
    reading: Reading = "corrected"
    """How overlapping bands are normalised, as `filters` says."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Add up what each pair of planes at -z and z says about the phase, in a band of frequencies of its own.

    Near planes hold the high frequencies without distortion, far ones the low frequencies with little noise (Eljarrat
    et al. 2018). With D_i = k (I(z_i) - I(-z_i)) / (2 z_i), the intensity I_0 at focus and `filters` N_i,

        phi = - sum over pairs of  N_i div(I_0^-1 grad(N_i D_i)).

    Each N_i is an inverse Laplacian within its band, and is applied twice as Teague's equations require. Planes that
    have no partner serve for the intensity at focus only.

    Parameters
    ----------
    measurement : ndarray
        Intensities of shape (c, y, x), float32.
    problem : Problem
        Tells distances, wavenumber, pixel size, range of the phase and partial coherence.
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
        If no two planes are at opposite distances from focus, or they are not intensities.
    """
    stack = focal_stack(measurement, problem)
    pairs = opposite_planes(stack.distances)
    depths = stack.distances[[above for _, above in pairs]]
    grid = make_grid(measurement.shape[1:], params.boundary, device)
    intensity = np.broadcast_to(stack.intensity(params.uniform), grid.shape)
    phase = 0
    for (below, above), depth, band in zip(
        pairs, depths, filters(stack.forward, depths, grid.squared_frequency, params), strict=True
    ):
        change = grid.tensor(stack.planes[above] - stack.planes[below])
        source = float(stack.scale / (2 * depth)) * grid.transform(change)
        phase += solve_transport(grid, source, grid.tensor(band), intensity)
    return stack.estimate(phase)


def opposite_planes(distances: np.ndarray) -> list[tuple[int, int]]:
    """Return the numbers of each two planes at -z and z, in the order of z.

    Raises
    ------
    NotApplicableError
        If there are none.
    """
    tolerance = 1e-6 * np.abs(distances).max()
    matches = np.abs(distances[:, None] + distances) <= tolerance
    pairs = [(int(below), int(above)) for below, above in np.argwhere(matches) if distances[above] > tolerance]
    if not pairs:
        raise NotApplicableError("MFTIE takes pairs of planes at opposite distances from focus; here are none")
    return sorted(pairs, key=lambda pair: distances[pair[1]])


def high_cuts(forward: Any, depths: np.ndarray, params: Params) -> np.ndarray:
    """Return the squared frequency up to which each pair is linear, in squared radians per metre, shape (pairs,).

    With `quartic_phase`, the term beyond the paraxial one, z q^4 / (8 k^3), reaches h there: k sqrt(8 k h / z). With
    `contrast`, the sine of z q^2 / (2 k) is short of its argument by the share h: 2 k sqrt(6 h) / z, which is far
    less.
    """
    k, h = forward.wavenumber, params.nonlinearity
    if params.high_cut == "quartic_phase":
        return k * np.sqrt(8 * k * h / depths)
    return 2 * k * np.sqrt(6 * h) / depths


def low_cuts(high: np.ndarray, depths: np.ndarray, least: float, params: Params) -> np.ndarray:
    """Return the squared frequency below which each pair is too noisy, in squared radians per metre, shape (pairs,).

    Noise of the variance v in a plane makes noise of A_i / q^4 in the phase, with A_i = v (k / z_i)^2 up to a factor.
    Published is k_H^2 / (1 + low_cut rho^2 k_H^2 / A_i) with rho^2 = A_N / least, for the farthest pair N and the
    lowest squared frequency of the grid. In the ratio, noise and field cancel:

        1 / k_L^2 = 1 / k_H^2 + low_cut (z_i / z_N)^2 / least.
    """
    return 1 / (1 / high + params.low_cut * (depths / depths.max()) ** 2 / least)


def filters(forward: Any, depths: np.ndarray, squared_frequency: np.ndarray, params: Params) -> np.ndarray:
    """Return the inverse Laplacian of each pair within its band.

    With q the frequency in radians per metre, w in cycles per pixel, and E_i the damping by partial coherence,

        B_i = 1 / (1 + (q^2 / k_H^2)^order) (1 - 1 / (1 + (q^2 / k_L^2)^order)),
        N_i = B_i / (4 pi^2 |w|^2 sqrt(S)),    S = max(1, sum over pairs of B_i^2 E_i).

    As N_i is applied twice, of the phase comes sum B_i^2 E_i / S: all, wherever bands overlap enough. `as_published`
    sums B_i E_i, so that up to 17 % are lost where a band of two ends.

    Parameters
    ----------
    forward : ForwardModel
        Has `wavenumber`, `pixel_size` and, where light is partially coherent, `convergence`.
    depths : ndarray
        Distances of the pairs, above 0, in metres, shape (pairs,).
    squared_frequency : ndarray
        |w|^2 of a grid, cycles per pixel squared.
    params : Params

    Returns
    -------
    ndarray
        Shape (pairs, *squared_frequency.shape), in square pixels.
    """
    squared = (2 * np.pi / forward.pixel_size) ** 2 * squared_frequency
    squared[0, 0] = np.inf  # No phase comes of the mean.
    high = high_cuts(forward, depths, params)
    low = low_cuts(high, depths, squared.min(), params)
    bands = np.stack([_band(squared, *cuts, params.order) for cuts in zip(low, high, strict=True)])
    damping = np.stack([coherence(forward, depth, squared_frequency) for depth in depths])
    power = 1 if params.reading == "as_published" else 2
    overlap = (bands**power * damping).sum(0).clip(min=1)
    return bands / (squared * forward.pixel_size**2 * np.sqrt(overlap))


def _band(squared: np.ndarray, low: float, high: float, order: int) -> np.ndarray:
    """Return what the Butterworth filters of both cuts let through, given squared frequencies."""
    # What is beyond the range of double precision passes nothing.
    with np.errstate(over="ignore"):
        return 1 / (1 + (squared / high) ** order) * (1 - 1 / (1 + (squared / low) ** order))
