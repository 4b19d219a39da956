"""How an image goes on beyond its edges, so that it may be repeated: what a filter in the Fourier domain asks for.

All take and give torch tensors. torch is imported inside the functions, so that importing this module costs nothing.
"""

from typing import Any

import numpy as np

from reconbench.errors import UserError


def fast_size(size: int) -> int:
    """Return the next size that an FFT does fast: no prime factor above 11, and a multiple of 4.

    A real FFT over an odd last axis takes MKL twice as long.
    """
    quarter = -(-size // 4)
    while not _is_fast(quarter):
        quarter += 1
    return 4 * quarter


def _is_fast(size: int) -> bool:
    for prime in (2, 3, 5, 7, 11):
        while size % prime == 0:
            size //= prime
    return size == 1


def continue_periodically(image, margins: tuple[int, ...]):
    """Return an image that goes on beyond its edges until it meets itself, without a step where it repeats.

    What is appended to an axis is the reflection of its end fading into that of its beginning. A filter in the Fourier
    domain then sees no edge.

    Parameters
    ----------
    image : torch.Tensor
        Shape (..., [z,] y, x).
    margins : tuple of int
        Pixels to append at least, for each of the last axes; the size becomes one that an FFT does fast.

    Returns
    -------
    torch.Tensor
        Larger at the end of each axis; the image is its beginning.

    Raises
    ------
    UserError
        If the image has fewer axes than there are margins.
    """
    import torch

    if image.ndim < len(margins):
        raise UserError(f"{len(margins)} margins do not fit an image of shape {tuple(image.shape)}")
    for axis, margin in zip(range(-len(margins), 0), margins, strict=True):
        gap = fast_size(image.shape[axis] + margin) - image.shape[axis]
        before, after = reflected_places(image.shape[axis], gap, gap, image.device)
        fade = torch.cos(torch.linspace(0, torch.pi / 2, gap, dtype=image.dtype, device=image.device)) ** 2
        fade = fade.reshape(-1, *[1] * (-axis - 1))
        joint = fade * image.index_select(axis, after) + (1 - fade) * image.index_select(axis, before)
        image = torch.cat([image, joint], dim=axis)
    return image


def continue_into_darkness(image: Any, projection: np.ndarray, gap: int) -> Any:
    """Return an image with the light appended that a blur spreads beyond the ends of its last axis.

    Where a truth is a constant c up to its end and then zero, the blurred value at a distance d from the end is c C(d),
    with C the cumulative sum of the kernel's projection onto the axis, d = 0, 1... inside and -1, -2... outside. So the
    light outside is taken to be the reflection of the image times C(-1 - d) / C(d), d inside.

    Parameters
    ----------
    image : torch.Tensor
        Shape (..., x).
    projection : ndarray
        Shape (k,), k odd: the kernel summed over all other axes.
    gap : int
        Pixels to append: the light beyond the end, then that before the beginning, as on a periodic grid.

    Returns
    -------
    torch.Tensor
        Shape (..., x + gap).
    """
    import torch

    size = image.shape[-1]
    # numpy goes on reflecting where the gap is wider than the image.
    places = torch.from_numpy(np.pad(np.arange(size), gap, mode="symmetric")).to(image.device)
    beyond, before = (torch.from_numpy(_shares(kernel, gap)).to(image) for kernel in (projection[::-1], projection))
    light = image[..., places[gap + size :]] * beyond + image[..., places[:gap]] * before.flip(0)
    return torch.cat([image, light], dim=-1)


def _shares(projection: np.ndarray, count: int) -> np.ndarray:
    """Return C(-1 - d) / C(d) for d = 0, 1... of a beginning, from the nearest pixel on."""
    middle = projection.size // 2
    cumulative = np.pad(projection.cumsum(), count, mode="edge")
    cumulative[:count] = 0
    inside = cumulative[count + middle :][:count]
    outside = cumulative[: count + middle][::-1][:count]
    return np.divide(outside, inside, out=np.zeros(count), where=inside > 0).clip(0, 1)


def project(kernel: np.ndarray, axis: int) -> np.ndarray:
    """Return the sum of a kernel over all axes but one."""
    return kernel.sum(axis=tuple(other for other in range(kernel.ndim) if other != axis % kernel.ndim))


def reflected_places(size: int, before: int, after: int, device):
    """Return which pixels of an axis reflect into the places before its beginning and after its end."""
    import torch

    # numpy goes on reflecting where a margin is wider than the image.
    places = torch.from_numpy(np.pad(np.arange(size), (before, after), mode="symmetric")).to(device)
    return places[:before], places[before + size :]
