"""How far estimates are from the truth: every metric for every image."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from reconbench import catalogue
from reconbench.contracts import Parameters
from reconbench.errors import UserError
from reconbench.images import ImageRecord
from reconbench.results.provenance import OK
from reconbench.steps.measuring import scored_against

NO_TRUTH = "no truth"


class MeanAbsoluteError:
    """Mean over images of the absolute error of each pixel, as a running sum: one image in memory, however many.

    Attributes
    ----------
    number : int
        How many images were added.
    """

    def __init__(self) -> None:
        self.number = 0
        self._sum: np.ndarray | None = None

    def add(self, estimate: np.ndarray, target: np.ndarray) -> None:
        """Take in one image: estimate and target of one shape."""
        errors = np.abs(estimate.astype(np.float64) - target)
        if self.number == 0:
            self._sum = errors
        elif self._sum is not None:
            # Images of several shapes have no common pixels; no later one can change that.
            self._sum = self._sum + errors if self._sum.shape == errors.shape else None
        self.number += 1

    @property
    def mean(self) -> np.ndarray | None:
        """The map, in double precision; None where nothing was added or the shapes differ."""
        return None if self._sum is None else self._sum / self.number


def score(
    metrics: Mapping[str, Mapping[str, Any]],
    target: str,
    truth: ImageRecord | None,
    measurement: ImageRecord,
    estimate: ImageRecord | None,
    errors: MeanAbsoluteError | None = None,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Score one estimate.

    Parameters
    ----------
    metrics : mapping
        Name of each metric to its parameters.
    target : {"truth", "mean_matched"}
    truth : ImageRecord or None
        None where the measured image has no truth: then nothing is computed, and the line says so.
    measurement : ImageRecord
    estimate : ImageRecord or None
        None stands for the control `oracle`, the target itself.
    errors : MeanAbsoluteError, optional
        Takes in what is scored.

    Returns
    -------
    image : ndarray
        The estimate.
    line : dict
        Image, status, one value a metric, and the seconds that restoring took.
    """
    line: dict[str, Any] = {"image": measurement.name, "status": OK}
    if truth is None:
        if estimate is None:
            raise UserError(f"image '{measurement.name}' has no truth, so the control 'oracle' has none to show")
        return estimate.load(), {**line, "status": NO_TRUTH, "seconds": estimate.number("seconds")}
    seen = measurement.load()
    goal = scored_against(truth.load(), seen, target)
    image = goal if estimate is None else estimate.load()
    if image.shape != goal.shape:
        raise UserError(f"the estimate of image '{truth.name}' has shape {image.shape}, and its truth {goal.shape}")
    for name, params in metrics.items():
        module = catalogue.get_metric(name)
        try:
            line[name] = evaluate(module, module.Params.model_validate(dict(params)), image, goal, seen)
        except UserError as error:
            raise UserError(f"metric '{name}' of image '{truth.name}': {error}") from error
    if errors is not None:
        errors.add(image, goal)
    line["seconds"] = None if estimate is None else estimate.number("seconds")
    return image, line


def evaluate(
    module: ModuleType, params: Parameters, estimate: np.ndarray, truth: np.ndarray, measurement: np.ndarray
) -> float:
    """Return a metric, which looks at the measurement only where it says so."""
    further = (measurement,) if module.METRIC.of_measurement else ()
    return module.metric(estimate, truth, params, *further)


def paired(records: Sequence[ImageRecord], others: Sequence[ImageRecord]) -> list[ImageRecord | None]:
    """Return for each record the other of the same name, None where there is none."""
    by_name = {other.name: other for other in others}
    return [by_name.get(record.name) for record in records]


def example_names(examples: int | Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the images whose estimates are always kept: those named, or so many from the first.

    Raises
    ------
    UserError
        If an image that is named is not there.
    """
    if isinstance(examples, int):
        return list(names[:examples])
    for name in examples:
        if name not in names:
            raise UserError(f"there is no test image '{name}' to keep as an example; there are {', '.join(names[:12])}")
    return list(examples)
