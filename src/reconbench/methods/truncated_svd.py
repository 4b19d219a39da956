"""Truncated singular-value decomposition: what the measurement shows clearly, and nothing else."""

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters, Problem
from reconbench.methods._spectral_filters import filtered

METHOD = Method(
    name="truncated_svd",
    title="truncated SVD, {kept} singular values",
    reference="P. C. Hansen, BIT 27, 534 (1987)",
    doi="10.1007/BF01937276",
    kinds=frozenset({"diffuse_imaging"}),
    told=frozenset({"forward model"}),
    grid={"kept": (1, 2, 4, 8, 16, 32, 64, 128), "background": (0.0, 0.5)},
)


class Params(Parameters):
    """Parameters of the truncated singular-value decomposition."""

    kept: int = Field(default=8, ge=1)
    """How many singular values are kept, from the largest on; all where there are fewer."""
    background: float = Field(default=0.0, ge=0, le=1)
    """The screen where the measurement shows nothing: what the estimate is in all but the kept patterns; the screen's
    unit."""
    clip: tuple[float, float] | None = (0.0, 1.0)
    """Smallest and largest value of the estimate, the screen's unit."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Return the screen nearest to the background among those that agree with the measurement in the kept patterns.

    x = b + sum over i <= k of v_i <u_i, y - A b> / s_i, where A = sum of s_i u_i v_i^T; each colour by itself.

    Parameters
    ----------
    measurement : ndarray
        Shape (..., y, x), float32.
    problem : Problem
        Tells the forward model, which must have a singular-value decomposition.
    params : Params
    device : str
        Not used: there are two products of a matrix and a vector to compute.

    Returns
    -------
    ndarray
        Shape (..., y, x) of the screen, float32.

    Raises
    ------
    UserError
        If the forward model has no such decomposition, or measures images of another size.
    """

    def inverse(values: np.ndarray) -> np.ndarray:
        return 1 / values[: params.kept]

    return filtered(measurement, problem, METHOD.name, inverse, params.background, params.clip)
