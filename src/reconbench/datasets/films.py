"""Read the frames of a film by OpenCV."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from reconbench.datasets.frames import SLACK
from reconbench.errors import UserError


def read_frames(path: Path, wanted: Sequence[int], frames_per_second: float) -> Iterator[np.ndarray]:
    """Give frames of a film, one after the other.

    Parameters
    ----------
    path : Path
        A film that OpenCV can decode.
    wanted : sequence of int
        Numbers of frames, ascending.
    frames_per_second : float
        That they are counted in. The frame shown at that time is read.

    Yields
    ------
    ndarray of uint8
        Shape (y, x, 3), red first.

    Raises
    ------
    UserError
        If the film is not there, cannot be decoded, or ends before a frame.
    """
    import cv2

    if not path.is_file():
        raise UserError(f"{path} is not there")
    film = cv2.VideoCapture(str(path))
    try:
        rate = film.get(cv2.CAP_PROP_FPS)
        if not film.isOpened() or not rate > 0:
            raise UserError(f"{path} cannot be read as a film")
        # From the start, because to seek is not exact in a compressed film.
        read = 0
        for frame in wanted:
            place = math.floor(frame / frames_per_second * rate + SLACK)
            while read <= place:
                if not film.grab():
                    time = frame / frames_per_second
                    raise UserError(f"{path} ends after {read / rate:.3f} s, and a frame at {time:g} s is wanted")
                read += 1
            yield film.retrieve()[1][..., ::-1]
    finally:
        film.release()
