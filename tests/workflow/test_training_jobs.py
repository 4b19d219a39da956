"""Trainings that are killed, by Snakemake: the same command goes on, and a recorded one is a row to be tried again."""

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import training_jobs
import yaml
from snakemake_checkout import HOME, SNAKEMAKE

from reconbench.images import read_index
from reconbench.steps.training import TrainingData, train_networks

# Enough steps to be hit in the middle; a second of them or a few.
DNCNN = {
    "method": "dncnn",
    "params": {
        "features": 4,
        "depth": 3,
        "training": {
            "patch": [16, 16],
            "batch": 2,
            "phases": [{"steps": 500, "learning_rate": 1e-3}],
            "validation_every": 100,
        },
    },
}
VARIANTS = ["stopped", "orphaned", "killed"]
STUDY = {
    "datasets": {
        "micrographs": {
            "source": "simulated",
            "name": "micrographs",
            "size": [32, 32],
            "splits": {"train": 3, "validation": 1, "test": 2},
        }
    },
    "problems": {
        "low": {
            "kind": "denoising",
            "dataset": "micrographs",
            "noise": {"name": "poisson", "params": {"dose": {"law": "fixed", "value": 50}}},
        }
    },
    "variants": dict.fromkeys(VARIANTS, DNCNN),
    "runs": {"main": {"problems": ["low"], "variants": VARIANTS, "metrics": ["mse"]}},
    "tables": {
        "results": {
            "title": "Results",
            "metrics": {"mse": {"digits": 4}, "validation_error": {"digits": 4}},
            "sections": [{"problems": {"low dose": "low"}, "variants": ["killed"]}],
        }
    },
}
OPTIONS = ("--resources", "gpu=0", "--config", "studies=study.yaml", "scale=tiny")
RECORD = (*OPTIONS, "on_error=record")
TABLE = "results/tables/results.csv"
FORK = "/_warm_process.py"


class Project:
    """A user's folder with a study of its own, in which trainings are found and killed."""

    def __init__(self, checkout, folder: Path):
        self.checkout = checkout
        self.folder = folder
        self.said = folder / "said.txt"

    def make(self, *arguments: str) -> str:
        """Run Snakemake to a good end and return what it said."""
        return self.checkout.succeeding(*arguments, directory=self.folder)

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start Snakemake; what it and its jobs say goes to a file."""
        command = [str(SNAKEMAKE), "--cores", "2", "--directory", str(self.folder), *arguments]
        with open(self.said, "w") as said:
            return subprocess.Popen(command, cwd=self.checkout.folder, stdout=said, stderr=said, start_new_session=True)

    def finish(self, snakemake: subprocess.Popen) -> str:
        """Wait for Snakemake, which is to fail if a training was killed, and return what it and its jobs said."""
        snakemake.wait(timeout=120)
        return self.said.read_text()

    def model(self, variant: str, name: str = "weights.pt") -> str:
        return f"results/tiny/models/low/{variant}/1/all/{name}"

    def processes(self) -> list[tuple[int, list[str]]]:
        """Return the processes that train in this folder, and those that wait for them, with their arguments."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                arguments = (process / "cmdline").read_bytes().decode().split("\0")
                inside = (process / "cwd").resolve() == self.folder
            except OSError:
                continue
            if inside and arguments[1:2] and arguments[1].endswith(("/train.py", FORK)):
                found.append((int(process.name), arguments))
        return found

    def training(self, word: str) -> int:
        """Wait for a process that trains with a word among its arguments, and return its number."""

        def found():
            return next((number for number, arguments in self.processes() if word in " ".join(arguments)), None)

        return wait_for(found)

    def stepping(self) -> int:
        """Wait until a fork trains step by step, from when on it takes up SIGTERM by itself; return its number."""

        def found():
            forks = (number for number, arguments in self.processes() if arguments[1].endswith(FORK))
            return next((number for number in forks if caught(number) >> (signal.SIGTERM - 1) & 1), None)

        return wait_for(found)


def caught(number: int) -> int:
    """Return the mask of the signals that a process catches."""
    try:
        lines = Path(f"/proc/{number}/status").read_text().splitlines()
    except OSError:
        return 0  # It has ended.
    return int(next(line.split()[1] for line in lines if line.startswith("SigCgt:")), 16)


def wait_for(found, seconds: float = 120):
    end = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
    return result


@pytest.fixture(scope="module")
def project(checkout, tmp_path_factory):
    """A project on a machine with a GPU that there is not: who takes it cannot compute."""
    folder = tmp_path_factory.mktemp("project").resolve()
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    (folder / "nvidia-smi").write_text("#!/bin/sh\necho '0, GPU-none'\n")
    (folder / "nvidia-smi").chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        made = Project(checkout, folder)
        yield made
    for number, _ in made.processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def test_a_training_that_is_stopped_goes_on(project):
    target = project.model("stopped")
    snakemake = project.start(*OPTIONS, "--", target)
    os.kill(project.stepping(), signal.SIGTERM)
    said = project.finish(snakemake)
    assert snakemake.returncode == 1, said
    assert "saving a checkpoint" in said
    assert not (project.folder / target).exists()
    assert "training goes on from the checkpoint at step" in project.make(*OPTIONS, "--", target)
    run = json.loads((project.folder / project.model("stopped", "run.json")).read_text())
    assert (run["status"], run["training"]["steps"]) == ("ok", 500)
    # Told to take no GPU, it saw none.
    assert run["device"] == "cpu"


