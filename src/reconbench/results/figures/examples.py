"""Images side by side: truth, measurement and estimates, each with an enlarged square and its errors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from reconbench.config.tables_and_figures import Figure
from reconbench.contracts import FigureKind, Parameters
from reconbench.results import labels
from reconbench.results.figures._colours import Grey, is_coloured, own_limits
from reconbench.results.figures._kept import OF_ANOTHER_QUANTITY, errors_of, kept_names, line_of, words_of
from reconbench.results.figures._panels import Panel, Strip, draw_strips
from reconbench.results.figures._views import detail, limits_of, middle_plane, views_of

if TYPE_CHECKING:
    from reconbench.results.drawing import FigureData

FIGURE = FigureKind(
    name="examples",
    title="Images side by side, with an enlarged corner",
    reference="Ede and Beanland 2019, figures 6 and 7; Papkov et al. 2023, figures 2, S1 and S2",
    reads=frozenset({"scores", "examples", "truths", "measurements"}),
    own_variants=True,
)

DEFAULT_METRICS = {
    "psnr": {"title": "", "scale": 1.0, "digits": 1},
    "ssim": {"title": "", "scale": 1.0, "digits": 2},
    "mse": {"title": "", "scale": 1000.0, "digits": 2},
}


class Params(Parameters):
    """Parameters of the side-by-side images."""

    place: Literal["corner", "detail", "none"] = "corner"
    """What is enlarged: the top left corner, the square in which the first image varies most, or nothing."""
    corner: int = Field(32, ge=4, le=512)
    """Side of the square that is enlarged, in pixels; at most a quarter of the shorter side of an image is taken."""
    images: int = Field(1, ge=1, le=20)
    """Images shown of each problem, the first that were kept."""
    columns: int = Field(6, ge=2, le=12)
    """Images in one line."""
    projection: Literal["above", "alone", "none"] = "above"
    """The maximum projection along z of a volume: above a plane of it, alone, or not shown."""
    plane: int | None = Field(None, ge=1)
    """The plane of a volume, counted from 1; by default the one in which the first image varies most."""
    frames: list[Annotated[int, Field(ge=1)]] = Field(default_factory=list, max_length=6)
    """The frames of a sequence, counted from 1, one below the other; by default its middle one."""
    grey: Grey = "shared"
    """Whether all panels of an image have the grey scale of the truth (of the measurement where there is none), or each
    its own."""


@dataclass(frozen=True)
class _Shown:
    """One image with its errors, or what happened instead."""

    title: str
    variant: str
    image: np.ndarray | None
    status: str = "ok"
    errors: Mapping[str, float] = field(default_factory=dict)
    own_scale: bool = False
    """Whether it is of another quantity than the others, so that their grey scale would not show it."""


def draw(spec: Mapping[str, Any], data: "FigureData") -> tuple[Any, list[dict[str, Any]]]:
    """Draw the images.

    All panels of an image have one grey scale, from the smallest to the largest value of the truth (of the
    measurement where there is none). A measurement of another quantity, intensities for instance that a phase is
    retrieved from, has one of its own, and of a stack of planes the middle one is seen. The truth is shown as it is
    scored: scaled to the measurement's mean where the problem says so. The enlarged square is framed where it comes
    from. Of a volume two views stand one below the other, each with a grey scale of its own: the maximum projection
    along z, and a plane with the enlarged square. Frames of a sequence stand so too, with one grey scale and square.

    Parameters
    ----------
    spec : mapping
        What `Specs.figure` gives.
    data : FigureData

    Returns
    -------
    figure : matplotlib.figure.Figure
    lines : list of dict
        The errors of every image shown.

    Raises
    ------
    UserError
        If a volume lacks the plane or a sequence the frame that is asked for.
    """
    definition = Figure.model_validate(spec["definition"])
    params = Params.model_validate(definition.params)
    strips: list[Strip] = []
    lines: list[dict[str, Any]] = []
    for heading, problem in definition.problems.items():
        variants = definition.variants_of(heading)
        for name in kept_names(data, problem, variants)[: params.images]:
            shown = list(_shown(spec, data, problem, variants, name))
            first = data.truths.get(problem, {}).get(name) or data.measurements[problem][name]
            title = f"{heading}: {name}" if params.images > 1 else heading
            coloured = is_coloured(first.shape, spec["problems"][problem]["kind"])
            strips.append(_strip(spec, params, title, shown, first.axes, coloured))
            lines += _lines(problem, name, shown)
    return draw_strips(strips, params.columns, _footer(spec, params, strips)), lines


def _footer(spec: Mapping[str, Any], params: Params, strips: Sequence[Strip]) -> str:
    """Say what is black and white."""
    several = any(len(strip.labels) > 1 for strip in strips)
    scored = any(panel.errors for strip in strips for panel in strip.panels)
    sequences = " Numbers are of whole sequences." if params.frames and scored else ""
    if params.grey == "own":
        return f"Each image has a grey scale of its own; scale {spec['scale']}.{sequences}"
    same = "" if params.frames or not several else " in the same view"
    words = f"Black and white are the smallest and largest value of the first image{same}; scale {spec['scale']}."
    if any(panel.limits for strip in strips for panel in strip.panels):
        words += " Inputs have their own smallest and largest value."
    return words + sequences


def _shown(
    spec: Mapping[str, Any], data: "FigureData", problem: str, variants: Sequence[str], name: str
) -> Iterator[_Shown]:
    """Read the images of one strip: truth and input first, which stand for the controls too, then the methods."""
    from reconbench.steps.measuring import scored_against

    controls = [variant for variant in variants if labels.is_control(variant, spec["variants"])]
    measurement = data.measurements[problem][name].load()
    truth = data.truths.get(problem, {}).get(name)
    if truth is not None:
        yield _Shown("truth", "", scored_against(truth.load(), measurement, spec["problems"][problem]["target"]))
    identity = next((variant for variant in controls if variant != labels.ORACLE), "")
    line = line_of(data, problem, identity, name) if identity else {}
    other = spec["problems"][problem]["kind"] in OF_ANOTHER_QUANTITY
    coloured = is_coloured(measurement.shape, spec["problems"][problem]["kind"])
    stack = other and not coloured and measurement.ndim > 2 and len(measurement) > 1
    title = f"input, {middle_plane(measurement)}" if stack else "input"
    yield _Shown(title, identity, measurement, errors=errors_of(line), own_scale=other)
    for variant in variants:
        if variant not in controls:
            line = line_of(data, problem, variant, name)
            kept = data.examples.get((problem, variant), {}).get(name)
            title = labels.variant_title(variant, spec["variants"])
            yield _Shown(title, variant, kept and kept.load(), line.get("status", "not scored"), errors_of(line))


def _strip(
    spec: Mapping[str, Any], params: Params, title: str, shown: Sequence[_Shown], axes: str, coloured: bool
) -> Strip:
    """Make the strip of one object: what is seen of all of its images is chosen by the first of them."""
    first = shown[0].image
    is_sequence = axes.startswith("T")
    views = views_of(first, axes, params.projection, params.plane, params.frames, coloured)
    seen = [view.show(first) for view in views]
    squares = [
        detail(pixels, params.corner, params.place) if view.enlarged and params.place != "none" else None
        for view, pixels in zip(views, seen, strict=True)
    ]
    squares = squares[:1] * len(squares) if is_sequence else squares
    displays = _displays(spec, shown)
    panels = []
    for one in shown:
        pixels = [] if one.image is None else [view.show(one.image) for view in views]
        limits = limits_of(pixels, joint=is_sequence) if one.own_scale else None
        if params.grey == "own" and pixels:
            limits = [own_limits(np.stack(pixels if is_sequence else [view])) for view in pixels]
        panels.append(Panel(one.title, pixels, one.status, words_of(one.errors, displays), limits))
    scale = next((one.image for one in shown if one.image is not None and not one.own_scale), first)
    limits = limits_of([view.show(scale) for view in views], joint=is_sequence)
    return Strip(title, [view.label for view in views], panels, limits, squares)


def _displays(spec: Mapping[str, Any], shown: Sequence[_Shown]) -> Mapping[str, Mapping[str, Any]]:
    """Return the metrics written under the images: the study's, else PSNR and SSIM, else what else is known."""
    if spec["definition"]["metrics"]:
        return spec["definition"]["metrics"]
    known = [metric for metric in DEFAULT_METRICS if any(metric in one.errors for one in shown)]
    return {metric: DEFAULT_METRICS[metric] for metric in known[:2]}


def _lines(problem: str, name: str, shown: Sequence[_Shown]) -> Iterator[dict[str, Any]]:
    """Give the lines of the csv, one an image and metric."""
    for one in shown:
        about = {"problem": problem, "image": name, "method": one.title, "variant": one.variant}
        for metric, value in one.errors.items() or [("", "")]:
            yield {**about, "status": one.status, "metric": metric, "value": value}
