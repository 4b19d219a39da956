"""What is shown of an image: itself, or of a volume its maximum projection and one of its planes, and a detail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from reconbench.errors import UserError

# The side of the enlargement at the bottom right, as a part of the image's shorter side.
INSET = 0.5

Square = tuple[slice, slice]


@dataclass(frozen=True)
class View:
    """One way to look at an image.

    Attributes
    ----------
    label : str
        What is seen, ``""`` where it is the image itself.
    show : callable
        From an image to what is seen of it, shape (y, x).
    enlarged : bool
        Whether a detail is enlarged.
    """

    label: str
    show: Callable[[np.ndarray], np.ndarray]
    enlarged: bool = True


def views_of(
    image: np.ndarray, axes: str, projection: Literal["above", "alone", "none"], plane: int | None
) -> list[View]:
    """Return the ways to look at an image and at all others of the same object.

    Parameters
    ----------
    image : ndarray
        Shape (y, x), (z, y, x), or with leading c or t, of which the middle is seen.
    axes : str
        Its axes, for instance ``"ZYX"``.
    projection : {"above", "alone", "none"}
        Whether the maximum projection along z of a volume stands above a plane of it, alone, or not at all.
    plane : int or None
        The plane, counted from 1; None chooses the one in which the image varies most.

    Returns
    -------
    list of View
        One for an image, one or two for a volume.

    Raises
    ------
    UserError
        If a volume has no such plane.
    """
    if "Z" not in axes:
        return [View("", partial(_leading_middle, axes=2))]
    whole = View("maximum projection", _projected, enlarged=projection == "alone")
    if projection == "alone":
        return [whole]
    volume = _leading_middle(image, axes=3)
    if plane is not None and plane > len(volume):
        raise UserError(f"there is no plane {plane} in a volume of {len(volume)}; give one from 1 to {len(volume)}")
    number = int(volume.var(axis=(1, 2), dtype=np.float64).argmax()) if plane is None else plane - 1
    # A label that is too long breaks before "of".
    cut = View(f"plane {number + 1} of\N{NO-BREAK SPACE}{len(volume)}", partial(_cut, number=number))
    return [whole, cut] if projection == "above" else [cut]


def middle_plane(stack: np.ndarray) -> str:
    """Say which plane of a stack (c, y, x) is seen of it as an image."""
    return f"plane {len(stack) // 2 + 1} of {len(stack)}"


def detail(pixels: np.ndarray, side: int, place: Literal["corner", "detail"]) -> Square:
    """Return the square of an image (y, x) that is enlarged, of those that the enlargement does not cover.

    Its side is at most a quarter of the image's shorter one: the enlargement is at least twofold.
    """
    height, width = pixels.shape
    side = max(min(side, height // 4, width // 4), 1)
    if place == "corner":
        return slice(0, side), slice(0, side)
    centred = pixels - pixels.mean(dtype=np.float64)
    varied = _means(centred**2, side) - _means(centred, side) ** 2
    covered = INSET * min(height, width)
    varied[max(int(height - covered) - side, 0) + 1 :, max(int(width - covered) - side, 0) + 1 :] = -np.inf
    top, left = np.unravel_index(varied.argmax(), varied.shape)
    return slice(int(top), int(top) + side), slice(int(left), int(left) + side)


def limits_of(views: Sequence[np.ndarray]) -> list[tuple[float, float]]:
    """Return smallest and largest value of each view."""
    return [(float(pixels.min()), float(pixels.max())) for pixels in views]


def _leading_middle(image: np.ndarray, axes: int) -> np.ndarray:
    """Return an image with so many axes, of those before them the middle."""
    while image.ndim > axes:
        image = image[len(image) // 2]
    return image


def _projected(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 2 else _leading_middle(image, axes=3).max(axis=0)


def _cut(image: np.ndarray, number: int) -> np.ndarray:
    """Return a plane of a volume, the last where it has fewer."""
    return image if image.ndim == 2 else _leading_middle(image, axes=3).take(number, axis=0, mode="clip")


def _means(pixels: np.ndarray, side: int) -> np.ndarray:
    """Return the mean of every square of this side that lies within an image."""
    sums = np.pad(pixels, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    return (sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]) / side**2
