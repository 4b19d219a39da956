"""Mean squared error."""

import numpy as np

from reconbench.contracts import Metric, Parameters
from reconbench.errors import UserError

METRIC = Metric(name="mse", title="MSE", unit="", better="lower")


class Params(Parameters):
    """No parameters."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: Params) -> float:
    """Return the mean of (estimate - truth)^2, in double precision.

    Raises
    ------
    UserError
        If the shapes differ.
    """
    if estimate.shape != truth.shape:
        raise UserError(f"the estimate has shape {estimate.shape} and the truth {truth.shape}; they must be equal")
    error = np.subtract(estimate, truth, dtype=np.float64)
    return float(np.mean(np.square(error, out=error)))
