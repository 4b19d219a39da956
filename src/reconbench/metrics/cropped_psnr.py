"""Peak signal-to-noise ratio away from the edges of the image."""

from typing import Annotated

import numpy as np
from pydantic import Field

from reconbench.contracts import Metric
from reconbench.errors import UserError
from reconbench.metrics import psnr

METRIC = Metric(
    name="cropped_psnr",
    title="CPSNR",
    unit="dB",
    better="higher",
    reference="A. Moskalev, Trainable Regularization for Wiener Deconvolution, Skoltech (2019)",
)


class Params(psnr.Params):
    """Parameters of the cropped PSNR."""

    margin: tuple[Annotated[int, Field(ge=0, le=100_000)], ...] = (16, 16)
    """Pixels that are cut off at each side of each axis, (y, x) or (z, y, x): (k - 1) / 2 for the largest point-spread
    function k of a table, by default 33 x 33 pixels. All images of a table have the same, so that they compare."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: Params) -> float:
    """Return the PSNR of what is left without the margin, infinite where it is identical.

    Within (k - 1) / 2 of an edge the measurement depends on what lies outside the image, which no method can know.

    Parameters
    ----------
    estimate, truth : ndarray
        Shape (y, x) or (z, y, x).
    params : Params

    Raises
    ------
    UserError
        If the shapes differ, the margin has another number of axes, or nothing is left.
    """
    return psnr.metric(without_margin(estimate, params.margin), without_margin(truth, params.margin), params)


def without_margin(image: np.ndarray, margin: tuple[int, ...]) -> np.ndarray:
    """Return the image without so many pixels at each side of each axis, as a view.

    Raises
    ------
    UserError
        If the margin has another number of axes than the image, or nothing is left.
    """
    if len(margin) != image.ndim:
        raise UserError(
            f"the margin {margin} has {len(margin)} axes, and the image {image.ndim}: give one number an axis"
        )
    if any(length <= 2 * cut for length, cut in zip(image.shape, margin, strict=True)):
        raise UserError(f"the margin {margin} leaves nothing of an image of shape {image.shape}; make it smaller")
    return image[tuple(slice(cut, length - cut) for length, cut in zip(image.shape, margin, strict=True))]
