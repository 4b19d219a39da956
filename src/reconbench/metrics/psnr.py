"""Peak signal-to-noise ratio."""

import math

import numpy as np
from pydantic import Field

from reconbench.contracts import Metric, Parameters
from reconbench.metrics import mse

METRIC = Metric(name="psnr", title="PSNR", unit="dB", better="higher")


class Params(Parameters):
    """Parameters of the PSNR."""

    data_range: float = Field(default=1.0, gt=0)
    """Difference of the largest and the smallest value that a truth can have; the images' unit."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: Params) -> float:
    """Return 10 log10(range^2 / MSE), infinite where the images are identical."""
    error = mse.metric(estimate, truth, mse.Params())
    return 10 * math.log10(params.data_range**2 / error) if error > 0 else math.inf
