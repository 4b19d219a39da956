"""A sequence is restored frame by frame, unless its method takes sequences."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reconbench.errors import UserError
from reconbench.images import ImageRecord
from reconbench.steps.restoring import Restorer

SPEC = {"method": {"name": "gaussian", "file": None}, "kind": "denoising", "forward": None, "noise": None}


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(0).random((5, 24, 20), dtype=np.float32)


def record(axes):
    return ImageRecord("moving", Path("moving.tif"), (5, 24, 20), axes, "")


@pytest.fixture
def restorer():
    return Restorer(SPEC, {"sigma": 2.0}, "cpu")


def test_each_frame_is_restored_by_itself(restorer, frames):
    estimate = restorer.restore(frames, record("TYX"))
    alone = np.stack([restorer.restore(frame, record("YX")) for frame in frames])
    assert np.array_equal(estimate, alone)


def test_a_volume_is_one_image(restorer, frames):
    with pytest.raises(UserError, match="restores images"):
        restorer.restore(frames, record("ZYX"))


def test_a_method_that_takes_sequences_gets_the_whole(restorer, frames, monkeypatch):
    seen = []
    monkeypatch.setattr(restorer.method, "METHOD", replace(restorer.method.METHOD, sequences=True))
    monkeypatch.setattr(restorer.method, "restore", lambda measurement, *rest: seen.append(measurement) or measurement)
    restorer.restore(frames, record("TYX"))
    assert len(seen) == 1 and seen[0].shape == frames.shape
