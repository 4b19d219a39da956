"""What the solvers by the singular values of a forward model share: these, and estimates as filters of them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from reconbench.contracts import Problem
from reconbench.errors import UserError

Range = tuple[float, float]


def decomposed(measurement: np.ndarray, problem: Problem, name: str) -> Any:
    """Return the decomposition of the forward model, which each process computes once.

    Parameters
    ----------
    measurement : ndarray
        Shape (..., y, x); checked against the forward model.
    problem : Problem
        Tells the forward model.
    name : str
        The method, for messages.

    Returns
    -------
    reconbench.forward.diffuse_wall.Decomposition

    Raises
    ------
    UserError
        If the forward model has none, or measures images of another size.
    """
    forward = problem.forward
    if not hasattr(forward, "decomposition"):
        raise UserError(f"{name} needs a forward model with singular values, such as diffuse_wall")
    if measurement.shape[-2:] != forward.camera_pixels:
        raise UserError(
            f"{name} needs images of {forward.camera_pixels[0]} x {forward.camera_pixels[1]} pixels, as the forward "
            f"model measures them, not of shape {measurement.shape}"
        )
    return forward.decomposition


def filtered(
    measurement: np.ndarray,
    problem: Problem,
    name: str,
    factors: Callable[[np.ndarray], np.ndarray],
    background: float,
    clip: Range | None,
) -> np.ndarray:
    """Return b + sum over i of f_i v_i <u_i, y - A b>, with A = sum of s_i u_i v_i^T; each colour by itself.

    Parameters
    ----------
    measurement : ndarray
        y, shape (..., y, x).
    problem : Problem
        Tells the forward model A.
    name : str
        The method, for messages.
    factors : callable
        From the singular values s, falling, to factors f of the first of them or of all.
    background : float
        b, the same in all pixels.
    clip : tuple of float or None
        Smallest and largest value of what is returned.

    Returns
    -------
    ndarray
        Shape (..., y, x) of the screen, float32.
    """
    left, values, right = decomposed(measurement, problem, name)
    weights = factors(values)
    number = len(weights)
    light = measurement.reshape(*measurement.shape[:-2], -1).astype(np.float64)
    coefficients = light @ left[:, :number] - background * values[:number] * right[:number].sum(axis=1)
    screen = background + (weights * coefficients) @ right[:number]
    screen = screen.reshape(*measurement.shape[:-2], *problem.forward.screen_pixels)
    return (screen if clip is None else screen.clip(*clip)).astype(np.float32)
