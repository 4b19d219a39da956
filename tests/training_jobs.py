"""Trainings of seconds, for tests: a small DnCNN on a few simulated micrographs, and methods on one blurred image."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from reconbench.datasets.simulators import micrographs
from reconbench.images import ImageWriter
from reconbench.randomness import generator
from reconbench.steps.measuring import ForwardModels, measure

HOME = Path(__file__).resolve().parents[1]
SCRIPT = HOME / "workflow" / "scripts" / "train.py"
NOISE = {"name": "poisson", "params": {"dose": {"law": "fixed", "value": 20}}}
BLUR = {"name": "ssi_blur", "params": {}}
SSI_NOISE = {"name": "ssi_noise", "params": {}}
TRAINING = {"patch": [16, 16], "batch": 2, "phases": [{"steps": 40, "learning_rate": 1e-3}], "validation_every": 7}


def spec(training=None, **more):
    """Return the spec of a training; `training` changes how it goes, `more` other keys."""
    return {
        "method": {"name": "dncnn", "file": None},
        "params": {"features": 4, "depth": 3, "training": {**TRAINING, **(training or {})}},
        "kind": "denoising",
        "forward": None,
        "noise": NOISE,
        "target": "truth",
        "problem": "low",
        "variant": "dncnn",
        "repetition": "1",
        "seed": 0,
        **more,
    }


SMALL = {"features": 2, "normalisation_momentum": 0.5}


def single_image_spec(method="noise2same_deconvolution", params=None, training=None, **more):
    """Return the spec of a training on one blurred image; `params` and `training` change how it goes."""
    steps = {"patch": [16, 16], "batch": 2, "phases": [{"steps": 6, "learning_rate": 1e-3}], "validation_every": 2}
    about = {"method": {"name": method, "file": None}, "variant": method, "problem": "blurred", "part": "001-of-001"}
    given = {"params": {**(SMALL if params is None else params), "training": {**steps, **(training or {})}}}
    return {**spec(), **about, **given, "kind": "deconvolution", "forward": BLUR, "noise": SSI_NOISE, **more}


def write_measurements(folder: Path, number: int = 1, size: tuple[int, int] = (32, 32)) -> tuple[Path, Path]:
    """Write blurred and noisy discs on a slope; return the indexes of truths and measurements."""
    truths, measurements = folder / "truth" / "index.csv", folder / "measurement" / "index.csv"
    y, x = (axis / side for axis, side in zip(np.indices(size), size, strict=True))
    with ImageWriter(truths) as true, ImageWriter(measurements) as measured:
        for image in range(number):
            disc = (y - 0.4) ** 2 + (x - 0.5 + 0.1 * image) ** 2 < 0.05
            truth = (0.3 + 0.2 * x + 0.4 * disc).astype(np.float32)
            true.add(f"image_{image}", truth)
            measured.add(f"image_{image}", measure(truth, ForwardModels(BLUR).only, SSI_NOISE, generator(0))[0])
    return truths, measurements


def write_truths(folder: Path, split: str, number: int) -> Path:
    """Write simulated micrographs of 32 x 32 pixels and return their index."""
    index = folder / split / "index.csv"
    index.parent.mkdir(parents=True)
    with ImageWriter(index) as writer:
        for image in range(number):
            draws = generator(0, split, image)
            writer.add(f"{split}_{image}", micrographs.simulate(draws, (32, 32), micrographs.Params()))
    return index


def without_seconds(lines):
    """Return lines of training.csv without the column that is another each time."""
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def stop_after(steps: int, loss):
    """Return a loss at whose n-th call this process is asked to stop."""
    calls = []

    def stopping(*given):
        calls.append(given)
        if len(calls) == steps:
            signal.raise_signal(signal.SIGTERM)
        return loss(*given)

    return stopping


class Job:
    """The script `train.py` on data of its own, with outputs in a folder of its own.

    `inputs` are the indexes of what it reads, by name.
    """

    def __init__(self, folder: Path, inputs: dict[str, Path]):
        self.folder = folder
        self.inputs = inputs
        self.weights, self.run = folder / "weights.pt", folder / "run.json"
        self.checkpoint = folder / "checkpoint" / "state.pt"

    def command(self, given: dict, *arguments: str) -> list[str]:
        """Return the command line of a spec."""
        return [
            *(sys.executable, str(SCRIPT), "--spec", json.dumps(given), "--code", "abc"),
            *(word for name, index in self.inputs.items() for word in ("--input", name, str(index))),
            *("--output", "weights", str(self.weights), "--output", "training", str(self.folder / "training.csv")),
            *("--output", "run", str(self.run), *arguments),
        ]

    def start(self, given: dict, *arguments: str) -> subprocess.Popen:
        """Start the script in a process group of its own."""
        return subprocess.Popen(
            self.command(given, *arguments), stderr=subprocess.PIPE, text=True, start_new_session=True, env=os.environ
        )

    def finish(self, given: dict, *arguments: str) -> str:
        """Run the script to its end and return what it said."""
        process = self.start(given, *arguments)
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        return said

    @property
    def training(self) -> list[dict[str, str]]:
        """The lines of training.csv."""
        with open(self.folder / "training.csv") as file:
            return list(csv.DictReader(file))

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the trained weights."""
        from reconbench.training.weights import read_weights

        return {name: value.numpy() for name, value in read_weights(self.weights).state.items()}
