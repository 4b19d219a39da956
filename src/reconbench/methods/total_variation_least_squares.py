"""Least squares with total variation, for a forward model whose singular values are known."""

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters, Problem
from reconbench.methods._spectral_filters import decomposed

METHOD = Method(
    name="total_variation_least_squares",
    title="least squares (total variation)",
    reference="Chambolle & Pock 2011, J. Math. Imaging Vis. 40, 120",
    doi="10.1007/s10851-010-0251-1",
    kinds=frozenset({"diffuse_imaging"}),
    told=frozenset({"forward model"}),
    grid={"weight": (3e-5, 1e-4, 3e-4, 1e-3, 3e-3)},
)

# ||grad||^2 <= 8 in two dimensions, and the product of the two steps must not exceed its inverse.
GRADIENT_NORM = 8
# Singular values below this share of the largest are rounding in single precision.
NEGLIGIBLE = 1e-6


class Params(Parameters):
    """Parameters of the least squares with total variation."""

    weight: float = Field(default=3e-4, ge=0)
    """Weight of the total variation beside half the squared residual; the screen's unit."""
    iterations: int = Field(default=150, ge=1)
    """Number of iterations."""
    step: float = Field(default=100.0, gt=0)
    """Step tau of the screen; the step of the dual field follows from it. It changes how fast the iteration converges
    and not where to."""
    clip: tuple[float, float] | None = (0.0, 1.0)
    """Smallest and largest value of the estimate, the screen's unit."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Minimise 1/2 ||A x - y||^2 + weight * sum over pixels of |grad x|; each colour by itself.

    Algorithm 1 of Chambolle & Pock (2011) with K = grad and theta = 1. The proximal step of the residual is solved
    exactly, by the singular values s of A = U s V^T: it takes z to z + V tau s (U^T y - s V^T z) / (1 + tau s^2). p is
    the dual of the gradient, kept in the ball of radius `weight` in each pixel.

    Parameters
    ----------
    measurement : ndarray
        Shape (..., y, x), float32.
    problem : Problem
        Tells the forward model, which must have a singular-value decomposition.
    params : Params
    device : str
        ``"cpu"`` or ``"cuda"``.

    Returns
    -------
    ndarray
        Shape (..., y, x) of the screen, float32.

    Raises
    ------
    UserError
        If the forward model has no such decomposition, or measures images of another size.
    """
    import torch

    from reconbench.convolution import gradient, gradient_adjoint

    parts = decomposed(measurement, problem, METHOD.name)
    number = int((parts.values > NEGLIGIBLE * parts.values[0]).sum())
    u, s, v = parts.left[:, :number], parts.values[:number], parts.right[:number].T
    u, s, v = (torch.tensor(part, dtype=torch.float32, device=device) for part in (u, s, v))
    y = torch.tensor(measurement, device=device).flatten(-2)
    tau = params.step
    sigma = 1 / (GRADIENT_NORM * tau)

    def proximal(z):
        """Return the x that makes 1/2 ||A x - y||^2 + ||x - z||^2 / (2 tau) smallest."""
        z = z.flatten(-2)
        x = z + (tau * s / (1 + tau * s**2) * (y @ u - s * (z @ v))) @ v.mT
        return x.unflatten(-1, problem.forward.screen_pixels)

    x = y.mean(-1)[..., None, None].repeat(*[1] * (y.ndim - 1), *problem.forward.screen_pixels)
    x_ahead = x
    p = gradient(torch.zeros_like(x), 2)
    for _ in range(params.iterations):
        p = _project(p + sigma * gradient(x_ahead, 2), params.weight)
        x_before, x = x, proximal(x - tau * gradient_adjoint(p))
        x_ahead = 2 * x - x_before
    if params.clip is not None:
        x.clamp_(*params.clip)
    return x.cpu().numpy()


def _project(field, radius: float):
    """Shorten the vectors of a field of shape (component, ..., y, x) that are longer than the radius."""
    if radius == 0:
        return field.zero_()
    return field.div_((field.square().sum(0).sqrt_() / radius).clamp_(min=1))
