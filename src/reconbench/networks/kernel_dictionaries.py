"""What trainable kernels start from: random numbers, cosines, or wavelets of many orientations."""

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Literal

import numpy as np
import torch

from reconbench.errors import UserError

Initialisation = Literal["xavier", "dct", "gabor"]

# Cycles a pixel: from the lowest that a kernel of five pixels sees as a wave, up to three quarters of the highest.
GABOR_FREQUENCIES = (1 / 8, 1 / 4, 3 / 8)
GOLDEN = (math.sqrt(5) - 1) / 2


def initial_kernels(initialisation: Initialisation, shape: Sequence[int], number: int) -> torch.Tensor:
    """Return the kernels that training starts from.

    Parameters
    ----------
    initialisation : {"xavier", "dct", "gabor"}
        `xavier_normal`, `cosines` or `gabor_wavelets`, the three of Moskalev 2019.
    shape : sequence of int
        Size of a kernel in pixels, ([z,] y, x).
    number : int

    Returns
    -------
    torch.Tensor
        Shape (number, [z,] y, x), float32.

    Raises
    ------
    UserError
        If a size is even, a kernel of a single pixel is asked for, whose mean cannot be taken off, the dictionary has
        fewer kernels, or the initialisation is unknown.
    """
    if math.prod(shape) < 2 or any(size % 2 == 0 for size in shape):
        raise UserError(f"a kernel of mean 0 needs odd sizes and more than one pixel; this one has {tuple(shape)}")
    makers: dict[str, Callable[[tuple[int, ...], int], np.ndarray | torch.Tensor]] = {
        "xavier": xavier_normal,
        "dct": cosines,
        "gabor": gabor_wavelets,
    }
    if initialisation not in makers:
        raise UserError(f"the initialisation {initialisation!r} is unknown; it is {', '.join(makers)}")
    return torch.as_tensor(makers[initialisation](tuple(shape), number), dtype=torch.float32)


def xavier_normal(shape: tuple[int, ...], number: int) -> torch.Tensor:
    """Return normal random numbers of the variance that Glorot and Bengio 2010 give a convolution from 1 channel.

    It is 2 / (pixels + number * pixels). They are drawn from torch's global generator, as all weights are.
    """
    return torch.nn.init.xavier_normal_(torch.empty(number, 1, *shape))[:, 0]


def cosines(shape: tuple[int, ...], number: int) -> np.ndarray:
    """Return the first kernels of the discrete cosine transform (DCT-II) without the constant one.

    The kernel of the indices (f_z, f_y, f_x) is the product over the axes of cos(pi f (pixel + 1/2) / size), so that an
    index counts the half periods along its axis. They are in the order of the sum of the indices; those of one sum in
    the order of the indices themselves, the first axis counting most: (0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 0, 2), ...

    Parameters
    ----------
    shape : tuple of int
        Size of a kernel in pixels, ([z,] y, x).
    number : int

    Returns
    -------
    ndarray
        Shape (number, [z,] y, x), float64, orthonormal, each of mean 0.

    Raises
    ------
    UserError
        If there are not so many.
    """
    if number >= math.prod(shape):
        raise UserError(
            f"kernels of shape {shape} have {math.prod(shape) - 1} cosines besides the constant, not {number}; "
            "take fewer or larger ones, or the initialisation gabor or xavier"
        )
    waves = [
        np.cos(np.pi * np.outer(np.arange(size), np.arange(size) + 0.5) / size)
        / np.sqrt(np.where(np.arange(size) > 0, size / 2, size))[:, None]
        for size in shape
    ]
    indices = sorted(np.ndindex(*shape), key=lambda index: (sum(index), index))[1 : number + 1]
    return np.array(
        [reduce(np.multiply.outer, (wave[f] for wave, f in zip(waves, index, strict=True))) for index in indices]
    )


def gabor_wavelets(shape: tuple[int, ...], number: int) -> np.ndarray:
    """Return waves under a Gaussian, spread over frequencies and orientations.

    With the unit vector u and the frequency f in cycles a pixel, at the pixel r from the middle, they are

        exp(-(f |r|)^2) cos(2 pi f u r)  and  exp(-(f |r|)^2) sin(2 pi f u r),

    less their mean, as Morlet wavelets are, and of norm 1. Each u comes with both. The frequencies are 1/8, 1/4 and
    3/8, with equally many u each, but for one; these are spread evenly over the half circle or, by the golden angle,
    over the half sphere, and turned from one frequency to the next. Along an axis of one pixel they do not vary.

    Parameters
    ----------
    shape : tuple of int
        Size of a kernel in pixels, ([z,] y, x).
    number : int

    Returns
    -------
    ndarray
        Shape (number, [z,] y, x), float64.
    """
    axes = [axis for axis, size in enumerate(shape) if size > 1]
    position = np.indices(shape).astype(float) - (np.array(shape).reshape(-1, *[1] * len(shape)) - 1) / 2
    squared_distance = (position**2).sum(axis=0)
    levels = len(GABOR_FREQUENCIES)
    kernels = []
    for level, frequency in enumerate(GABOR_FREQUENCIES):
        count = len(range(level, -(-number // 2), levels))
        for direction in _directions(count, len(axes), level / levels):
            phase = 2 * np.pi * frequency * np.tensordot(direction, position[axes], axes=1)
            envelope = np.exp(-(frequency**2) * squared_distance)
            kernels += [envelope * np.cos(phase), envelope * np.sin(phase)]
    return np.array([_normalised(kernel) for kernel in kernels[:number]])


def _directions(count: int, dimensions: int, turn: float) -> np.ndarray:
    """Return unit vectors spread over a half circle or a half sphere, shape (count, dimensions)."""
    place = np.arange(count)
    if dimensions == 1:
        return np.ones((count, 1))
    if dimensions == 2:
        angle = np.pi * (place + turn) / max(count, 1)
        return np.stack([np.sin(angle), np.cos(angle)], axis=1)
    height = (place + 0.5) / max(count, 1)
    radius, angle = np.sqrt(1 - height**2), 2 * np.pi * (GOLDEN * place + turn)
    return np.stack([height, radius * np.sin(angle), radius * np.cos(angle)], axis=1)


def _normalised(kernel: np.ndarray) -> np.ndarray:
    varying = kernel - kernel.mean()
    return varying / np.linalg.norm(varying)
