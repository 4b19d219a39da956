"""From measurement to estimate, image by image, with the time that each takes."""

import time
from collections.abc import Mapping, Sequence
from copy import copy
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from reconbench import catalogue
from reconbench.contracts import Problem
from reconbench.errors import UserError
from reconbench.images import ImageRecord, ImageWriter
from reconbench.progress import progress
from reconbench.steps.measuring import DRAWN, ForwardModels

WARM_UP_PIXELS = 64
# What no piece can be taken of: a field of waves must be large enough for its distance, and a wall's matrix and the
# networks beside it take images of one size.
WHOLE_IMAGE_KINDS = ("phase_retrieval", "plane_prediction", "diffuse_imaging")
# What is measured as large as it is.
SAME_SHAPE_KINDS = ("denoising", "deconvolution")
Spec = Mapping[str, Any]


class Restorer:
    """A method with its parameters, on one problem, ready for any number of images.

    Parameters
    ----------
    spec : mapping
        `method` (name, and file where it is a user's own), `kind`, `forward`, `noise`.
    params : mapping
        The method's parameters.
    device : {"cpu", "cuda"}
    weights : Path, optional
        What training wrote, for a method that learns.

    Raises
    ------
    UserError
        If a method that learns has no weights, or they do not fit it.
    """

    def __init__(self, spec: Spec, params: Mapping[str, Any], device: str, weights: Path | None = None):
        self.spec = spec
        self.device = device
        self.method: ModuleType = catalogue.get_method(**spec["method"])
        self.params = self.method.Params.model_validate(dict(params))
        told = self.method.METHOD.told
        self.forwards = ForwardModels(spec["forward"] if "forward model" in told else None)
        self.noise = catalogue.get_noise(spec["noise"]["name"]) if spec["noise"] else None
        self.trained = self._trained(weights)

    def _trained(self, weights: Path | None) -> tuple[Any, ...]:
        """Return the networks of a method that learns, as what its `restore` takes besides, nothing for others."""
        if self.method.METHOD.trained_on is None:
            return ()
        if weights is None:
            raise UserError(f"method '{self.method.METHOD.name}' is trained; name the file with its weights")
        from reconbench.training.weights import load_networks

        problem = Problem(kind=self.spec["kind"], forward_model=self.forwards.only, told=self.method.METHOD.told)
        return (load_networks(self.method, problem, self.params, weights, self.device),)

    def with_params(self, params: Mapping[str, Any]) -> "Restorer":
        """Return the same with other parameters of the method."""
        other = copy(self)
        other.params = self.method.Params.model_validate(dict(params))
        return other

    def problem(self, record: ImageRecord) -> Problem:
        """Return what the method may know of one measurement."""
        return Problem(
            kind=self.spec["kind"],
            forward_model=self.forwards.of(record),
            **self._declared(record),
            pixel_size=record.pixel_size,
            told=self.method.METHOD.told,
        )

    def _declared(self, record: ImageRecord) -> dict[str, Any]:
        if self.noise is None:
            return {}
        params = self.noise.Params.model_validate(self.spec["noise"]["params"])
        drawn = drawn_for(record)
        known = self.noise.variance(np.zeros(1), params, drawn) is not None
        return {
            "variance": partial(self.noise.variance, params=params, drawn=drawn) if known else None,
            "counts_per_unit": self.noise.gain(params, drawn),
        }

    def restore(self, measurement: np.ndarray, record: ImageRecord) -> np.ndarray:
        """Return the estimate of one measurement; that of a sequence frame by frame, unless the method takes sequences.

        Raises
        ------
        UserError
            If the estimate is not a float32 image of finite values.
        """
        problem = self.problem(record)
        if record.axes.startswith("T") and not self.method.METHOD.sequences:
            return np.stack([self._restored(frame, problem, record.name) for frame in measurement])
        return self._restored(measurement, problem, record.name)

    def _restored(self, measurement: np.ndarray, problem: Problem, image: str) -> np.ndarray:
        estimate = self.method.restore(measurement, problem, self.params, self.device, *self.trained)
        name = self.method.METHOD.name
        if not isinstance(estimate, np.ndarray) or estimate.dtype != np.float32:
            raise UserError(f"method '{name}' gave {_kind_of(estimate)} for image '{image}', not a float32 array")
        if not np.isfinite(estimate).all():
            raise UserError(f"method '{name}' gave values that are not finite for image '{image}'")
        if self.spec["kind"] in SAME_SHAPE_KINDS and estimate.shape != measurement.shape:
            raise UserError(
                f"method '{name}' gave an estimate of shape {estimate.shape} for image '{image}', whose shape is "
                f"{measurement.shape}"
            )
        return estimate


def drawn_for(record: ImageRecord) -> dict[str, float]:
    """Return what the noise drew for a measurement, for instance its dose."""
    notes = record.notes.items()
    return {key.removeprefix(DRAWN): float(value) for key, value in notes if key.startswith(DRAWN) and value}


def _kind_of(value: Any) -> str:
    return f"an array of {value.dtype}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"


def restore_images(restorer: Restorer, records: Sequence[ImageRecord], writer: ImageWriter, title: str) -> float:
    """Restore images and write the estimates, each with its seconds.

    Returns
    -------
    float
        Seconds of all images together, reading and writing not counted.
    """
    if records:
        # The first call of a library pays for its import and its plans; a small piece takes that on itself.
        first = records[0].load()
        if restorer.spec["kind"] not in WHOLE_IMAGE_KINDS:
            first = first[(..., *[slice(WARM_UP_PIXELS)] * min(first.ndim, 2))].copy()
        restorer.restore(first, records[0])
    total = 0.0
    for record in progress(records, title):
        measurement = record.load()
        start = time.perf_counter()
        estimate = restorer.restore(measurement, record)
        seconds = time.perf_counter() - start
        writer.add(
            record.name, estimate, axes=record.axes if estimate.ndim == len(record.axes) else None, seconds=seconds
        )
        total += seconds
    return total
