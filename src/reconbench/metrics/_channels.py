"""Metrics of one channel of an image, of the phase of a wave for instance."""

import numpy as np
from pydantic import Field

from reconbench.contracts import Parameters
from reconbench.errors import UserError


class ChannelParameters(Parameters):
    """Parameters of a metric that may look at one channel alone."""

    channel: int | None = Field(default=None, ge=0)
    """The channel that is compared, counted from 0: of a wave, 0 is the amplitude and 1 the phase. By default the image
    as it is."""


def require_alike(estimate: np.ndarray, truth: np.ndarray) -> None:
    """Raise UserError unless two images have one shape."""
    if estimate.shape != truth.shape:
        raise UserError(f"the estimate has shape {estimate.shape} and the truth {truth.shape}; they must be equal")


def compared(estimate: np.ndarray, truth: np.ndarray, params: ChannelParameters) -> tuple[np.ndarray, np.ndarray]:
    """Return the channel of two images that is compared, or both as they are.

    Raises
    ------
    UserError
        If the shapes differ, or the images lack the channel.
    """
    require_alike(estimate, truth)
    if params.channel is None:
        return estimate, truth
    if truth.ndim < 3 or len(truth) <= params.channel:
        raise UserError(
            f"there is no channel {params.channel} in images of shape {truth.shape}; leave `channel` out where images "
            "have none"
        )
    return estimate[params.channel], truth[params.channel]
