"""Improvement of the signal-to-noise ratio: the PSNR gained over the measurement."""

import numpy as np

from reconbench.contracts import Metric
from reconbench.errors import UserError
from reconbench.metrics import psnr

METRIC = Metric(
    name="isnr",
    title="ISNR",
    unit="dB",
    better="higher",
    reference="A. Moskalev, Trainable Regularization for Wiener Deconvolution, Skoltech (2019)",
    of_measurement=True,
)


class Params(psnr.Params):
    """Parameters of the PSNR; the range makes no difference to what is gained."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: psnr.Params, measurement: np.ndarray) -> float:
    """Return PSNR(estimate) - PSNR(measurement).

    Infinite where the estimate is identical to the truth, minus infinity where the measurement is and the estimate is
    not. An estimate that is as far from the truth as the measurement gains 0, both at no distance included.

    Parameters
    ----------
    estimate, truth, measurement : ndarray
        One shape.
    params : psnr.Params

    Raises
    ------
    UserError
        If the shapes differ.
    """
    if measurement.shape != truth.shape:
        raise UserError(
            f"the measurement has shape {measurement.shape} and the truth {truth.shape}; "
            "what is gained over it is defined only where they are equal"
        )
    before, after = psnr.metric(measurement, truth, params), psnr.metric(estimate, truth, params)
    return after - before if after != before else 0.0
