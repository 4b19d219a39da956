"""What the metrics of volumes do before they compare: normalise the truth, and match the estimate to it."""

import numpy as np

from reconbench.errors import UserError

PERCENTILES = (0.1, 99.9)
# What the steps below leave between two images that are equal.
ROUNDING = 1e-12


def matched(estimate: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return an estimate and its truth on one scale, whatever the estimate's offset and gain.

    As in the code of Papkov et al. 2023 (arXiv:2308.09426) for volumes: the truth is normalised so
    that its percentiles 0.1 and 99.9 become 0 and 1, both lose their mean, and the estimate is multiplied by

        cov(truth, estimate) / var(estimate),

    which brings it nearest to the truth. Nothing is clipped. That code normalises the truth twice, and the second time
    changes nothing. The factor of a constant estimate is 0: without its mean nothing is left of it to be scaled. That
    of an estimate which is darker where the truth is brighter is negative, and shows it as if it were its negative.
    An estimate that then differs from the truth by rounding alone is the truth.

    Parameters
    ----------
    estimate, truth : ndarray
        One shape, of any number of axes.

    Returns
    -------
    estimate, truth : ndarray
        float64, each with mean 0.

    Raises
    ------
    UserError
        If the shapes differ, or the percentiles of the truth are equal.
    """
    if estimate.shape != truth.shape:
        raise UserError(f"the estimate has shape {estimate.shape} and the truth {truth.shape}; they must be equal")
    truth = truth.astype(np.float64)
    low, high = np.percentile(truth, PERCENTILES)
    if low == high:
        raise UserError(
            f"a matched metric needs a truth whose percentiles {PERCENTILES[0]} and {PERCENTILES[1]} differ; "
            f"both are {low:g}"
        )
    truth = _without_mean((truth - low) / (high - low))
    if estimate.min() == estimate.max():
        return np.zeros_like(truth), truth
    estimate = _without_mean(estimate.astype(np.float64))
    scaled = estimate * (np.vdot(truth, estimate) / np.vdot(estimate, estimate))
    return (truth if np.allclose(scaled, truth, rtol=0, atol=ROUNDING) else scaled), truth


def _without_mean(image: np.ndarray) -> np.ndarray:
    return image - image.mean()
