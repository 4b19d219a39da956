"""The two grids on which phases are solved for: an image that repeats, and one that goes on by its reflection.

On either, an operator that depends on the length of the spatial frequency alone multiplies what `transform` gives by a
real array. torch is imported inside the functions.
"""

from typing import Literal

import numpy as np

Boundary = Literal["symmetric", "circular"]


class _Grid:
    """What both have: sizes, device, precision, and frequencies along y and x in cycles per pixel, which broadcast."""

    def __init__(self, shape: tuple[int, int], device: str, double: bool, along_y: np.ndarray, along_x: np.ndarray):
        self.shape = shape
        self.device = device
        self.precision = "float64" if double else "float32"
        self.frequencies = along_y, along_x
        self.squared_frequency = along_y**2 + along_x**2

    def tensor(self, values: np.ndarray):
        """Return values as a tensor in the grid's precision on the device."""
        import torch

        kind = np.result_type(self.precision, 1j) if np.iscomplexobj(values) else self.precision
        return torch.tensor(values.astype(kind, copy=False), device=self.device)

    def precise(self, image):
        """Return a real tensor in the grid's precision."""
        import torch

        return image.to(getattr(torch, self.precision))


class PeriodicGrid(_Grid):
    """An image that is its own repetition, as a sum of complex waves.

    Parameters
    ----------
    shape : tuple of int
        (y, x).
    device : str
        ``"cpu"`` or ``"cuda"``.
    double : bool
        Whether to compute in double precision, and not in single precision.

    Attributes
    ----------
    frequencies : tuple of ndarray
        Along y and x, cycles per pixel, of shapes that broadcast.
    squared_frequency : ndarray
        Of each wave, cycles per pixel squared, float64; the half that `torch.fft.rfft2` gives.
    """

    def __init__(self, shape: tuple[int, int], device: str = "cpu", double: bool = False):
        frequencies = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None]
        super().__init__(shape, device, double, *frequencies)
        # At the highest frequency of an even size a real image has no slope at any pixel.
        self._slopes = [self.tensor(2j * np.pi * np.where(np.abs(along) == 0.5, 0, along)) for along in frequencies]

    def transform(self, image):
        """Return the amplitudes of the waves that add up to an image, a tensor of shape (y, x)."""
        import torch

        return torch.fft.rfft2(self.precise(image))

    def inverse(self, spectrum):
        """Return the image with these amplitudes."""
        import torch

        return torch.fft.irfft2(spectrum, s=self.shape)

    def gradient(self, spectrum) -> list:
        """Return the derivatives along y and x, per pixel, of the image with these amplitudes."""
        return [self.inverse(slope * spectrum) for slope in self._slopes]

    def divergence(self, field):
        """Return the amplitudes of the divergence, per pixel, of a field of components along y and x."""
        return sum(slope * self.transform(part) for slope, part in zip(self._slopes, field, strict=True))


