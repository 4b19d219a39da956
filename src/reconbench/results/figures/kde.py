"""How a metric is spread over the images: Gaussian kernel density estimates, one panel a problem and metric."""

import textwrap
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from reconbench.contracts import FigureKind, Parameters

if TYPE_CHECKING:
    from reconbench.results.drawing import FigureData

FIGURE = FigureKind(
    name="kde",
    title="Kernel density estimates of metrics over images",
    reference="Ede and Beanland 2019, figure 4; D. W. Scott, Multivariate Density Estimation (1992)",
    reads=frozenset({"scores"}),
)

TICKS_BELOW = 100
# Inches: a panel, and one line of text below the panels.
PANEL = (3.7, 2.3)
LINE = 0.17
LEGEND_COLUMNS = 3
LETTERS = 32
# The part of a method's images that its curve may have beyond the axis.
BEYOND = 0.02


class Params(Parameters):
    """Parameters of the kernel density estimates."""

    points: int = Field(200, ge=10, le=10_000)
    """Number of points of each curve, from one end of the axis to the other."""
    limits: dict[str, tuple[float, float]] = Field(default_factory=dict)
    """Ends of the axis for a metric, in its plain unit; by default from the best value of
    any method to where half of the methods have all but 2 % of their images, so that no long tail rules."""


@dataclass(frozen=True)
class _Panel:
    """What one panel shows; values and places in plain units."""

    heading: str
    problem: str
    metric: str
    label: str
    scale: float
    values: Mapping[str, Sequence[float]]
    places: np.ndarray
    curves: Mapping[str, np.ndarray]

    def lines(self, titles: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Give the lines of the csv: for each variant first its curve, then its values, or that it has none."""
        for variant in self.values:
            about = {"problem": self.problem, "metric": self.metric, "method": titles[variant], "variant": variant}
            for place, density in zip(self.places, self.curves.get(variant, ()), strict=False):
                yield {**about, "what": "curve", "value": float(place), "density": float(density)}
            if not self.values[variant]:
                yield {**about, "what": "no value", "value": "", "density": ""}
            for value in self.values[variant]:
                yield {**about, "what": "image", "value": value, "density": ""}


def draw(spec: Mapping[str, Any], data: "FigureData") -> tuple[Any, list[dict[str, Any]]]:
    """Draw the panels.

    Every curve is the Gaussian kernel density estimate of a method's values, one an image, with the bandwidth of
    Scott's rule. The curves of a panel are divided by one number, so that the highest point drawn is 1. Where a
    method has fewer than 100 values they are ticks on the axis. A method that failed, or whose values are all the
    same, has no curve, and a line under the figure says so.

    Parameters
    ----------
    spec : mapping
        What `Specs.figure` gives.
    data : FigureData

    Returns
    -------
    figure : matplotlib.figure.Figure
    lines : list of dict
        The curves as they are drawn, in plain units, and the values that they are made of.
    """
    from matplotlib.figure import Figure

    from reconbench.results import labels, style

    definition = spec["definition"]
    variants = definition["variants"]
    titles = {variant: labels.variant_title(variant, spec["variants"]) for variant in variants}
    controls = {variant for variant in variants if labels.is_control(variant, spec["variants"])}
    styles = style.line_styles(variants, controls)
    panels = _panels(spec, data, controls)

    rows, columns = len(definition["problems"]), len(definition["metrics"])
    drawn = [variant for variant in variants if any(variant in panel.curves for panel in panels)]
    footer = textwrap.wrap(_footer(spec, panels, titles), 62 * columns)
    below = LINE * (1.2 * -(-len(drawn) // LEGEND_COLUMNS) + len(footer) + 1)
    height = PANEL[1] * rows + below
    figure = Figure(figsize=(PANEL[0] * columns, height), layout="constrained")
    figure.get_layout_engine().set(rect=(0, below / height, 1, 1 - below / height))
    for number, (axes, panel) in enumerate(
        zip(figure.subplots(rows, columns, squeeze=False).flat, panels, strict=True)
    ):
        _draw_panel(axes, panel, styles)
        axes.set_ylabel("" if number % columns else "density, highest = 1")
    _draw_legend(figure, {titles[variant]: styles[variant] for variant in drawn}, below / height)
    figure.text(0.01, 0.06 / height, "\n".join(footer), color=style.MUTED, fontsize=7.5)
    _settle(figure)
    return figure, [line for panel in panels for line in panel.lines(titles)]


def densities(values: Mapping[str, Sequence[float]], places: np.ndarray) -> dict[str, np.ndarray]:
    """Return the kernel density estimate of each set of values, all divided by the highest point of any.

    Parameters
    ----------
    values : mapping
        Finite numbers, not all the same in any set.
    places : ndarray
        Where the estimates are evaluated.
    """
    from scipy.stats import gaussian_kde

    curves = {name: gaussian_kde(found, bw_method="scott")(places) for name, found in values.items()}
    # Where all lies beyond the places, nothing is to be scaled.
    highest = max((curve.max() for curve in curves.values()), default=1.0) or 1.0
    return {name: curve / highest for name, curve in curves.items()}


def _panels(spec: Mapping[str, Any], data: "FigureData", controls: Collection[str]) -> list[_Panel]:
    from reconbench.results import labels

    definition = spec["definition"]
    params = Params.model_validate(definition["params"])
    panels = []
    for heading, problem in definition["problems"].items():
        for metric, display in definition["metrics"].items():
            values = {variant: _values(data, problem, variant, metric) for variant in definition["variants"]}
            drawable = {variant: found for variant, found in values.items() if len(set(found)) > 1}
            limits = params.limits.get(metric) or _limits(drawable, controls, labels.better(metric))
            places = np.linspace(*limits, params.points)
            label = labels.metric_title(metric, display["title"], display["scale"])
            curves = densities(drawable, places)
            panels.append(_Panel(heading, problem, metric, label, display["scale"], values, places, curves))
    return panels


def _values(data: "FigureData", problem: str, variant: str, metric: str) -> list[float]:
    """Return the finite values of a metric, one an image and repetition; none where the row failed."""
    from reconbench.results.scores import of_pair
    from reconbench.results.statistics import status_of
    from reconbench.steps.scoring import OK

    lines = [line for repetition in of_pair(data.scores, problem, variant) for line in repetition]
    if status_of(lines) != OK:
        return []
    return [line[metric] for line in lines if line.get(metric) is not None and np.isfinite(line[metric])]


def _limits(values: Mapping[str, Sequence[float]], controls: Collection[str], better: str) -> tuple[float, float]:
    """Return the ends of an axis: all methods on the better side, half of them on the worse one."""
    methods = [found for name, found in values.items() if name not in controls] or list(values.values())
    if not methods:
        return 0.0, 1.0
    lows = [np.quantile(found, BEYOND) for found in methods]
    highs = [np.quantile(found, 1 - BEYOND) for found in methods]
    low, high = (min(lows), np.median(highs)) if better == "lower" else (np.median(lows), max(highs))
    margin = 0.08 * (high - low)
    # An axis of what cannot be negative starts at zero.
    start = max(low - margin, 0.0) if min(map(min, methods)) >= 0 else low - margin
    return float(start), float(high + margin)


def _settle(figure: Any) -> None:
    """Lay the panels out, and keep what came out but for the last digits, which differ from call to call."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position(np.round(axes.get_position().bounds, 6))


def _draw_panel(axes: Any, panel: _Panel, styles: Mapping[str, tuple[str, tuple]]) -> None:
    import pandas
    import seaborn

    curves = [
        pandas.DataFrame({"value": panel.places * panel.scale, "density": curve, "variant": variant})
        for variant, curve in panel.curves.items()
    ]
    colours = {variant: styles[variant][0] for variant in panel.curves}
    if curves:
        dashes = {variant: styles[variant][1] for variant in panel.curves}
        frame = pandas.concat(curves, ignore_index=True)
        names = {"hue": "variant", "style": "variant", "palette": colours, "dashes": dashes}
        seaborn.lineplot(frame, x="value", y="density", **names, estimator=None, legend=False, ax=axes, linewidth=1.4)
    few = {variant: panel.values[variant] for variant in panel.curves if len(panel.values[variant]) < TICKS_BELOW}
    for variant, values in few.items():
        ticks = np.asarray(values) * panel.scale
        seaborn.rugplot(x=ticks, color=colours[variant], height=0.035, alpha=0.7, linewidth=0.8, ax=axes)
    seaborn.despine(ax=axes)
    axes.set_title(panel.heading, loc="left")
    axes.set(xlabel=panel.label, ylim=(0, 1.05), yticks=(0, 0.5, 1))
    axes.set_xlim(panel.places[0] * panel.scale, panel.places[-1] * panel.scale)


def _draw_legend(figure: Any, styles: Mapping[str, tuple[str, tuple]], top: float) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [],
            [],
            color=colour,
            linestyle=(0, dashes) if dashes else "-",
            linewidth=1.8,
            label=textwrap.fill(title, LETTERS),
        )
        for title, (colour, dashes) in styles.items()
    ]
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, top), "ncols": LEGEND_COLUMNS}
    figure.legend(handles=handles, **place, handlelength=3, labelspacing=0.35)


