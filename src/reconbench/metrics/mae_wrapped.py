"""Mean absolute error of a phase: where neither whole periods nor an additive constant count."""

import numpy as np
from pydantic import Field

from reconbench.contracts import Metric
from reconbench.metrics._channels import ChannelParameters, compared
from reconbench.metrics.mae import difference

METRIC = Metric(name="mae_wrapped", title="MAE wrapped", unit="", better="lower")


class Params(ChannelParameters):
    """Parameters of the wrapped error."""

    period: float = Field(default=1.0, gt=0)
    """What is added to a phase without changing the wave, in the truth's unit: 2 pi over the range of its phase. The
    default is that of truths in [0, 1] which span 2 pi."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: Params) -> float:
    """Return the smallest mean of |w(d - c)| over all constants c, in double precision.

    d = estimate - truth, and w brings a difference within half a period of 0. The constant that makes the error
    smallest is the circular median of d. No estimate scores more than a quarter of the period.

    Raises
    ------
    UserError
        If the shapes differ, or the images lack the channel.
    """
    error = difference(*compared(estimate, truth, params)).ravel() / params.period
    return params.period * float(np.abs(_wrapped(error - circular_median(error))).mean())


def circular_median(turns: np.ndarray) -> float:
    """Return the one of some angles from which all of them are least far on average.

    The mean distance from an angle is linear between the angles and the points opposite to them, and has its minima at
    angles. Sums over the half turn after each angle and over the one before it give all its values at once.

    Parameters
    ----------
    turns : ndarray
        Angles in whole turns, float64, shape (n,).

    Returns
    -------
    float
        In [0, 1].
    """
    angles = np.sort(turns % 1)
    number = len(angles)
    twice = np.concatenate([angles, angles + 1])
    sums = np.concatenate([[0.0], np.cumsum(twice)])
    first = np.arange(number)
    half = np.searchsorted(twice, angles + 0.5, side="right")
    after = sums[half] - sums[first] - (half - first) * angles
    before = (first + number - half) * (angles + 1) - (sums[first + number] - sums[half])
    return float(angles[np.argmin(after + before)])


def _wrapped(turns: np.ndarray) -> np.ndarray:
    """Return angles within half a turn of 0, both in turns."""
    return turns - np.round(turns)
