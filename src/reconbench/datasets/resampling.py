"""Fewer pixels: averages over areas of the last two axes."""

import numpy as np


def averaged(image: np.ndarray, factor: int) -> np.ndarray:
    """Average blocks of factor x factor pixels; a remainder at the far edges is cut off.

    Parameters
    ----------
    image : ndarray
        Shape (..., y, x), at least `factor` pixels along both.
    factor : int
    """
    height, width = (size // factor for size in image.shape[-2:])
    even = image[..., : height * factor, : width * factor]
    blocks = even.reshape(*even.shape[:-2], height, factor, width, factor)
    return blocks.mean(axis=(-3, -1), dtype=np.float32)


def resized(image: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, float]:
    """Average the largest centred part of an image that has the aspect of a size, down to that size.

    Each pixel is the mean over its square on the old grid, where pixels that it covers in part count for that part.

    Parameters
    ----------
    image : ndarray
        Shape (..., y, x), at least as large as `size`.
    size : tuple of int
        Shape (y, x) of the result.

    Returns
    -------
    image : ndarray of float32
    width : float
        Of a new pixel, in old ones.
    """
    width = min(old / new for old, new in zip(image.shape[-2:], size, strict=True))
    down, across = (_shares(old, new, width) for old, new in zip(image.shape[-2:], size, strict=True))
    return (down @ image.astype(np.float64) @ across.T).astype(np.float32), width


def _shares(old: int, new: int, width: float) -> np.ndarray:
    """Return what share each of `old` pixels has in each of `new` ones of a width, which lie in their middle."""
    edges = (old - new * width) / 2 + width * np.arange(new + 1)
    pixels = np.arange(old)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return covered.clip(min=0) / width
