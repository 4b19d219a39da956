"""Controls of phase retrieval: a constant, and the mean of the training images."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import training_jobs  # noqa: E402

from reconbench.contracts import Batch, Problem  # noqa: E402
from reconbench.errors import UserError  # noqa: E402
from reconbench.images import ImageWriter, read_index  # noqa: E402
from reconbench.methods import constant, mean_of_training  # noqa: E402
from reconbench.metrics import mae, mse  # noqa: E402
from reconbench.steps.training import TrainingData, train_networks  # noqa: E402

PROBLEM = Problem(kind="phase_retrieval")


@pytest.mark.parametrize("shape", [(3, 8, 9), (1, 8, 9), (8, 9)])
def test_a_constant_has_the_size_of_a_plane(shape):
    estimate = constant.restore(np.ones(shape, np.float32), PROBLEM, constant.Params(value=0.25), "cpu")
    assert (estimate.shape, estimate.dtype) == ((8, 9), np.float32)
    assert (estimate == 0.25).all()


def test_a_constant_wave_has_an_amplitude_too():
    params = constant.Params(value=0.25, amplitude=0.9)
    amplitude, phase = constant.restore(np.ones((3, 8, 9), np.float32), PROBLEM, params, "cpu")
    assert amplitude.shape == phase.shape == (8, 9)
    assert (amplitude == np.float32(0.9)).all() and (phase == 0.25).all()


def test_the_grid_holds_about_the_best_constant_of_each_metric():
    """The median for the mean absolute error, the mean for the mean squared one."""
    truth = np.random.default_rng(0).random((40, 40)) ** 2
    for metric, best in ((mae, np.median(truth)), (mse, truth.mean())):
        errors = {
            value: metric.metric(np.full_like(truth, value), truth, metric.Params())
            for value in constant.METHOD.grid["value"]
        }
        assert min(errors, key=errors.get) == pytest.approx(best, abs=0.026)


def test_training_ends_at_the_mean_of_the_training_images(tmp_path):
    """And not at their median: most pixels of the images are dark."""
    images = np.random.default_rng(0).random((5, 8, 8), dtype=np.float32) ** 4
    index = tmp_path / "index.csv"
    with ImageWriter(index) as writer:
        for number, image in enumerate(images):
            writer.add(f"image_{number}", image)
    records = read_index(index)
    phases = [{"steps": 60, "learning_rate": 2 * 10.0**-power} for power in (2, 3, 4)]
    training = {"patch": [8, 8], "batch": 5, "phases": phases, "validation_every": 180, "validation_batches": 1}
    params = mean_of_training.Params.model_validate({"training": training})
    method = {"method": {"name": "mean_of_training", "file": None}, "params": params.model_dump(mode="json")}
    spec = {**training_jobs.spec(), **method, "kind": "phase_retrieval"}
    data = TrainingData(records, records[:1])
    networks, *_ = train_networks(spec, "", data, tmp_path / "checkpoint", "cpu", 1e9)
    estimate = mean_of_training.restore(np.zeros((2, 8, 8), np.float32), PROBLEM, params, "cpu", networks)
    assert (estimate.shape, estimate.dtype) == ((8, 8), np.float32)
    mean, median = images.mean(axis=0), np.median(images, axis=0)
    assert np.abs(estimate - mean).mean() < 0.2 * np.abs(mean - median).mean()
    with pytest.raises(UserError, match="has 8 x 8 pixels, and the measurement 8 x 9"):
        mean_of_training.restore(np.zeros((2, 8, 9), np.float32), PROBLEM, params, "cpu", networks)


def test_truths_of_two_channels_are_refused():
    networks = mean_of_training.network(
        PROBLEM, mean_of_training.Params.model_validate({"training": {"patch": [8, 8]}})
    )
    batch = Batch(measurement=torch.rand(2, 3, 8, 8), target=torch.rand(2, 2, 8, 8))
    with pytest.raises(UserError, match="these truths have 2"):
        mean_of_training.loss(networks, batch, PROBLEM, mean_of_training.Params())
