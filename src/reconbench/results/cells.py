"""The cells of a table as people read them: which columns there are, and the text of each cell."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reconbench.results.published import as_printed, scaled
from reconbench.results.table_parts import PUBLISHED_ONLY, Block, Cell, Column, Result, TableResult
from reconbench.steps.scoring import NO_TRUTH, OK

NOTHING = "–"
UNDEFINED = "undefined"
Kind = Literal["ours", "published", "difference"]
HEADS: dict[Kind, str] = {"ours": "ours", "published": "published", "difference": "Δ"}

# The metrics of one problem, and what is shown of each.
Group = Sequence[tuple[Column, Sequence[Kind]]]


@dataclass(frozen=True)
class Shown:
    """The text of one cell; `span` columns wide, with a lighter part after it."""

    text: str
    kind: Kind | Literal["status"]
    light: str = ""
    bold: bool = False
    span: int = 1


def _kinds(block: Block, group: int, column: Column) -> list[Kind]:
    """Return what is shown of a metric: the published number and the difference where any row that is shown has one."""
    cells = [row.results[group].cells[column.metric] for row in block.shown]
    if all(cell.published is None for cell in cells):
        return ["ours"]
    return ["ours", "published", *(["difference"] if any(cell.difference is not None for cell in cells) else [])]


def layout(table: TableResult, block: Block) -> list[Group]:
    """Return for each group of columns its metrics and what is shown of each."""
    return [[(column, _kinds(block, group, column)) for column in table.columns] for group in range(len(block.groups))]


def width(group: Group) -> int:
    """Return how many columns a group has."""
    return sum(len(kinds) for _, kinds in group)


def cells(block: Block, result: Result, group: Group) -> list[Shown]:
    """Return the cells of one row in one group of columns: numbers, or what happened instead."""
    if result.status not in (OK, NO_TRUTH, PUBLISHED_ONLY):
        return [Shown(result.status, "status", span=width(group))]
    return [
        _shown(result.cells[column.metric], column, kind, bold=result.place(column.metric) in block.best)
        for column, kinds in group
        for kind in kinds
    ]


def _shown(cell: Cell, column: Column, kind: Kind, bold: bool) -> Shown:
    if kind == "ours":
        if cell.ours is None:
            return Shown(NOTHING, kind)
        spread = cell.ours.between if column.spread == "repetitions" else cell.ours.std
        light = f"± {_number(spread, column)}" if column.spread and math.isfinite(spread) else ""
        return Shown(_number(cell.ours.mean, column), kind, light, bold)
    if kind == "difference":
        return Shown(NOTHING if cell.difference is None else _signed(cell.difference, column), kind)
    if cell.published is None:
        return Shown(NOTHING, kind)
    spread = column.spread is True and cell.published_std is not None
    light = f"± {as_printed(scaled(cell.published_std, column.scale))}" if spread else ""
    return Shown(as_printed(scaled(cell.published, column.scale)), kind, light)


def _number(value: float, column: Column) -> str:
    if math.isnan(value):
        return UNDEFINED
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    shown = value * column.scale
    text = f"{shown:.{column.decimals(shown)}f}"
    return (text if float(text) else text.lstrip("-")).replace("-", "−")


def _signed(value: float, column: Column) -> str:
    text = f"{value * column.scale:+.{column.digits}f}"
    return (text if float(text) else text[1:]).replace("-", "−")
