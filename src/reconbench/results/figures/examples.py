"""Images side by side: truth, measurement and estimates, each with an enlarged square and its errors."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from reconbench.contracts import FigureKind, Parameters

if TYPE_CHECKING:
    from reconbench.images import ImageRecord
    from reconbench.results.drawing import FigureData

FIGURE = FigureKind(
    name="examples",
    title="Images side by side, with an enlarged corner",
    reference="Ede and Beanland 2019, figures 6 and 7; Papkov et al. 2023, figure 1",
    reads=frozenset({"scores", "examples", "truths", "measurements"}),
)

# Inches: the side of a panel, the gap between two, the heading of a strip, a line of a title, the errors below.
SIDE, GAP, HEADING, LINE, BELOW = 1.75, 0.06, 0.27, 0.14, 0.24
LETTERS = 28
INSET = 0.5
DEFAULT_METRICS = {
    "psnr": {"title": "", "scale": 1.0, "digits": 1},
    "ssim": {"title": "", "scale": 1.0, "digits": 2},
    "mse": {"title": "", "scale": 1000.0, "digits": 2},
}


class Params(Parameters):
    """Parameters of the side-by-side images."""

    place: Literal["corner", "detail"] = "corner"
    """What is enlarged: the top left corner, or the square in which the first image varies most."""
    corner: int = Field(32, ge=4, le=512)
    """Side of the square that is enlarged, in pixels."""
    images: int = Field(1, ge=1, le=20)
    """Images shown of each problem, the first that were kept."""
    columns: int = Field(6, ge=2, le=12)
    """Images in one line."""


@dataclass(frozen=True)
class _Panel:
    """One image of a strip with its errors, or what happened instead."""

    title: str
    variant: str
    pixels: np.ndarray | None
    status: str = "ok"
    errors: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Strip:
    """All panels of one image of a problem, and the grey values that are black and white in all of them."""

    heading: str
    problem: str
    image: str
    panels: Sequence[_Panel]
    limits: tuple[float, float]

    @property
    def aspect(self) -> float:
        """Height over width."""
        height, width = next(panel.pixels.shape for panel in self.panels if panel.pixels is not None)
        return height / width


def draw(spec: Mapping[str, Any], data: "FigureData") -> tuple[Any, list[dict[str, Any]]]:
    """Draw the images.

    All panels of an image have one grey scale, from the smallest to the largest value of the truth (of the
    measurement where there is none). The truth is shown as it is scored: scaled to the measurement's mean where the
    problem says so. The enlarged square is framed where it comes from.

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
    """
    from matplotlib.figure import Figure

    from reconbench.results import style

    params = Params.model_validate(spec["definition"]["params"])
    strips = [
        _strip(spec, data, f"{heading}: {name}" if params.images > 1 else heading, problem, name)
        for heading, problem in spec["definition"]["problems"].items()
        for name in _names(data, problem, spec["definition"]["variants"])[: params.images]
    ]
    columns = min(params.columns, max(len(strip.panels) for strip in strips))
    width = columns * (SIDE + GAP) + GAP
    height = sum(_height(strip, columns) for strip in strips) + BELOW
    figure = Figure(figsize=(width, height))
    top = height
    for strip in strips:
        _draw_strip(figure, strip, top, columns, _square(strip, params), _displays(spec, strip))
        top -= _height(strip, columns)
    footer = f"Black and white are the smallest and largest value of the first image; scale {spec['scale']}."
    figure.text(GAP / width, 0.06 / height, footer, color=style.MUTED, fontsize=7.5)
    return figure, [line for strip in strips for line in _lines(strip)]


def _names(data: "FigureData", problem: str, variants: Sequence[str]) -> list[str]:
    """Return the images that can be shown: those kept of any variant, or all where every variant failed."""
    kept = {name for variant in variants for name in data.examples.get((problem, variant), {})}
    return [name for name in data.measurements[problem] if name in kept or not kept]


def _strip(spec: Mapping[str, Any], data: "FigureData", heading: str, problem: str, name: str) -> _Strip:
    """Read the images of one strip: truth and input first, which stand for the controls too, then the methods."""
    from reconbench.results import labels
    from reconbench.steps.measuring import scored_against

    variants = spec["definition"]["variants"]
    controls = [variant for variant in variants if labels.is_control(variant, spec["variants"])]
    measurement = data.measurements[problem][name].load()
    truth = data.truths.get(problem, {}).get(name)
    panels = []
    if truth is not None:
        goal = scored_against(truth.load(), measurement, spec["problems"][problem]["target"])
        panels.append(_Panel("truth", "", _plane(goal)))
    identity = next((variant for variant in controls if variant != labels.ORACLE), "")
    line = _line(data, problem, identity, name) if identity else {}
    panels.append(_Panel("input", identity, _plane(measurement), errors=_errors(line)))
    for variant in variants:
        if variant not in controls:
            line = _line(data, problem, variant, name)
            kept: ImageRecord | None = data.examples.get((problem, variant), {}).get(name)
            title = labels.variant_title(variant, spec["variants"])
            status = line.get("status", "not scored")
            panels.append(_Panel(title, variant, kept and _plane(kept.load()), status, _errors(line)))
    reference = panels[0].pixels
    return _Strip(heading, problem, name, panels, (float(reference.min()), float(reference.max())))


def _plane(image: np.ndarray) -> np.ndarray:
    """Return an image (y, x), of a volume its middle plane."""
    while image.ndim > 2:
        image = image[len(image) // 2]
    return image


def _line(data: "FigureData", problem: str, variant: str, name: str) -> dict[str, Any]:
    """Return the scores of one image in the first repetition, whose estimates are shown."""
    lines = data.scores.get((problem, variant), [[]])[0]
    return next((line for line in lines if line["image"] == name), {})


def _errors(line: Mapping[str, Any]) -> dict[str, float]:
    return {
        key: value for key, value in line.items() if key not in ("image", "status", "seconds") and value is not None
    }


def _displays(spec: Mapping[str, Any], strip: _Strip) -> Mapping[str, Mapping[str, Any]]:
    """Return the metrics written under the images: the study's, else PSNR and SSIM, else what else is known."""
    if spec["definition"]["metrics"]:
        return spec["definition"]["metrics"]
    known = [metric for metric in DEFAULT_METRICS if any(metric in panel.errors for panel in strip.panels)]
    return {metric: DEFAULT_METRICS[metric] for metric in known[:2]}


