"""The order of the rows of a block: sorted by a column, ranked, and of a ranking the two ends with their means."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from reconbench.config.sections import ORACLE
from reconbench.config.tables_and_figures import Order
from reconbench.results import labels
from reconbench.results.statistics import Summary
from reconbench.results.table_parts import Cell, Result, Row
from reconbench.steps.scoring import OK


def arranged(rows: Sequence[Row], order: Mapping[str, Any] | None) -> list[Row]:
    """Return the rows of a block in their order, of a ranking with their ranks.

    Parameters
    ----------
    rows : sequence of Row
        As they are listed. Rows with equal means stay in this order.
    order : mapping or None
        A dumped `Order`; without one the rows stay as they are.

    Returns
    -------
    list of Row
        The identity, the rows with a number, the best first, those without, and the oracle.
    """
    if order is None:
        return list(rows)
    chosen = Order.model_validate(order)
    numbers = {row.variant: number for row in rows if (number := _number(row, chosen.by)) is not None}
    compared = sorted(
        (row for row in rows if row.variant in numbers),
        key=lambda row: numbers[row.variant],
        reverse=labels.better(chosen.by) == "higher",
    )
    if chosen.is_ranking:
        compared = [replace(row, rank=rank) for rank, row in enumerate(compared, start=1)]
    without = [row for row in rows if row.kind == "method" and row.variant not in numbers]
    controls = [row for row in rows if row.kind == "control"]
    before = [row for row in controls if row.variant != ORACLE]
    after = [row for row in controls if row.variant == ORACLE]
    return [*before, *compared, *without, *after]


def shown(rows: Sequence[Row], order: Mapping[str, Any] | None) -> list[Row]:
    """Return the rows of a block that people read.

    Parameters
    ----------
    rows : sequence of Row
        What `arranged` gives.
    order : mapping or None
        A dumped `Order`.

    Returns
    -------
    list of Row
        All rows; of a ranking the best and the worst, after either a row with the mean of them, if there are several.
        Where it has fewer rows than are to be shown, each stands there once, and no mean. Rows without a rank are
        always shown.
    """
    if order is None:
        return list(rows)
    chosen = Order.model_validate(order)
    ranked = [row for row in rows if row.rank is not None]
    if not chosen.is_ranking or len(ranked) < chosen.best + chosen.worst:
        return list(rows)
    groups = {"best": ranked[: chosen.best], "worst": ranked[len(ranked) - chosen.worst :]}
    ends = [
        row
        for words, group in groups.items()
        for row in [*group, *([_mean(group, f"mean of the {len(group)} {words}")] if len(group) > 1 else [])]
    ]
    start = rows.index(ranked[0]) if ranked else 0
    return [*rows[:start], *ends, *rows[start + len(ranked) :]]


def _number(row: Row, metric: str) -> float | None:
    """Return what a row is sorted by, None of a control and of a row without a number."""
    ours = row.results[0].cells[metric].ours
    return ours.mean if row.kind == "method" and ours is not None and not math.isnan(ours.mean) else None


def _mean(rows: Sequence[Row], words: str) -> Row:
    """Return a row with the mean of some rows in each column that has a better side."""
    results = [_mean_result(found) for found in zip(*(row.results for row in rows), strict=True)]
    return Row(variant="", method=words, told="", kind="mean", results=results)


def _mean_result(results: Sequence[Result]) -> Result:
    """Return the means of several rows on one problem."""
    cells = {metric: _mean_cell([one.cells[metric] for one in results], metric) for metric in results[0].cells}
    return replace(results[0], variant="", status=OK, cells=cells, tuned=None)


def _mean_cell(cells: Sequence[Cell], metric: str) -> Cell:
    """Return the mean of cells of several rows, nothing where one of them has no number."""
    ours = [cell.ours.mean for cell in cells if cell.ours is not None]
    mean = None
    if labels.better(metric) and len(ours) == len(cells):
        mean = Summary(len(ours), float(np.mean(ours)), std=float("nan"))
    return Cell(mean, None, None, cells[0].compared)
