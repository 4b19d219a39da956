"""What a table says of the training of its rows, from the run.json beside each model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reconbench.errors import UserError
from reconbench.results.statistics import Summary

Run = Mapping[str, Any]

# Where run.json has what a column shows; the seconds stand outside of what it tells of a training.
_KEYS = {
    "steps_per_second": "steps_per_second",
    "parameters": "parameters",
    "validation_error": "best_validation_error",
    "last_validation_error": "last_validation_error",
}


def trainings_of(trained: Mapping[tuple[str, str], Sequence[Run]], row: Mapping[str, Any]) -> Sequence[Run]:
    """Return the trainings of a row, one a repetition or several of single images; none of one that does not learn.

    Parameters
    ----------
    trained : mapping
        The run.json of each training, by the problem that was trained on and the variant.
    row : mapping
        A row of a table's spec, with `variant` and `trained_on`.

    Raises
    ------
    UserError
        If a row is trained and no run.json of it was given.
    """
    if row["trained_on"] is None:
        return []
    pair = row["trained_on"], row["variant"]
    if pair not in trained:
        raise UserError(f"no run.json was given for the training of variant '{pair[1]}' on problem '{pair[0]}'")
    return trained[pair]


def over_trainings(trainings: Sequence[Run], metric: str) -> Summary | None:
    """Summarise a column of training over repetitions.

    Parameters
    ----------
    trainings : sequence of mapping
        The run.json of each training, with its `repetition`.
    metric : str
        One of `labels.TRAINING_COLUMNS`.

    Returns
    -------
    Summary or None
        None where nothing was trained, or a training failed or did not measure this. One training has no standard
        deviation: it is not a number.
    """
    by_repetition: dict[str, list[float | None]] = {}
    for run in trainings:
        by_repetition.setdefault(run["repetition"], []).append(_value(run, metric))
    if not by_repetition or any(None in found for found in by_repetition.values()):
        return None
    values = [float(np.mean(found)) for found in by_repetition.values()]
    spread = float(np.std(values)) if len(values) > 1 else float("nan")
    return Summary(len(values), float(np.mean(values)), std=spread, between=spread)


def _value(run: Run, metric: str) -> float | None:
    return run["seconds"] if metric == "training_seconds" else run.get("training", {}).get(_KEYS[metric])
