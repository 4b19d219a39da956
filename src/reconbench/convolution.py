"""Linear operators on images: convolution with a kernel, and finite differences, each with its adjoint.

All take and give torch tensors of shape (..., [z,] y, x), on any device and of any real type, and are differentiable.
torch is imported inside the functions, so that importing this module costs nothing.
"""

from typing import Literal

import numpy as np

from reconbench.continuation import fast_size, reflected_places
from reconbench.errors import UserError

Boundary = Literal["zero", "symmetric", "circular"]


class Convolution:
    """Convolution of an image with a kernel, by real FFTs; the result has the size of the image.

    The grid is only as large as the boundary asks for: n + k // 2 for zeros (what wraps around ends in the padding),
    n + 2 (k // 2) for reflections, n if circular, rounded up to a fast size. The last transfer function is kept, with
    its conjugate.

    Parameters
    ----------
    kernel : array_like
        Shape ([z,] y, x), odd sizes, the origin in the middle. It acts on as many trailing axes of the image.
    boundary : {"zero", "symmetric", "circular"}
        What the image is beyond its edge: zero, its reflection with the edge pixel repeated, or its own repetition.

    Raises
    ------
    UserError
        If a size of the kernel is even, it holds values that are not finite, or the boundary is unknown.

    Notes
    -----
    With H the operator, `adjoint` is its transpose, and `flipped` the convolution with the kernel mirrored in the
    origin under the same boundary. They are equal for "zero" and "circular". For "symmetric" they differ near the
    edge, where the transpose folds back into the image what fell beyond it.
    """

    def __init__(self, kernel: np.ndarray, boundary: Boundary = "zero"):
        self.kernel = np.asarray(kernel, dtype=np.float64)
        if any(size % 2 == 0 for size in self.kernel.shape):
            raise UserError(f"a kernel needs odd sizes, so that it has a middle; this one has {self.kernel.shape}")
        if not np.isfinite(self.kernel).all():
            raise UserError("the kernel holds values that are not finite")
        if boundary not in ("zero", "symmetric", "circular"):
            raise UserError(f"the boundary {boundary!r} is unknown; it is zero, symmetric or circular")
        self.reflects = boundary == "symmetric"
        self.margins = tuple(size // 2 for size in self.kernel.shape)
        self.padding = tuple({"zero": 1, "symmetric": 2, "circular": 0}[boundary] * margin for margin in self.margins)
        self.axes = tuple(range(-self.kernel.ndim, 0))
        self._kept: tuple = (None, None)

    def __call__(self, image):
        """Return H applied to an image."""
        return self._same_size(image, flip=False)

    def flipped(self, image):
        """Return the convolution with the flipped kernel under the same boundary, as Lucy-Richardson uses it."""
        return self._same_size(image, flip=True)

    def adjoint(self, image):
        """Return the transpose of H applied to an image."""
        return self._transposed(image) if self.reflects else self._same_size(image, flip=True)

    def _same_size(self, image, flip: bool):
        grid = self._grid(image.shape)
        extended = image
        if self.reflects:
            for axis, margin, size in zip(self.axes, self.margins, grid, strict=True):
                extended = _reflect(extended, axis, margin, size - margin - image.shape[axis])
        result = self._filter(extended, grid, flip)
        for axis, margin in zip(self.axes, self.margins, strict=True):
            result = result.narrow(axis, margin if self.reflects else 0, image.shape[axis])
        return result

    def _transposed(self, image):
        """Undo the steps of a symmetric convolution in reverse: pad for the crop, filter, fold for the reflection."""
        import torch

        border = [margin for margin in reversed(self.margins) for _ in range(2)]
        result = self._filter(torch.nn.functional.pad(image, border), self._grid(image.shape), flip=True)
        for axis, margin in zip(self.axes, self.margins, strict=True):
            size = image.shape[axis]
            before, after = reflected_places(size, margin, margin, image.device)
            folded = result.narrow(axis, margin, size)
            folded = folded.index_add(axis, before, result.narrow(axis, 0, margin))
            result = folded.index_add(axis, after, result.narrow(axis, margin + size, margin))
        return result

    def _grid(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the sizes of the FFT for an image of this shape."""
        _require_axes(self.kernel.ndim, shape)
        return tuple(
            fast_size(shape[axis] + padding) if padding else shape[axis]
            for axis, padding in zip(self.axes, self.padding, strict=True)
        )

    def _filter(self, extended, grid: tuple[int, ...], flip: bool):
        """Fill the extended image up with zeros, and convolve it circularly."""
        import torch

        key = (grid, extended.dtype, extended.device)
        if self._kept[0] != key:
            transfer = transfer_function(self.kernel, *key)
            self._kept = (key, (transfer, transfer.conj().resolve_conj()))
        spectrum = torch.fft.rfftn(extended, s=grid, dim=self.axes)
        spectrum *= self._kept[1][flip]
        return torch.fft.irfftn(spectrum, s=grid, dim=self.axes)


def transfer_function(kernel: np.ndarray, grid: tuple[int, ...], dtype=None, device="cpu"):
    """Return the discrete Fourier transform of a kernel, its middle at the origin of a periodic grid.

    Parameters
    ----------
    kernel : ndarray
        Shape ([z,] y, x), odd sizes. What is larger than the grid wraps around.
    grid : tuple of int
        Sizes of the grid.
    dtype : torch.dtype, optional
        Real type of the images; by default float32.
    device : torch.device or str

    Returns
    -------
    torch.Tensor
        Complex, the non-negative half of the last axis as `torch.fft.rfftn` orders it. It is computed in double
        precision and rounded once.

    Raises
    ------
    UserError
        If kernel and grid differ in the number of axes.
    """
    import torch

    if kernel.ndim != len(grid):
        raise UserError(f"a kernel of {kernel.ndim} axes has no transfer function on a grid of shape {tuple(grid)}")
    periodic = np.zeros(grid)
    places = [(np.arange(size) - size // 2) % period for size, period in zip(kernel.shape, grid, strict=True)]
    np.add.at(periodic, np.ix_(*places), kernel)
    complex_type = torch.complex128 if dtype == torch.float64 else torch.complex64
    return torch.fft.rfftn(torch.from_numpy(periodic)).to(device=device, dtype=complex_type)


def squared_gradient(grid: tuple[int, ...], device="cpu"):
    """Return the symbol of gradient^T gradient on a periodic grid: the sum over the axes of 4 sin^2(omega / 2).

    Returns
    -------
    torch.Tensor
        float32, the half of the spectrum that `torch.fft.rfftn` gives. Its negative is the symbol of the Laplacian.
    """
    import torch

    frequencies = [torch.fft.fftfreq(size, device=device) for size in grid[:-1]]
    frequencies.append(torch.fft.rfftfreq(grid[-1], device=device))
    return sum(4 * torch.sin(torch.pi * axis) ** 2 for axis in torch.meshgrid(*frequencies, indexing="ij"))


def spectrum_mean(values, size: int) -> float:
    """Return the mean over all frequencies of something given on the half of the spectrum that `rfftn` gives.

    Parameters
    ----------
    values : torch.Tensor
        Real, shape (..., size // 2 + 1), equal at opposite frequencies.
    size : int
        Size of the last axis of the grid.
    """
    total = 2 * values.sum() - values[..., 0].sum()
    if size % 2 == 0:
        total = total - values[..., -1].sum()
    return float(total) / (values[..., 0].numel() * size)


def gradient(image, dimensions: int):
    """Return the forward differences along the last axes, zero at the last pixel of each.

    Parameters
    ----------
    image : torch.Tensor
        Shape (..., [z,] y, x).
    dimensions : int
        Number of trailing axes to differentiate along.

    Returns
    -------
    torch.Tensor
        Shape (dimensions, ..., [z,] y, x).
    """
    differences = image.new_zeros((dimensions, *image.shape))
    for axis in range(1, dimensions + 1):
        size = image.shape[-axis] - 1
        differences[-axis].narrow(-axis, 0, size).copy_(image.diff(dim=-axis))
    return differences


def gradient_adjoint(field):
    """Return the transpose of `gradient` applied to a field, which is its negative divergence.

    Parameters
    ----------
    field : torch.Tensor
        Shape (dimensions, ..., [z,] y, x), the components in the order of the axes.

    Returns
    -------
    torch.Tensor
        Shape (..., [z,] y, x).
    """
    image = field.new_zeros(field.shape[1:])
    for axis in range(1, len(field) + 1):
        size = image.shape[-axis] - 1
        component = field[-axis].narrow(-axis, 0, size)
        image.narrow(-axis, 0, size).sub_(component)
        image.narrow(-axis, 1, size).add_(component)
    return image


def _require_axes(count: int, shape: tuple[int, ...]) -> None:
    if len(shape) < count:
        raise UserError(f"a kernel of {count} axes cannot act on an image of shape {tuple(shape)}")


def _reflect(image, axis: int, pixels_before: int, pixels_after: int):
    """Extend one axis of an image by reflection, the edge pixel repeated."""
    import torch

    before, after = reflected_places(image.shape[axis], pixels_before, pixels_after, image.device)
    return torch.cat([image.index_select(axis, before), image, image.index_select(axis, after)], dim=axis)
