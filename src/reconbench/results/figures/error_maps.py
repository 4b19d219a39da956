"""Where estimates err: the mean absolute error of each pixel over all images, one panel a problem and variant."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from reconbench.contracts import FigureKind, Parameters
from reconbench.results import labels, style

if TYPE_CHECKING:
    from reconbench.images import ImageRecord
    from reconbench.results.drawing import FigureData

FIGURE = FigureKind(
    name="error_maps",
    title="Mean absolute error of each pixel",
    reference="Ede and Beanland 2019, figure 5; S. M. Pizer et al., Comput. Vision Graph. 39, 355 (1987)",
    reads=frozenset({"errors"}),
)

# Inches: the side of a panel, the gap around it, a line of text, a letter of a title and of small print.
SIDE, GAP, LINE, TITLE_LETTER, LETTER = 2.3, 0.1, 0.13, 0.085, 0.06
COLUMNS = 4
INSET = 0.4
# Pixels that the frame of an image is wide, for what is reported of the edges.
FRAME = 2
NO_MAP = "no map: it failed, there is no truth, or the images differ in size"


class Params(Parameters):
    """Parameters of the error maps."""

    clip_limit: float = Field(0.15, gt=0, le=1)
    """Clip limit of the contrast-limited adaptive histogram equalisation: 1 leaves the contrast unlimited."""
    corner: int = Field(16, ge=4, le=512)
    """Side of the top left square that is enlarged without that adjustment, in pixels."""


@dataclass(frozen=True)
class _Panel:
    """One map of mean absolute errors, None where there is none, and over how many images it is."""

    heading: str
    problem: str
    variant: str
    title: str
    errors: np.ndarray | None
    images: int

    @property
    def words(self) -> list[str]:
        """What stands above the map."""
        titles = textwrap.wrap(self.title, int(SIDE / TITLE_LETTER))
        if self.errors is None:
            return titles
        low, high = float(self.errors.min()), float(self.errors.max())
        return [
            *titles,
            f"mean {self.errors.mean():#.3g}, n = {style.thousands(self.images)}",
            f"range {low:#.3g} to {high:#.3g}",
        ]

    @property
    def line(self) -> dict[str, Any]:
        """The line of the csv, its numbers empty where there is no map."""
        about = {"heading": self.heading, "problem": self.problem, "method": self.title, "variant": self.variant}
        names = ("mean", "minimum", "maximum", "frame_mean", "interior_mean")
        if self.errors is None:
            return {**about, "status": NO_MAP, "images": "", **dict.fromkeys(names, "")}
        inside = np.zeros(self.errors.shape, bool)
        inside[FRAME:-FRAME, FRAME:-FRAME] = True
        parts = (self.errors[~inside], self.errors[inside])
        values = [self.errors.mean(), self.errors.min(), self.errors.max()]
        values += [part.mean() if part.size else np.nan for part in parts]
        return {**about, "status": "ok", "images": self.images, **dict(zip(names, map(float, values), strict=True))}


def draw(spec: Mapping[str, Any], data: "FigureData") -> tuple[Any, list[dict[str, Any]]]:
    """Draw the maps.

    Their contrast is raised by contrast-limited adaptive histogram equalisation in blocks of an eighth of the image,
    so that small regular variations show. The enlarged corner is as it is: black and white are the smallest and
    the largest value of the map. Of several shards the map is the mean weighted with their numbers of images. Of a
    volume the mean over its planes is shown.

    Parameters
    ----------
    spec : mapping
        What `Specs.figure` gives.
    data : FigureData

    Returns
    -------
    figure : matplotlib.figure.Figure
    lines : list of dict
        For each panel mean, range, and the means over the frame, two pixels wide, and over what it encloses.
    """
    from matplotlib.figure import Figure

    params = Params.model_validate(spec["definition"]["params"])
    panels = [
        _panel(spec, data, heading, problem, variant)
        for heading, problem in spec["definition"]["problems"].items()
        for variant in spec["definition"]["variants"]
    ]
    rows = _rows(panels, len(spec["definition"]["variants"]))
    width = max(map(len, rows)) * (SIDE + GAP) + GAP
    footer = textwrap.wrap(_footer(spec, params), int(width / LETTER))
    heights = [2 * GAP + _text_height(row) + SIDE * _aspect(row) for row in rows]
    height = sum(heights) + LINE * len(footer) + GAP
    figure = Figure(figsize=(width, height))
    top = height
    for row, tall in zip(rows, heights, strict=True):
        for column, panel in enumerate(row):
            _draw_panel(figure, panel, params, GAP + column * (SIDE + GAP), top, row)
        top -= tall
    figure.text(GAP / width, GAP / 2 / height, "\n".join(footer), color=style.MUTED, fontsize=7.5)
    return figure, [panel.line for panel in panels]


def equalised(errors: np.ndarray, clip_limit: float) -> np.ndarray:
    """Return a map after contrast-limited adaptive histogram equalisation, from 0 to 1; a flat one as zeros.

    Parameters
    ----------
    errors : ndarray
        Shape (y, x).
    clip_limit : float
        As `skimage.exposure.equalize_adapthist` takes it.
    """
    from skimage.exposure import equalize_adapthist

    low, high = errors.min(), errors.max()
    # The function rounds to 16 bits of [0, 1]; the map fills that range first, so that little is lost.
    return equalize_adapthist((errors - low) / (high - low), clip_limit=clip_limit) if high > low else errors * 0


def weighted_mean(maps: Sequence["ImageRecord"]) -> tuple[np.ndarray | None, int]:
    """Return the map of all shards in double precision, shape (y, x), and their number of images.

    None stands for the map where there is none, or where the shards have several sizes.
    """
    if len({record.shape for record in maps}) != 1:
        return None, 0
    images = [int(record.number("number")) for record in maps]
    mean = np.average([record.load() for record in maps], axis=0, weights=np.array(images, float))
    return mean.reshape(-1, *mean.shape[-2:]).mean(axis=0), sum(images)


def _panel(spec: Mapping[str, Any], data: "FigureData", heading: str, problem: str, variant: str) -> _Panel:
    title = labels.variant_title(variant, spec["variants"])
    errors, images = weighted_mean(list(data.errors.get((problem, variant), {}).values()))
    return _Panel(heading, problem, variant, title, errors, images)


def _rows(panels: Sequence[_Panel], variants: int) -> list[Sequence[_Panel]]:
    """Return the panels row by row: a problem begins a new one, unless each has one panel alone."""
    step = len(panels) if variants == 1 else variants
    return [
        panels[start : min(start + COLUMNS, first + step)]
        for first in range(0, len(panels), step)
        for start in range(first, first + step, COLUMNS)
    ]


def _aspect(row: Sequence[_Panel]) -> float:
    """Return the greatest height over width of a row's maps, 1 where there is none."""
    return max((panel.errors.shape[0] / panel.errors.shape[1] for panel in row if panel.errors is not None), default=1)


