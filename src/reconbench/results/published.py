"""Published numbers: kept as they are printed, so that their digits are known."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal, InvalidOperation
from pathlib import Path

from reconbench.errors import UserError

COLUMNS = ("variant", "problem", "metric", "statistic", "value", "source")
STATISTICS = ("mean", "std")
Key = tuple[str, str, str, str]


@dataclass(frozen=True)
class Published:
    """The published numbers of a table.

    Attributes
    ----------
    values : mapping
        From (variant, problem, metric, statistic) to the number as it is printed, in plain units.
    sources : mapping
        From the same keys to where it stands.
    """

    values: Mapping[Key, Decimal] = field(default_factory=dict)
    sources: Mapping[Key, str] = field(default_factory=dict)

    def value(self, variant: str, problem: str, metric: str, statistic: str = "mean") -> Decimal | None:
        """Return a number, None where nothing is published."""
        return self.values.get((variant, problem, metric, statistic))


def read_published(path: Path | None) -> Published:
    """Read ``<table>.csv``, one line a number; nothing is published where there is no file.

    Raises
    ------
    UserError
        If columns are missing, a value is no number, a statistic is unknown, or a number is given twice.
    """
    if path is None:
        return Published()
    values: dict[Key, Decimal] = {}
    sources: dict[Key, str] = {}
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise UserError(f"{path} must have the columns {', '.join(COLUMNS)}")
        for number, line in enumerate(reader, start=2):
            key = (line["variant"], line["problem"], line["metric"], line["statistic"])
            if line["statistic"] not in STATISTICS:
                raise UserError(f"{path}, line {number}: statistic '{line['statistic']}' is neither mean nor std")
            if key in values:
                raise UserError(f"{path}, line {number}: {' '.join(key)} is there twice")
            values[key] = _decimal(line["value"], f"{path}, line {number}")
            sources[key] = line["source"]
    return Published(values, sources)


def scaled(value: Decimal, factor: float) -> Decimal:
    """Return a printed number in units of display, with as many significant digits as are printed."""
    digits = len(value.as_tuple().digits)
    return Context(prec=digits).multiply(value, Decimal(repr(factor)).normalize())


def as_printed(value: Decimal) -> str:
    """Return a number with exactly the digits that it has."""
    return format(value, "f")


def _decimal(text: str, where: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise UserError(f"{where}: '{text}' is not a number") from None
