"""Losses of training, each of one value an image; a method weights them and takes the mean over the batch."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from reconbench.errors import UserError

WINDOW = 7
K1, K2 = 0.01, 0.03


def mean_squared_error(estimate: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error of each image of a batch.

    Parameters
    ----------
    estimate, target : torch.Tensor
        Shape (n, c, [z,] y, x).

    Returns
    -------
    torch.Tensor
        Shape (n,), of the target's type, so that an estimate in half precision loses no more digits here.
    """
    return (estimate.to(target.dtype) - target).square().flatten(start_dim=1).mean(dim=1)


def negative_psnr(estimate: torch.Tensor, target: torch.Tensor, margins: Sequence[tuple[int, ...]]) -> torch.Tensor:
    """Return the negative peak signal-to-noise ratio of each image of a batch, for a peak of 1 and without its margin.

    It is 10 log10 of the mean squared error, the loss of Moskalev 2019.

    Parameters
    ----------
    estimate, target : torch.Tensor
        Shape (n, c, [z,] y, x).
    margins : sequence of tuple of int
        Pixels to leave out at each side of each axis ([z,] y, x), for every image of the batch.

    Returns
    -------
    torch.Tensor
        Shape (n,), decibels, of the target's type. It is finite where an estimate has no error.

    Raises
    ------
    UserError
        If a margin leaves nothing of an image, or there is not one for every image.
    """
    if len(margins) != len(target):
        raise UserError(f"a batch of {len(target)} images needs as many margins, not {len(margins)}")
    sizes = target.shape[-len(margins[0]) :]
    errors = []
    for image, truth, margin in zip(estimate, target, margins, strict=True):
        if any(size <= 2 * width for size, width in zip(sizes, margin, strict=True)):
            raise UserError(
                f"nothing is left of images of {tuple(sizes)} pixels without the {margin} at each side that the loss "
                f"leaves out; make `patch` larger than {tuple(2 * width for width in margin)}"
            )
        inside = (..., *(slice(width, size - width) for size, width in zip(sizes, margin, strict=True)))
        errors.append(mean_squared_error(image[inside][None], truth[inside][None]))
    return 10 * torch.cat(errors).clamp(min=torch.finfo(target.dtype).tiny).log10()


def huberised(error: torch.Tensor, scale: float = 1000.0) -> torch.Tensor:
    """Return scaled errors, the large ones by their root, so that a very noisy image does not rule a step.

    It is equation 2 of Ede and Beanland 2019 (doi:10.1016/j.ultramic.2019.03.017) for each element: scale error where
    that is below 1, else its square root.

    Parameters
    ----------
    error : torch.Tensor
        Mean squared errors, not negative.
    scale : float

    Returns
    -------
    torch.Tensor
        Same shape, without unit.
    """
    scaled = scale * error
    # The derivative of a root is infinite at 0, and would spoil the one of the other branch there.
    return torch.where(scaled < 1, scaled, scaled.clamp(min=1).sqrt())


def structural_dissimilarity(estimate: torch.Tensor, target: torch.Tensor, data_range: float) -> torch.Tensor:
    """Return 1 - SSIM of each image of a batch, as the metric `ssim` computes it.

    Parameters
    ----------
    estimate, target : torch.Tensor
        Shape (n, c, y, x), at least 7 pixels along y and x.
    data_range : float
        Difference of the largest and the smallest value that a target can have, the images' unit.

    Returns
    -------
    torch.Tensor
        Shape (n,): one minus the mean over channels and all places where a uniform window of 7 x 7 pixels fits of
        equation 13 of Wang et al. 2004 (doi:10.1109/TIP.2003.819861), with the sample covariance.

    Raises
    ------
    UserError
        If an image is smaller than the window.
    """
    if min(target.shape[-2:]) < WINDOW:
        raise UserError(f"SSIM needs {WINDOW} pixels along each axis; the images have shape {tuple(target.shape)}")
    x, y = estimate.to(target.dtype), target
    mean_x, mean_y = _local_mean(x), _local_mean(y)
    sample = WINDOW**2 / (WINDOW**2 - 1)
    covariance = sample * (_local_mean(x * y) - mean_x * mean_y)
    variances = sample * (_local_mean(x * x + y * y) - mean_x**2 - mean_y**2)
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variances + c2)
    return 1 - (luminance * structure).flatten(start_dim=1).mean(dim=1)


def _local_mean(images: torch.Tensor) -> torch.Tensor:
    """Return the mean over the window at each place where it fits entirely."""
    return functional.avg_pool2d(images, WINDOW, stride=1)
