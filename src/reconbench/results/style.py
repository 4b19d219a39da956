"""One look for all figures, and files that come out the same each time."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reconbench.results.labels import SUPERSCRIPTS

# Okabe and Ito's colours, which people with any colour vision tell apart; without the yellow, too faint for a line.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
DASHES = ((), (5, 1.5), (1.2, 1.2), (6, 1.5, 1.2, 1.5))
INPUT_COLOUR = "#222222"
MUTED = "#59636e"
ACCENT = "#D55E00"
DOTS_PER_INCH = 150

# Of a legend in inches: a line, a letter, and what stands before the words. Longer words are wrapped.
LEGEND_LINE, LEGEND_LETTER, LEGEND_HANDLE = 0.16, 0.068, 0.6
LEGEND_LETTERS = 38

Entry = tuple[str, tuple[str, tuple]]

SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.labelsize": 8.5,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    # Text as outlines and fixed names of elements: the picture is the same on every machine and in every run.
    "svg.fonttype": "path",
    "svg.hashsalt": "reconbench",
}


def line_styles(names: list[str], controls: set[str]) -> dict[str, tuple[str, tuple]]:
    """Return colour and dashes for each name: no two alike for up to 24, the controls dark and dotted."""
    methods = [name for name in names if name not in controls]
    styles = {
        name: (COLOURS[index % len(COLOURS)], DASHES[index // len(COLOURS) % len(DASHES)])
        for index, name in enumerate(methods)
    }
    return {name: styles.get(name, (INPUT_COLOUR, DASHES[2])) for name in names}


def legend_size(entries: Sequence[Entry], width: float) -> tuple[int, float]:
    """Return in how many columns a legend fits a width, and its height; both in inches."""
    words = [textwrap.wrap(title, LEGEND_LETTERS) for title, _ in entries]
    if not words:
        return 1, 0.0
    longest = max(len(line) for lines in words for line in lines)
    columns = min(len(words), max(1, int(width / (LEGEND_HANDLE + LEGEND_LETTER * longest))))
    return columns, LEGEND_LINE * (max(map(len, words)) * -(-len(words) // columns) + 0.6)


def draw_legend(figure: Any, entries: Sequence[Entry], corner: tuple[float, float], width: float) -> None:
    """Draw a legend.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    entries : sequence
        Title, and colour and dashes, of each line.
    corner : tuple of float
        Top left corner in inches, (x, y).
    width : float
        Inches.
    """
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, linestyle=dashed(dashes), label=textwrap.fill(title, LEGEND_LETTERS))
        for title, (colour, dashes) in entries
    ]
    place = (corner[0] / figure.get_figwidth(), corner[1] / figure.get_figheight())
    columns, _ = legend_size(entries, width)
    # Without margins of its own, so that it begins at the corner.
    sizes = {"handlelength": 3, "labelspacing": 0.35, "borderaxespad": 0, "borderpad": 0}
    figure.legend(handles=handles, loc="upper left", bbox_to_anchor=place, ncols=columns, **sizes)


def dashed(dashes: tuple) -> Any:
    """Return dashes as a line style of matplotlib."""
    return (0, dashes) if dashes else "-"


def thousands(number: float) -> str:
    """Return a whole number with its thousands apart, for instance 20 000."""
    return f"{number:,.0f}".replace(",", "\u2009")


def power_of_ten(number: float) -> str:
    """Return a positive number as papers write it, for instance 2.5×10⁻⁴."""
    mantissa, exponent = f"{number:e}".split("e")
    power = f"10{str(int(exponent)).translate(SUPERSCRIPTS)}"
    return power if float(mantissa) == 1 else f"{float(mantissa):g}×{power}"


def save(figure: Any, svg: Path, png: Path) -> None:
    """Write a matplotlib figure without dates and versions."""
    figure.savefig(svg, dpi=DOTS_PER_INCH, metadata={"Date": None, "Creator": None})
    figure.savefig(png, dpi=DOTS_PER_INCH, metadata={"Software": None})
