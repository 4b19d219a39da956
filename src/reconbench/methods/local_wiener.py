"""Wiener filter with the mean and variance of each pixel's neighbourhood, by SciPy."""

import numpy as np
from pydantic import Field, field_validator

from reconbench.contracts import Method, Parameters, Problem


class Params(Parameters):
    """Parameters of the local Wiener filter. The default is the call of Ede and Beanland (2019)."""

    window_size: int = Field(3, ge=3, le=99)
    """Width of the window that mean and variance are taken over, in pixels, odd."""

    @field_validator("window_size")
    @classmethod
    def _odd(cls, size: int) -> int:
        if size % 2 == 0:
            raise ValueError("must be odd")
        return size


METHOD = Method(
    name="local_wiener",
    title="Wiener",
    reference="J. S. Lim, Two-Dimensional Signal and Image Processing, Prentice Hall, 548 (1990)",
    doi="",
    kinds=frozenset({"denoising"}),
    grid={"window_size": (3, 5, 7, 9)},
)


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Filter an image (y, x) or a volume (z, y, x).

    The variance of the noise is taken to be the mean of the local variances. SciPy sets what lies beyond the borders
    to 0, which darkens the outermost pixels.
    """
    from scipy.signal import wiener

    if not measurement.any():
        return measurement.astype(np.float32)  # SciPy would divide 0 by 0 everywhere.
    with np.errstate(divide="ignore", invalid="ignore"):  # Where the local variance is 0, SciPy takes the local mean.
        return wiener(measurement, params.window_size).astype(np.float32)
