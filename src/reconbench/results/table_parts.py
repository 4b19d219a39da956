"""What a table is made of: blocks of rows, columns, cells with ours and the published number."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import numpy as np

from reconbench.results.statistics import Summary

Spec = Mapping[str, Any]
Place = tuple[str, str, str]
RowKind = Literal["method", "control", "mean", "published only"]
# The status of a row without a number of ours.
PUBLISHED_ONLY = "published only"


@dataclass(frozen=True)
class Column:
    """A metric as it is shown: its head, the factor and the digits, and whether the spread stands beside it."""

    metric: str
    title: str
    scale: float
    digits: int
    spread: bool | Literal["repetitions"]
    significant: bool = False
    """Whether the digits are significant ones, for what spans orders of magnitude, and not those after the point."""

    def decimals(self, value: float) -> int:
        """Return how many digits a value has after its point, in units of display."""
        if not self.significant or value == 0:
            return self.digits
        return max(self.digits - 1 - math.floor(math.log10(abs(value))), 0)


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
    """A variant on all problems of a block, or what stands as a row beside them.

    Attributes
    ----------
    variant : str
        Its name, ``""`` of a mean of rows.
    method : str
        Readable words.
    told : str
    kind : str
        Only rows of the kind ``"method"`` are compared: sorted, ranked, called the best.
    results : sequence of Result
        One a problem.
    rank : int, optional
        Its place among the rows with a number, the best has 1.
    device : str
        What its estimates were computed on; ``""`` where the table does not say so of each row.
    """

    variant: str
    method: str
    told: str
    kind: RowKind
    results: Sequence[Result]
    rank: int | None = None
    device: str = ""


@dataclass(frozen=True)
class Block:
    """Rows under one heading.

    Attributes
    ----------
    title : str
    groups : sequence of str
        The headings of its problems.
    rows : sequence of Row
        Every row, for the csv.
    shown : sequence of Row
        What people read: of a ranking a part of the rows, and means of them.
    best : frozenset
        The cells with our best values.
    notes : sequence of str
    """

    title: str
    groups: Sequence[str]
    rows: Sequence[Row]
    shown: Sequence[Row]
    best: frozenset[Place]
    notes: Sequence[str]

    @property
    def heading(self) -> str:
        """The title, with the heading of its problem where it has but one."""
        return ", ".join(filter(None, [self.title, self.groups[0] if len(self.groups) == 1 else ""]))

    @property
    def ranked(self) -> bool:
        """Whether any row has a rank."""
        return any(row.rank is not None for row in self.rows)

    @property
    def words(self) -> tuple[str, ...]:
        """The heads of the columns of words, which stand after the numbers."""
        return ("device", "told") if any(row.device for row in self.rows) else ("told",)

    def words_of(self, row: Row) -> list[str]:
        """Return what a row has in these columns."""
        return [getattr(row, word) for word in self.words]


@dataclass(frozen=True)
class TableResult:
    """A table, ready to be written in any format."""

    name: str
    title: str
    about: Sequence[str]
    columns: Sequence[Column]
    blocks: Sequence[Block]
    notes: Sequence[str]
