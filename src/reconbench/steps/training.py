"""From truths to trained weights: what a spec says, brought to the loop."""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reconbench import catalogue
from reconbench.contracts import Problem
from reconbench.images import ImageRecord, sha256_of
from reconbench.results.provenance import OK
from reconbench.steps.measuring import build_forward
from reconbench.training.checkpoints import Checkpoint
from reconbench.training.loop import Progress, Task, train
from reconbench.training.sampling import Images, Instrument, Sampler

Spec = Mapping[str, Any]


def data_digest(training: Sequence[ImageRecord], validation: Sequence[ImageRecord], start: Path | None) -> str:
    """Return what names the data of a training: the images of both splits, and the weights it starts from."""
    parts = [*(record.sha256 for record in training), "", *(record.sha256 for record in validation)]
    parts += [sha256_of(start)] if start else []
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def train_networks(
    spec: Spec,
    code: str,
    training: Sequence[ImageRecord],
    validation: Sequence[ImageRecord],
    start: Path | None,
    folder: Path,
    device: str,
    checkpoint_seconds: float,
) -> tuple[Any, Progress, Checkpoint]:
    """Train what a spec says.

    Parameters
    ----------
    spec : mapping
        `method`, `params`, `kind`, `forward`, `noise`, `target`, `problem`, `repetition`, `variant`, `seed`.
    code : str
        Digest of the code.
    training, validation : sequences of ImageRecord
        Truths of the two splits.
    start : Path or None
        Weights to start from.
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
    forward = build_forward(spec["forward"])
    problem = Problem(kind=spec["kind"], forward_model=forward if "forward model" in told else None, told=told)
    instrument = Instrument(forward, spec["noise"], spec["target"])
    # The same for all variants: they see the same patches with the same noise, and start from the same draws.
    address = ("train", spec["problem"], spec["repetition"])
    shared = {"instrument": instrument, "settings": params.training, "seed": spec["seed"], "device": device}
    task = Task(
        method=method,
        params=params,
        problem=problem,
        training=Sampler(
            Images(training), address=(*address, "training"), augmentation=params.training.augmentation, **shared
        ),
        validation=Sampler(Images(validation), address=(*address, "validation"), augmentation=False, **shared),
        seed=spec["seed"],
        address=address,
        device=device,
        title=spec["variant"],
    )
    key = {"parameters": _digest_of(spec), "code": code, "data": data_digest(training, validation, start)}
    checkpoint = Checkpoint(folder, key)
    networks, progress = train(task, checkpoint, checkpoint_seconds, start)
    return networks, progress, checkpoint


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