class EvenGrid(_Grid):
    """An image that goes on by its reflection, the edge pixel repeated, as a sum of cosines (DCT-II).

    Its coefficients are C(k) = sum over n of x(n) cos(pi k (n + 1/2) / N) along each axis. A sum of these has no slope
    across the edges, which is the boundary condition that Poisson's equation then has. A real FFT of the image alone,
    its pixels in another order, gives them (Makhoul 1980, doi:10.1109/TASSP.1980.1163351); the image with its
    reflections, four times as large, is never made.

    They stay in the order of that FFT, a real tensor of shape (y, x // 2 + 1, 2): at (k, l) it holds C(k, l) and
    -C(k, N - l), the latter zero for l = 0.

    Parameters
    ----------
    shape : tuple of int
        (y, x).
    device : str
        ``"cpu"`` or ``"cuda"``.
    double : bool
        Whether to compute in double precision, and not in single precision.

    Attributes
    ----------
    frequencies : tuple of ndarray
        Along y and x, cycles per pixel, of shapes that broadcast.
    squared_frequency : ndarray
        Of each cosine, cycles per pixel squared, float64, in the same order.
    """

    def __init__(self, shape: tuple[int, int], device: str = "cpu", double: bool = False):
        import torch

        along_y, along_x = np.arange(shape[0]) / (2 * shape[0]), np.arange(shape[1] // 2 + 1) / (2 * shape[1])
        pairs = np.stack([along_x, 0.5 - along_x], axis=-1)
        super().__init__(shape, device, double, along_y[:, None, None], pairs)
        # What an image has of the cosine of frequency N is zero.
        slopes = along_y[:, None, None], np.where(pairs == 0.5, 0, pairs)
        self._slopes = [self.tensor(2 * np.pi * along) for along in slopes]
        self._signs = [self.tensor((-1.0) ** np.arange(size)) for size in shape]
        orders = [np.concatenate([np.arange(0, size, 2), np.arange(1, size, 2)[::-1]]) for size in shape]
        self._orders = [torch.tensor(order, device=device) for order in orders]
        self._places = [torch.tensor(np.argsort(order), device=device) for order in orders]
        self._opposite = torch.tensor(-np.arange(shape[0]) % shape[0], device=device)
        shift_y, shift_x = np.exp(-1j * np.pi * along_y), np.exp(-1j * np.pi * along_x)
        self._same_side = self.tensor(np.outer(shift_y, shift_x) / 2)
        self._other_side = self.tensor(np.outer(shift_y.conj(), shift_x) / 2)
        self._backwards = self.tensor(np.outer(shift_y, shift_x).conj())

    def transform(self, image):
        """Return the coefficients of the cosines that add up to an image, a tensor of shape (y, x)."""
        import torch

        ordered = image.index_select(0, self._orders[0]).index_select(1, self._orders[1])
        waves = torch.fft.rfft2(self.precise(ordered))
        opposite = waves.index_select(0, self._opposite)
        return torch.view_as_real((self._same_side * waves).addcmul_(self._other_side, opposite))

    def inverse(self, spectrum):
        """Return the image with these coefficients."""
        import torch

        both, opposite = (torch.view_as_complex(part) for part in (spectrum, _reversed(spectrum, 0)))
        image = torch.fft.irfft2(self._backwards * (both - 1j * opposite), s=self.shape)
        return image.index_select(0, self._places[0]).index_select(1, self._places[1])

    def gradient(self, spectrum) -> list:
        """Return the derivatives along y and x, per pixel, of the image with these coefficients."""
        # At pixel n, the sine of frequency k is (-1)^n times the cosine of frequency N - k.
        sines = [self.inverse(_reversed(slope * spectrum, axis)) for axis, slope in enumerate(self._slopes)]
        return [-self._signs[0][:, None] * sines[0], -self._signs[1] * sines[1]]

    def divergence(self, field):
        """Return the coefficients of the divergence, per pixel, of a field of components along y and x.

        Each component counts as odd across the edges that it crosses, as the gradient of an even image is.
        """
        cosines = [self._signs[0][:, None] * field[0], self._signs[1] * field[1]]
        return sum(
            slope * _reversed(self.transform(part), axis)
            for axis, (slope, part) in enumerate(zip(self._slopes, cosines, strict=True))
        )


def make_grid(shape: tuple[int, int], boundary: Boundary, device: str, double: bool = False) -> PeriodicGrid | EvenGrid:
    """Return the grid of an image that goes on beyond its edges by its reflection, or by its repetition."""
    return (EvenGrid if boundary == "symmetric" else PeriodicGrid)(shape, device, double)


def mirrored(image):
    """Return an image with its reflections, the edge pixel repeated: one period of it, of shape (2 y, 2 x)."""
    import torch

    for axis in (-2, -1):
        image = torch.cat([image, image.flip(axis)], dim=axis)
    return image


def folded(field):
    """Return the transpose of `mirrored` applied to a field of shape (2 y, 2 x): its four quarters, added up."""
    for axis in (-2, -1):
        half = field.shape[axis] // 2
        field = field.narrow(axis, 0, half) + field.narrow(axis, half, half).flip(axis)
    return field


def _reversed(spectrum, axis: int):
    """Return the coefficients of an even grid with that of N - k along an axis in the place of k."""
    import torch

    if axis == 1:
        return -spectrum.flip(-1)
    return torch.cat([torch.zeros_like(spectrum[:1]), spectrum[1:].flip(0)])
