"""Where in an image a thing lies that is drawn."""

import math

import numpy as np


def around(
    shape: tuple[int, ...], pixel_size: float, middle: tuple[float, float], reach: float
) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """Return the part of an image that is no further along an axis from a place, which may be none of it.

    Parameters
    ----------
    shape : tuple of int
        Of the image in pixels.
    pixel_size : float
        Width of a pixel, in the unit of the lengths.
    middle : tuple of float
        The place, from the middle of the image.
    reach : float

    Returns
    -------
    place : tuple of slice
    y, x : ndarray
        Coordinates from the place, of shapes (y, 1) and (1, x).
    """
    places, coordinates = [], []
    for length, centre in zip(shape, middle, strict=True):
        index = centre / pixel_size + (length - 1) / 2
        low = min(max(math.ceil(index - reach / pixel_size), 0), length)
        high = max(min(math.floor(index + reach / pixel_size) + 1, length), low)
        places.append(slice(low, high))
        coordinates.append((np.arange(low, high) - index) * pixel_size)
    return tuple(places), *np.ix_(*coordinates)
