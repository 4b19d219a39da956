"""What is shown of an image: itself, of a volume its maximum projection and a plane, of a sequence frames; a detail."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from reconbench.errors import UserError
from reconbench.results.figures._colours import as_rgb

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
        From an image to what is seen of it, shape (y, x), in colour (y, x, 3).
    enlarged : bool
        Whether a detail is enlarged.
    """

    label: str
    show: Callable[[np.ndarray], np.ndarray]
    enlarged: bool = True


def views_of(
    image: np.ndarray,
    axes: str,
    projection: Literal["above", "alone", "none"],
    plane: int | None,
    frames: Sequence[int] = (),
    coloured: bool = False,
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
    frames : sequence of int
        The frames of a sequence, counted from 1; none shows the middle one.
    coloured : bool
        Whether the channels are red, green and blue.

    Returns
    -------
    list of View
        One for an image, one or two for a volume, one for each frame.

    Raises
    ------
    UserError
        If a volume has no such plane or a sequence no such frame.
    """
    if axes.startswith("T") and frames:
        return list(_frames(len(image), frames))
    if coloured:
        return [View("", as_rgb)]
    if "Z" not in axes:
        return [View("", partial(leading_middle, axes=2))]
    whole = View("maximum projection", _projected, enlarged=projection == "alone")
    if projection == "alone":
        return [whole]
    volume = leading_middle(image, axes=3)
    if plane is not None and plane > len(volume):
        raise UserError(f"there is no plane {plane} in a volume of {len(volume)}; give one from 1 to {len(volume)}")
    number = int(volume.var(axis=(1, 2), dtype=np.float64).argmax()) if plane is None else plane - 1
    # A label that is too long breaks before "of".
    cut = View(f"plane {number + 1} of\N{NO-BREAK SPACE}{len(volume)}", partial(_cut, number=number))
    return [whole, cut] if projection == "above" else [cut]


def _frames(number: int, frames: Sequence[int]) -> Iterator[View]:
    """Give a view of each frame of a sequence of so many."""
    for frame in frames:
        if frame > number:
            raise UserError(f"there is no frame {frame} in a sequence of {number}; give some from 1 to {number}")
        yield View(f"frame {frame} of\N{NO-BREAK SPACE}{number}", partial(_frame, number=frame - 1))


def middle_plane(stack: np.ndarray) -> str:
    """Say which plane of a stack (c, y, x) is seen of it as an image."""
    return f"plane {len(stack) // 2 + 1} of {len(stack)}"


def detail(pixels: np.ndarray, side: int, place: Literal["corner", "detail"]) -> Square:
    """Return the square of an image (y, x) or (y, x, 3) that is enlarged, where the enlargement does not cover it.

    Its side is at most a quarter of the image's shorter one: the enlargement is at least twofold.
    """
    pixels = pixels if pixels.ndim == 2 else pixels.mean(axis=2)
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


def limits_of(views: Sequence[np.ndarray], joint: bool = False) -> list[tuple[float, float]]:
    """Return smallest and largest value of each view, or for each those of all together."""
    limits = [(float(pixels.min()), float(pixels.max())) for pixels in views]
    return [(min(low for low, _ in limits), max(high for _, high in limits))] * len(limits) if joint else limits


def leading_middle(image: np.ndarray, axes: int) -> np.ndarray:
    """Return an image with so many axes, of those before them the middle."""
    while image.ndim > axes:
        image = image[len(image) // 2]
    return image


def _projected(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 2 else leading_middle(image, axes=3).max(axis=0)


def _frame(image: np.ndarray, number: int) -> np.ndarray:
    return leading_middle(image[number], axes=2)


def _cut(image: np.ndarray, number: int) -> np.ndarray:
    """Return a plane of a volume, the last where it has fewer."""
    return image if image.ndim == 2 else leading_middle(image, axes=3).take(number, axis=0, mode="clip")


def _means(pixels: np.ndarray, side: int) -> np.ndarray:
    """Return the mean of every square of this side that lies within an image."""
    sums = np.pad(pixels, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    return (sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]) / side**2
