"""Total variation denoising by the split Bregman method, by scikit-image."""

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters, Problem
from reconbench.errors import UserError


class Params(Parameters):
    """Parameters of the split Bregman method. The defaults are the call of Ede and Beanland (2019).

    Their weight of 0.1 flattens the image: it was meant for a library in which larger is smoother.
    """

    weight: float = Field(0.1, gt=0, le=1e6)
    """Weight of the fidelity to the measurement, per unit of the signal; smaller is smoother."""
    tolerance: float = Field(2e-4, gt=0, le=1)
    """Stop when the root mean square change of an iteration falls below this, in units of the signal."""
    iterations: int = Field(200, ge=1, le=100_000)
    """Largest number of iterations."""
    isotropic: bool = False
    """Whether the total variation is that of the gradient's length, or the sum over its two components."""


METHOD = Method(
    name="tv_bregman",
    title="Bregman TV",
    reference="T. Goldstein and S. Osher, SIAM J. Imaging Sci. 2, 323 (2009)",
    doi="10.1137/080725891",
    kinds=frozenset({"denoising"}),
    grid={"weight": (5.0, 10.0, 20.0, 50.0, 150.0, 400.0)},
)


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Denoise an image of shape (y, x)."""
    from skimage.restoration import denoise_tv_bregman

    if measurement.ndim != 2:
        raise UserError(f"tv_bregman restores images (y, x), not data of shape {measurement.shape}")
    estimate = denoise_tv_bregman(
        measurement.astype(np.float32),
        weight=params.weight,
        eps=params.tolerance,
        max_num_iter=params.iterations,
        isotropic=params.isotropic,
    )
    return estimate.reshape(measurement.shape)  # scikit-image drops axes of length 1.
