"""The phases of a training, named above the axes of its curves: learning rates, and when normalisation is frozen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from reconbench.results import style
from reconbench.training.settings import Phase

# Inches of a line above the axes, and of a letter in it.
LINE, LETTER = 0.16, 0.058


@dataclass(frozen=True)
class Mark:
    """A phase named above a panel: place where it begins, words, left end as part of the axis, and lane, 0 lowest."""

    place: float
    words: str
    left: float
    lane: int


def starts(phases: Sequence[Phase], unit: float = 1.0) -> list[tuple[float, str]]:
    """Return where each phase begins, and what is new in it.

    Parameters
    ----------
    phases : sequence of Phase
    unit : float
        What a step is on the axis.
    """
    return [(step * unit, words) for step, words in _news(phases)]


def _news(phases: Sequence[Phase]) -> Iterator[tuple[int, str]]:
    step, rate, frozen = 0, 0.0, False
    for phase in phases:
        words = [f"LR {style.power_of_ten(phase.learning_rate)}"] if phase.learning_rate != rate else []
        if phase.frozen_normalisation != frozen:
            words.append("BN frozen" if phase.frozen_normalisation else "BN trained")
        if words:
            yield step, ", ".join(words)
        step, rate, frozen = step + phase.steps, phase.learning_rate, phase.frozen_normalisation


def marks_of(begun: Sequence[tuple[float, str]], last: float, width: float) -> list[Mark]:
    """Place the words of each phase above the axes, in so many lanes that none cover each other.

    Parameters
    ----------
    begun : sequence
        What `starts` gives.
    last : float
        Where the axis ends.
    width : float
        Its length in inches.
    """
    marks: list[Mark] = []
    # From the last one on: the line of an earlier phase then passes to the left of the words below it.
    for place, words in reversed([(place, words) for place, words in begun if place < last]):
        length = len(words) * LETTER / width
        left = min(place / last, 1 - length)
        taken = {mark.lane for mark in marks if mark.left < left + length + LETTER / width}
        marks.append(Mark(place, words, left, next(lane for lane in count() if lane not in taken)))
    return marks


def draw_marks(axes: Any, marks: Sequence[Mark], last: float, height: float) -> None:
    """Draw marks above axes that begin at 0 and are `height` inches high, with a line down where a phase begins."""
    across = axes.get_xaxis_transform()
    for mark in marks:
        lane = 1 + (mark.lane * LINE + 0.04) / height
        if mark.place:
            line = {"color": style.MUTED, "linewidth": 0.7, "linestyle": (0, (4, 3)), "clip_on": False, "zorder": 1}
            axes.plot([mark.place, mark.place], [0, lane], transform=across, **line)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
        words = {"color": style.MUTED, "fontsize": 7.5, "bbox": box}
        axes.text(mark.left * last, lane, mark.words, transform=across, **words)
