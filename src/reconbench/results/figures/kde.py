"""How a metric is spread over the images: Gaussian kernel density estimates, one panel a problem and metric."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from reconbench.contracts import Description, Parameters

if TYPE_CHECKING:
    from reconbench.results.drawing import FigureData

FIGURE = Description(
    name="kde",
    title="Kernel density estimates of metrics over images",
    reference="Ede and Beanland 2019, figure 4; D. W. Scott, Multivariate Density Estimation (1992)",
)

TICKS_BELOW = 100
PANEL = (3.7, 2.35)
LEGEND_COLUMNS = 4
LINE = 0.2
# Where no limits are given, the panel shows this part of the values of the methods: a long tail of one of them,
# or an input far away from all, would press the others together.
SHOWN_PART = (0.0, 0.95)


class Params(Parameters):
    """Parameters of the kernel density estimates."""

    points: int = Field(200, ge=10, le=10_000)
    """Number of points of each curve, from one end of the axis to the other."""
    limits: dict[str, tuple[float, float]] = Field(default_factory=dict)
    """Ends of the axis for a metric, in its plain unit; by default what holds 95 % of the methods' values."""


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
        """Give the lines of the csv: first the curves, then the values."""
        for variant in self.values:
            about = {"problem": self.problem, "metric": self.metric, "method": titles[variant], "variant": variant}
            for place, density in zip(self.places, self.curves.get(variant, ()), strict=False):
                yield {**about, "what": "curve", "value": float(place), "density": float(density)}
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
    below = LINE * (-(-len(drawn) // LEGEND_COLUMNS) + 3)
    figure = Figure(figsize=(PANEL[0] * columns, PANEL[1] * rows + below), layout="constrained")
    figure.get_layout_engine().set(rect=(0, below / figure.get_figheight(), 1, 1 - below / figure.get_figheight()))
    for axes, panel in zip(figure.subplots(rows, columns, squeeze=False).flat, panels, strict=True):
        _draw_panel(axes, panel, styles)
    _draw_legend(figure, {titles[variant]: styles[variant] for variant in drawn}, below)
    footer = [f"n = {_counts(panels)} images", f"scale {spec['scale']}", *_without_curve(panels, titles)]
    figure.text(0.01, 0.01, "; ".join(footer) + ".", color=style.MUTED, fontsize=7.5, va="bottom", wrap=True)
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
    highest = max((curve.max() for curve in curves.values()), default=1.0)
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
            limits = params.limits.get(metric) or _limits(drawable, controls)
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


def _limits(values: Mapping[str, Sequence[float]], controls: Collection[str]) -> tuple[float, float]:
    """Return the ends of an axis that shows the bulk of the methods' values, or of all where there is no method."""
    methods = [found for name, found in values.items() if name not in controls] or list(values.values())
    if not methods:
        return 0.0, 1.0
    low, high = np.quantile(np.concatenate(methods), SHOWN_PART)
    margin = 0.05 * (high - low)
    return float(low - margin), float(high + margin)


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
    axes.set(xlabel=panel.label, ylabel="density, highest = 1", ylim=(0, 1.05), yticks=(0, 0.5, 1))
    axes.set_xlim(panel.places[0] * panel.scale, panel.places[-1] * panel.scale)


def _draw_legend(figure: Any, styles: Mapping[str, tuple[str, tuple]], below: float) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, linestyle=(0, dashes) if dashes else "-", linewidth=1.8, label=title)
        for title, (colour, dashes) in styles.items()
    ]
    anchor = (0.5, below / figure.get_figheight())
    figure.legend(handles=handles, loc="upper center", bbox_to_anchor=anchor, ncols=LEGEND_COLUMNS, handlelength=3)


def _counts(panels: Sequence[_Panel]) -> str:
    """Return the number of values of a curve: one, or the smallest and the largest."""
    counts = sorted({len(panel.values[variant]) for panel in panels for variant in panel.curves})
    return f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(*counts)


def _without_curve(panels: Sequence[_Panel], titles: Mapping[str, str]) -> list[str]:
    """Say which methods have no curve, and in how many of the panels."""
    found = []
    for variant, title in titles.items():
        count = sum(variant not in panel.curves for panel in panels)
        where = "" if count == len(panels) else f" in {count} of {len(panels)} panels"
        if count:
            found.append(f"no curve of {title}{where}: failed, or the same value for every image")
    return found
