"""Bilateral filter, by OpenCV."""

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters, Problem
from reconbench.errors import UserError


class Params(Parameters):
    """Parameters of the bilateral filter. The defaults are the call of Ede and Beanland (2019).

    Their `sigma_color` is meant for signals up to 255; for signals up to 1 it lets every neighbour in, and what
    remains is a plain mean over a disc.
    """

    diameter: int = Field(9, ge=1, le=99)
    """Diameter of the neighbourhood in pixels."""
    sigma_color: float = Field(75.0, gt=0, le=1e4)
    """How different a neighbour may be, in units of the signal."""
    sigma_space: float = Field(75.0, gt=0, le=1e4)
    """How far away a neighbour may be, in pixels."""


METHOD = Method(
    name="bilateral",
    title="Bilateral",
    reference="C. Tomasi and R. Manduchi, Proc. 6th International Conference on Computer Vision, 839 (1998)",
    doi="10.1109/ICCV.1998.710815",
    kinds=frozenset({"denoising"}),
    grid={"sigma_color": (0.02, 0.05, 0.1, 0.2, 0.4, 0.8), "sigma_space": (1.0, 2.0)},
)


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Filter an image of shape (y, x); it is mirrored beyond its borders."""
    import cv2

    if measurement.ndim != 2:
        raise UserError(f"bilateral restores images (y, x), not data of shape {measurement.shape}")
    image = measurement.astype(np.float32)
    return cv2.bilateralFilter(image, params.diameter, params.sigma_color, params.sigma_space)
