"""Signal-to-noise ratio of an estimate whose gain and offset are fitted to the truth."""

import numpy as np

from reconbench.contracts import Metric, Parameters
from reconbench.errors import UserError
from reconbench.metrics import snr

METRIC = Metric(
    name="snr_fitted",
    title="SNR, gain and offset fitted",
    unit="dB",
    better="higher",
    reference="none: what is left of the error when brightness and contrast do not count",
)
# What remains of images with a peak of 1 that differ by gain and offset alone.
ROUNDING = 1e-12


class Params(Parameters):
    """No parameters."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: Params) -> float:
    """Return the SNR in dB of a estimate + b, where the gain a and the offset b make it highest.

    10 log10(sum truth^2 / min over a, b of sum (a estimate + b - truth)^2), in double precision. A constant estimate is
    fitted by the offset alone. A gain may be negative: a negative image is as good as the image. An estimate that then
    differs by rounding alone is the truth, and the ratio infinite.

    Raises
    ------
    UserError
        If the shapes differ, or the truth is zero everywhere.
    """
    if estimate.shape != truth.shape:
        raise UserError(f"the estimate has shape {estimate.shape} and the truth {truth.shape}; they must be equal")
    return snr.metric(_fitted(estimate.astype(np.float64), truth.astype(np.float64)), truth, snr.Params())


def _fitted(estimate: np.ndarray, truth: np.ndarray) -> np.ndarray:
    offset = truth.mean()
    if estimate.min() == estimate.max():
        return np.full_like(truth, offset)
    estimate = estimate - estimate.mean()
    gain = np.vdot(estimate, truth - offset) / np.vdot(estimate, estimate)
    fitted = gain * estimate + offset
    return truth if np.allclose(fitted, truth, rtol=0, atol=ROUNDING) else fitted
