"""What a table is made of: blocks of rows, columns, cells with ours and the published number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import numpy as np

from reconbench.results.statistics import Summary

Spec = Mapping[str, Any]
Place = tuple[str, str, str]


@dataclass(frozen=True)
class Column:
    """A metric as it is shown: its head, the factor and the digits, and whether the spread stands beside it."""

    metric: str
    title: str
    scale: float
    digits: int
    spread: bool | Literal["repetitions"]


@dataclass(frozen=True)
class Cell:
    """One metric of one row on one problem, in plain units; None where there is nothing."""

    ours: Summary | None
    published: Decimal | None
    published_std: Decimal | None
    compared: bool
    """Whether a difference means anything: not between times of different machines, nor between trainings."""

    @property
    def difference(self) -> float | None:
        """Ours minus the published number."""
        if not self.compared or self.ours is None or self.published is None or not np.isfinite(self.ours.mean):
            return None
        return self.ours.mean - float(self.published)


@dataclass(frozen=True)
class Tuned:
    """What a search on the validation split of a problem chose, of how many combinations."""

    problem: str
    chosen: Mapping[str, Any]
    evaluations: int


@dataclass(frozen=True)
class Result:
    """One row on one problem."""

    problem: str
    variant: str
    reading: str
    status: str
    images: int | None
    """How many are scored; None in a table of trainings alone."""
    repetitions: int
    cells: Mapping[str, Cell]
    tuned: Tuned | None

    def place(self, metric: str) -> Place:
        """Return what names a cell within a block."""
        return self.problem, self.variant, metric


@dataclass(frozen=True)
class Row:
    """A variant on all problems of a block."""

    variant: str
    method: str
    told: str
    control: bool
    results: Sequence[Result]


@dataclass(frozen=True)
class Block:
    """Rows under one heading; `groups` are the headings of its problems, `best` the cells with our best values."""

    title: str
    groups: Sequence[str]
    rows: Sequence[Row]
    best: frozenset[Place]
    notes: Sequence[str]


@dataclass(frozen=True)
class TableResult:
    """A table, ready to be written in any format."""

    name: str
    title: str
    about: Sequence[str]
    columns: Sequence[Column]
    blocks: Sequence[Block]
    notes: Sequence[str]
