"""Short videos as animated WebP, which a browser shows from disk like any image, with one frame as a poster."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# Of libwebp, 0 to 100: noise makes a video large, and above this it only grows.
QUALITY = 85


@dataclass(frozen=True)
class Video:
    """What is shown one after the other, again and again.

    Attributes
    ----------
    frames : sequence of ndarray
        RGB, shape (y, x, 3), uint8, all of one shape.
    frames_per_second : float
    poster : int
        The frame that stands for all of them.
    """

    frames: Sequence[np.ndarray]
    frames_per_second: float
    poster: int


def save(video: Video, webp: Path, png: Path) -> None:
    """Write a video, and its poster."""
    import cv2

    # OpenCV has the colours in the order blue, green, red.
    frames = [np.ascontiguousarray(frame[..., ::-1]) for frame in video.frames]
    animation = cv2.Animation()
    animation.frames = frames
    animation.durations = [round(1000 / video.frames_per_second)] * len(frames)
    animation.loop_count = 0
    _, encoded = cv2.imencodeanimation(".webp", animation, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    webp.write_bytes(encoded.tobytes())
    _, encoded = cv2.imencode(".png", frames[video.poster])
    png.write_bytes(encoded.tobytes())
