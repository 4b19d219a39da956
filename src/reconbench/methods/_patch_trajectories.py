"""Patches of a frame that follow what they show: where they are in every frame, and the matrices made of them."""

from functools import cached_property
from typing import Any

import numpy as np

from reconbench.methods._block_matching import median_filtered, motion, similar_patches

RUNS, RUN_LENGTH = 4, 32


class PatchGrid:
    """The patches that cover a frame.

    Parameters
    ----------
    shape : tuple of int
        Of the frame, (y, x).
    patch : int
        Side of a patch in pixels.
    step : int
        From one patch to the next in pixels. The last patch of a row or column ends where the frame ends.
    """

    def __init__(self, shape: tuple[int, int], patch: int, step: int):
        self.shape, self.patch = shape, patch
        self.rows, self.columns = (_starts(size - patch + 1, step) for size in shape)
        self.inside = (np.arange(patch)[:, None] * shape[1] + np.arange(patch)).ravel()

    @cached_property
    def corners(self) -> np.ndarray:
        """First pixels of all patches, as indices into the raveled frame."""
        return (self.rows[:, None] * self.shape[1] + self.columns).ravel()

    @cached_property
    def sample(self) -> np.ndarray:
        """Which of the patches stand for all, bool: 128 rows and columns of them, in four runs of neighbours each.

        Neighbours, because a pixel counts only where all patches that cover it are among them.
        """
        return (_spread(len(self.rows))[:, None] & _spread(len(self.columns))).ravel()

    def pixels(self, corners: np.ndarray) -> np.ndarray:
        """Return the pixels of the patches with these corners, shape (patch, pixel), as indices likewise."""
        return corners[:, None] + self.inside

    def cover(self, corners: np.ndarray) -> np.ndarray:
        """Return how many of the patches with these corners cover each pixel of the raveled frame."""
        return np.bincount(self.pixels(corners).ravel(), minlength=self.shape[0] * self.shape[1])


def _starts(places: int, step: int) -> np.ndarray:
    return np.unique([*range(0, places, step), places - 1])


def _spread(count: int) -> np.ndarray:
    """Return which of `count` make up four runs of 32, evenly spread; all where there are no more than that."""
    chosen = np.full(count, count <= RUNS * RUN_LENGTH)
    for start in np.linspace(0, count - RUN_LENGTH, RUNS).round().astype(int):
        chosen[max(start, 0) : start + RUN_LENGTH] = True
    return chosen


class Trajectories:
    """Where the patches of each frame of a sequence are in the frames around it.

    Parameters
    ----------
    frames : ndarray
        Shape (t, y, x).
    patch : int
        Side of a patch in pixels.
    window : int
        How far a patch may move from one frame to the next along each axis, in pixels.
    length : int
        Frames that a trajectory goes through; all frames, where there are fewer.
    still : bool
        Whether patches stay in place instead.

    Notes
    -----
    From a frame on, a patch is followed step by step to both sides, in frames smoothed by a median. At the ends of the
    sequence a trajectory begins or ends with it, so that all are equally long.

    A single frame has no trajectories. There the most similar patches within `window` pixels take the place of the
    same patch at other times: `length` of them, the patch itself first.
    """

    def __init__(self, frames: np.ndarray, patch: int, window: int, length: int, still: bool = False):
        self.single = len(frames) == 1
        self.length = length if self.single else min(length, len(frames))
        self.width = frames.shape[2]
        self.pixels = frames[0].size
        if self.single:
            self.similar = similar_patches(median_filtered(frames)[0], patch, window, length)
        elif still:
            self.onward = self.backward = np.zeros((len(frames) - 1, 2, *frames.shape[1:]), dtype=np.int8)
        else:
            smooth = median_filtered(frames)
            self.onward = motion(smooth[:-1], smooth[1:], patch, window)
            self.backward = motion(smooth[1:], smooth[:-1], patch, window)
        self.count = len(frames)

    def frames(self, frame: int) -> slice:
        """Return the frames that the trajectories of the patches of a frame go through."""
        if self.single:
            return slice(0, 1)
        first = min(max(frame - self.length // 2, 0), self.count - self.length)
        return slice(first, first + self.length)

    def own(self, frame: int) -> int:
        """Return which place of a trajectory is the patch in its own frame, and which of `frames` that frame is."""
        return frame - self.frames(frame).start

    def places(self, frame: int, corners: np.ndarray) -> np.ndarray:
        """Return where patches of a frame are.

        Parameters
        ----------
        frame : int
        corners : ndarray of int
            First pixels of the patches, as indices into the raveled frame.

        Returns
        -------
        ndarray of int64
            Shape (patch, place): first pixels, as indices into the raveled `frames(frame)`.
        """
        row, column = np.divmod(corners, self.width)
        if self.single:
            return self.similar[row, column]
        first, own = self.frames(frame).start, self.own(frame)
        places = np.empty((corners.size, self.length), dtype=np.int64)
        places[:, own] = corners
        for place in range(own + 1, self.length):
            places[:, place] = self._moved(places[:, place - 1], self.onward[first + place - 1])
        for place in range(own - 1, -1, -1):
            places[:, place] = self._moved(places[:, place + 1], self.backward[first + place])
        return places + np.arange(self.length) * self.pixels

    def _moved(self, corners: np.ndarray, field: np.ndarray) -> np.ndarray:
        row, column = np.divmod(corners, self.width)
        y, x = field[:, row, column].astype(np.int64)
        return corners + y * self.width + x


def casorati(frames: Any, places: Any, inside: Any) -> Any:
    """Return for each trajectory the matrix whose columns are its patches.

    Parameters
    ----------
    frames : torch.Tensor
        Raveled, of shape (t y x,).
    places : torch.Tensor of int64
        Shape (patch, place), as `Trajectories.places` gives them.
    inside : torch.Tensor of int64
        From the first pixel of a patch to each of its pixels.

    Returns
    -------
    torch.Tensor
        Shape (patch, pixel, place).
    """
    return frames[places[:, None, :] + inside[:, None]]
