"""The loss of networks with outputs at several scales (Wang et al. 2018, 2020)."""

from collections.abc import Sequence

import torch
from torch.nn import functional


def mean_absolute_errors(outputs: Sequence[torch.Tensor], target: torch.Tensor) -> list[torch.Tensor]:
    """Return the mean absolute error of each output.

    A side output is compared with means over as many pixels of the target as one of its own covers.

    Parameters
    ----------
    outputs : sequence of torch.Tensor
        Shape (n, c, y, x), then each half as large along y and x as the one before.
    target : torch.Tensor
        Shape (n, c, y, x).

    Returns
    -------
    list of torch.Tensor
        One number for each output, of the target's type.
    """
    errors = []
    for halvings, output in enumerate(outputs):
        target = functional.avg_pool2d(target, 2) if halvings else target
        errors.append(mean_absolute_error(output, target))
    return errors


def mean_absolute_error(estimate: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the mean absolute error over a batch, of the target's type."""
    return (estimate.to(target.dtype) - target).abs().mean()
