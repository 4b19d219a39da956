"""By how much a predicted plane is better than one that was measured."""

from typing import Annotated

import numpy as np
from pydantic import Field

from reconbench.contracts import Metric
from reconbench.errors import UserError
from reconbench.metrics import _plane_prediction

METRIC = Metric(
    name="prediction_skill",
    title="skill",
    unit="",
    better="higher",
    reference="1 - error / error of a measured plane next to the predicted one",
    of_measurement=True,
)


class Params(_plane_prediction.Params):
    """Parameters of the error, the same for the baseline, and which plane that is."""

    baseline: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Number of the measured plane that is the baseline, from 0: the one next to the plane that is left out."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: Params, measurement: np.ndarray) -> float:
    """Return 1 - error / error of the baseline, each inside the margin and after its own best shift.

    1 is a perfect prediction, 0 is as good as the baseline, and below 0 is worse. The baseline is a plane of the
    measurement as it stands, the same for all rows of a table. If it is the truth itself, all else is minus infinity.

    Parameters
    ----------
    estimate, truth : ndarray
        Shape (y, x).
    params : Params
    measurement : ndarray
        Shape (c, y, x), or (y, x) for one plane.

    Raises
    ------
    UserError
        As `smallest_error` does, or if the measurement has no such plane.
    """
    planes = measurement.reshape(-1, *measurement.shape[-2:])
    if params.baseline >= len(planes):
        raise UserError(f"the baseline is to be plane {params.baseline} of a measurement that has {len(planes)}")
    before = _plane_prediction.smallest_error(planes[params.baseline], truth, params)
    after = _plane_prediction.smallest_error(estimate, truth, params)
    if before == 0:
        return 0.0 if after == 0 else -np.inf
    return 1 - after / before
