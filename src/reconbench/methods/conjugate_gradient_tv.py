"""Deconvolution with smoothed total variation, by nonlinear conjugate gradients."""

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters, Problem

METHOD = Method(
    name="conjugate_gradient_tv",
    title="total variation (conjugate gradients)",
    reference="Polak & Ribière 1969; as in Kobayashi et al. 2020, arXiv:2006.06156",
    doi="10.1051/m2an/196903R100351",
    kinds=frozenset({"deconvolution"}),
    told=frozenset({"forward model"}),
    grid={"weight": (5e-4, 1e-3, 2e-3, 4.5e-3, 1e-2, 2e-2, 4e-2)},
)


class Params(Parameters):
    """Parameters of total variation by conjugate gradients; the defaults are the SSI benchmark's."""

    weight: float = Field(default=4.5e-3, ge=0)
    """Weight of the total variation beside half the squared residual; the image's unit."""
    smoothing: float = Field(default=1e-10, gt=0)
    """Added under the square root, which makes the total variation differentiable; the square of the image's unit."""
    iterations: int = Field(default=100, ge=1)
    """Number of iterations."""
    clip: tuple[float, float] | None = (0.0, 1.0)
    """Smallest and largest value of the estimate, the image's unit."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Minimise F(x) = 1/2 ||H x - y||^2 + weight * sum over pixels of sqrt(|grad x|^2 + smoothing).

    Nonlinear conjugate gradients from x = 0 with the rule of Polak & Ribière (1969), restarted where its beta is
    negative, as in the SSI benchmark (Kobayashi et al. 2020). The step along d is the exact one of the quadratic part
    alone, -(d . grad F) / ||H d||^2. That is too long where the smoothing is weak, as by default: F then comes down in
    the first tens of iterations, not in every one, and may rise again; `chambolle_pock_tv` reaches the minimum. It is
    kept as published. H is the forward model itself, its boundary included.

    Parameters
    ----------
    measurement : ndarray
        Shape (y, x) or (z, y, x), float32.
    problem : Problem
        Tells the forward model, which must be a convolution.
    params : Params
    device : str
        ``"cpu"`` or ``"cuda"``.

    Returns
    -------
    ndarray
        Same shape, float32.
    """
    import torch

    from reconbench.convolution import gradient, gradient_adjoint

    blur = problem.forward

    def slope(x, residual):
        """Return the gradient of F."""
        field = gradient(x, x.ndim)
        field /= (field.square().sum(0) + params.smoothing).sqrt_()
        return blur.adjoint(residual) + params.weight * gradient_adjoint(field)

    x = torch.zeros_like(torch.tensor(measurement, device=device))
    residual = -torch.tensor(measurement, device=device)
    descent = -slope(x, residual)
    direction = descent
    for _ in range(params.iterations):
        blurred = blur(direction)
        curvature = _dot(blurred, blurred)
        if curvature == 0:  # nothing is left to descend, as for an image of zeros
            break
        step = _dot(direction, descent) / curvature
        x = x + step * direction
        residual = residual + step * blurred
        descent_before, descent = descent, -slope(x, residual)
        beta = _dot(descent, descent - descent_before) / _dot(descent_before, descent_before)
        direction = descent + beta.clamp(min=0) * direction
    if params.clip is not None:
        x.clamp_(*params.clip)
    return x.cpu().numpy()


def _dot(a, b):
    return (a * b).sum()
