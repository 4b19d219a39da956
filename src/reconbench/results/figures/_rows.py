"""Rows of a figure of estimates and their errors: measurement, prediction, truth and absolute difference."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from reconbench.results import style
from reconbench.results.figures._panels import draw_image

# Inches: a panel, the gap between two, what is left of the first, a heading, the heads of the columns, a line.
WIDTH, GAP, LEFT, HEADING, HEADS, LINE = 1.7, 0.07, 1.3, 0.3, 0.22, 0.14
# Inches: the bar of colours and its words; a letter of small print; letters of a title beside a row.
BAR, BAR_WORDS, LETTER = 0.09, 0.27, 0.064
LETTERS = 19
COLOURS = "magma"


@dataclass(frozen=True)
class Row:
    """One method on one image.

    Attributes
    ----------
    heading, title : str
        The problem and image, which neighbouring rows share, and the method.
    measured, truth : ndarray
        Shape (y, x), in colour (y, x, 3).
    measured_limits : tuple of float
        The values of the measurement that are black and white.
    prediction, difference : ndarray or None
        Of the truth's shape, and shape (y, x); None where there is no prediction.
    words : str
        What is written on the difference.
    status : str
        What happened where there is no prediction.
    """

    heading: str
    title: str
    measured: np.ndarray
    measured_limits: tuple[float, float]
    truth: np.ndarray
    prediction: np.ndarray | None
    difference: np.ndarray | None
    words: str
    status: str

    @property
    def limits(self) -> tuple[float, float]:
        """What is black and white of prediction and truth."""
        return float(self.truth.min()), float(self.truth.max())

    @property
    def tall(self) -> float:
        """The height in inches: that of the highest panel."""
        return max(WIDTH * image.shape[0] / image.shape[1] for image in (self.measured, self.truth))


def draw_rows(rows: Sequence[Row], heads: Sequence[str], footer: str) -> Any:
    """Draw rows one below the other, with one scale of colours for all differences; everything is placed in inches.

    Parameters
    ----------
    rows : sequence of Row
    heads : sequence of str
        Of the four columns.
    footer : str
        What stands under all of them.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    groups = [(heading, list(found)) for heading, found in groupby(rows, lambda row: row.heading)]
    width = LEFT + len(heads) * (WIDTH + GAP)
    small_print = textwrap.wrap(footer, int((width - GAP) / LETTER))
    body = sum(row.tall + GAP for row in rows) + HEADING * sum(bool(heading) for heading, _ in groups)
    height = HEADS + body + BAR + BAR_WORDS + LINE * (len(small_print) + 0.6)
    figure = Figure(figsize=(width, height))
    largest = _largest(rows)
    top = height - HEADS
    for column, head in enumerate(heads):
        middle = (LEFT + column * (WIDTH + GAP) + WIDTH / 2) / width
        figure.text(middle, (top + 0.03) / height, head, fontsize=8.5, ha="center", va="bottom")
    for heading, found in groups:
        if heading:
            figure.text(GAP / width, (top - 0.09) / height, heading, fontsize=9.5, fontweight="bold", va="top")
            top -= HEADING
        for row in found:
            _draw_row(figure, row, top, largest)
            top -= row.tall + GAP
    _draw_bar(figure, LEFT + (len(heads) - 1) * (WIDTH + GAP), top - BAR, largest)
    figure.text(GAP / width, GAP / height, "\n".join(small_print), color=style.MUTED, fontsize=7.5)
    return figure


def _largest(rows: Sequence[Row]) -> float:
    """Return the difference that has the lightest colour: few pixels of the figure differ by more."""
    differences = [row.difference.ravel() for row in rows if row.difference is not None]
    return float(np.percentile(np.concatenate(differences), 99.5)) if differences else 1.0


def _draw_row(figure: Any, row: Row, top: float, largest: float) -> None:
    """Draw the panels of a row below a height, its method beside them."""
    width, height = figure.get_size_inches()
    place = ((LEFT - 0.1) / width, (top - row.tall / 2) / height)
    figure.text(*place, textwrap.fill(row.title, LETTERS), fontsize=8, ha="right", va="center")
    shown = (row.measured, row.prediction, row.truth, row.difference)
    for column, pixels in enumerate(shown):
        shape = (row.truth if pixels is None else pixels).shape
        tall = WIDTH * shape[0] / shape[1]
        left, bottom = LEFT + column * (WIDTH + GAP), top - row.tall / 2 - tall / 2
        axes = figure.add_axes((left / width, bottom / height, WIDTH / width, tall / height))
        axes.set(xticks=[], yticks=[])
        if pixels is None:
            words = row.status if column == 1 else ""
            axes.text(0.5, 0.5, textwrap.fill(words, LETTERS), ha="center", va="center", fontsize=8)
        elif column == len(shown) - 1:
            axes.imshow(pixels, cmap=COLOURS, vmin=0, vmax=largest, aspect="auto")
            box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
            where = {"ha": "right", "va": "top", "transform": axes.transAxes}
            axes.text(0.97, 0.95, row.words, fontsize=7.5, bbox=box, **where)
        else:
            draw_image(axes, pixels, row.limits if column else row.measured_limits, None)


def _draw_bar(figure: Any, left: float, bottom: float, largest: float) -> None:
    """Draw the scale of the differences."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((left / width, bottom / height, WIDTH / width, BAR / height))
    axes.imshow(np.linspace(0, 1, 256)[np.newaxis], cmap=COLOURS, aspect="auto", extent=(0, largest, 0, 1))
    axes.set(yticks=[], xticks=[0, largest], xticklabels=["0", f"{largest:.2g}"])
    axes.tick_params(labelsize=7.5, length=2, pad=1.5)
    # So that the numbers do not stand out.
    for label, side in zip(axes.get_xticklabels(), ("left", "right"), strict=True):
        label.set_ha(side)