def test_a_training_that_outlives_snakemake_is_waited_for(project):
    target = project.model("orphaned")
    snakemake = project.start(*OPTIONS, "--", target)
    orphan = project.stepping()
    # Held until the second one waits for it.
    os.kill(orphan, signal.SIGSTOP)
    snakemake.kill()
    snakemake.wait()
    project.make("--unlock")
    snakemake = project.start(*OPTIONS, "--", target)
    wait_for(lambda: "waiting for another process that trains in" in project.said.read_text())
    os.kill(orphan, signal.SIGCONT)
    said = project.finish(snakemake)
    assert snakemake.returncode == 0, said
    assert "trained already, by another process" in said
    assert (project.folder / target).is_file()


def test_a_recorded_training_that_is_killed_is_a_row_and_can_be_tried_again(project):
    snakemake = project.start(*RECORD, "--", TABLE)
    os.kill(project.training("--locked"), signal.SIGKILL)
    said = project.finish(snakemake)
    assert snakemake.returncode == 0, said
    row = read_row(project)
    assert row["status"] == "not trained: killed by signal SIGKILL"
    assert row["mse_mean"] == row["validation_error_mean"] == ""
    assert row["status"] in (project.folder / TABLE).with_suffix(".md").read_text()
    scores = (project.folder / "results/tiny/scores/low/killed/1/001-of-001/scores.csv").read_text()
    assert scores.count(row["status"]) == 2
    assert project.checkout.jobs(*RECORD, "--", TABLE, directory=project.folder) == {}

    retry = [sys.executable, str(project.checkout.folder / "workflow/scripts/retry.py"), TABLE, "--cores", "2"]
    retry += ["-s", str(project.checkout.folder / "Snakefile"), *RECORD]
    done = subprocess.run(retry, cwd=project.folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    row = read_row(project)
    assert row["status"] == "ok"
    assert float(row["mse_mean"]) > 0
    assert float(row["validation_error_mean"]) > 0


def read_row(project) -> dict[str, str]:
    with open(project.folder / TABLE) as file:
        (row,) = csv.DictReader(file)
    return row


def test_what_starts_from_a_training_that_failed_passes_on_why(tmp_path):
    failed = tmp_path / "failed.json"
    failed.write_text(json.dumps({"status": "out of memory"}))
    spec = tmp_path / "spec.json"
    spec.write_text("{}")
    trained = {name: tmp_path / name for name in ("weights", "training", "run")}
    outputs = [argument for name, path in trained.items() for argument in ("--output", name, str(path))]
    command = [sys.executable, str(HOME / "workflow/scripts/train.py"), "--spec", str(spec)]
    subprocess.run([*command, "--input", "start_run", str(failed), *outputs], check=True)
    assert json.loads(trained["run"].read_text())["status"] == "the training it starts from failed: out of memory"
    assert trained["weights"].read_bytes() == b""
    assert len(trained["training"].read_text().splitlines()) == 1


def test_a_training_on_one_image_that_is_stopped_goes_on_to_the_same_weights(tmp_path):
    truths, measurements = training_jobs.write_measurements(tmp_path)
    spec = training_jobs.single_image_spec(
        training={"phases": [{"steps": 60, "learning_rate": 1e-3}], "validation_every": 10}
    )
    job = training_jobs.Job(tmp_path / "stopped", {"measurement": measurements, "truth": truths})
    process = job.start(spec, "--checkpoint-seconds", "0")
    wait_for(job.checkpoint.is_file)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert not job.weights.exists()
    assert "training goes on from the checkpoint at step" in job.finish(spec)
    assert not job.checkpoint.exists()

    (truth,), (measurement,) = read_index(truths), read_index(measurements)
    data = TrainingData(measurement=measurement, truth=truth)
    undisturbed, progress, _ = train_networks(spec, "abc", data, tmp_path / "undisturbed", "cpu", 1e9)
    weights = job.tensors()
    assert weights.keys() == undisturbed.state_dict().keys()
    for name, value in undisturbed.state_dict().items():
        np.testing.assert_array_equal(weights[name], value.numpy(), err_msg=name)
    distances = [float(line["distance_from_truth"]) for line in job.training]
    assert distances == [line["distance_from_truth"] for line in progress.lines]


def test_a_shard_of_two_images_has_no_network_of_its_own(checkout, tmp_path):
    """Snakemake refuses it before anything runs, and the script says so where it is called by hand."""
    problem = {
        "kind": "deconvolution",
        "dataset": "micrographs",
        "forward": {"name": "ssi_blur"},
        "noise": {"name": "ssi_noise"},
    }
    run = {"problems": ["low"], "variants": ["noise2self_deconvolution"], "metrics": ["mse"]}
    study = {"datasets": STUDY["datasets"], "problems": {"low": problem}, "runs": {"main": run}}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    said = checkout.failing("--directory", str(tmp_path), *OPTIONS)
    assert "problem 'low' has 2 test images: give the run `shards: 2`" in said
    assert not (tmp_path / "results").exists()

    _, measurements = training_jobs.write_measurements(tmp_path, 2)
    job = training_jobs.Job(tmp_path / "job", {"measurement": measurements})
    process = job.start(training_jobs.single_image_spec())
    _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "error: part 001-of-001 has 2 images; a network is trained on one measurement" in said
    assert "Traceback" not in said
    assert not job.run.exists()
