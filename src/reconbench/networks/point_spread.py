"""Convolution with a point spread function as a layer, for losses that compare with a blurred image."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional

from reconbench.continuation import fast_size
from reconbench.convolution import transfer_function
from reconbench.errors import UserError

Boundary = Literal["replicate", "reflect"]
Algorithm = Literal["auto", "direct", "fft"]
Sizes = Sequence[int]

CONVOLUTIONS = {2: functional.conv2d, 3: functional.conv3d}


class PointSpreadConvolution(torch.nn.Module):
    """Convolve every channel of a batch by itself with a fixed kernel; the result has the size of the image.

    The kernel is no parameter and stands in no state_dict. The layer computes in float32, or in float64 for an image of
    float64, also under autocast. It can be differentiated once.

    Parameters
    ----------
    kernel : ndarray
        Shape ([z,] y, x), odd sizes, the origin in the middle.
    boundary : {"replicate", "reflect"}
        What the image is beyond its edge: its edge pixel, or its reflection without repeating the edge pixel. These
        are the modes "nearest" and "mirror" of scipy.ndimage.
    algorithm : {"auto", "direct", "fft"}
        By the sum over the kernel, by the fast Fourier transform, or by that of the two that `takes_fft` names.

    Raises
    ------
    UserError
        If the kernel has not two or three axes of odd sizes or holds values that are not finite, or if the boundary or
        the algorithm is unknown.

    Notes
    -----
    Papkov et al. 2023 (arXiv:2308.09426, section 2.0.4) convolve in the Fourier domain in training.
    Here forward and backward take two real transforms each, and the last transfer function is kept.
    """

    def __init__(self, kernel: np.ndarray, boundary: Boundary = "replicate", algorithm: Algorithm = "auto"):
        super().__init__()
        self.kernel = np.array(kernel, dtype=np.float64)
        if self.kernel.ndim not in CONVOLUTIONS or any(size % 2 == 0 for size in self.kernel.shape):
            raise UserError(
                f"a kernel needs two or three axes of odd sizes; this one has the shape {self.kernel.shape}"
            )
        if not np.isfinite(self.kernel).all():
            raise UserError("the kernel holds values that are not finite")
        if boundary not in ("replicate", "reflect"):
            raise UserError(f"the boundary {boundary!r} is unknown; it is replicate or reflect")
        if algorithm not in ("auto", "direct", "fft"):
            raise UserError(f"the algorithm {algorithm!r} is unknown; it is auto, direct or fft")
        self.boundary, self.algorithm = boundary, algorithm
        self.margins = tuple(size // 2 for size in self.kernel.shape)
        self._kept: tuple[Any, Any] = (None, None)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Convolve images of shape (n, c, [z,] y, x), the result of the same shape.

        Raises
        ------
        UserError
            If the image has other axes than the kernel, or is too small to be reflected as far as the kernel reaches.
        """
        sizes = tuple(image.shape[2:])
        if len(sizes) != len(self.margins):
            raise UserError(
                f"a kernel of {len(self.margins)} axes cannot act on a batch of shape {tuple(image.shape)};"
                " it has a batch and a channel axis before them"
            )
        if self.boundary == "reflect" and any(m >= size for m, size in zip(self.margins, sizes, strict=True)):
            raise UserError(
                f"a kernel of shape {self.kernel.shape} reaches beyond the reflection of an image of shape {sizes};"
                " take the boundary replicate"
            )
        by_fft = takes_fft(self.kernel.shape, image.shape) if self.algorithm == "auto" else self.algorithm == "fft"
        with torch.autocast(image.device.type, enabled=False):
            image = image.to(torch.promote_types(image.dtype, torch.float32))
            return self._by_fft(image) if by_fft else self._by_sum(image)

    def _by_sum(self, image: torch.Tensor) -> torch.Tensor:
        weight = self._keep((image.dtype, image.device), self._weight)
        extended = functional.pad(image, _border(self.margins), mode=self.boundary)
        single = extended.flatten(0, 1).unsqueeze(1)
        return CONVOLUTIONS[len(self.margins)](single, weight).reshape(image.shape)

    def _by_fft(self, image: torch.Tensor) -> torch.Tensor:
        grid = _grid(self.kernel.shape, image.shape[2:])
        transfer = self._keep((grid, image.dtype, image.device), self._transfer)
        return _FourierConvolution.apply(image, transfer, grid, self.margins, self.boundary)

    def _keep(self, key: tuple, make: Callable[..., Any]) -> Any:
        """Return what was made for this key, made anew where the last one was another."""
        if self._kept[0] != key:
            # What is made while a network is only evaluated must serve its training too.
            with torch.inference_mode(False):
                self._kept = (key, make(*key))
        return self._kept[1]

    def _weight(self, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
        """Return the kernel mirrored in its middle, because torch's convolution is a correlation."""
        return torch.from_numpy(np.flip(self.kernel).copy())[None, None].to(device=device, dtype=dtype)

    def _transfer(self, grid: Sizes, dtype: torch.dtype, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the transfer function, shifted so that the result begins at the origin of the grid; its conjugate."""
        shifted = np.pad(self.kernel, [(0, size - 1) for size in self.kernel.shape])
        transfer = transfer_function(shifted, grid, dtype, device)
        return transfer, transfer.conj().resolve_conj()


@lru_cache(maxsize=64)
def takes_fft(kernel: tuple[int, ...], image: tuple[int, ...]) -> bool:
    """Return whether `PointSpreadConvolution` takes the FFT by itself.

    It does where the sum has more products than the FFT is worth: 20 for each point of its grid, and 150 000 for its
    calls. Taken like this, it was never the slower one for kernels of equal sizes, forward and backward, on one thread
    of a CPU. The rule asks for nothing but sizes, so that the algorithm is the same on every device.

    Parameters
    ----------
    kernel : tuple of int
        Shape ([z,] y, x).
    image : tuple of int
        Shape (n, c, [z,] y, x).
    """
    products = math.prod(kernel) * math.prod(image)
    points = math.prod(image[:2]) * math.prod(_grid(kernel, image[2:]))
    return products >= 20 * points + 150_000


def _grid(kernel: Sizes, image: Sizes) -> tuple[int, ...]:
    """Return the sizes of the FFT of an image that is extended by half a kernel on each side."""
    return tuple(fast_size(size + 2 * (width // 2)) for size, width in zip(image, kernel, strict=True))


class _FourierConvolution(torch.autograd.Function):
    """Extend an image, convolve it circularly and crop it; backward are the transposes in reverse.

    What wraps around the grid falls on what is cropped. Autograd's own derivative of a real transform is a complex one,
    which takes longer.
    """

    @staticmethod
    def forward(
        ctx: Any,
        image: torch.Tensor,
        transfer: tuple[torch.Tensor, torch.Tensor],
        grid: Sizes,
        margins: Sizes,
        boundary: Boundary,
    ) -> torch.Tensor:
        ctx.conjugate, ctx.grid, ctx.margins, ctx.boundary = transfer[1], grid, margins, boundary
        extended = functional.pad(image, _border(margins), mode=boundary)
        return _crop(_filter(extended, transfer[0], grid), image.shape[2:]).contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        extended = _crop(
            _filter(gradient, ctx.conjugate, ctx.grid),
            [size + 2 * margin for size, margin in zip(gradient.shape[2:], ctx.margins, strict=True)],
        )
        return _fold(extended, ctx.margins, ctx.boundary).contiguous(), None, None, None, None


def _filter(image: torch.Tensor, transfer: torch.Tensor, grid: Sizes) -> torch.Tensor:
    """Fill an image up with zeros to the grid, and multiply its spectrum."""
    axes = tuple(range(-len(grid), 0))
    spectrum = torch.fft.rfftn(image, s=grid, dim=axes)
    spectrum *= transfer
    return torch.fft.irfftn(spectrum, s=grid, dim=axes)


def _crop(image: torch.Tensor, sizes: Sizes) -> torch.Tensor:
    """Return the beginning of the last axes."""
    return image[(..., *map(slice, sizes))]


def _border(margins: Sizes) -> list[int]:
    """Return margins as torch's padding takes them, the last axis first."""
    return [margin for margin in reversed(margins) for _ in range(2)]


def _fold(extended: torch.Tensor, margins: Sizes, boundary: Boundary) -> torch.Tensor:
    """Add the border to the pixels that it repeats, the transpose of an extension, in place; torch's own is slower."""
    for axis, margin in enumerate(margins, start=2):
        size = extended.shape[axis] - 2 * margin
        before, image, after = extended.split([margin, size, margin], axis)
        if boundary == "replicate":
            image.narrow(axis, 0, 1).add_(before.sum(axis, keepdim=True))
            image.narrow(axis, size - 1, 1).add_(after.sum(axis, keepdim=True))
        else:
            image.narrow(axis, 1, margin).add_(before.flip(axis))
            image.narrow(axis, size - 1 - margin, margin).add_(after.flip(axis))
        extended = image
    return extended
