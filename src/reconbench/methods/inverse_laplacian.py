"""Phase from its Laplacian, by a regularised solution of Poisson's equation."""

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters, Problem
from reconbench.errors import NotApplicableError
from reconbench.methods._phase import require_planes
from reconbench.methods._phase_grids import EvenGrid

METHOD = Method(
    name="inverse_laplacian",
    title="inverse Laplacian",
    reference="Teague 1983, J. Opt. Soc. Am. 73, 1434",
    doi="10.1364/JOSA.73.001434",
    kinds=frozenset({"phase_retrieval"}),
    told=frozenset({"forward model"}),
    grid={"regularisation": (0.0, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2)},
)


class Params(Parameters):
    """Parameters of the inverse Laplacian."""

    regularisation: float = Field(default=3e-3, ge=0)
    """Added to the symbol of the Laplacian, which lies between 0 and 8; radians per pixel, squared."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Solve lap x = L for the truth x, the Laplacian being that of five points, with no slope across the edges.

    The forward model is L = K * x with K = [0 1 0; 1 -4 1; 0 1 0], the image mirrored beyond its edges (F. Wang et al.
    2018). For the cosines of such an image it is a product, so that

        X = -F[L] / (S + regularisation),    S = 4 sin^2(omega_y / 2) + 4 sin^2(omega_x / 2).

    It has the least mean squared error where the truth has the power c / S, as images roughly have, and the noise is
    white with the variance `regularisation` times c.

    Parameters
    ----------
    measurement : ndarray
        The Laplacian, shape (1, y, x), float32, in the truth's unit per square pixel.
    problem : Problem
        Tells that this is the forward model.
    params : Params
    device : str
        ``"cpu"`` or ``"cuda"``.

    Returns
    -------
    ndarray
        Shape (y, x), float32, mean 0.

    Raises
    ------
    NotApplicableError
        If something else than the Laplacian is measured.
    """
    from reconbench.forward.intensity_gradient import IntensityGradient

    if not isinstance(problem.forward, IntensityGradient):
        raise NotApplicableError(
            "the inverse Laplacian takes the Laplacian of the phase; this instrument records planes"
        )
    require_planes(measurement, 1)
    grid = EvenGrid(measurement.shape[1:], device)
    symbol = sum(4 * np.sin(np.pi * frequency) ** 2 for frequency in grid.frequencies) + params.regularisation
    symbol[0, 0] = np.inf
    laplacian = grid.transform(grid.tensor(measurement[0]))
    return grid.inverse(grid.tensor(-1 / symbol) * laplacian).cpu().numpy()
