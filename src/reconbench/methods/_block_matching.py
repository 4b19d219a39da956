"""Where patches of one frame are found again: in the next frame by a rood search, or elsewhere in the same frame."""

import numpy as np

FIRST_ARM = 2  # pixels; of a block without a left neighbour to learn from
UNIT_ROOD = ((-1, 0), (1, 0), (0, -1), (0, 1))
ROWS_AT_ONCE = 64  # of the search within a frame, which keeps the distances to all places of the window
FILTER = 5  # pixels


def median_filtered(frames: np.ndarray) -> np.ndarray:
    """Return frames of shape (t, y, x) after a median over 5 x 5 pixels, on which patches are matched; float32."""
    import cv2

    return np.stack([cv2.medianBlur(frame.astype(np.float32), FILTER) for frame in frames])


def motion(sources: np.ndarray, targets: np.ndarray, patch: int, window: int) -> np.ndarray:
    """Find the patches of some frames in others by adaptive rood pattern search.

    A patch is compared with those at rest, at the motion of its left neighbour, and at the ends of a rood as long as
    that motion. From the best of them on, a rood of one pixel follows the smallest sum of absolute differences until
    none of its ends is better. Such a search prefers small motions that the neighbours share, and so does not run
    after the noise as one through the whole window does.

    Parameters
    ----------
    sources, targets : ndarray
        Shape (pair, y, x). All pairs are searched at once, column by column.
    patch : int
        Side of a patch in pixels.
    window : int
        Largest motion along each axis in pixels.

    Returns
    -------
    ndarray of int8
        Shape (pair, 2, row, column): the motion (y, x) of the patch whose first pixel is at (row, column).

    References
    ----------
    Y. Nie and K.-K. Ma, IEEE Trans. Image Process. 11, 1442 (2002), doi:10.1109/TIP.2002.806251.
    """
    pairs, height, width = sources.shape
    rows, columns = height - patch + 1, width - patch + 1
    field = np.zeros((pairs, 2, rows, columns), dtype=np.int8)
    neighbour = None
    for column in range(columns):
        search = _ColumnSearch(sources, targets, patch, window, column)
        if neighbour is None:
            arm = np.full(pairs * rows, FIRST_ARM)
        else:
            search.try_motion(neighbour)
            arm = np.abs(neighbour).max(axis=0)
        for direction in UNIT_ROOD:
            search.try_motion(arm * np.array(direction)[:, None])
        search.descend()
        neighbour = search.best
        field[..., column] = neighbour.reshape(2, pairs, rows).swapaxes(0, 1)
    return field


class _ColumnSearch:
    """The search for all patches that begin in one column: `best` is their motion so far, (2, pair and row)."""

    def __init__(self, sources: np.ndarray, targets: np.ndarray, patch: int, window: int, column: int):
        pairs, height, width = targets.shape
        self.limits = height - patch, width - patch
        self.window, self.column, self.width = window, column, width
        self.row = np.tile(np.arange(height - patch + 1), pairs)
        self.first = np.repeat(np.arange(pairs) * height * width, height - patch + 1)
        self.inside = (np.arange(patch)[:, None] * width + np.arange(patch)).ravel()
        self.targets = targets.ravel()
        self.wanted = sources.ravel()[(self.first + self.row * width + column)[:, None] + self.inside]
        self.best = np.zeros((2, self.row.size), dtype=np.int64)
        self.difference = self._differences(self.best, slice(None))

    def _differences(self, motion: np.ndarray, which: slice | np.ndarray) -> np.ndarray:
        row, column = self.row[which] + motion[0], self.column + motion[1]
        allowed = (np.abs(motion) <= self.window).all(axis=0)
        allowed &= (row >= 0) & (row <= self.limits[0]) & (column >= 0) & (column <= self.limits[1])
        corner = np.where(allowed, self.first[which] + row * self.width + column, 0)
        found = self.targets[corner[:, None] + self.inside]
        return np.where(allowed, np.abs(found - self.wanted[which]).sum(axis=1), np.inf)

    def try_motion(self, motion: np.ndarray, which: slice | np.ndarray = slice(None)) -> None:
        """Take a motion for those of the patches `which` that it fits better."""
        difference = self._differences(motion, which)
        better = difference < self.difference[which]
        self.best[:, which] = np.where(better, motion, self.best[:, which])
        self.difference[which] = np.where(better, difference, self.difference[which])

    def descend(self) -> None:
        """Move on by the unit rood until its centre is best."""
        moving = np.arange(self.row.size)
        while moving.size:
            centre = self.best[:, moving].copy()
            for direction in UNIT_ROOD:
                self.try_motion(centre + np.array(direction)[:, None], moving)
            moving = moving[(self.best[:, moving] != centre).any(axis=0)]


def similar_patches(frame: np.ndarray, patch: int, window: int, count: int) -> np.ndarray:
    """Find for each patch of a frame the most similar ones around it, by the sum of squared differences.

    Parameters
    ----------
    frame : ndarray
        Shape (y, x).
    patch : int
        Side of a patch in pixels.
    window : int
        How far away they may be along each axis, in pixels.
    count : int
        How many are wanted. There are fewer where a corner of the frame has no more places.

    Returns
    -------
    ndarray of int64
        Shape (row, column, count): the first pixel of each patch as an index into the raveled frame. The patch itself
        comes first.
    """
    height, width = frame.shape
    rows, columns = height - patch + 1, width - patch + 1
    count = min(count, min(window + 1, rows) * min(window + 1, columns))
    bands = [
        _similar_in_band(frame, patch, window, count, range(start, min(start + ROWS_AT_ONCE, rows)))
        for start in range(0, rows, ROWS_AT_ONCE)
    ]
    return np.concatenate(bands)


def _similar_in_band(frame: np.ndarray, patch: int, window: int, count: int, rows: range) -> np.ndarray:
    """Return the places for the patches that begin in some rows."""
    height, width = frame.shape
    columns = width - patch + 1
    shifts = [(y, x) for y in range(-window, window + 1) for x in range(-window, window + 1)]
    shifts.sort(key=lambda shift: abs(shift[0]) + abs(shift[1]))  # At rest first; of two equal patches the nearer.
    distances = np.full((len(shifts), len(rows), columns), np.inf, dtype=np.float32)
    for distance, (y, x) in zip(distances, shifts, strict=True):
        top, bottom = max(rows[0], -y), min(rows[-1] + patch, height - y)
        left, right = max(0, -x), min(width, width - x)
        if bottom - top < patch or right - left < patch:
            continue
        squares = (frame[top:bottom, left:right] - frame[top + y : bottom + y, left + x : right + x]) ** 2
        sums = _sums_over_patches(squares, patch)
        distance[top - rows[0] : top - rows[0] + sums.shape[0], left : left + sums.shape[1]] = sums
    distances[0] = -1.0
    nearest = np.argpartition(distances, count - 1, axis=0)[:count]
    order = np.argsort(np.take_along_axis(distances, nearest, axis=0), axis=0, kind="stable")
    nearest = np.take_along_axis(nearest, order, axis=0)
    steps = np.array([y * width + x for y, x in shifts])
    corners = np.array(rows)[:, None] * width + np.arange(columns)
    return np.moveaxis(corners + steps[nearest], 0, -1)


def _sums_over_patches(image: np.ndarray, patch: int) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(image, patch, axis=0).sum(axis=-1)
    return np.lib.stride_tricks.sliding_window_view(windows, patch, axis=1).sum(axis=-1)
