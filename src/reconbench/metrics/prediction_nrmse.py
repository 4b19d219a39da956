"""Error of a predicted plane, over the contrast of that plane."""

import numpy as np

from reconbench.contracts import Metric
from reconbench.errors import UserError
from reconbench.metrics import _plane_prediction

METRIC = Metric(
    name="prediction_nrmse",
    title="NRMSE",
    unit="",
    better="lower",
    reference="root mean squared error over the standard deviation of the truth, both inside, after one shift",
)


class Params(_plane_prediction.Params):
    """Parameters of the error."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: Params) -> float:
    """Return the root mean squared error inside the margin, over the standard deviation of the truth there.

    0 is a perfect prediction, and 1 what the mean of the plane itself would have.

    Parameters
    ----------
    estimate, truth : ndarray
        Shape (y, x).
    params : Params

    Raises
    ------
    UserError
        As `smallest_error` does, or if the truth is constant inside.
    """
    error = _plane_prediction.smallest_error(estimate, truth, params)
    contrast = float(_plane_prediction.inside_margin(truth, params).std(dtype=np.float64))
    if contrast == 0:
        raise UserError("the plane to be predicted is constant inside the margin, so that no error relates to it")
    return error / contrast
