"""The PSNR gained over the measurement, away from the edges of the image."""

import numpy as np

from reconbench.contracts import Metric
from reconbench.metrics import cropped_psnr, isnr

METRIC = Metric(
    name="cropped_isnr",
    title="CISNR",
    unit="dB",
    better="higher",
    reference="A. Moskalev, Trainable Regularization for Wiener Deconvolution, Skoltech (2019)",
    of_measurement=True,
)


class Params(cropped_psnr.Params):
    """Parameters of the cropped PSNR: give both the same margin."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: Params, measurement: np.ndarray) -> float:
    """Return PSNR(estimate) - PSNR(measurement) of what is left without the margin, as `isnr` does.

    Parameters
    ----------
    estimate, truth, measurement : ndarray
        Shape (y, x) or (z, y, x), the same for all.
    params : Params

    Raises
    ------
    UserError
        If the shapes differ, the margin has another number of axes, or nothing is left.
    """
    cropped = [cropped_psnr.without_margin(image, params.margin) for image in (estimate, truth, measurement)]
    return isnr.metric(*cropped[:2], params, cropped[2])
