"""Columns of a figure of phases: input, prediction, truth and Fourier ring correlation, one below the other."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from reconbench.results import style
from reconbench.results.figures._panels import draw_image

# Inches: a column, the gap between two, the curves, what is below them, what is left of the first column.
WIDTH, GAP, CURVE, BELOW, LEFT = 1.6, 0.09, 1.0, 0.42, 0.52
# Inches: a line of a heading and a letter of it; a line and a letter of smaller text; letters in a column's title.
HEADING, BOLD, LINE, LETTER = 0.165, 0.088, 0.14, 0.062
LETTERS = 25
ROWS = ("input", "prediction", "truth")
# The share of the truth's range that an error is black or white at.
ERROR_RANGE = 0.25


@dataclass(frozen=True)
class Column:
    """One method on one image.

    Attributes
    ----------
    heading, title : str
        The problem, which neighbouring columns share, and the method.
    measured, prediction, truth : ndarray
        Shape (y, x); None for a prediction that there is not.
    measured_words : str
        Which plane is shown.
    prediction_words : sequence of str
        What the prediction scored.
    status : str
        What happened where there is no prediction.
    frequencies, correlation : ndarray
        Cycles per pixel and Fourier ring correlation, shape (n,); empty where there is no prediction.
    """

    heading: str
    title: str
    measured: np.ndarray
    measured_words: str
    prediction: np.ndarray | None
    prediction_words: Sequence[str]
    status: str
    truth: np.ndarray
    frequencies: np.ndarray
    correlation: np.ndarray

    @property
    def tall(self) -> float:
        """The height of an image in inches: the highest of the three."""
        shapes = [self.measured.shape, self.truth.shape]
        return WIDTH * max(height / width for height, width in shapes)


def draw_columns(columns: Sequence[Column], number: int, footer: str, errors: bool = False) -> Any:
    """Draw columns side by side, so many in a line; everything is placed in inches.

    Parameters
    ----------
    columns : sequence of Column
    number : int
        Columns in a line, at most.
    footer : str
        What stands under all of them.
    errors : bool
        Whether the difference of prediction and truth stands between them.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    rows = (*ROWS[:2], "error", ROWS[2]) if errors else ROWS
    lines = [columns[start : start + number] for start in range(0, len(columns), number)]
    width = LEFT + max(map(len, lines)) * (WIDTH + GAP) + GAP
    small_print = textwrap.wrap(footer, int((width - GAP) / LETTER))
    height = top = sum(_height(line, rows) for line in lines) + LINE * (len(small_print) + 0.6)
    # One axis for all curves.
    lowest = min([0.0, *(float(column.correlation.min()) for column in columns if column.correlation.size)])
    figure = Figure(figsize=(width, height))
    for line in lines:
        _draw_line(figure, line, rows, top, lowest)
        top -= _height(line, rows)
    figure.text(GAP / width, GAP / height, "\n".join(small_print), color=style.MUTED, fontsize=7.5)
    return figure


def _headings(line: Sequence[Column]) -> list[tuple[int, list[str]]]:
    """Return what stands above each group of columns: number of the first, and words in lines as wide as the group."""
    groups = [list(group) for _, group in groupby(range(len(line)), lambda index: line[index].heading)]
    wide = [int((len(group) * (WIDTH + GAP) - GAP) / BOLD) for group in groups]
    return [
        (group[0], textwrap.wrap(line[group[0]].heading, letters)) for group, letters in zip(groups, wide, strict=True)
    ]


def _above(line: Sequence[Column]) -> float:
    """Return the height of headings and titles in inches."""
    titles = max(len(textwrap.wrap(column.title, LETTERS)) for column in line)
    return GAP + HEADING * max(len(words) for _, words in _headings(line)) + LINE * titles


def _height(line: Sequence[Column], rows: Sequence[str]) -> float:
    tall = max(column.tall for column in line)
    return _above(line) + len(rows) * (tall + GAP) + CURVE + BELOW


