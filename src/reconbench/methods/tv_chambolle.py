"""Total variation denoising by Chambolle's projection, by scikit-image."""

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters, Problem


class Params(Parameters):
    """Parameters of the total variation denoising. The defaults are the call of Ede and Beanland (2019)."""

    weight: float = Field(0.1, gt=0, le=1e3)
    """Weight of the total variation, in units of the signal; larger is smoother."""
    tolerance: float = Field(2e-4, ge=0, le=1)
    """Stop when the objective changes by less than this fraction of its first value."""
    iterations: int = Field(200, ge=1, le=100_000)
    """Largest number of iterations."""


METHOD = Method(
    name="tv_chambolle",
    title="Chambolle TV",
    reference="A. Chambolle, J. Math. Imaging Vis. 20, 89 (2004)",
    doi="10.1023/B:JMIV.0000011325.36760.1e",
    kinds=frozenset({"denoising"}),
    grid={"weight": (0.005, 0.01, 0.02, 0.04, 0.08, 0.15)},
)


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Denoise an image (y, x) or a volume (z, y, x)."""
    from skimage.restoration import denoise_tv_chambolle

    return denoise_tv_chambolle(
        measurement.astype(np.float32), weight=params.weight, eps=params.tolerance, max_num_iter=params.iterations
    )
