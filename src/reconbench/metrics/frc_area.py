"""Area under the Fourier ring correlation of estimate and truth."""

import numpy as np

from reconbench.contracts import Metric
from reconbench.metrics._channels import ChannelParameters, compared
from reconbench.metrics._fourier_rings import ring_correlation

METRIC = Metric(
    name="frc_area",
    title="FRC area",
    unit="",
    better="higher",
    reference="van Heel and Schatz 2005, doi:10.1016/j.jsb.2005.05.009; F. Wang et al. 2018, arXiv:1810.12183, eq. 4",
)


class Params(ChannelParameters):
    """Parameters of the area under the Fourier ring correlation."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: Params) -> float:
    """Return the mean of the Fourier ring correlation from the first ring to Nyquist's frequency.

    1 for equal images, and for those that differ by an offset and a positive gain; about 0 for unrelated ones. All
    frequencies count alike. A constant estimate has no power in any ring, and scores 0.

    Parameters
    ----------
    estimate, truth : ndarray
        One shape (y, x), or (c, y, x) where a channel is compared.
    params : Params

    Raises
    ------
    UserError
        If the shapes differ, the images lack the channel, or these are not images of at least 4 pixels a side.
    """
    return float(ring_correlation(*compared(estimate, truth, params)).mean())
