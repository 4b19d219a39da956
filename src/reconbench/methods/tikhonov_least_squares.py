"""Least squares with Tikhonov's regularisation, in closed form by the singular values of the forward model."""

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters, Problem
from reconbench.methods._spectral_filters import filtered

METHOD = Method(
    name="tikhonov_least_squares",
    title="least squares (Tikhonov)",
    reference="A. N. Tikhonov, Soviet Math. Dokl. 4, 1035 (1963)",
    doi="",
    kinds=frozenset({"diffuse_imaging"}),
    told=frozenset({"forward model"}),
    grid={"weight": (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1), "background": (0.0, 0.5)},
)


class Params(Parameters):
    """Parameters of the regularised least squares."""

    weight: float = Field(default=1e-3, gt=0)
    """Weight of the squared distance from the background beside the squared residual, over the square of the largest
    singular value."""
    background: float = Field(default=0.0, ge=0, le=1)
    """The screen where the measurement shows nothing, the same in all pixels; the screen's unit."""
    clip: tuple[float, float] | None = (0.0, 1.0)
    """Smallest and largest value of the estimate, the screen's unit."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Minimise ||A x - y||^2 + weight ||A||^2 ||x - b||^2.

    The minimum is x = b + sum over i of v_i s_i <u_i, y - A b> / (s_i^2 + weight s_1^2), where A = sum of
    s_i u_i v_i^T; each colour by itself.

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

    def damped(values: np.ndarray) -> np.ndarray:
        return values / (values**2 + params.weight * values[0] ** 2)

    return filtered(measurement, problem, METHOD.name, damped, params.background, params.clip)
