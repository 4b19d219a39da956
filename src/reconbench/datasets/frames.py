"""Which frames of a film lie in which split, known from times alone.

This is read with the Snakefile, so it opens no film and imports nothing heavy.
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from reconbench.errors import UserError

# What lies between two splits, in seconds, so that no frame of one is nearly a frame of another.
GAP = 2.0
# A frame belongs to a range that begins this much later, in seconds: decimal numbers are not exact.
SLACK = 1e-6
RANGE = re.compile(r"(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)")


def frames(definition: Mapping[str, Any], split: str) -> list[int]:
    """Return the numbers of the frames of a split: frame k is the one at k / `frames_per_second`.

    Parameters
    ----------
    definition : mapping
        Of a dataset; what counts is ``film`` and ``splits``, which gives ranges of seconds such as ``"2-11.5"``: from
        the first, to before the last.
    split : str

    Raises
    ------
    UserError
        If a split gives no ranges, a range has no frame, or ranges of two splits are less than two seconds apart.
    """
    ranges = {name: _ranges(name, given) for name, given in definition["splits"].items()}
    _refuse_near(ranges)
    rate = definition["film"]["frames_per_second"]
    return sorted({frame for span in ranges.get(split, ()) for frame in _within(span, rate, split)})


def name_of_frame(file: str, frame: int) -> str:
    """Return the name of a frame, for instance ``clip_0012``."""
    return f"{PurePosixPath(file).stem}_{frame:04d}"


def _ranges(split: str, given: int | Sequence[str]) -> list[tuple[float, float]]:
    if given == 0:
        return []
    if isinstance(given, int):
        raise UserError(f"the split '{split}' of a film is a number; give ranges of seconds, for instance '2-11.5'")
    return [_range(split, text) for text in given]


def _range(split: str, text: str) -> tuple[float, float]:
    found = RANGE.fullmatch(text.strip())
    if found is None or not float(found[1]) < float(found[2]):
        raise UserError(f"'{text}' of the split '{split}' is no range of seconds, for instance '2-11.5'")
    return float(found[1]), float(found[2])


def _refuse_near(ranges: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """Raise if ranges of two splits are too near to each other."""
    spans = sorted((span, split) for split, spans in ranges.items() for span in spans)
    for index, ((_, last), split) in enumerate(spans):
        for (first, end), other in spans[index + 1 :]:
            if other != split and first - last < GAP - SLACK:
                raise UserError(
                    f"the splits '{split}' and '{other}' of a film are less than {GAP:g} seconds apart, "
                    f"near its range {first:g}-{end:g}: leave at least so much out between them"
                )


def _within(span: tuple[float, float], rate: float, split: str) -> range:
    """Return the numbers of the frames of a range."""
    first, last = (math.ceil((time - SLACK) * rate) for time in span)
    if first == last:
        raise UserError(f"'{span[0]:g}-{span[1]:g}' of the split '{split}' has no frame at {rate:g} a second")
    return range(first, last)
