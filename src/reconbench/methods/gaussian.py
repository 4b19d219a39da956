"""Gaussian blur, by OpenCV."""

import numpy as np
from pydantic import Field, field_validator

from reconbench.contracts import Method, Parameters, Problem
from reconbench.errors import UserError


class Params(Parameters):
    """Parameters of the Gaussian blur. The defaults are the call of Ede and Beanland (2019)."""

    kernel_size: int = Field(3, ge=1, le=99)
    """Width of the kernel in pixels, odd."""
    sigma: float = Field(0.0, ge=0, le=50)
    """Standard deviation in pixels; 0 takes OpenCV's 0.3 ((kernel_size - 1) / 2 - 1) + 0.8."""

    @field_validator("kernel_size")
    @classmethod
    def _odd(cls, size: int) -> int:
        if size % 2 == 0:
            raise ValueError("must be odd")
        return size


METHOD = Method(
    name="gaussian",
    title="Gaussian",
    reference="G. Bradski, Dr. Dobb's Journal of Software Tools 25(11), 120 (2000): OpenCV's GaussianBlur",
    doi="",
    kinds=frozenset({"denoising"}),
    grid={"kernel_size": (9,), "sigma": (0.3, 0.45, 0.6, 0.8, 1.1, 1.5)},
)


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Blur an image of shape (y, x); it is mirrored beyond its borders."""
    import cv2

    if measurement.ndim != 2:
        raise UserError(f"gaussian restores images (y, x), not data of shape {measurement.shape}")
    size = (params.kernel_size, params.kernel_size)
    return cv2.GaussianBlur(measurement.astype(np.float32), size, params.sigma)
