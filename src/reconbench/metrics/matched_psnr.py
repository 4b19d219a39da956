"""Peak signal-to-noise ratio of an estimate whose offset and gain are matched to the truth."""

import numpy as np

from reconbench.contracts import Metric, Parameters
from reconbench.metrics import psnr
from reconbench.metrics._matching import matched

METRIC = Metric(
    name="matched_psnr",
    title="PSNR, matched",
    unit="dB",
    better="higher",
    reference="Papkov et al. 2023, arXiv:2308.09426",
)


class Params(Parameters):
    """No parameters."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: Params) -> float:
    """Return 10 log10(1 / MSE), infinite where the estimate is the truth but for offset and gain.

    The truth is normalised by its percentiles 0.1 and 99.9 first, both lose their mean, and the estimate is scaled by
    least squares (`_matching.matched`, which raises UserError where that cannot be done).
    """
    return psnr.metric(*matched(estimate, truth), psnr.Params())
