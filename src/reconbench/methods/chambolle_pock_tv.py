"""Deconvolution with total variation, by the primal-dual algorithm of Chambolle and Pock."""

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters, Problem

METHOD = Method(
    name="chambolle_pock_tv",
    title="total variation (Chambolle-Pock)",
    reference="Chambolle & Pock 2011, J. Math. Imaging Vis. 40, 120",
    doi="10.1007/s10851-010-0251-1",
    kinds=frozenset({"deconvolution"}),
    told=frozenset({"forward model"}),
    grid={"weight": (5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2e-2, 4e-2)},
)


class Params(Parameters):
    """Parameters of total variation by Chambolle-Pock; the defaults are the SSI benchmark's."""

    weight: float = Field(default=2.5e-3, ge=0)
    """Weight of the total variation beside half the squared residual; the image's unit."""
    iterations: int = Field(default=200, ge=1)
    """Number of iterations."""
    clip: tuple[float, float] | None = (0.0, 1.0)
    """Smallest and largest value of the estimate, the image's unit."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Minimise 1/2 ||H x - y||^2 + weight * sum over pixels of |grad x|.

    Algorithm 1 of Chambolle & Pock (2011) with K = [grad; H], theta = 1, sigma = tau = 1 / ||K|| and x = 0 at the
    start. p is the dual of the gradient, kept in the ball of radius `weight` in each pixel, q that of the residual.
    H is the forward model itself, its boundary included.

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
    y = torch.tensor(measurement, device=device)
    step = 1 / _operator_norm(blur.kernel)
    x = torch.zeros_like(y)
    x_ahead = x
    p = gradient(x, y.ndim)
    q = torch.zeros_like(y)
    for _ in range(params.iterations):
        p = _project(p + step * gradient(x_ahead, y.ndim), params.weight)
        q = (q + step * (blur(x_ahead) - y)) / (1 + step)
        x_before, x = x, x - step * (gradient_adjoint(p) + blur.adjoint(q))
        x_ahead = 2 * x - x_before
    if params.clip is not None:
        x.clamp_(*params.clip)
    return x.cpu().numpy()


def _project(field, radius: float):
    """Shorten the vectors of a field of shape (component, ..., y, x) that are longer than the radius."""
    if radius == 0:
        return field.zero_()
    return field.div_((field.square().sum(0).sqrt_() / radius).clamp_(min=1))


def _operator_norm(kernel: np.ndarray) -> float:
    """Return ||[grad; H]||, the supremum over all frequencies; zeros beyond the edge only make it smaller.

    The benchmark approaches it from below by 200 power iterations.
    """
    from reconbench.convolution import squared_gradient, transfer_function

    grid = tuple(4 * size for size in kernel.shape)
    power = transfer_function(kernel, grid).abs().square()
    return float((squared_gradient(grid) + power).max().sqrt())
