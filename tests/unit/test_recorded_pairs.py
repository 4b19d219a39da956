"""Training on measured images and their truths."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from reconbench.errors import UserError  # noqa: E402
from reconbench.images import ImageWriter, read_index  # noqa: E402
from reconbench.training.recorded_pairs import JoinedImages, PairSampler  # noqa: E402
from reconbench.training.settings import Training  # noqa: E402


def written(folder, images):
    with ImageWriter(folder / "index.csv") as writer:
        for name, image in images.items():
            writer.add(name, image, "CYX"[-image.ndim :], None)
    return read_index(folder / "index.csv")


@pytest.fixture
def pairs(tmp_path):
    draws = np.random.default_rng(0)
    truths = {name: draws.random((3, 24, 20), dtype=np.float32) for name in "ab"}
    measured = {name: 2 + image.mean(0) for name, image in reversed(truths.items())}
    return written(tmp_path / "truth", truths), written(tmp_path / "measured", measured)


def sampler(images, augmentation=True, **training):
    settings = Training(patch=(8, 8), batch=5, **training)
    return PairSampler(images, settings, 0, ("train",), "cpu", augmentation)


def test_measurement_and_target_are_of_one_place(pairs):
    batch = next(sampler(JoinedImages(*pairs)).batches(0, 1))
    assert batch.measurement.shape == (5, 1, 8, 8) and batch.target.shape == (5, 3, 8, 8)
    assert torch.allclose(batch.measurement[:, 0], 2 + batch.target.mean(1), atol=1e-6)


def test_all_images_are_drawn_and_turned(pairs):
    straight, turned = (
        next(sampler(JoinedImages(*pairs), augmentation).batches(0, 1)) for augmentation in (False, True)
    )
    assert not torch.equal(straight.target, turned.target)


def test_a_truth_without_a_measurement_is_refused(pairs):
    with pytest.raises(UserError, match="truth 'a' has no measured image of the same name"):
        JoinedImages(pairs[0], [record for record in pairs[1] if record.name == "b"])


def test_a_measurement_of_other_pixels_is_refused(pairs, tmp_path):
    other = written(tmp_path / "other", {name: np.eye(9, dtype=np.float32) for name in "ab"})
    with pytest.raises(UserError, match="as many pixels as their truths; 'a' has"):
        JoinedImages(pairs[0], other)


def test_truths_cannot_be_scaled(pairs):
    with pytest.raises(UserError, match="cannot be measured anew from scaled truths"):
        sampler(JoinedImages(*pairs), normalise="min_max").check()
