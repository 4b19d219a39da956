"""What learning curves are made of: one quantity of one training, and the panels that show several of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from reconbench.results import style

Quantity = Literal["loss", "validation_error", "distance_from_truth"]
Against = Literal["step", "seconds"]
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
    places: Mapping[Against, np.ndarray]
    """Where they are on an axis: the steps themselves or epochs, and seconds where these are shown."""
    values: np.ndarray
    smoothed: np.ndarray
    rates: np.ndarray


@dataclass(frozen=True)
class Panel:
    """What one panel shows: title and style of each variant, all curves of a quantity, and where phases begin."""

    heading: str
    problem: str
    quantity: Quantity
    against: Against
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
        return max((float(self.places(curve)[-1]) for curve in self.drawn), default=1.0)

    def drawn_of(self, variant: str) -> list[Curve]:
        """Return the curves of a variant with at least one value."""
        return [curve for curve in self.drawn if curve.variant == variant]

    def places(self, curve: Curve) -> np.ndarray:
        """Return where the values of a curve are on the axis."""
        return curve.places[self.against]


def curve_of(
    variant: str,
    training: int,
    lines: Sequence[Mapping[str, Any]],
    quantity: Quantity,
    smoothing: int,
    unit: float,
    against: Sequence[Against] = ("step",),
) -> Curve:
    """Return one quantity of one training.

    Parameters
    ----------
    variant : str
    training : int
    lines : sequence of mapping
        Those of training.csv. A line that lacks the quantity or what it is drawn against, or has it infinite or not a
        number, is left out.
    quantity : str
    smoothing : int
        Number of values that each is smoothed over.
    unit : float
        What a step is on the axis.
    against : sequence of {"step", "seconds"}
        The axes.
    """
    found = [line for line in lines if all(_is_number(line.get(key)) for key in (quantity, *against))]
    read = {
        key: np.array([line[key] for line in found], float) for key in ("step", quantity, "learning_rate", *against)
    }
    values = read[quantity]
    smoothed = moving_average(values, smoothing) if found else values
    places: dict[Against, np.ndarray] = {"step": read["step"] * unit}
    if "seconds" in against:
        places["seconds"] = read["seconds"]
    return Curve(variant, training, read["step"], places, values, smoothed, read["learning_rate"])


def _is_number(value: float | None) -> bool:
    return value is not None and bool(np.isfinite(value))


def mean_curve(curves: Sequence[Curve], against: Against) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of several trainings of a variant, at the steps that all of them have.

    Returns
    -------
    places, smoothed : ndarray
        Means of both, shape (n,): a point is what the trainings had on average after as many steps.
    """
    steps = [curve.steps for curve in curves]
    shared = [step for step in steps[0] if all(step in others for others in steps[1:])]
    at = [np.isin(found, shared) for found in steps]
    return (
        np.mean([curve.places[against][where] for curve, where in zip(curves, at, strict=True)], axis=0),
        np.mean([curve.smoothed[where] for curve, where in zip(curves, at, strict=True)], axis=0),
    )


def draw_curves(axes: Any, panel: Panel, smoothing: int, scale: float) -> None:
    """Draw the curves of a panel: those of several trainings thin with a thick mean, the values behind them faint.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    panel : Panel
    smoothing : int
        Number of values that each is smoothed over.
    scale : float
        Factor of display.
    """
    for variant, (colour, dashes) in panel.styles.items():
        curves = panel.drawn_of(variant)
        several = len(curves) > 1
        single = {"linewidth": 0.7, "alpha": 0.6} if several else {"linewidth": 1.4, "linestyle": style.dashed(dashes)}
        for curve in curves:
            if smoothing > 1:
                axes.plot(panel.places(curve), curve.values * scale, color=colour, linewidth=0.6, alpha=0.25)
            _draw_line(axes, panel.places(curve), curve.smoothed * scale, color=colour, zorder=3, **single)
        if several:
            places, mean = mean_curve(curves, panel.against)
            thick = {"linewidth": 2, "linestyle": style.dashed(dashes), "zorder": 4}
            _draw_line(axes, places, mean * scale, color=colour, **thick)


def _draw_line(axes: Any, places: np.ndarray, values: np.ndarray, **look: Any) -> None:
    """Draw a line; a single point would not be seen."""
    axes.plot(places, values, marker="o" if len(places) == 1 else None, markersize=3, **look)


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
