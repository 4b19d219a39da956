"""What the iterations of Tikhonov and Miller share, with and without a constraint."""

from typing import Any

import numpy as np
from pydantic import Field

from reconbench.errors import UserError
from reconbench.methods._periodic import PeriodicBlur, TwoReadings, squared_frequency


class TikhonovMillerParameters(TwoReadings):
    """Parameters of the iteration."""

    published = {"weight": 0.1, "iterations": 10}

    weight: float = Field(default=3e-3, ge=0)
    """Weight of the squared Laplacian beside the squared residual; a pure number. Published: 0.1."""
    iterations: int = Field(default=100, ge=1)
    """Number of iterations. Published: 10."""
    relaxation: float = Field(default=1.0, gt=0, lt=2)
    """Length of a step; with `corrected` in units of the one that overshoots at no frequency."""


def step_of(blur: PeriodicBlur, spectrum: Any, params: TikhonovMillerParameters) -> tuple[Any, Any]:
    """Return A and B of a step X <- A X + B down the gradient of (||h * x - y||^2 + weight * ||Laplacian x||^2) / 2.

    They are

        A = 1 - gamma (|H|^2 + weight * L^2),    B = gamma conj(H) Y,    L = sum over axes of omega^2,

    with gamma = relaxation / max(|H|^2 + weight * L^2) with `corrected`, so that |A| is below 1, and gamma =
    relaxation with `as_published`.
    """
    curvature = blur.power + params.weight * squared_frequency(blur.grid, blur.device).square()
    gamma = params.relaxation
    if params.reading == "corrected":
        gamma = gamma / float(curvature.max())
    return 1 - gamma * curvature, gamma * blur.transfer.conj() * spectrum


def require_finite(estimate: np.ndarray, params: TikhonovMillerParameters) -> np.ndarray:
    """Return the estimate unless the iteration has left the range of float32.

    Raises
    ------
    UserError
        If it has.
    """
    if not np.isfinite(estimate).all():
        raise UserError(
            f"{params.iterations} published steps of Tikhonov-Miller with the weight {params.weight:g} diverge beyond "
            "float32; take fewer, a smaller weight, or the reading corrected"
        )
    return estimate
