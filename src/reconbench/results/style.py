"""One look for all figures, and files that come out the same each time."""

from pathlib import Path
from typing import Any

# Okabe and Ito's colours, which people with any colour vision tell apart; without the yellow, too faint for a line.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
DASHES = ((), (5, 1.5), (1.2, 1.2), (6, 1.5, 1.2, 1.5))
INPUT_COLOUR = "#222222"
MUTED = "#59636e"
ACCENT = "#D55E00"
DOTS_PER_INCH = 150

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


def save(figure: Any, svg: Path, png: Path) -> None:
    """Write a matplotlib figure without dates and versions."""
    figure.savefig(svg, dpi=DOTS_PER_INCH, metadata={"Date": None, "Creator": None})
    figure.savefig(png, dpi=DOTS_PER_INCH, metadata={"Software": None})
