"""Strips of panels: images side by side, those of a method one below the other where they show one object."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reconbench.results import style
from reconbench.results.figures._views import INSET, Square

# Inches: the width of a panel, the gap between two, the heading of a strip, a line of errors below.
WIDTH, GAP, HEADING, BELOW = 1.75, 0.06, 0.27, 0.24
# Inches: a line of text, and a letter of small print; how many letters of a title a panel is wide.
LINE, LETTER = 0.14, 0.064
LETTERS = 28
# The least distance between black and white.
TINY = 1e-12


@dataclass(frozen=True)
class Panel:
    """The views of one image with each of its errors in words, or what happened instead."""

    title: str
    views: Sequence[np.ndarray]
    status: str = "ok"
    errors: Sequence[str] = ()
    limits: Sequence[tuple[float, float]] | None = None
    """For each view the values that are black and white, where they are not those of its strip."""

    @property
    def below(self) -> list[str]:
        """The errors in lines, none of them torn apart."""
        whole = [words.replace(" ", "\N{NO-BREAK SPACE}") for words in self.errors]
        return textwrap.wrap(", ".join(whole), LETTERS)


@dataclass(frozen=True)
class Strip:
    """All panels of one object.

    Attributes
    ----------
    heading : str
    labels : sequence of str
        What each view is, ``""`` where nothing needs to be said.
    panels : sequence of Panel
        The first has views, and gives the shape of all.
    limits : sequence of tuple of float
        For each view the values that are black and white.
    squares : sequence of tuple of slice, or None
        For each view what is enlarged of it.
    """

    heading: str
    labels: Sequence[str]
    panels: Sequence[Panel]
    limits: Sequence[tuple[float, float]]
    squares: Sequence[Square | None]

    @property
    def tall(self) -> float:
        """The height of a view in inches."""
        height, width = self.panels[0].views[0].shape[:2]
        return WIDTH * height / width

    @property
    def words(self) -> list[list[str]]:
        """The label of each view in lines that fit beside it."""
        return [textwrap.wrap(label, max(int(self.tall / LETTER), 1), break_long_words=False) for label in self.labels]

    def lines(self, columns: int) -> Iterator[tuple[Sequence[Panel], float, float]]:
        """Give the panels line by line, with the heights that the titles and the errors of the line need."""
        for start in range(0, len(self.panels), columns):
            panels = self.panels[start : start + columns]
            titles = max(len(textwrap.wrap(panel.title, LETTERS)) for panel in panels)
            errors = max(len(panel.below) for panel in panels)
            yield panels, LINE * titles + GAP, BELOW + LINE * max(errors - 1, 0)

    def height(self, columns: int) -> float:
        """Return the height in inches."""
        views = len(self.labels) * (self.tall + GAP) - GAP
        return HEADING + sum(titles + views + errors for _, titles, errors in self.lines(columns))


def draw_strips(strips: Sequence[Strip], columns: int, footer: str) -> Any:
    """Draw strips one below the other; everything is placed in inches, so that panels keep one size.

    Parameters
    ----------
    strips : sequence of Strip
    columns : int
        Panels in a line, at most.
    footer : str
        What stands under all of them.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    columns = min(columns, max(len(strip.panels) for strip in strips))
    margin = GAP + LINE * max(len(words) for strip in strips for words in strip.words)
    width = margin + columns * (WIDTH + GAP)
    small_print = textwrap.wrap(footer, int(width / LETTER))
    top = height = sum(strip.height(columns) for strip in strips) + LINE * len(small_print) + 2 * GAP
    figure = Figure(figsize=(width, height))
    for strip in strips:
        _draw_strip(figure, strip, margin, top, columns)
        top -= strip.height(columns)
    figure.text(GAP / width, GAP / height, "\n".join(small_print), color=style.MUTED, fontsize=7.5)
    return figure


def _draw_strip(figure: Any, strip: Strip, margin: float, top: float, columns: int) -> None:
    """Draw a strip below a height."""
    width, height = figure.get_size_inches()
    figure.text(GAP / width, (top - 0.07) / height, strip.heading, fontsize=10, fontweight="bold", va="top")
    bottom = top - HEADING
    for panels, titles, errors in strip.lines(columns):
        bottom -= titles - GAP
        for view, words in enumerate(strip.words):
            bottom -= GAP + strip.tall
            middle = (bottom + strip.tall / 2) / height
            beside = {"rotation": 90, "ha": "right", "va": "center", "multialignment": "center", "fontsize": 7.5}
            figure.text((margin - 0.04) / width, middle, "\n".join(words), **beside)
            for column, panel in enumerate(panels):
                left = margin + column * (WIDTH + GAP)
                axes = figure.add_axes((left / width, bottom / height, WIDTH / width, strip.tall / height))
                axes.set(xticks=[], yticks=[])
                if view == 0:
                    axes.set_title(textwrap.fill(panel.title, LETTERS), fontsize=8, fontweight="normal", pad=3)
                if view == len(strip.labels) - 1:
                    axes.set_xlabel("\n".join(panel.below), fontsize=7.5, labelpad=2)
                if panel.views:
                    limits = (panel.limits or strip.limits)[view]
                    # A measurement may have another size, where the square would lie elsewhere.
                    same = panel.views[view].shape == strip.panels[0].views[view].shape
                    draw_image(axes, panel.views[view], limits, strip.squares[view] if same else None)
                else:
                    axes.text(0.5, 0.5, textwrap.fill(panel.status, LETTERS - 6), ha="center", va="center", fontsize=8)
        bottom -= errors


def draw_image(axes: Any, pixels: np.ndarray, limits: tuple[float, float], square: Square | None) -> None:
    """Draw one image, shape (y, x) or (y, x, 3), with a square of it framed and enlarged at the bottom right."""
    from matplotlib.patches import Rectangle

    if pixels.ndim == 3:
        # Of images in colour matplotlib takes no limits.
        pixels = np.clip((pixels - limits[0]) / max(limits[1] - limits[0], TINY), 0, 1)
    grey = {"cmap": "gray", "vmin": limits[0], "vmax": limits[1]}
    axes.imshow(pixels, **grey, aspect="auto")
    if square is None:
        return
    rows, columns = square
    size = columns.stop - columns.start, rows.stop - rows.start
    frame = Rectangle((columns.start - 0.5, rows.start - 0.5), *size, fill=False, edgecolor=style.ACCENT, linewidth=1)
    axes.add_patch(frame)
    height, width = pixels.shape[:2]
    side = INSET * min(height, width)
    inset = axes.inset_axes((1 - side / width, 0, side / width, side / height))
    inset.imshow(pixels[square], **grey, interpolation="nearest", aspect="auto")
    inset.set(xticks=[], yticks=[])
    inset.spines[:].set(edgecolor=style.ACCENT, linewidth=1)