def _draw_line(figure: Any, line: Sequence[Column], rows: Sequence[str], top: float, lowest: float) -> None:
    """Draw columns side by side below a height."""
    width, height = figure.get_size_inches()
    tall = max(column.tall for column in line)
    under_titles = top - _above(line)
    for index, words in _headings(line):
        place = ((LEFT + index * (WIDTH + GAP)) / width, (top - 0.06) / height)
        figure.text(*place, "\n".join(words), fontsize=9.5, fontweight="bold", va="top")
    for index, column in enumerate(line):
        left = LEFT + index * (WIDTH + GAP)
        middle = ((left + WIDTH / 2) / width, (under_titles + 0.04) / height)
        figure.text(*middle, textwrap.fill(column.title, LETTERS), fontsize=8, ha="center", va="bottom")
        _draw_images(figure, column, rows, left, under_titles, tall)
        bottom = under_titles - len(rows) * (tall + GAP) - CURVE
        axes = figure.add_axes((left / width, bottom / height, WIDTH / width, CURVE / height))
        _draw_correlation(axes, column, lowest, first=index == 0)
    for row, words in enumerate(rows):
        place = (0.16 / width, (under_titles - row * (tall + GAP) - tall / 2) / height)
        figure.text(*place, words, rotation=90, fontsize=8.5, ha="center", va="center")


def _draw_images(figure: Any, column: Column, rows: Sequence[str], left: float, top: float, tall: float) -> None:
    """Draw input, prediction and truth of a column below a height, and the error between them if it has a row."""
    width, height = figure.get_size_inches()
    told_of = {"input": column.measured_words, "prediction": "\n".join(column.prediction_words)}
    for row, name in enumerate(rows):
        pixels, limits = _pixels(column, name)
        told = told_of.get(name)
        shape = (column.truth if pixels is None else pixels).shape
        own = WIDTH * shape[0] / shape[1]
        bottom = top - row * (tall + GAP) - own
        axes = figure.add_axes((left / width, bottom / height, WIDTH / width, own / height))
        axes.set(xticks=[], yticks=[])
        if pixels is None:
            axes.text(0.5, 0.5, textwrap.fill(column.status, LETTERS - 6), ha="center", va="center", fontsize=8)
            continue
        draw_image(axes, pixels, limits, None)
        if told:
            box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
            place = {"ha": "right", "va": "top", "transform": axes.transAxes}
            axes.text(0.97, 0.97, told, fontsize=7.5, bbox=box, **place)


def _pixels(column: Column, row: str) -> tuple[np.ndarray | None, tuple[float, float]]:
    """Return the image that a column has in a row, and its grey scale."""
    low, high = (float(value) for value in (column.truth.min(), column.truth.max()))
    match row:
        case "input":
            return column.measured, (float(column.measured.min()), float(column.measured.max()))
        case "error":
            limit = ERROR_RANGE * (high - low)
            return None if column.prediction is None else column.prediction - column.truth, (-limit, limit)
    return column.prediction if row == "prediction" else column.truth, (low, high)


def _draw_correlation(axes: Any, column: Column, lowest: float, first: bool) -> None:
    """Draw the Fourier ring correlation of a column; the numbers at the left stand at the first column alone."""
    axes.axhline(0, color=style.MUTED, linewidth=0.6)
    axes.plot(column.frequencies, column.correlation, color=style.COLOURS[0], linewidth=1.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(xlim=(0, 0.5), ylim=(lowest - 0.05, 1.05), xticks=[0, 0.25, 0.5], yticks=[0, 0.5, 1])
    labels = axes.set_xticklabels(["0", "¼", "½"])
    # So that the last one of a column does not run into the first of the next.
    labels[0].set_ha("left")
    labels[-1].set_ha("right")
    axes.set_yticklabels(["0", "½", "1"] if first else [])
    axes.set_xlabel("cycles per pixel", fontsize=7.5, labelpad=1)
    axes.tick_params(labelsize=7.5)
    if first:
        axes.set_ylabel("FRC", labelpad=2)
