"""Structural similarity."""

import numpy as np
from pydantic import Field

from reconbench.contracts import Metric, Parameters, Reading
from reconbench.errors import UserError

METRIC = Metric(
    name="ssim",
    title="SSIM",
    unit="",
    better="higher",
    reference="Wang et al. 2004, doi:10.1109/TIP.2003.819861",
)

WINDOW = 7
BAND = 64
K1, K2 = 0.01, 0.03


class Params(Parameters):
    """Parameters of the SSIM."""

    data_range: float = Field(default=1.0, gt=0)
    """Difference of the largest and the smallest value that a truth can have; the images' unit."""
    reading: Reading = "corrected"
    """`as_published` (Ede 2019) takes the range of each estimate instead, so that every method has its own scale."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: Params) -> float:
    """Return the mean structural similarity of two images or volumes.

    Parameters
    ----------
    estimate, truth : ndarray
        Shape (y, x) or (z, y, x), at least 7 along each axis.
    params : Params

    Returns
    -------
    float
        Mean of Wang et al.'s equation 13 over all places where a uniform window of 7 pixels a side fits, with the
        sample covariance (divisor N - 1), as in scikit-image. Not a number where the range is that of a constant
        estimate.

    Raises
    ------
    UserError
        If the shapes differ, or an image is smaller than the window.
    """
    if estimate.shape != truth.shape:
        raise UserError(f"the estimate has shape {estimate.shape} and the truth {truth.shape}; they must be equal")
    if min(truth.shape) < WINDOW:
        raise UserError(f"SSIM needs {WINDOW} pixels along each axis; the image has shape {truth.shape}")
    data_range = float(np.ptp(estimate)) if params.reading == "as_published" else params.data_range
    border = WINDOW // 2
    places = truth.shape[0] - 2 * border
    total = 0.0
    # A band of rows at a time stays in the processor's cache, which is three times as fast.
    for first in range(0, places, BAND):
        rows = slice(first, min(first + BAND, places) + 2 * border)
        total += float(_similarity(estimate[rows], truth[rows], data_range).mean()) * (rows.stop - first - 2 * border)
    return total / places


def _similarity(estimate: np.ndarray, truth: np.ndarray, data_range: float) -> np.ndarray:
    """Return the similarity at each place where the window fits."""
    # In single precision the variances, small differences of large means, would lose their digits.
    x, y = np.asarray(estimate, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    mean_x, mean_y = _local_mean(x), _local_mean(y)
    product, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    sample = WINDOW**x.ndim / (WINDOW**x.ndim - 1)
    covariance = sample * (_local_mean(x * y) - product)
    variances = sample * (_local_mean(x * x + y * y) - squares)
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    with np.errstate(invalid="ignore"):
        return (2 * product + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2))


def _local_mean(image: np.ndarray) -> np.ndarray:
    """Return the mean over the window at each place where it fits entirely."""
    if image.ndim == 2:
        import cv2

        mean = cv2.boxFilter(image, -1, (WINDOW, WINDOW))
    else:
        from scipy.ndimage import uniform_filter

        mean = uniform_filter(image, WINDOW)
    border = WINDOW // 2
    return mean[(slice(border, -border),) * image.ndim]
