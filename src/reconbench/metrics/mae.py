"""Mean absolute error."""

import numpy as np

from reconbench.contracts import Metric, Parameters
from reconbench.errors import UserError

METRIC = Metric(
    name="mae",
    title="MAE",
    unit="",
    better="lower",
    reference="F. Wang et al. 2018, arXiv:1810.12183, eq. 3, there printed as a sum",
)


class Params(Parameters):
    """No parameters."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: Params) -> float:
    """Return the mean of |estimate - truth|, in double precision.

    Raises
    ------
    UserError
        If the shapes differ.
    """
    return float(np.abs(difference(estimate, truth)).mean())


def difference(estimate: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return estimate - truth, float64.

    Raises
    ------
    UserError
        If the shapes differ.
    """
    if estimate.shape != truth.shape:
        raise UserError(f"the estimate has shape {estimate.shape} and the truth {truth.shape}; they must be equal")
    return np.subtract(estimate, truth, dtype=np.float64)
