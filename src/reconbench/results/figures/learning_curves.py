"""Learning curves: the validation error while networks are trained, one panel a problem or a group of variants."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from reconbench.contracts import FigureKind, Parameters
from reconbench.errors import UserError
from reconbench.results import labels, style
from reconbench.training.settings import Phase

if TYPE_CHECKING:
    from reconbench.results.drawing import FigureData

FIGURE = FigureKind(
    name="learning_curves",
    title="Validation error during training",
    reference="Ede and Beanland 2019, figures 3, 9 and 10",
    reads=frozenset({"training"}),
)

# Inches: the axes, what is left, right and below of them, the heading, a line and a letter of small print.
WIDTH, HEIGHT = 3.05, 1.9
LEFT, RIGHT, BELOW, HEADING = 0.8, 0.28, 0.45, 0.28
LINE, LETTER = 0.16, 0.058
# An axis that spans less than the first factor has evenly spaced ticks, one beyond the second only powers of ten.
NARROW, WIDE = 6, 1000


class Params(Parameters):
    """Parameters of the learning curves."""

    smoothing: int = Field(1, ge=1, le=100_000)
    """Number of validations that each point of a curve is the mean of; the values themselves are faint behind it."""
    groups: dict[str, list[str]] = Field(default_factory=dict)
    """The panels of each problem: heading to variants. By default one panel with all variants."""
    columns: int = Field(2, ge=1, le=6)
    """Panels in one row."""
    scale: float = Field(1.0, gt=0)
    """Factor of display: 1000 for a mean squared error times 10^3. The csv keeps the plain value."""
    quantity: Literal["validation_error", "distance_from_truth"] = "validation_error"
    """The column of training.csv: the error by which training goes, or how far the estimate of the test image is from
    its truth, by which nothing goes."""
    label: str = "validation error"
    """Words at the axis, with the factor and the unit."""


@dataclass(frozen=True)
class _Curve:
    """The validations of one training; none where it failed."""

    variant: str
    training: int
    """Counted from 1: a repetition, or an image where each has a network of its own."""
    steps: np.ndarray
    errors: np.ndarray
    smoothed: np.ndarray
    rates: np.ndarray


@dataclass(frozen=True)
class _Panel:
    """What one panel shows: title and style of each variant, all curves, and the phases that they share."""

    heading: str
    problem: str
    titles: Mapping[str, str]
    styles: Mapping[str, tuple[str, tuple]]
    curves: Sequence[_Curve]
    phases: Sequence[Phase]

    @property
    def drawn(self) -> list[_Curve]:
        """The curves with at least one validation."""
        return [curve for curve in self.curves if curve.steps.size]

    @property
    def last(self) -> float:
        """The last step of any curve."""
        return max((float(curve.steps[-1]) for curve in self.drawn), default=1.0)


@dataclass(frozen=True)
class _Mark:
    """A phase named above a panel: step where it begins, words, left end as part of the axis, and lane, 0 lowest."""

    step: int
    words: str
    left: float
    lane: int


def draw(spec: Mapping[str, Any], data: "FigureData") -> tuple[Any, list[dict[str, Any]]]:
    """Draw the panels.

    The axis of errors is logarithmic, unless one of them is not positive. Where all curves of a panel were trained
    in the same phases, a mark says where each begins, with its learning rate and whether batch normalisation is
    frozen. A training that starts from trained weights begins at a step 0 of its own. A line under the figure names
    the variants without a curve.

    Parameters
    ----------
    spec : mapping
        What `Specs.figure` gives.
    data : FigureData

    Returns
    -------
    figure : matplotlib.figure.Figure
    lines : list of dict
        Every validation of every training, in plain units.

    Raises
    ------
    UserError
        If the groups and the figure do not have the same variants.
    """
    from matplotlib.figure import Figure

    params = Params.model_validate(spec["definition"]["params"])
    panels = _panels(spec, data, params)
    rows = [panels[start : start + params.columns] for start in range(0, len(panels), params.columns)]
    width = len(rows[0]) * (LEFT + WIDTH + RIGHT)
    footer = textwrap.wrap(_footer(spec, panels, params), int((width - 0.1) / LETTER))

    # One legend for all panels, or one under each.
    together = len({tuple(panel.titles) for panel in panels}) == 1
    legends = [_legend(panels)] if together else [_legend([panel]) for panel in panels]
    under = max(style.legend_size(legend, width - LEFT if together else WIDTH)[1] for legend in legends)
    own, common = (0.0, under) if together else (under, 0.0)
    lanes = [max((mark.lane + 1 for panel in row for mark in _marks(panel)), default=0) for row in rows]
    below = common + LINE * (len(footer) + 0.6)
    top = height = sum(HEADING + LINE * number + HEIGHT + BELOW + own for number in lanes) + below
    figure = Figure(figsize=(width, height))
    for row, number in zip(rows, lanes, strict=True):
        bottom = top - HEADING - LINE * number - HEIGHT
        for column, panel in enumerate(row):
            left = column * (LEFT + WIDTH + RIGHT) + LEFT
            axes = figure.add_axes((left / width, bottom / height, WIDTH / width, HEIGHT / height))
            figure.text(left / width, (top - 0.09) / height, panel.heading, fontsize=9.5, fontweight="bold", va="top")
            _draw_panel(axes, panel, params)
            axes.set_ylabel("" if column else params.label)
            if not together:
                style.draw_legend(figure, _legend([panel]), (left, bottom - BELOW), WIDTH)
        top = bottom - BELOW - own
    if together:
        style.draw_legend(figure, _legend(panels), (LEFT, top), width - LEFT)
    figure.text(0.06 / width, 0.06 / height, "\n".join(footer), color=style.MUTED, fontsize=7.5)
    return figure, [line for panel in panels for line in _lines(spec, panel)]


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


def faults(variants: Sequence[str], params: Params) -> Iterator[str]:
    """Say which variants of a figure are in no group, or in a group only."""
    grouped = {variant for group in params.groups.values() for variant in group}
    for variant in sorted(grouped ^ set(variants)) if params.groups else ():
        where = "a group, and not among the variants" if variant in grouped else "the variants, and in no group"
        yield f"variant '{variant}' is in {where}; name it in both or in none"


def _panels(spec: Mapping[str, Any], data: "FigureData", params: Params) -> list[_Panel]:
    definition = spec["definition"]
    for fault in faults(definition["variants"], params):
        raise UserError(f"figure '{spec['name']}': {fault}")
    groups = params.groups or {"": definition["variants"]}
    panels = []
    for name, problem in definition["problems"].items():
        for group, variants in groups.items():
            alone = len(definition["problems"]) == 1
            heading = (group if alone else f"{name}: {group}") if group else name
            curves = [
                _curve(variant, training, lines, params)
                for variant in variants
                for training, lines in enumerate(data.training.get((problem, variant), [[]]), start=1)
            ]
            titles = {variant: labels.variant_title(variant, spec["variants"]) for variant in variants}
            styles = style.line_styles(variants, set())
            panels.append(_Panel(heading, problem, titles, styles, curves, _shared_phases(spec, curves)))
    return panels


def _curve(variant: str, training: int, lines: Sequence[Mapping[str, Any]], params: Params) -> _Curve:
    quantity = params.quantity
    found = [line for line in lines if line.get(quantity) is not None and np.isfinite(line[quantity])]
    steps, errors, rates = (
        np.array([line[key] for line in found], float) for key in ("step", quantity, "learning_rate")
    )
    smoothed = moving_average(errors, params.smoothing) if found else errors
    return _Curve(variant, training, steps, errors, smoothed, rates)


def _shared_phases(spec: Mapping[str, Any], curves: Sequence[_Curve]) -> Sequence[Phase]:
    """Return the phases of training, nothing where the curves were trained in different ones."""
    found = {
        tuple(map(Phase.model_validate, spec["variants"][curve.variant]["params"]["training"]["phases"]))
        for curve in curves
        if curve.steps.size
    }
    return [phase for phase in found.pop() if phase.steps] if len(found) == 1 else []


def _legend(panels: Sequence[_Panel]) -> list[tuple[str, tuple[str, tuple]]]:
    """Return title and style of each variant with a curve; panels that share a legend have the same variants."""
    drawn = {curve.variant for panel in panels for curve in panel.drawn}
    styles = panels[0].styles.items()
    return [(panels[0].titles[variant], found) for variant, found in styles if variant in drawn]


def _marks(panel: _Panel) -> list[_Mark]:
    """Place the words of each phase above the axes, in so many lanes that none cover each other."""
    starts = [(step, words) for step, words in _starts(panel.phases) if step < panel.last]
    marks: list[_Mark] = []
    # From the last one on: the line of an earlier phase then passes to the left of the words below it.
    for step, words in reversed(starts):
        length = len(words) * LETTER / WIDTH
        left = min(step / panel.last, 1 - length)
        taken = {mark.lane for mark in marks if mark.left < left + length + LETTER / WIDTH}
        marks.append(_Mark(step, words, left, next(lane for lane in count() if lane not in taken)))
    return marks


def _starts(phases: Sequence[Phase]) -> Iterator[tuple[int, str]]:
    """Give the step at which each phase begins, and what is new in it."""
    step, rate, frozen = 0, 0.0, False
    for phase in phases:
        words = [f"LR {style.power_of_ten(phase.learning_rate)}"] if phase.learning_rate != rate else []
        if phase.frozen_normalisation != frozen:
            words.append("BN frozen" if phase.frozen_normalisation else "BN trained")
        if words:
            yield step, ", ".join(words)
        step, rate, frozen = step + phase.steps, phase.learning_rate, phase.frozen_normalisation


def _draw_panel(axes: Any, panel: _Panel, params: Params) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    for curve in panel.drawn:
        colour, dashes = panel.styles[curve.variant]
        if params.smoothing > 1:
            axes.plot(curve.steps, curve.errors * params.scale, color=colour, linewidth=0.6, alpha=0.25)
        marker = "o" if curve.steps.size == 1 else None
        line = {"color": colour, "linestyle": style.dashed(dashes), "marker": marker}
        axes.plot(curve.steps, curve.smoothed * params.scale, **line, linewidth=1.4, markersize=3, zorder=3)
    for mark in _marks(panel):
        lane = 1 + (mark.lane * LINE + 0.04) / HEIGHT
        across = axes.get_xaxis_transform()
        if mark.step:
            line = {"color": style.MUTED, "linewidth": 0.7, "linestyle": (0, (4, 3)), "clip_on": False, "zorder": 1}
            axes.plot([mark.step, mark.step], [0, lane], transform=across, **line)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
        words = {"color": style.MUTED, "fontsize": 7.5, "bbox": box}
        axes.text(mark.left * panel.last, lane, mark.words, transform=across, **words)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(xlim=(0, panel.last), xlabel="training step")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: style.thousands(value)))
    if not panel.drawn:
        axes.set(xticks=[], yticks=[])
    elif min(curve.errors.min() for curve in panel.drawn) > 0:
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        multiples = (1.0,) if high / low > WIDE else (1.0, 2.0, 5.0)
        axes.yaxis.set_major_locator(LogLocator(subs=multiples) if high / low > NARROW else MaxNLocator(5))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())


def _footer(spec: Mapping[str, Any], panels: Sequence[_Panel], params: Params) -> str:
    """Say what is drawn, at which scale, what was trained on another problem, and which variants have no curve."""
    titles = {variant: title for panel in panels for variant, title in panel.titles.items()}
    sentences = [f"Scale {spec['scale']}."]
    if any(curve.training > 1 for panel in panels for curve in panel.drawn):
        sentences.append("Each training has a curve: one a repetition, or one an image that has a network of its own.")
    if params.smoothing > 1:
        sentences.append(f"Means of {params.smoothing} validations each, the single ones faint behind.")
    if any(panel.phases for panel in panels):
        sentences.append("LR: learning rate; BN: batch normalisation.")
    elsewhere: dict[str, list[str]] = {}
    for row in spec["rows"]:
        if row["trained_on"] not in (None, row["problem"]):
            title = spec["problems"].get(row["trained_on"], {}).get("title") or row["trained_on"]
            elsewhere.setdefault(title, []).append(titles[row["variant"]])
    sentences += [f"Trained on {title}: {', '.join(dict.fromkeys(found))}." for title, found in elsewhere.items()]
    without = []
    for variant, title in titles.items():
        curves = {
            (panel.problem, curve.training): curve.steps.size
            for panel in panels
            for curve in panel.curves
            if curve.variant == variant
        }
        lost = sum(not size for size in curves.values())
        if lost:
            without.append(title if lost == len(curves) else f"{title} ({lost} of {len(curves)} trainings)")
    if without:
        sentences.append(f"No curve, because there was no training or it failed: {', '.join(without)}.")
    return " ".join(sentences)


def _lines(spec: Mapping[str, Any], panel: _Panel) -> Iterator[dict[str, Any]]:
    """Give the lines of the csv, one a validation, and one without numbers for a training that has none."""
    trained_on = {(row["problem"], row["variant"]): row["trained_on"] for row in spec["rows"]}
    quantity = Params.model_validate(spec["definition"]["params"]).quantity
    names = ("step", quantity, "smoothed", "learning_rate")
    for curve in panel.curves:
        about = {
            "panel": panel.heading,
            "problem": panel.problem,
            "method": panel.titles[curve.variant],
            "variant": curve.variant,
            "trained_on": trained_on.get((panel.problem, curve.variant)) or "",
            "training": curve.training,
        }
        if not curve.steps.size:
            yield {**about, **dict.fromkeys(names, "")}
        for step, *values in zip(curve.steps, curve.errors, curve.smoothed, curve.rates, strict=True):
            yield {**about, **dict(zip(names, [int(step), *map(float, values)], strict=True))}
