"""scores.csv: one line an image, with its status, one value a metric, and the seconds that restoring took."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reconbench.errors import UserError

FIXED = ("image", "status", "seconds")
Line = dict[str, Any]
Pair = tuple[str, str]


def write_scores(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Write the scores of a shard.

    Parameters
    ----------
    path : Path
    lines : sequence of mapping
        `image` and `status` (``"ok"``, ``"no truth"``, or what happened), `seconds`, and one key a metric. What is
        missing or None stays empty; numbers are written so that reading gives the same double again.
    """
    metrics = dict.fromkeys(key for line in lines for key in line if key not in FIXED)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["image", "status", *metrics, "seconds"])
        for line in lines:
            numbers = [_text(line.get(key)) for key in (*metrics, "seconds")]
            writer.writerow([line["image"], line["status"], *numbers])


def read_scores(path: Path) -> list[Line]:
    """Read the scores of a shard: texts for image and status, floats for the rest, None where nothing is written."""
    with open(path, newline="", encoding="utf-8") as file:
        return [
            {key: text if key in ("image", "status") else _number(text) for key, text in line.items()}
            for line in csv.DictReader(file)
        ]


def place(path: Path) -> tuple[str, str, str]:
    """Return problem, variant and repetition of a file in ``<problem>/<variant>/<repetition>/<part>/``."""
    problem, variant, repetition = path.resolve().parts[-5:-2]
    return problem, variant, repetition


def read_by_pair(paths: Iterable[Path]) -> dict[Pair, list[list[Line]]]:
    """Read the scores of many shards.

    Returns
    -------
    dict
        For each pair of problem and variant its repetitions, in each the lines of all its shards in order.
    """
    found: dict[Pair, dict[str, list[Line]]] = {}
    for path in paths:
        problem, variant, repetition = place(path)
        found.setdefault((problem, variant), {}).setdefault(repetition, []).extend(read_scores(path))
    return {pair: list(repetitions.values()) for pair, repetitions in found.items()}


def of_pair(scores: Mapping[Pair, list[list[Line]]], problem: str, variant: str) -> list[list[Line]]:
    """Return the repetitions of one pair.

    Raises
    ------
    UserError
        If no file of that pair was given.
    """
    if (problem, variant) not in scores:
        raise UserError(f"no scores.csv was given for variant '{variant}' on problem '{problem}'")
    return scores[problem, variant]


def _text(value: Any) -> str:
    return "" if value is None else repr(float(value))


def _number(text: str) -> float | None:
    return float(text) if text else None
