"""A training that is killed goes on where it was, and ends with the same bits."""

import fcntl
import json
import os
import random
import resource
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import training_jobs

pytest.importorskip("torch")

from reconbench.errors import UserError  # noqa: E402
from reconbench.training.checkpoints import Checkpoint, locked  # noqa: E402

# Every step is saved, and there are enough of them to be hit in the middle.
LONG = {"phases": [{"steps": 400, "learning_rate": 1e-3}], "validation_every": 50}
OFTEN = ("--checkpoint-seconds", "0")


@pytest.fixture(scope="module")
def truths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("truths")
    return {
        "training": training_jobs.write_truths(folder, "train", 3),
        "validation": training_jobs.write_truths(folder, "validation", 2),
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, truths):
    job = training_jobs.Job(tmp_path_factory.mktemp("undisturbed"), truths)
    job.finish(training_jobs.spec(LONG))
    return job


@pytest.fixture
def job(tmp_path, truths):
    return training_jobs.Job(tmp_path, truths)


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def assert_same_weights(job, other):
    ours, theirs = job.tensors(), other.tensors()
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)


def test_a_training_killed_at_random_points_ends_with_the_same_bits(job, undisturbed):
    draws = random.Random(time.time_ns())
    killed = 0
    for _ in range(3):
        process = job.start(training_jobs.spec(LONG), *OFTEN)
        before = job.checkpoint.stat().st_mtime_ns if job.checkpoint.is_file() else None
        wait_for(
            lambda before=before, process=process: (
                process.poll() is not None or (job.checkpoint.is_file() and job.checkpoint.stat().st_mtime_ns != before)
            )
        )
        time.sleep(draws.uniform(0, 0.4))
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        process.stderr.close()
    said = job.finish(training_jobs.spec(LONG))
    assert killed >= 2
    assert "goes on from the checkpoint at step" in said or "trained already" in said
    assert_same_weights(job, undisturbed)
    ours, theirs = (training_jobs.without_seconds(each.training) for each in (job, undisturbed))
    assert ours == theirs
    assert not job.checkpoint.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_first_and_the_same_command_goes_on(job, undisturbed, number):
    process = job.start(training_jobs.spec(LONG), *OFTEN)
    wait_for(job.checkpoint.is_file)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number, said
    assert "saving a checkpoint" in said
    assert not job.weights.exists()
    assert "goes on from the checkpoint" in job.finish(training_jobs.spec(LONG))
    assert_same_weights(job, undisturbed)


def test_a_checkpoint_of_something_else_is_not_taken_up(tmp_path, capsys):
    key = {"parameters": "a", "code": "b", "data": "c"}
    Checkpoint(tmp_path, key).save({"step": 3})
    assert Checkpoint(tmp_path, key).load() == {"step": 3}
    for name in key:
        assert Checkpoint(tmp_path, {**key, name: "other"}).load() is None
        assert f"is of other {name}; training starts at step 0" in capsys.readouterr().err
    (tmp_path / "state.pt").write_bytes(b"half a file")
    assert Checkpoint(tmp_path, key).load() is None
    assert "cannot be read" in capsys.readouterr().err


def test_a_full_disk_leaves_the_earlier_checkpoint(tmp_path):
    import torch

    checkpoint = Checkpoint(tmp_path, {"code": "a"})
    checkpoint.save({"step": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(UserError, match="the disk is full: the checkpoint .* the earlier one is intact"):
            checkpoint.save({"step": 2, "networks": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert checkpoint.load() == {"step": 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state.pt"]


def test_a_restarted_job_waits_for_the_first_and_takes_what_it_made(job, truths):
    quick = training_jobs.spec()
    with locked(job.folder / "checkpoint"):
        process = job.start(quick)
        assert "waiting for another process that trains in" in process.stderr.readline()
        assert not job.run.exists()
        # What the first one makes before it lets go.
        first = training_jobs.Job(job.folder / "first", truths)
        first.folder.mkdir()
        first.finish(quick)
        for path in (first.weights, first.folder / "training.csv", first.run):
            path.rename(job.folder / path.name)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "trained already" in said


def test_a_killed_parent_leaves_a_child_that_holds_the_lock(job):
    process = job.start(training_jobs.spec(LONG), *OFTEN, "--on-error", "record")
    wait_for(job.checkpoint.is_file)
    process.kill()
    process.wait()
    with open(job.folder / "checkpoint" / "lock", "w") as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    said = job.finish(training_jobs.spec(LONG), "--on-error", "record")
    process.stderr.close()
    assert "waiting for another process" in said
    assert "trained already" in said


def test_a_killed_child_is_recorded_and_goes_on_when_tried_again(job, undisturbed):
    process = job.start(training_jobs.spec(LONG), *OFTEN, "--on-error", "record")
    wait_for(job.checkpoint.is_file)
    (child,) = children(process.pid)
    os.kill(child, signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert json.loads(job.run.read_text())["status"] == "killed by signal SIGKILL"
    assert job.weights.read_bytes() == b""
    assert "goes on from the checkpoint" in job.finish(training_jobs.spec(LONG), "--on-error", "record")
    assert_same_weights(job, undisturbed)


def children(parent):
    listed = (path.read_text() for path in sorted(Path("/proc").glob("[0-9]*/stat")))
    fields = (text.rsplit(")", 1)[1].split() + [text.split()[0]] for text in listed)
    return [int(line[-1]) for line in fields if int(line[1]) == parent]
