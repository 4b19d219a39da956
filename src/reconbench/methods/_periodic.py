"""What methods share that filter in the Fourier domain: an image made periodic, its spectrum, and filters kept.

Spectra are the halves that `torch.fft.rfftn` gives. torch is imported inside the functions.
"""

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import model_validator

from reconbench.contracts import Parameters, Reading
from reconbench.errors import UserError

PeriodicBoundary = Literal["symmetric", "zero", "circular"]


class PeriodicParameters(Parameters):
    """Parameters of a method that makes the measurement periodic."""

    boundary: PeriodicBoundary = "symmetric"
    """How the image goes on beyond its edge: by its reflections fading into each other; by the light that the blur
    spreads there, where the truth is zero beyond the edge, as the forward models have it; or by its own repetition."""


class TwoReadings(PeriodicParameters):
    """Parameters of an algorithm of DeconvolutionLab2 (Sage et al. 2017, doi:10.1016/j.ymeth.2016.12.015).

    With `as_published` what is not given is as there: `published`, and a circular boundary.
    """

    published: ClassVar[dict[str, Any]] = {}

    reading: Reading = "corrected"
    """`as_published` does what DeconvolutionLab2 does, with its defaults."""

    @model_validator(mode="before")
    @classmethod
    def _published_defaults(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("reading") == "as_published":
            return {"boundary": "circular", **cls.published, **given}
        return given


class PeriodicBlur:
    """Convolution with a kernel on the periodic grid of an image, where it is a product of spectra.

    Parameters
    ----------
    kernel : ndarray
        Shape ([z,] y, x), odd sizes, the origin in the middle.
    shape : tuple of int
        Shape of the image, ([z,] y, x).
    boundary : {"symmetric", "zero", "circular"}
        Whether the image goes on, for at least the size of the kernel, by its reflections (`continue_periodically`) or
        by the light that comes from it (`continue_into_darkness`), or is its own repetition.
    device : str
        ``"cpu"`` or ``"cuda"``.
    divisor : int
        A power of 2 that divides every size of the grid. An image that is circular but has other sizes goes on, too.

    Attributes
    ----------
    grid : tuple of int
        Sizes of the grid; the image is its beginning.
    transfer, power : torch.Tensor
        The transfer function H, and |H|^2.

    Raises
    ------
    UserError
        If kernel and image differ in the number of axes.
    """

    def __init__(
        self,
        kernel: np.ndarray,
        shape: tuple[int, ...],
        boundary: PeriodicBoundary = "symmetric",
        device: str = "cpu",
        divisor: int = 1,
    ):
        from reconbench.convolution import transfer_function

        if kernel.ndim != len(shape):
            raise UserError(f"a kernel of {kernel.ndim} axes is no blur of an image of shape {tuple(shape)}")
        margins = (0,) * kernel.ndim if boundary == "circular" else kernel.shape
        self.kernel = kernel
        self.shape = shape
        self.boundary = boundary
        self.device = device
        self.grid = tuple(
            size if margin == 0 and size % divisor == 0 else _divisible_fast_size(size + margin, divisor)
            for size, margin in zip(shape, margins, strict=True)
        )
        self.transfer = transfer_function(kernel, self.grid, device=device)
        self.power = self.transfer.abs().square()
        self.axes = tuple(range(-len(shape), 0))

    def spectrum(self, image: np.ndarray):
        """Return the spectrum of an image of shape (..., [z,] y, x), continued until it fills the grid."""
        import torch

        from reconbench.continuation import continue_into_darkness, continue_periodically, project

        # Copied only where it is read-only, of which torch would warn.
        extended = torch.from_numpy(np.require(image, requirements=["C", "W"])).to(self.device)
        for axis, size in zip(self.axes, self.grid, strict=True):
            gap = size - extended.shape[axis]
            if gap == 0:
                continue
            line = extended.movedim(axis, -1)
            if self.boundary == "zero":
                line = continue_into_darkness(line, project(self.kernel, axis), gap)
            else:
                line = continue_periodically(line, (gap,))
            extended = line.movedim(-1, axis)
        # What rfftn gives, to rounding, in two parts that together take less.
        return torch.fft.fftn(torch.fft.rfft(extended), dim=self.axes[:-1])

    def inverse(self, spectrum):
        """Return what has this spectrum on the whole grid."""
        import torch

        # Bit by bit what irfftn gives, which reads a transposed result of its first part and so is up to 1.5 times
        # as slow.
        partly = torch.fft.ifftn(spectrum, dim=self.axes[:-1]).contiguous()
        return torch.fft.irfft(partly, n=self.grid[-1])

    def crop(self, extended) -> np.ndarray:
        """Return the image that is the beginning of the grid."""
        return extended[(..., *map(slice, self.shape))].cpu().numpy()


class InverseFilter:
    """The filter conj(H) / (|H|^2 + weight * penalty), kept for any number of images.

    It minimises ||h * x - y||^2 + weight * sum over all frequencies of penalty |X|^2.

    Parameters
    ----------
    blur : PeriodicBlur
    penalty : torch.Tensor
        Real, on the half of the spectrum.
    weight : float
    """

    def __init__(self, blur: PeriodicBlur, penalty, weight: float):
        import torch

        self.blur = blur
        # Below the rounding error of |H|^2 there is nothing to divide by.
        denominator = (blur.power + weight * penalty).clamp_(min=torch.finfo(penalty.dtype).eps)
        response = blur.transfer.conj() / denominator
        # In memory as spectra are, where the frequencies of the last axis lie farthest from each other.
        self.response = response.movedim(-1, 0).contiguous().movedim(0, -1)

    def __call__(self, spectrum) -> np.ndarray:
        """Return the estimate of the image that has this spectrum, as `PeriodicBlur.spectrum` gives it.

        The spectrum is overwritten: memory that has just been used is at hand.
        """
        return self.blur.crop(self.blur.inverse(spectrum.mul_(self.response)))


def squared_frequency(grid: tuple[int, ...], device: str = "cpu"):
    """Return L = sum over the axes of omega^2, in radians a pixel: the symbol of the negative Laplacian.

    The Nyquist frequency of an axis has omega = pi, as in DeconvolutionLab2 (omega = pi i / (N / 2), mirrored), and
    voxels count as cubes.
    """
    import torch

    frequencies = [torch.fft.fftfreq(size, device=device) for size in grid[:-1]]
    frequencies.append(torch.fft.rfftfreq(grid[-1], device=device))
    return sum((2 * torch.pi * axis) ** 2 for axis in torch.meshgrid(*frequencies, indexing="ij"))


def _divisible_fast_size(size: int, divisor: int) -> int:
    """Return the next size that an FFT does fast and that the divisor divides."""
    from reconbench.continuation import fast_size

    size = fast_size(size)
    while size % divisor:
        size = fast_size(size + 1)
    return size