def _footer(spec: Mapping[str, Any], panels: Sequence[_Panel], titles: Mapping[str, str]) -> str:
    """Say how many images, at which scale, and which methods have no curve."""
    counts = sorted({len(panel.values[variant]) for panel in panels for variant in panel.curves}) or [0]
    number = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    sentence = f"n = {number} images a curve, scale {spec['scale']}. Tails may go on beyond the axes."
    beyond = _in_panels(panels, titles, lambda panel, variant: variant in panel.curves and _is_beyond(panel, variant))
    if beyond:
        sentence += f" All images beyond the axes: {', '.join(beyond)}."
    without = _in_panels(panels, titles, lambda panel, variant: variant not in panel.curves)
    if without:
        sentence += f" No curve, because it failed or all values are the same: {', '.join(without)}."
    return sentence


def _is_beyond(panel: _Panel, variant: str) -> bool:
    """Say whether no value of a method lies between the ends of a panel's axis."""
    values = np.asarray(panel.values[variant])
    return not ((values >= panel.places[0]) & (values <= panel.places[-1])).any()


def _in_panels(panels: Sequence[_Panel], titles: Mapping[str, str], holds: Callable[[_Panel, str], bool]) -> list[str]:
    """Return the methods of which something holds, and in how many of the panels where it is not all."""
    found = []
    for variant, title in titles.items():
        count = sum(holds(panel, variant) for panel in panels)
        if count:
            found.append(title if count == len(panels) else f"{title} (in {count} of {len(panels)} panels)")
    return found
