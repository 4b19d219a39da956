"""Root mean squared error."""

import numpy as np

from reconbench.contracts import Metric, Parameters
from reconbench.metrics import mse

METRIC = Metric(name="rmse", title="RMSE", unit="", better="lower")


class Params(Parameters):
    """No parameters."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: Params) -> float:
    """Return the square root of the mean squared error."""
    return mse.metric(estimate, truth, mse.Params()) ** 0.5