def _lines_of(strip: _Strip, columns: int) -> Iterator[tuple[Sequence[_Panel], float]]:
    """Give the panels line by line, with the height that the titles of the line need."""
    for start in range(0, len(strip.panels), columns):
        panels = strip.panels[start : start + columns]
        yield panels, LINE * max(len(textwrap.wrap(panel.title, LETTERS)) for panel in panels) + GAP


def _height(strip: _Strip, columns: int) -> float:
    return HEADING + sum(titles + SIDE * strip.aspect + BELOW for _, titles in _lines_of(strip, columns))


def _square(strip: _Strip, params: Params) -> tuple[slice, slice]:
    """Return the square that is enlarged, of those that the enlargement at the bottom right does not cover."""
    side = params.corner
    if params.place == "corner":
        return slice(0, side), slice(0, side)
    pixels = next(panel.pixels for panel in strip.panels if panel.pixels is not None).astype(np.float64)
    side = min(side, *pixels.shape)
    squares = np.lib.stride_tricks.sliding_window_view(pixels, (side, side))
    varied = squares.var(axis=(2, 3))
    height, width = pixels.shape
    varied[max(int(height * (1 - INSET)) - side, 0) + 1 :, max(int(width * (1 - INSET)) - side, 0) + 1 :] = -1
    top, left = np.unravel_index(varied.argmax(), varied.shape)
    return slice(int(top), int(top) + side), slice(int(left), int(left) + side)


def _draw_strip(
    figure: Any,
    strip: _Strip,
    top: float,
    columns: int,
    square: tuple[slice, slice],
    displays: Mapping[str, Mapping[str, Any]],
) -> None:
    """Draw a strip below a height; everything is placed in inches, so that panels keep one size."""
    width, height = figure.get_size_inches()
    figure.text(GAP / width, (top - 0.07) / height, strip.heading, fontsize=10, fontweight="bold", va="top")
    tall = SIDE * strip.aspect
    bottom = top - HEADING + BELOW
    for panels, titles in _lines_of(strip, columns):
        bottom -= BELOW + titles + tall
        for column, panel in enumerate(panels):
            left = GAP + column * (SIDE + GAP)
            axes = figure.add_axes((left / width, bottom / height, SIDE / width, tall / height))
            axes.set_title(textwrap.fill(panel.title, LETTERS), fontsize=8, fontweight="normal", pad=3)
            axes.set(xticks=[], yticks=[])
            if panel.pixels is None:
                axes.text(0.5, 0.5, textwrap.fill(panel.status, LETTERS - 6), ha="center", va="center", fontsize=8)
            else:
                _draw_image(axes, panel.pixels, strip.limits, square)
            axes.set_xlabel(_words(panel.errors, displays), fontsize=7.5, labelpad=2)


def _draw_image(axes: Any, pixels: np.ndarray, limits: tuple[float, float], square: tuple[slice, slice]) -> None:
    from matplotlib.patches import Rectangle

    from reconbench.results.style import ACCENT

    grey = {"cmap": "gray", "vmin": limits[0], "vmax": limits[1]}
    axes.imshow(pixels, **grey, aspect="auto")
    rows, columns = square
    size = columns.stop - columns.start, rows.stop - rows.start
    frame = Rectangle((columns.start - 0.5, rows.start - 0.5), *size, fill=False, edgecolor=ACCENT, linewidth=1)
    axes.add_patch(frame)
    height, width = pixels.shape
    inset = axes.inset_axes((1 - INSET, 0, INSET, INSET * width / height))
    inset.imshow(pixels[square], **grey, interpolation="nearest", aspect="auto")
    inset.set(xticks=[], yticks=[])
    inset.spines[:].set(edgecolor=ACCENT, linewidth=1)


def _words(errors: Mapping[str, float], displays: Mapping[str, Mapping[str, Any]]) -> str:
    from reconbench.results.labels import value_words

    return ", ".join(
        value_words(metric, errors[metric], display["title"], display["scale"], display["digits"])
        for metric, display in displays.items()
        if metric in errors
    )


def _lines(strip: _Strip) -> Iterator[dict[str, Any]]:
    """Give the lines of the csv, one a panel and metric."""
    for panel in strip.panels:
        about = {"problem": strip.problem, "image": strip.image, "method": panel.title, "variant": panel.variant}
        for metric, value in panel.errors.items() or [("", "")]:
            yield {**about, "status": panel.status, "metric": metric, "value": value}
