"""Mean absolute error where an additive constant does not count, as in a phase."""

import numpy as np

from reconbench.contracts import Metric, Parameters
from reconbench.metrics.mae import difference

METRIC = Metric(name="mae_less_median", title="MAE less median", unit="", better="lower")


class Params(Parameters):
    """No parameters."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: Params) -> float:
    """Return the mean of |d - median(d)| with d = estimate - truth, in double precision.

    An intensity does not tell the constant of a phase. The median is the one that makes the error smallest.

    Raises
    ------
    UserError
        If the shapes differ.
    """
    error = difference(estimate, truth)
    return float(np.abs(error - np.median(error)).mean())
