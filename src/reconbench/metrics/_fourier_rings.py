"""Fourier ring correlation: how alike two images are at each spatial frequency."""

import numpy as np

from reconbench.errors import UserError

SHORTEST = 4


def ring_correlation(image: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the correlation of two images in rings of their Fourier transforms (van Heel and Schatz 2005).

    With F the transforms of the images without their means, times a Hann window, it is for each ring

        sum Re(F1 F2*) / sqrt(sum |F1|^2 sum |F2|^2),

    1 for equal images, about 0 for unrelated ones. Paper 000 (eq. 4) prints one sum in the denominator. The window
    makes the images periodic: without it, their opposite edges would correlate. A ring without power has 0.

    Parameters
    ----------
    image, other : ndarray
        One shape (y, x).

    Returns
    -------
    ndarray
        For the rings 1 to n // 2, n the shorter side: float64, shape (n // 2,). Ring r is r / n cycles per pixel, give
        or take half of 1 / n. The last one is Nyquist's frequency where n is even.

    Raises
    ------
    UserError
        If the shapes differ, or these are not images of at least 4 pixels a side.
    """
    if image.shape != other.shape:
        raise UserError(f"the estimate has shape {image.shape} and the truth {other.shape}; they must be equal")
    if image.ndim != 2 or min(image.shape) < SHORTEST:
        raise UserError(
            f"Fourier ring correlation compares images (y, x) of at least {SHORTEST} pixels a side, not data of shape "
            f"{image.shape}"
        )
    number = min(image.shape) // 2
    # Rounding leaves a constant image with a power of its own, which might correlate with anything.
    if any(one.min() == one.max() for one in (image, other)):
        return np.zeros(number)
    first, second = (np.fft.fft2(_windowed(one)) for one in (image, other))
    rings = _rings(image.shape).ravel()
    shared, power, other_power = (
        np.bincount(rings, values.ravel())[1 : number + 1]
        for values in ((first * second.conj()).real, np.abs(first) ** 2, np.abs(second) ** 2)
    )
    size = np.sqrt(power * other_power)
    return np.divide(shared, size, out=np.zeros(number), where=size > 0).clip(-1, 1)


def ring_frequencies(shape: tuple[int, int]) -> np.ndarray:
    """Return the frequency of each ring of an image of this shape, in cycles per pixel."""
    return np.arange(1, min(shape) // 2 + 1) / min(shape)


def _rings(shape: tuple[int, int]) -> np.ndarray:
    """Return the ring that each frequency lies in, one frequency pixel of the shorter side wide."""
    y, x = (np.fft.fftfreq(length) for length in shape)
    return np.rint(np.hypot(y[:, None], x) * min(shape)).astype(int)


def _windowed(image: np.ndarray) -> np.ndarray:
    """Return an image without its mean, times a Hann window along each axis."""
    y, x = (np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2 for length in image.shape)
    return (image - image.mean(dtype=np.float64)) * y[:, None] * x
