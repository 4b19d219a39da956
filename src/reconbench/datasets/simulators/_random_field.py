"""Textures without a pattern: Gaussian random fields whose spectrum falls as a power."""

import math

import numpy as np


def random_field(
    generator: np.random.Generator,
    shape: tuple[int, ...],
    voxel: tuple[float, ...],
    sizes: tuple[float, float],
    exponent: float,
) -> np.ndarray:
    """Return a Gaussian random field, which is the same in all directions and at all places.

    Between two sizes, of its largest clumps L and its finest grains l, its power along any line falls as f^-exponent.
    The form is von Karman's (Proc. Natl. Acad. Sci. 34, 530, 1948), with a Gaussian end:

        power(k) ~ (1 + (L k)^2)^(-(exponent + n - 1) / 2) exp(-(l k)^2),    k = 2 pi f

    where n is the number of axes that are longer than 1. The field is made in a space larger than what is returned, so
    that opposite edges do not fit together.

    Parameters
    ----------
    generator : numpy.random.Generator
    shape : tuple of int
    voxel : tuple of float
        Size of a voxel, in the order of the axes.
    sizes : tuple of float
        L and l, in the unit of `voxel`.
    exponent : float

    Returns
    -------
    ndarray of float32
        Mean 0 and variance 1 over many fields.
    """
    from scipy.fft import irfftn, next_fast_len

    largest, finest = sizes
    # What is made by an FFT repeats itself; three clumps further the field has forgotten itself.
    wanted = [math.ceil(n + 3 * largest / step) if n > 1 else 1 for n, step in zip(shape, voxel, strict=True)]
    padded = [2 * next_fast_len(-(-n // 2)) if n > 1 else 1 for n in wanted]
    frequencies = [np.fft.fftfreq(n, step) for n, step in zip(padded[:-1], voxel, strict=False)]
    squares = np.ix_(*((2 * np.pi * f) ** 2 for f in (*frequencies, np.fft.rfftfreq(padded[-1], voxel[-1]))))
    squared = sum(square.astype(np.float32) for square in squares)
    axes = sum(n > 1 for n in shape)
    amplitude = np.exp(-(exponent + axes - 1) / 4 * np.log1p(largest**2 * squared) - finest**2 / 2 * squared)
    amplitude.flat[0] = 0
    # Each column of a half spectrum stands for its mirror image too. The first and the last do not: of what they
    # transform to only the real part is used.
    power = 2 * np.square(amplitude).sum(dtype=np.float64) - np.square(amplitude[..., [0, -1]]).sum(dtype=np.float64)
    amplitude[..., [0, -1]] *= math.sqrt(2)
    noise = generator.standard_normal((*amplitude.shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
    noise *= amplitude * math.prod(padded) / math.sqrt(2 * power)
    return irfftn(noise, padded, overwrite_x=True)[tuple(slice(n) for n in shape)]
