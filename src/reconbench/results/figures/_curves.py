"""What learning curves are made of: one quantity of one training, and the panels that show several of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Quantity = Literal["loss", "validation_error", "distance_from_truth"]
WORDS: dict[Quantity, str] = {
    "loss": "training loss",
    "validation_error": "validation error",
    "distance_from_truth": "distance from the truth",
}


@dataclass(frozen=True)
class Curve:
    """One quantity of one training; empty where it failed."""

    variant: str
    training: int
    """Counted from 1: a repetition, or an image where each has a network of its own."""
    steps: np.ndarray
    places: np.ndarray
    """The steps on the axis: themselves, or epochs."""
    values: np.ndarray
    smoothed: np.ndarray
    rates: np.ndarray


@dataclass(frozen=True)
class Panel:
    """What one panel shows: title and style of each variant, all curves of a quantity, and where phases begin."""

    heading: str
    problem: str
    quantity: Quantity
    titles: Mapping[str, str]
    styles: Mapping[str, tuple[str, tuple]]
    curves: Sequence[Curve]
    starts: Sequence[tuple[float, str]]

    @property
    def drawn(self) -> list[Curve]:
        """The curves with at least one value."""
        return [curve for curve in self.curves if curve.steps.size]

    @property
    def last(self) -> float:
        """Where the longest curve ends."""
        return max((float(curve.places[-1]) for curve in self.drawn), default=1.0)


def curve_of(
    variant: str, training: int, lines: Sequence[Mapping[str, Any]], quantity: Quantity, smoothing: int, unit: float
) -> Curve:
    """Return one quantity of one training.

    Parameters
    ----------
    variant : str
    training : int
    lines : sequence of mapping
        Those of training.csv. A line that lacks the quantity, or has it infinite or not a number, is left out.
    quantity : str
    smoothing : int
        Number of values that each is smoothed over.
    unit : float
        What a step is on the axis.
    """
    found = [line for line in lines if line.get(quantity) is not None and np.isfinite(line[quantity])]
    steps, values, rates = (
        np.array([line[key] for line in found], float) for key in ("step", quantity, "learning_rate")
    )
    smoothed = moving_average(values, smoothing) if found else values
    return Curve(variant, training, steps, steps * unit, values, smoothed, rates)


def moving_average(values: np.ndarray, number: int) -> np.ndarray:
    """Return for each value the mean of the `number` values around it, fewer at the ends.

    Parameters
    ----------
    values : ndarray
        Finite numbers, shape (n,).
    number : int
        Width of the window; of an even one the longer half lies after the value.
    """
    window = np.ones(number)
    inside = slice(number // 2, number // 2 + len(values))
    counts = np.convolve(np.ones(len(values)), window)[inside]
    return np.convolve(values, window)[inside] / counts


def lacking(panels: Sequence[Panel], titles: Mapping[str, str]) -> Iterator[str]:
    """Say which variants have no curve, and which quantities were not noted of those that have one."""
    without: list[str] = []
    not_noted: dict[Quantity, list[str]] = {}
    for variant, title in titles.items():
        trainings: dict[tuple[str, int], dict[Quantity, int]] = {}
        for panel in panels:
            for curve in panel.curves:
                if curve.variant == variant:
                    of_training = trainings.setdefault((panel.problem, curve.training), {})
                    of_training[panel.quantity] = curve.steps.size
        lost = sum(not any(sizes.values()) for sizes in trainings.values())
        if lost:
            without.append(title if lost == len(trainings) else f"{title} ({lost} of {len(trainings)} trainings)")
        missing = {name for sizes in trainings.values() if any(sizes.values()) for name in sizes if not sizes[name]}
        for quantity in missing:
            not_noted.setdefault(quantity, []).append(title)
    for quantity in sorted(not_noted):
        yield f"No {WORDS[quantity]}, which the training did not note: {', '.join(not_noted[quantity])}."
    if without:
        yield f"No curve, because there was no training or it failed: {', '.join(without)}."
