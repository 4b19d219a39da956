"""Median filter, by OpenCV."""

from typing import Literal

import numpy as np

from reconbench.contracts import Method, Parameters, Problem
from reconbench.errors import UserError


class Params(Parameters):
    """Parameters of the median filter. The default is the call of Ede and Beanland (2019)."""

    kernel_size: Literal[3, 5] = 3
    """Width of the square window in pixels; OpenCV has no wider one for floating-point images."""


METHOD = Method(
    name="median",
    title="Median",
    reference="T. Huang, G. Yang and G. Tang, IEEE Trans. Acoust. Speech Signal Process. 27, 13 (1979)",
    doi="10.1109/TASSP.1979.1163188",
    kinds=frozenset({"denoising"}),
    grid={"kernel_size": (3, 5)},
)


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Filter an image of shape (y, x); its border pixels are repeated outwards."""
    import cv2

    if measurement.ndim != 2:
        raise UserError(f"median restores images (y, x), not data of shape {measurement.shape}")
    return cv2.medianBlur(measurement.astype(np.float32), params.kernel_size)
