"""Learning curves: loss and errors while networks are trained, a panel for each problem or group and each quantity."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from reconbench.config.tables_and_figures import Figure as Definition
from reconbench.contracts import FigureKind, Parameters
from reconbench.errors import UserError
from reconbench.results import labels, style
from reconbench.results.figures._curves import WORDS, Against, Curve, Panel, Quantity, curve_of, draw_curves, lacking
from reconbench.results.figures._phases import LETTER, LINE, Mark, draw_marks, marks_of, starts
from reconbench.training.settings import Phase

if TYPE_CHECKING:
    from reconbench.results.drawing import FigureData

FIGURE = FigureKind(
    name="learning_curves",
    title="Loss and errors during training",
    reference="Ede and Beanland 2019, figures 3, 9 and 10; Moskalev 2019, training and validation",
    reads=frozenset({"training"}),
)

# Inches: the axes, what is left, right and below of them, the heading.
WIDTH, HEIGHT = 3.05, 1.9
LEFT, RIGHT, BELOW, HEADING = 0.8, 0.28, 0.45, 0.28
# An axis that spans less than the first factor has evenly spaced ticks, one beyond the second only powers of ten.
NARROW, WIDE = 6, 1000


def _as_list(value: Any) -> Any:
    """Read a name as a list of one."""
    return [value] if isinstance(value, str) else value


def _as_map(value: Any) -> Any:
    """Read a name, or a list of names, as a map without anything to each."""
    names = _as_list(value)
    return {name: {} for name in names} if isinstance(names, list) else value


class Axis(Parameters):
    """How a quantity is shown."""

    label: str = ""
    """Words at the axis, with the factor and the unit; by default the name of the quantity."""
    scale: float = 1.0
    """Factor of display: 1000 for a mean squared error times 10^3, -1 for the PSNR where the loss is its negative. The
    csv keeps the plain value."""


class Params(Parameters):
    """Parameters of the learning curves."""

    smoothing: int = Field(1, ge=1, le=100_000)
    """Number of validations that each point of a curve is the mean of; the values themselves are faint behind it."""
    groups: dict[str, list[str]] = Field(default_factory=dict)
    """The panels of each problem: heading to variants. By default one panel with all variants."""
    columns: int = Field(2, ge=1, le=6)
    """Panels in one row."""
    quantity: Annotated[dict[Quantity, Axis], BeforeValidator(_as_map), Field(min_length=1)] = {
        "validation_error": Axis()
    }
    """Columns of training.csv, each with a panel: the loss, the error by which training goes, and how far the estimate
    of the test image is from its truth, by which nothing goes. A name, a list, or a map to `label` and `scale`."""
    label: str = ""
    """Words at the axis of a single quantity, with the factor and the unit; by default its name."""
    scale: float = 1.0
    """Factor of display of a single quantity, as that of an axis."""
    against: Annotated[tuple[Against, ...], BeforeValidator(_as_list), Field(min_length=1, max_length=2)] = ("step",)
    """What stands below the curves: the steps of training, its seconds, or for a list of both a panel with each."""
    patches_per_epoch: int | None = Field(None, ge=1)
    """Patches that are an epoch, as many as the training split has images: the axis then counts epochs, not steps."""

    @model_validator(mode="after")
    def _said_once(self) -> "Params":
        beside = (self.label, self.scale) != ("", 1.0)
        if beside and (len(self.quantity) > 1 or Axis() not in self.quantity.values()):
            raise ValueError("`label` and `scale` are those of a single quantity; give each its own under `quantity`")
        if len(set(self.against)) < len(self.against):
            raise ValueError("`against` names an axis twice; give `step`, `seconds` or both")
        if any(axis.scale == 0 for axis in self.axes.values()):
            raise ValueError("a `scale` of 0 would show nothing; give the factor of display")
        return self

    @property
    def axes(self) -> dict[Quantity, Axis]:
        """The quantities that are shown, and how."""
        if (self.label, self.scale) == ("", 1.0):
            return self.quantity
        return dict.fromkeys(self.quantity, Axis(label=self.label, scale=self.scale))


def draw(spec: Mapping[str, Any], data: "FigureData") -> tuple[Any, list[dict[str, Any]]]:
    """Draw the panels.

    Several trainings of a variant are thin curves, and their mean a thick one. The axis of a quantity is logarithmic,
    unless one of its values or its factor of display is not positive. Where all curves of a panel were trained in the
    same phases, a mark says where each begins, with its learning rate and whether batch normalisation is frozen. A
    training that starts from trained weights begins at a step 0 of its own. A line under the figure names the variants
    without a curve.

    Parameters
    ----------
    spec : mapping
        What `Specs.figure` gives.
    data : FigureData

    Returns
    -------
    figure : matplotlib.figure.Figure
    lines : list of dict
        Every value of every training, in plain units.

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
            _draw_panel(axes, panel, params)
            # What the panel to the left says is not said again.
            before = row[column - 1] if column else None
            if before is None or before.heading != panel.heading:
                place = (left / width, (top - 0.09) / height)
                figure.text(*place, panel.heading, fontsize=9.5, fontweight="bold", va="top")
            if before is None or before.quantity != panel.quantity:
                axes.set_ylabel(params.axes[panel.quantity].label or WORDS[panel.quantity])
            if not together:
                style.draw_legend(figure, _legend([panel]), (left, bottom - BELOW), WIDTH)
        top = bottom - BELOW - own
    if together:
        style.draw_legend(figure, _legend(panels), (LEFT, top), width - LEFT)
    figure.text(0.06 / width, 0.06 / height, "\n".join(footer), color=style.MUTED, fontsize=7.5)
    # Panels that show the same values against something else add none to the csv.
    told = [panel for panel in panels if panel.against == params.against[0]]
    return figure, [line for panel in told for line in _lines(spec, panel, params)]


