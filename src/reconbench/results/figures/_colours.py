"""Images in colour, and the values of an image that are shown black and white."""

from typing import Literal

import numpy as np

Grey = Literal["shared", "own"]

# Kinds of problem whose images with three channels are red, green and blue; other channels are planes.
OF_COLOURS = ("diffuse_imaging",)
# Per cent of the pixels that are black, and as many white, where an image has a grey scale of its own.
SATURATED = 0.3


def is_coloured(shape: tuple[int, ...], kind: str) -> bool:
    """Return whether an image of this shape, of a problem of this kind, is one in colour."""
    return kind in OF_COLOURS and len(shape) == 3 and shape[0] == 3


def as_rgb(image: np.ndarray) -> np.ndarray:
    """Return an image in colour with its channels last, shape (y, x, 3)."""
    return np.moveaxis(image, 0, -1)


def own_limits(pixels: np.ndarray) -> tuple[float, float]:
    """Return what is black and white of an image by itself: a few pixels at either end do not count."""
    low, high = np.percentile(pixels, [SATURATED, 100 - SATURATED])
    return float(low), float(high)
