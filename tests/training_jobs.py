"""Trainings of seconds, for tests: a small DnCNN on a few simulated micrographs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from reconbench.datasets.simulators import micrographs
from reconbench.images import ImageWriter
from reconbench.randomness import generator

HOME = Path(__file__).resolve().parents[1]
SCRIPT = HOME / "workflow" / "scripts" / "train.py"
NOISE = {"name": "poisson", "params": {"dose": {"law": "fixed", "value": 20}}}
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


def write_truths(folder: Path, split: str, number: int) -> Path:
    """Write simulated micrographs of 32 x 32 pixels and return their index."""
    index = folder / split / "index.csv"
    index.parent.mkdir(parents=True)
    with ImageWriter(index) as writer:
        for image in range(number):
            draws = generator(0, split, image)
            writer.add(f"{split}_{image}", micrographs.simulate(draws, (32, 32), micrographs.Params()))
    return index


class Job:
    """The script `train.py` on data of its own, with outputs in a folder of its own."""

    def __init__(self, folder: Path, training: Path, validation: Path):
        self.folder = folder
        self.training = training
        self.validation = validation
        self.weights, self.run = folder / "weights.pt", folder / "run.json"
        self.checkpoint = folder / "checkpoint" / "state.pt"

    def command(self, given: dict, *arguments: str) -> list[str]:
        """Return the command line of a spec."""
        return [
            *(sys.executable, str(SCRIPT), "--spec", json.dumps(given), "--code", "abc"),
            *("--input", "training", str(self.training), "--input", "validation", str(self.validation)),
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

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the trained weights."""
        from reconbench.training.weights import read_weights

        return {name: value.numpy() for name, value in read_weights(self.weights).state.items()}