def faults(definition: Definition, params: Params) -> Iterator[str]:
    """Say which variants of a figure are in no group, or in a group only."""
    grouped = {variant for group in params.groups.values() for variant in group}
    for variant in sorted(grouped ^ set(definition.variants)) if params.groups else ():
        where = "a group, and not among the variants" if variant in grouped else "the variants, and in no group"
        yield f"variant '{variant}' is in {where}; name it in both or in none"


def _panels(spec: Mapping[str, Any], data: "FigureData", params: Params) -> list[Panel]:
    definition = Definition.model_validate(spec["definition"])
    for fault in faults(definition, params):
        raise UserError(f"figure '{spec['name']}': {fault}")
    groups = params.groups or {"": definition.variants}
    panels = []
    for name, problem in definition.problems.items():
        for group, variants in groups.items():
            alone = len(definition.problems) == 1
            heading = (group if alone else f"{name}: {group}") if group else name
            titles = {variant: labels.variant_title(variant, spec["variants"]) for variant in variants}
            styles = style.line_styles(variants, set())
            for quantity in params.axes:
                curves = [
                    curve_of(
                        variant,
                        training,
                        lines,
                        quantity,
                        params.smoothing,
                        _unit(spec, variant, params),
                        params.against,
                    )
                    for variant in variants
                    for training, lines in enumerate(data.training.get((problem, variant), [[]]), start=1)
                ]
                for against in params.against:
                    # A phase begins after the same steps of every training, and not after the same seconds.
                    begun = _shared_starts(spec, curves, params) if against == "step" else []
                    panels.append(Panel(heading, problem, quantity, against, titles, styles, curves, begun))
    return panels


def _unit(spec: Mapping[str, Any], variant: str, params: Params) -> float:
    """Return what a step of a variant's training is on the axis: 1, or a part of an epoch."""
    settings = spec["variants"][variant]["params"].get("training")
    if params.patches_per_epoch is None or settings is None:
        return 1.0
    return settings["batch"] / params.patches_per_epoch


def _shared_starts(spec: Mapping[str, Any], curves: Sequence[Curve], params: Params) -> list[tuple[float, str]]:
    """Return where phases begin and what is new in each, nothing where the curves were trained in different ones."""
    found = {
        (_unit(spec, variant, params), *map(Phase.model_validate, settings["phases"]))
        for variant in {curve.variant for curve in curves if curve.steps.size}
        for settings in [spec["variants"][variant]["params"]["training"]]
    }
    if len(found) != 1:
        return []
    unit, *phases = found.pop()
    return starts([phase for phase in phases if phase.steps], unit)


