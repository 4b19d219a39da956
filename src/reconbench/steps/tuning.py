"""Parameters of a method, searched on the validation split and nowhere else."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from reconbench import catalogue
from reconbench.errors import UserError
from reconbench.images import ImageRecord
from reconbench.progress import progress
from reconbench.steps.measuring import scored_against
from reconbench.steps.restoring import Restorer
from reconbench.steps.scoring import evaluate

Spec = Mapping[str, Any]


def combinations(grid: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Give every combination of a grid's values."""
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def tune(
    spec: Spec, truths: Sequence[ImageRecord], measurements: Sequence[ImageRecord], device: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the best parameters and the mean score of every combination.

    Parameters
    ----------
    spec : mapping
        What a restorer needs, and `params`, `grid`, `metric` (name, params, better), `target`.
    truths, measurements : sequences of ImageRecord
        The validation split.
    device : str

    Returns
    -------
    best : dict
        All parameters of the method.
    evaluations : list of dict
        One line a combination, in the grid's order; of equal scores the earlier wins.
    """
    metric = catalogue.get_metric(spec["metric"]["name"])
    metric_params = metric.Params.model_validate(spec["metric"]["params"])
    pairs = [(truth.load(), record.load(), record) for truth, record in zip(truths, measurements, strict=True)]
    lower = metric.METRIC.better == "lower"
    untuned = Restorer(spec, spec["params"], device)
    evaluations, best, best_score = [], None, np.inf
    for choice in progress(list(combinations(spec["grid"])), f"tune {spec['variant']}", "combination"):
        params = {**spec["params"], **choice}
        restorer = untuned.with_params(params)
        scores = [
            evaluate(
                metric, metric_params, restorer.restore(seen, record), scored_against(truth, seen, spec["target"]), seen
            )
            for truth, seen, record in pairs
        ]
        score = float(np.mean(scores))
        evaluations.append({**choice, metric.METRIC.name: score})
        if (score if lower else -score) < best_score:
            best, best_score = params, score if lower else -score
    if best is None:
        raise UserError(f"no parameters of variant '{spec['variant']}' gave a finite {metric.METRIC.name}")
    return best, evaluations
