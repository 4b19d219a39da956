"""What a filter in the Fourier domain needs of an image and its point-spread function: a periodic grid for both."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch.nn import functional

from reconbench.continuation import continue_into_darkness, continue_periodically, fast_size, project
from reconbench.convolution import transfer_function
from reconbench.errors import UserError

Boundary = Literal["fade", "zero", "edge_taper", "circular"]

KEPT_BYTES = 256 << 20
TAPERS = 3


class TransferFunctions:
    """The transfer functions of point-spread functions on periodic grids, the last used ones kept.

    Parameters
    ----------
    limit : int
        Bytes that may be kept; the last one always is.
    """

    def __init__(self, limit: int = KEPT_BYTES):
        self.limit = limit
        self._kept: OrderedDict[tuple, tuple[np.ndarray, torch.Tensor, torch.Tensor]] = OrderedDict()

    def __call__(
        self, kernel: np.ndarray, grid: tuple[int, ...], dtype: torch.dtype, device: torch.device
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the transfer function of a kernel and its squared magnitude, halves as `torch.fft.rfftn` gives them.

        A kernel is known again as the same object. So it must not be changed in place.
        """
        key = (id(kernel), grid, dtype, device)
        found = self._kept.pop(key, None)
        # Another kernel may have come to the address of one that a copy of this object does not hold any more.
        if found is None or found[0] is not kernel:
            # What is made while a network is only evaluated must serve its training too.
            with torch.inference_mode(False):
                transfer = transfer_function(kernel, grid, dtype, device)
                found = (kernel, transfer, transfer.abs().square())
        self._kept[key] = found
        while len(self._kept) > 1 and self.bytes > self.limit:
            self._kept.popitem(last=False)
        return found[1:]

    @property
    def bytes(self) -> int:
        """Memory of what is kept."""
        return sum(transfer.nbytes + power.nbytes for _, transfer, power in self._kept.values())


def make_periodic(
    image: torch.Tensor, kernel: np.ndarray, boundary: Boundary, transfers: TransferFunctions
) -> tuple[torch.Tensor, tuple[int, ...]]:
    """Return an image that may be repeated, and where in it the image lies.

    Parameters
    ----------
    image : torch.Tensor
        Shape (n, c, [z,] y, x).
    kernel : ndarray
        Shape ([z,] y, x), odd sizes: what has blurred the image.
    boundary : {"fade", "zero", "edge_taper", "circular"}
        Let its reflections fade into each other for at least the size of the kernel
        (`reconbench.continuation.continue_periodically`); append the light that the kernel spreads there where the
        truth is zero beyond the edge (`continue_into_darkness`); repeat its edge pixels for half the kernel on each
        side, then `taper_edges`; or leave it alone.
    transfers : TransferFunctions

    Returns
    -------
    periodic : torch.Tensor
        Of sizes that an FFT does fast, unless it is circular.
    corner : tuple of int
        The first pixel of the image, ([z,] y, x).

    Raises
    ------
    UserError
        If the kernel has other axes than the image, or the boundary is unknown.
    """
    sizes = image.shape[2:]
    if kernel.ndim != len(sizes):
        raise UserError(f"a point-spread function of {kernel.ndim} axes does not fit an image of shape {tuple(sizes)}")
    if boundary == "circular":
        return image, (0,) * kernel.ndim
    if boundary == "fade":
        return continue_periodically(image, kernel.shape), (0,) * kernel.ndim
    if boundary == "zero":
        for axis, (size, width) in enumerate(zip(sizes, kernel.shape, strict=True)):
            line = image.movedim(axis + 2, -1)
            line = continue_into_darkness(line, project(kernel, axis), fast_size(size + width) - size)
            image = line.movedim(-1, axis + 2)
        return image, (0,) * kernel.ndim
    if boundary != "edge_taper":
        raise UserError(f"the boundary {boundary!r} is unknown; it is fade, zero, edge_taper or circular")
    margins = tuple(size // 2 for size in kernel.shape)
    border: list[int] = []
    for size, margin in zip(reversed(sizes), reversed(margins), strict=True):  # torch begins with the last axis.
        border += (margin, fast_size(size + 2 * margin) - size - margin)
    extended = functional.pad(image, border, mode="replicate")
    return taper_edges(extended, kernel, transfers), margins


def taper_edges(image: torch.Tensor, kernel: np.ndarray, transfers: TransferFunctions) -> torch.Tensor:
    """Return an image whose edges are blurred until it hardly has a step where it repeats.

    With the convolution K on the periodic grid and the weights w of `edge_weights`, it is three times

        y <- w y + (1 - w) K y.

    Parameters
    ----------
    image : torch.Tensor
        Shape (n, c, [z,] y, x).
    kernel : ndarray
        Shape ([z,] y, x), odd sizes.
    transfers : TransferFunctions

    Returns
    -------
    torch.Tensor
        Same shape.
    """
    grid, axes = tuple(image.shape[2:]), tuple(range(2, image.ndim))
    transfer, _ = transfers(kernel, grid, image.dtype, image.device)
    weights = torch.from_numpy(edge_weights(kernel, grid)).to(image)
    for _ in range(TAPERS):
        blurred = torch.fft.irfftn(transfer * torch.fft.rfftn(image, dim=axes), s=grid, dim=axes)
        image = torch.lerp(blurred, image, weights)
    return image


def edge_weights(kernel: np.ndarray, grid: Sequence[int]) -> np.ndarray:
    """Return how much of an image tapering keeps at each pixel.

    It is the product over the axes of 1 - A(d) / A(0), where A is the autocorrelation of the kernel's projection onto
    the axis and d the distance to the nearer end of the axis: 0 at the edge, 1 from a whole kernel off it.

    Returns
    -------
    ndarray
        The shape of the grid, float64.
    """
    weights = np.ones(())
    for axis, size in enumerate(grid):
        projection = kernel.sum(axis=tuple(other for other in range(kernel.ndim) if other != axis))
        correlation = np.correlate(projection, projection, "full")[projection.size - 1 :]
        distance = np.minimum(np.arange(size), np.arange(size)[::-1])
        falling = np.append(correlation / correlation[0], 0)[distance.clip(max=projection.size)]
        weights = np.multiply.outer(weights, 1 - falling)
    return weights
