"""Phase of a weak object from one defocused plane, by its contrast transfer function."""

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters, Problem
from reconbench.errors import NotApplicableError
from reconbench.methods._phase import coherence, require_planes
from reconbench.methods._phase_grids import Boundary, PeriodicGrid, mirrored

METHOD = Method(
    name="ctf_single",
    title="contrast transfer, one plane",
    reference="Guigay 1977, Optik 49, 121; with the regularisation of Tikhonov",
    doi="",
    kinds=frozenset({"phase_retrieval"}),
    told=frozenset({"forward model"}),
    grid={"weight": (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)},
)


class Params(Parameters):
    """Parameters of the inversion of the contrast."""

    boundary: Boundary = "symmetric"
    """How the plane goes on beyond its edges: by its reflections, or by its own repetition."""
    weight: float = Field(default=1e-3, gt=0)
    """Weight of the squared phase beside the squared residual; a pure number. The square of the contrast is at most
    4."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Minimise ||c - T PHI||^2 + weight ||PHI||^2 in the Fourier domain, with the contrast c = F[I / mean(I) - 1].

    A wave 1 + i phi becomes 1 + i F^-1[H PHI] on its way, up to the phase that all of it has, where H is the transfer
    function of the propagation over its value at the mean. To first order in the phase then c = T PHI with

        T = -2 Im(H),    PHI = T c / (T^2 + weight).

    In free space that is T = 2 sin(z q^2 / (2 k)) for small q (Guigay 1977). It holds for astigmatic images, too. What
    T does not pass is missing: the lowest frequencies, and rings where it is zero.

    Parameters
    ----------
    measurement : ndarray
        Intensity of shape (1, y, x), float32.
    problem : Problem
        Tells the propagation and the range of the phase.
    params : Params
    device : str
        ``"cpu"`` or ``"cuda"``.

    Returns
    -------
    ndarray
        Shape (y, x), in the truth's unit, float32, mean 0.

    Raises
    ------
    NotApplicableError
        If the measurement is not the intensity in one plane, or the object absorbs.
    UserError
        If the field is too small for the distance.
    """
    import torch

    forward = problem.forward
    positions = getattr(forward, "positions", ())
    if len(positions) != 1 or not forward.intensity:
        raise NotApplicableError("this method takes the intensity in one plane; this instrument records something else")
    if forward.object != "phase":
        raise NotApplicableError("one plane does not tell absorption from phase; this object has both")
    require_planes(measurement, 1)
    plane = torch.tensor(measurement[0] / measurement.mean() - 1, device=device)
    field = mirrored(plane) if params.boundary == "symmetric" else plane
    grid = PeriodicGrid(tuple(field.shape), device)
    (position,) = positions
    propagation = forward.propagator(grid.shape, position, device)[:, : grid.shape[1] // 2 + 1]
    transfer = -2 * (propagation / propagation[0, 0]).imag
    transfer *= grid.tensor(coherence(forward, position, grid.squared_frequency))
    phase = grid.inverse(transfer / (transfer.square() + params.weight) * grid.transform(field))
    return phase[: plane.shape[0], : plane.shape[1]].cpu().numpy() / np.float32(forward.phase_range)