def _text_height(row: Sequence[_Panel]) -> float:
    return LINE * (max(len(panel.words) for panel in row) + 1.8)


def _draw_panel(figure: Any, panel: _Panel, params: Params, left: float, top: float, row: Sequence[_Panel]) -> None:
    """Draw a panel below a height; everything is placed in inches, so that panels keep one size."""
    width, height = figure.get_size_inches()
    figure.text(left / width, (top - GAP) / height, panel.heading, fontsize=9.5, fontweight="bold", va="top")
    words = {"fontsize": 8, "va": "top", "linespacing": 1.15}
    figure.text(left / width, (top - GAP - 1.4 * LINE) / height, "\n".join(panel.words), **words)
    tall = SIDE * (_aspect(row) if panel.errors is None else _aspect([panel]))
    bottom = top - GAP - _text_height(row) - tall
    axes = figure.add_axes((left / width, bottom / height, SIDE / width, tall / height))
    axes.set(xticks=[], yticks=[])
    if panel.errors is None:
        axes.text(0.5, 0.5, textwrap.fill(NO_MAP, 26), ha="center", va="center", fontsize=8)
    else:
        _draw_map(axes, panel.errors, params)


def _draw_map(axes: Any, errors: np.ndarray, params: Params) -> None:
    from matplotlib.patches import Rectangle

    corner = params.corner
    axes.imshow(equalised(errors, params.clip_limit), cmap="gray", vmin=0, vmax=1, aspect="auto")
    frame = {"fill": False, "edgecolor": style.ACCENT, "linewidth": 1, "clip_on": False, "zorder": 3}
    axes.add_patch(Rectangle((-0.5, -0.5), corner, corner, **frame))
    height, width = errors.shape
    inset = axes.inset_axes((1 - INSET, 0, INSET, INSET * width / height))
    limits = {"vmin": errors.min(), "vmax": errors.max()}
    inset.imshow(errors[:corner, :corner], cmap="gray", **limits, interpolation="nearest", aspect="auto")
    inset.set(xticks=[], yticks=[])
    inset.spines[:].set(edgecolor=style.ACCENT, linewidth=1)


def _footer(spec: Mapping[str, Any], params: Params) -> str:
    return (
        f"Contrast raised by CLAHE with clip limit {params.clip_limit:g}, each map on its own. Inset: the top left "
        f"{params.corner} × {params.corner} pixels as they are, from the smallest value of the map (black) to its "
        f"largest (white). Scale {spec['scale']}."
    )
