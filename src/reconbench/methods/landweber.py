"""Landweber's iteration, restricted to what is not negative."""

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters, Problem


class Params(Parameters):
    """Parameters of the iteration."""

    iterations: int = Field(5, ge=1)
    """Number of steps."""
    relaxation: float = Field(1.0, gt=0, lt=2)
    """Length of a step; below 2 it converges for a blur that keeps the mean."""


METHOD = Method(
    name="landweber",
    title="Landweber, {iterations} iterations",
    reference="L. Landweber, American Journal of Mathematics 73, 615 (1951)",
    doi="10.2307/2372313",
    kinds=frozenset({"deconvolution"}),
    told=frozenset({"forward model"}),
    grid={"iterations": (1, 2, 5, 10, 20)},
)


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Descend along the gradient of half the squared residual: x <- max(x + relaxation H^T (y - H x), 0)."""
    import torch

    blur = problem.forward
    measured = torch.tensor(measurement, device=device)
    estimate = measured.clamp(min=0)
    for _ in range(params.iterations):
        estimate += params.relaxation * blur.adjoint(measured - blur(estimate))
        estimate.clamp_(min=0)
    return estimate.cpu().numpy()
