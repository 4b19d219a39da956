"""From truths, or from a measurement, to trained weights: what a spec says, brought to the loop."""

import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from reconbench import catalogue
from reconbench.contracts import Parameters, Problem
from reconbench.images import ImageRecord, sha256_of
from reconbench.results.provenance import OK
from reconbench.steps.measuring import ForwardModels, scored_against
from reconbench.training.checkpoints import Checkpoint
from reconbench.training.loop import Progress, Task, train
from reconbench.training.recorded_pairs import JoinedImages, PairSampler
from reconbench.training.sampling import Images, Instrument, Sampler
from reconbench.training.single_image import SingleImageSampler

Spec = Mapping[str, Any]


@dataclass(frozen=True)
class TrainingData:
    """What a training sees: truths of two splits that it measures anew, or the one measurement to be restored.

    Attributes
    ----------
    training, validation : sequences of ImageRecord
        Truths; none where it is trained on a measurement.
    training_measured, validation_measured : sequences of ImageRecord
        Measured images of these truths, in place of those that are made anew at each step.
    measurement : ImageRecord or None
    truth : ImageRecord or None
        Of the measurement, if training.csv is to say how far the estimates are from it.
    start : Path or None
        Weights to start from.
    """

    training: Sequence[ImageRecord] = ()
    validation: Sequence[ImageRecord] = ()
    measurement: ImageRecord | None = None
    truth: ImageRecord | None = None
    start: Path | None = None
    training_measured: Sequence[ImageRecord] = ()
    validation_measured: Sequence[ImageRecord] = ()

    @property
    def digest(self) -> str:
        """What names these data: the images, and the weights to start from."""
        parts = [*(record.sha256 for record in self.training), "", *(record.sha256 for record in self.validation)]
        parts += [record.sha256 for record in (*self.training_measured, *self.validation_measured)]
        parts += [record.sha256 for record in (self.measurement, self.truth) if record is not None]
        parts += [sha256_of(self.start)] if self.start else []
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def train_networks(
    spec: Spec, code: str, data: TrainingData, folder: Path, device: str, checkpoint_seconds: float
) -> tuple[Any, Progress, Checkpoint]:
    """Train what a spec says.

    Parameters
    ----------
    spec : mapping
        `method`, `params`, `kind`, `forward`, `noise`, `target`, `problem`, `repetition`, `variant`, `seed`.
    code : str
        Digest of the code.
    data : TrainingData
    folder : Path
        Of the checkpoint.
    device : {"cpu", "cuda"}
    checkpoint_seconds : float
        How often the state is saved.

    Returns
    -------
    networks : torch.nn.Module
    progress : Progress
    checkpoint : Checkpoint
        To be removed when everything is written.
    """
    method = catalogue.get_method(**spec["method"])
    params = method.Params.model_validate(spec["params"])
    told = method.METHOD.told
    forwards = ForwardModels(spec["forward"])
    forward = forwards.only if data.measurement is None else forwards.of(data.measurement)
    problem = Problem(kind=spec["kind"], forward_model=forward if "forward model" in told else None, told=told)
    shared = {"method": method, "params": params, "problem": problem, "seed": spec["seed"], "device": device}
    shared["title"] = spec["variant"]
    if data.measurement is None:
        task = _on_truths(spec, data, forwards.all, shared)
    else:
        task = _on_measurement(spec, data, forward, shared)
    checkpoint = Checkpoint(folder, {"parameters": _digest_of(spec), "code": code, "data": data.digest})
    networks, progress = train(task, checkpoint, checkpoint_seconds, data.start)
    return networks, progress, checkpoint


def _on_truths(spec: Spec, data: TrainingData, forwards: tuple[Any, ...], shared: dict[str, Any]) -> Task:
    """Return the training on patches of truths, measured anew at each step or, where there are such, as recorded."""
    settings = shared["params"].training
    # The same for all variants: they see the same patches with the same noise, and start from the same draws.
    address = ("train", spec["problem"], spec["repetition"])
    instrument = Instrument(forwards, spec["noise"], spec["target"])

    def sampler(split: str, truths: Sequence[ImageRecord], measured: Sequence[ImageRecord], augment: bool) -> Sampler:
        how = (settings, spec["seed"], (*address, split), shared["device"], augment)
        return (
            PairSampler(JoinedImages(truths, measured), *how) if measured else Sampler(Images(truths), instrument, *how)
        )

    return Task(
        **shared,
        training=sampler("training", data.training, data.training_measured, settings.augmentation),
        validation=sampler("validation", data.validation, data.validation_measured, False),
        address=address,
    )


def _on_measurement(spec: Spec, data: TrainingData, forward: Any, shared: dict[str, Any]) -> Task:
    """Return the training on patches of the measurement that is to be restored."""
    settings, record = shared["params"].training, data.measurement
    address = ("train", spec["problem"], spec["repetition"], record.name)
    measurement = record.load()

    def sampler(augmentation: bool) -> SingleImageSampler:
        # One address, so that training leaves out the very pixels that validation has to itself.
        return SingleImageSampler(
            record.name,
            measurement,
            settings,
            getattr(forward, "kernel", None),
            spec["seed"],
            address,
            shared["device"],
            augmentation,
        )

    validated = hasattr(shared["method"], "validate")
    truth = None if data.truth is None else scored_against(data.truth.load(), measurement, spec["target"])
    return Task(
        **shared,
        training=sampler(settings.augmentation),
        validation=sampler(False) if validated else None,
        address=address,
        distance=None if truth is None else _distance(shared, measurement, truth),
    )


def _distance(shared: Mapping[str, Any], measurement: np.ndarray, truth: np.ndarray) -> Callable[[Any], float]:
    """Return the function from networks to the mean squared error of their estimate."""
    method: ModuleType = shared["method"]
    params: Parameters = shared["params"]

    def distance(networks: Any) -> float:
        estimate = method.restore(measurement, shared["problem"], params, shared["device"], networks)
        return float(np.mean((estimate.astype(np.float64) - truth) ** 2))

    return distance


def already_trained(outputs: Mapping[str, Path], spec: Spec, code: str, data: str) -> bool:
    """Return whether the outputs are there and are those of this very training.

    So it is when a process that was thought dead has ended its work while this one waited for it.
    """
    if not all(path.is_file() for path in outputs.values()):
        return False
    run = json.loads(outputs["run"].read_text(encoding="utf-8"))
    same = (run["spec"], run["code"], run.get("training", {}).get("data")) == (dict(spec), code, data)
    if run["status"] == OK and same:
        print("trained already, by another process", file=sys.stderr)
        return True
    return False


def _digest_of(spec: Spec) -> str:
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]
