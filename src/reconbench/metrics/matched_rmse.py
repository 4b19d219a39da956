"""Root mean squared error of an estimate whose offset and gain are matched to the truth."""

import numpy as np

from reconbench.contracts import Metric, Parameters
from reconbench.metrics import rmse
from reconbench.metrics._matching import matched

METRIC = Metric(
    name="matched_rmse",
    title="RMSE, matched",
    unit="",
    better="lower",
    reference="Papkov et al. 2023, arXiv:2308.09426",
)


class Params(Parameters):
    """No parameters."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: Params) -> float:
    """Return the root mean squared error; its unit is the range of the truth between its percentiles.

    The truth is normalised by its percentiles 0.1 and 99.9 first, both lose their mean, and the estimate is scaled by
    least squares (`_matching.matched`, which raises UserError where that cannot be done).
    """
    return rmse.metric(*matched(estimate, truth), rmse.Params())
