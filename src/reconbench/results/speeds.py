"""How fast a method is on the frames of a problem: what columns and figures of speed are computed from."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from reconbench.errors import UserError
from reconbench.images import ImageRecord, read_index
from reconbench.results.scores import Line
from reconbench.results.statistics import Summary, over_repetitions

# For each problem the number of frames of its images, by name.
Frames = Mapping[str, Mapping[str, int]]


def read_frames(indexes: Sequence[Path]) -> dict[str, dict[str, int]]:
    """Read how many frames the images of each problem have, from the index.csv in ``<problem>/<split>/``."""
    return {
        index.resolve().parts[-3]: {record.name: frames_of(record) for record in read_index(index)} for index in indexes
    }


def frames_of(record: ImageRecord) -> int:
    """Return the number of frames of an image: one, of a sequence as many as it has."""
    return record.shape[0] if record.axes.startswith("T") else 1


def seconds_per_frame(repetitions: Sequence[Sequence[Line]], frames: Mapping[str, int]) -> Summary | None:
    """Summarise the seconds that a frame takes, over images and repetitions.

    Parameters
    ----------
    repetitions : sequence
        The lines of scores.csv of each repetition, with the `seconds` of a whole image.
    frames : mapping
        Number of frames of each image, by name.

    Returns
    -------
    Summary or None
        None where an image has no time.

    Raises
    ------
    UserError
        If the number of frames of an image is not known.
    """
    summaries = []
    for lines in repetitions:
        if any(line.get("seconds") is None for line in lines):
            return None
        for line in lines:
            if line["image"] not in frames:
                raise UserError(f"nothing says how many frames image '{line['image']}' has; give its problem's index")
        values = np.array([line["seconds"] / frames[line["image"]] for line in lines])
        summaries.append(Summary(values.size, float(values.mean()), float(values.std())))
    return over_repetitions(summaries) if summaries else None


def as_rate(seconds: Summary) -> Summary:
    """Return the frames per second at a mean time of a frame; a rate has no spread of its own."""
    return Summary(seconds.n, 1 / seconds.mean, std=float("nan"))


def as_ratio(seconds: Summary, first: Summary) -> Summary:
    """Return a mean time of a frame over that of another row."""
    return Summary(seconds.n, seconds.mean / first.mean, std=float("nan"))
