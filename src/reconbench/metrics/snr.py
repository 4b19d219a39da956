"""Signal-to-noise ratio."""

import math

import numpy as np

from reconbench.contracts import Metric, Parameters
from reconbench.errors import UserError
from reconbench.metrics import mse

METRIC = Metric(
    name="snr",
    title="SNR",
    unit="dB",
    better="higher",
    reference="Sage et al. 2017, doi:10.1016/j.ymeth.2016.12.015",
)


class Params(Parameters):
    """No parameters."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: Params) -> float:
    """Return 20 log10(rms(truth) / RMSE), infinite where the images are identical.

    For truths with a peak of 1 it is the PSNR plus 20 log10(rms(truth)), so that a dark truth has a small one.

    Raises
    ------
    UserError
        If the shapes differ, or the truth is zero everywhere.
    """
    error = mse.metric(estimate, truth, mse.Params())
    power = float(np.mean(np.square(truth, dtype=np.float64)))
    if power == 0:
        raise UserError("the SNR needs a truth that is not zero everywhere")
    return 10 * math.log10(power / error) if error > 0 else math.inf