def _marks(panel: Panel) -> list[Mark]:
    """Return where the phases of a panel are named."""
    return marks_of(panel.starts, panel.last, WIDTH)


def _legend(panels: Sequence[Panel]) -> list[tuple[str, tuple[str, tuple]]]:
    """Return title and style of each variant with a curve; panels that share a legend have the same variants."""
    drawn = {curve.variant for panel in panels for curve in panel.drawn}
    styles = panels[0].styles.items()
    return [(panels[0].titles[variant], found) for variant, found in styles if variant in drawn]


def _draw_panel(axes: Any, panel: Panel, params: Params) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    scale = params.axes[panel.quantity].scale
    draw_curves(axes, panel, params.smoothing, scale)
    draw_marks(axes, _marks(panel), panel.last, HEIGHT)
    axes.spines[["top", "right"]].set_visible(False)
    steps = "epoch" if params.patches_per_epoch else "training step"
    axes.set(xlim=(0, panel.last), xlabel=steps if panel.against == "step" else "seconds of training")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=panel.last > 1))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: style.thousands(value) if value >= 1 else f"{value:g}")
    )
    if not panel.drawn:
        axes.set(xticks=[], yticks=[])
    elif scale > 0 and min(curve.values.min() for curve in panel.drawn) > 0:
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        multiples = (1.0,) if high / low > WIDE else (1.0, 2.0, 5.0)
        axes.yaxis.set_major_locator(LogLocator(subs=multiples) if high / low > NARROW else MaxNLocator(5))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())


def _footer(spec: Mapping[str, Any], panels: Sequence[Panel], params: Params) -> str:
    """Say what is drawn, at which scale, what was trained on another problem, and which variants have no curve."""
    titles = {variant: title for panel in panels for variant, title in panel.titles.items()}
    sentences = [f"Scale {spec['scale']}."]
    if any(len(panel.drawn_of(variant)) > 1 for panel in panels for variant in titles):
        sentences.append(
            "Each training has a thin curve: one a repetition, or one an image that has a network of its own."
        )
        sentences.append("The thick curves are their means.")
    if params.smoothing > 1:
        sentences.append(f"Means of {params.smoothing} validations each, the single ones faint behind.")
    begun = " ".join(words for panel in panels for _, words in panel.starts)
    meanings = {"LR": "learning rate", "BN": "batch normalisation"}
    if begun:
        sentences.append(f"{'; '.join(f'{short}: {words}' for short, words in meanings.items() if short in begun)}.")
    elsewhere: dict[str, list[str]] = {}
    for row in spec["rows"]:
        if row["trained_on"] not in (None, row["problem"]):
            title = spec["problems"].get(row["trained_on"], {}).get("title") or row["trained_on"]
            elsewhere.setdefault(title, []).append(titles[row["variant"]])
    sentences += [f"Trained on {title}: {', '.join(dict.fromkeys(found))}." for title, found in elsewhere.items()]
    return " ".join([*sentences, *lacking(panels, titles)])


def _lines(spec: Mapping[str, Any], panel: Panel, params: Params) -> Iterator[dict[str, Any]]:
    """Give the lines of the csv, one a value, and one without numbers for a training that has none."""
    trained_on = {(row["problem"], row["variant"]): row["trained_on"] for row in spec["rows"]}
    further = [*(["epoch"] if params.patches_per_epoch else []), *(["seconds"] if "seconds" in params.against else [])]
    names = ("step", *further, "value", "smoothed", "learning_rate")
    for curve in panel.curves:
        about = {
            "panel": panel.heading,
            "problem": panel.problem,
            "method": panel.titles[curve.variant],
            "variant": curve.variant,
            "trained_on": trained_on.get((panel.problem, curve.variant)) or "",
            "training": curve.training,
            "quantity": panel.quantity,
        }
        if not curve.steps.size:
            yield {**about, **dict.fromkeys(names, "")}
        columns = (
            curve.steps.astype(int),
            *(curve.places["step" if name == "epoch" else "seconds"] for name in further),
            curve.values,
            curve.smoothed,
            curve.rates,
        )
        for values in zip(*(column.tolist() for column in columns), strict=True):
            yield {**about, **dict(zip(names, values, strict=True))}
