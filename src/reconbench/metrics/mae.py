"""Mean absolute error."""

import numpy as np

from reconbench.contracts import Metric
from reconbench.metrics._channels import ChannelParameters, compared, require_alike

METRIC = Metric(
    name="mae",
    title="MAE",
    unit="",
    better="lower",
    reference="F. Wang et al. 2018, arXiv:1810.12183, eq. 3, there printed as a sum",
)


class Params(ChannelParameters):
    """Parameters of the mean absolute error."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: Params) -> float:
    """Return the mean of |estimate - truth|, in double precision.

    Raises
    ------
    UserError
        If the shapes differ, or the images lack the channel.
    """
    return float(np.abs(difference(*compared(estimate, truth, params))).mean())


def difference(estimate: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return estimate - truth, float64.

    Raises
    ------
    UserError
        If the shapes differ.
    """
    require_alike(estimate, truth)
    return np.subtract(estimate, truth, dtype=np.float64)
