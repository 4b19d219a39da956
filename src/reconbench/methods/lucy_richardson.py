"""Lucy-Richardson deconvolution."""

from typing import Literal

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters, Problem

METHOD = Method(
    name="lucy_richardson",
    title="Lucy-Richardson, {iterations} iterations",
    reference="Richardson 1972; Lucy 1974, doi:10.1086/111605",
    doi="10.1364/JOSA.62.000055",
    kinds=frozenset({"deconvolution"}),
    told=frozenset({"forward model"}),
    grid={"iterations": (1, 2, 3, 5, 7, 10, 15, 20, 30, 50)},
)


class Params(Parameters):
    """Parameters of Lucy-Richardson deconvolution."""

    iterations: int = Field(default=10, ge=1)
    """Number of iterations. Stopping early is what keeps the noise down."""
    boundary: Literal["symmetric", "zero", "circular"] = "symmetric"
    """What the image is beyond its edge. The SSI benchmark reflects small kernels, and has zeros for volumes."""
    clip: tuple[float, float] | None = (-1.0, 1.0)
    """Smallest and largest value of the estimate, the image's unit. The benchmark's solver clips to [-1, 1]."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Maximise the likelihood of Poisson counts by multiplicative steps.

    With measurement y, kernel h and its mirror image h~, from a constant x (Richardson 1972; Lucy 1974), repeat

        x <- x ((y / (h * x)) * h~),

    as the SSI benchmark does it (Kobayashi et al. 2020): a pixel where h * x is zero is divided by one, and h~ acts
    under the same boundary as h. For a symmetric boundary that is not quite the transpose.

    Parameters
    ----------
    measurement : ndarray
        Shape (y, x) or (z, y, x), float32. Negative values count as zero.
    problem : Problem
        Tells the kernel.
    params : Params
    device : str
        ``"cpu"`` or ``"cuda"``.

    Returns
    -------
    ndarray
        Same shape, float32.
    """
    import torch

    from reconbench.convolution import Convolution

    blur = Convolution(problem.forward.kernel, params.boundary)
    measured = torch.tensor(measurement, device=device).clamp_(min=0)
    mean = measured.mean()
    estimate = torch.full_like(measured, mean)
    # Where the published sum is exactly zero, an FFT leaves a rounding error of either sign.
    rounding = torch.finfo(measured.dtype).eps * float(mean)
    for _ in range(params.iterations):
        blurred = torch.nn.functional.threshold_(blur(estimate), rounding, 1)
        estimate *= blur.flipped(measured / blurred)
    if params.clip is not None:
        estimate.clamp_(*params.clip)
    return estimate.cpu().numpy()
