"""Mean absolute error where an additive constant does not count, as in a phase."""

import numpy as np

from reconbench.contracts import Metric
from reconbench.metrics._channels import ChannelParameters, compared
from reconbench.metrics.mae import difference

METRIC = Metric(name="mae_less_median", title="MAE less median", unit="", better="lower")


class Params(ChannelParameters):
    """Parameters of the error less median."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: Params) -> float:
    """Return the mean of |d - median(d)| with d = estimate - truth, in double precision.

    An intensity does not tell the constant of a phase. The median is the one that makes the error smallest.

    Raises
    ------
    UserError
        If the shapes differ, or the images lack the channel.
    """
    error = difference(*compared(estimate, truth, params))
    return float(np.abs(error - np.median(error)).mean())
