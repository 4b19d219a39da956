"""Frames per second against the size of a frame, one line a variant."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconbench.config.tables_and_figures import Figure
from reconbench.contracts import FigureKind, Parameters
from reconbench.results import labels, style
from reconbench.results.runs import Run, devices
from reconbench.results.scores import of_pair
from reconbench.results.speeds import frames_of, seconds_per_frame
from reconbench.results.statistics import status_of
from reconbench.steps.scoring import NO_TRUTH, OK

if TYPE_CHECKING:
    from reconbench.results.drawing import FigureData

FIGURE = FigureKind(
    name="speed",
    title="Frames per second against the size of a frame",
    reference="F. Wang et al. 2020, figure 7",
    reads=frozenset({"scores", "runs", "measurements"}),
    own_variants=True,
)

# Inches: the axes, what is around them, a line and a letter of small print.
WIDTH, HEIGHT = 4.6, 3.0
LEFT, RIGHT, BELOW, ABOVE = 0.75, 0.25, 0.52, 0.12
LINE, LETTER = 0.16, 0.058
DEVICES = {"cpu": "CPU", "cuda": "GPU"}


class Params(Parameters):
    """No parameters."""


@dataclass(frozen=True)
class _Point:
    """One variant on one problem; no seconds where it failed."""

    problem: str
    variant: str
    shape: tuple[int, int]
    seconds: float | None
    status: str
    runs: Sequence[Run]

    @property
    def pixels(self) -> int:
        """Pixels of a frame."""
        return self.shape[0] * self.shape[1]


def draw(spec: Mapping[str, Any], data: "FigureData") -> tuple[Any, list[dict[str, Any]]]:
    """Draw the lines, both axes logarithmic.

    Parameters
    ----------
    spec : mapping
        What `Specs.figure` gives.
    data : FigureData

    Returns
    -------
    figure : matplotlib.figure.Figure
    lines : list of dict
        Seconds and frames per second of each variant at each size, with the device.
    """
    from matplotlib.figure import Figure as Drawing

    definition = Figure.model_validate(spec["definition"])
    points = [_point(data, problem, variant) for problem, variant in definition.pairs]
    curves: dict[str, list[_Point]] = {variant: [] for variant in spec["variants"]}
    for point in sorted(points, key=lambda point: point.pixels):
        if point.seconds is not None:
            curves[point.variant].append(point)
    looks = style.line_styles([variant for variant, found in curves.items() if found], set())
    legend = [(_title(spec, curves[variant]), look) for variant, look in looks.items()]
    width = LEFT + WIDTH + RIGHT
    footer = textwrap.wrap(_footer(spec, points), int((width - 0.1) / LETTER))
    under = style.legend_size(legend, width - LEFT)[1]
    below = BELOW + under + LINE * (len(footer) + 0.6)
    height = ABOVE + HEIGHT + below
    figure = Drawing(figsize=(width, height))
    axes = figure.add_axes((LEFT / width, below / height, WIDTH / width, HEIGHT / height))
    for variant, (colour, dashes) in looks.items():
        line = {"color": colour, "linestyle": style.dashed(dashes), "linewidth": 1.5}
        values = [1 / point.seconds for point in curves[variant]]
        axes.plot([point.pixels for point in curves[variant]], values, **line, marker="o", markersize=4)
    _scale(axes, points)
    style.draw_legend(figure, legend, (LEFT, below - BELOW), width - LEFT)
    figure.text(0.06 / width, 0.06 / height, "\n".join(footer), color=style.MUTED, fontsize=7.5)
    return figure, [_line(spec, point) for point in points]


def _point(data: "FigureData", problem: str, variant: str) -> _Point:
    records = data.measurements[problem]
    repetitions = of_pair(data.scores, problem, variant)
    status = status_of([line for lines in repetitions for line in lines])
    seconds = None
    if status in (OK, NO_TRUTH):
        seconds = seconds_per_frame(repetitions, {name: frames_of(record) for name, record in records.items()})
    shape = next(iter(records.values())).shape[-2:]
    return _Point(problem, variant, shape, seconds and seconds.mean, status, data.runs.get((problem, variant), []))


def _title(spec: Mapping[str, Any], points: Sequence[_Point]) -> str:
    """Return what the legend says of a line: the variant, and what kind of device computed."""
    kinds = dict.fromkeys(DEVICES[run["device"]] for point in points for run in point.runs)
    return f"{labels.variant_title(points[0].variant, spec['variants'])} ({' and '.join(kinds)})"


def _scale(axes: Any, points: Iterable[_Point]) -> None:
    """Make both axes logarithmic, with a tick for each size."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    sizes = {point.pixels: f"{point.shape[0]} × {point.shape[1]}" for point in points}
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(list(sizes), list(sizes.values()))
    axes.xaxis.set_minor_locator(NullLocator())
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0,) if high / low > 100 else (1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y", color=style.MUTED, alpha=0.2, linewidth=0.6)
    axes.margins(x=0.08)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(xlabel="size of a frame (pixels)", ylabel="frames per second")


def _footer(spec: Mapping[str, Any], points: Sequence[_Point]) -> str:
    """Say on what was measured, what ran beside, and what has no point."""
    words = [f"Scale {spec['scale']}."]
    for device, name in DEVICES.items():
        runs = [run for point in points for run in point.runs if run["device"] == device]
        words += [f"{name}: {devices(runs)}."] if runs else []
    shown = {(point.problem, point.variant) for point in points}
    alone = all(row["timed"] for row in spec["rows"] if (row["problem"], row["variant"]) in shown)
    words.append(
        "Each job had the machine for itself; a warm-up is not counted."
        if alone
        else "Other jobs may have run beside, so compare with care."
    )
    failed = [point for point in points if point.seconds is None]
    for point in failed:
        title = labels.variant_title(point.variant, spec["variants"])
        words.append(f"No point: {title} on {point.shape[0]} × {point.shape[1]} ({point.status}).")
    return " ".join(words)


def _line(spec: Mapping[str, Any], point: _Point) -> dict[str, Any]:
    """Return the line of the csv, its numbers empty where there is no time."""
    return {
        "problem": point.problem,
        "size": f"{point.shape[0]}x{point.shape[1]}",
        "method": labels.variant_title(point.variant, spec["variants"]),
        "variant": point.variant,
        "status": point.status,
        "frame_seconds": "" if point.seconds is None else point.seconds,
        "frames_per_second": "" if point.seconds is None else 1 / point.seconds,
        "device": devices(point.runs),
    }
