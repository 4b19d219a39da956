"""What the loop does besides steps: plateaus, patience, noise on weights, and notes of the distance from a truth."""

import csv
from itertools import chain, repeat
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import training_jobs

from reconbench.contracts import Parameters, Problem
from reconbench.errors import StoppedError
from reconbench.training import loop
from reconbench.training.checkpoints import Checkpoint
from reconbench.training.records import write_training
from reconbench.training.settings import SingleImageTraining
from reconbench.training.single_image import SingleImageSampler

RATE = 0.125


class Numbers(torch.nn.Module):
    """Some weights, and a normalisation that an image changes if it is in training mode."""

    def __init__(self, number):
        super().__init__()
        self.weights = torch.nn.Parameter(torch.zeros(number))
        self.normalisation = torch.nn.BatchNorm2d(1)

    def forward(self, image):
        return self.normalisation(image) + self.weights.mean()


class NumbersParams(Parameters):
    """Parameters of a method of the tests."""

    training: SingleImageTraining


def falling(networks, batch, problem, params):
    """A loss by which gradient descent lowers each weight by the learning rate."""
    networks(batch.measurement)
    return networks.weights.sum() + 0 * networks.normalisation.weight.sum() + 0 * networks.normalisation.bias.sum()


def still(networks, batch, problem, params):
    """A loss that moves nothing."""
    return 0 * falling(networks, batch, problem, params)


def task(loss=falling, errors=None, distance=None, number=1, **settings):
    """A training of weights by gradient descent, whose validations find the given errors."""
    defaults = {
        "patch": (8, 8),
        "batch": 1,
        "optimiser": "nesterov",
        "momentum": 0.1,
        "validation_every": 1,
        "validation_batches": 1,
    }
    given = SingleImageTraining(**{**defaults, "phases": [{"steps": 9, "learning_rate": RATE}], **settings})
    image = np.random.default_rng(0).random((12, 12), dtype=np.float32)
    source = SingleImageSampler("image", image, given, None, 0, ("train",), "cpu", False)
    left = iter(errors or ())
    found = {} if errors is None else {"validate": lambda *_: torch.tensor(float(next(left)))}
    return loop.Task(
        method=SimpleNamespace(network=lambda problem, params: Numbers(number), loss=loss, **found),
        params=NumbersParams(training=given),
        problem=Problem(kind="denoising"),
        training=source,
        validation=source if found else None,
        seed=0,
        address=("train",),
        device="cpu",
        title="numbers",
        distance=distance,
    )


def train(folder, seconds=1e9, **given):
    return loop.train(task(**given), Checkpoint(folder, {}), seconds)


def rates(progress):
    return [line["learning_rate"] / RATE for line in progress.lines]


def assert_same_state(network, other):
    for (name, ours), theirs in zip(network.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs), name


def weight_of(network):
    return float(network.weights[0].detach())


ERRORS = [5, 4, 4.5, 3, 3.5, 3, 3, 3, 3]
PLATEAU = {"plateau": {"patience": 2, "factor": 0.5}, "momentum": 0.1}
# Two validations after the best one, and again after two more.
LOWERED = [1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.25]


def test_a_plateau_lowers_the_learning_rate(tmp_path):
    _, progress = train(tmp_path, errors=ERRORS, **PLATEAU)
    assert rates(progress) == LOWERED
    assert progress.best_error == 3


def test_phases_and_plateaus_multiply_and_both_are_what_a_step_takes(tmp_path):
    phases = [{"steps": 6, "learning_rate": RATE}, {"steps": 3, "learning_rate": RATE / 2}]
    walked = []

    def distance(networks):
        walked.append(weight_of(networks))
        return 0.0

    _, progress = train(tmp_path, errors=ERRORS, distance=distance, optimiser="adam", phases=phases, **PLATEAU)
    expected = [1, 1, 1, 1, 1, 1, 0.25, 0.25, 0.125]
    assert rates(progress) == expected
    # Adam makes steps of the learning rate where the gradient stays the same.
    np.testing.assert_allclose(-np.diff([0, *walked]) / RATE, expected, rtol=1e-4)


def test_patience_ends_the_training(tmp_path):
    errors = [3, 2, 2, 2.5, 2, 1, 1, 1, 1]
    for keep, best in (("best", 2), ("last", 5)):
        network, progress = train(tmp_path / keep, errors=errors, patience=3, keep=keep, optimiser="adam")
        assert (progress.step, len(progress.lines), progress.best_error) == (5, 5, 2)
        assert weight_of(network) == pytest.approx(-best * RATE, rel=1e-4)
    assert train(tmp_path / "more", errors=errors, patience=4)[1].step == 9


def test_patience_counts_beyond_a_lowered_rate(tmp_path):
    _, progress = train(tmp_path, errors=chain([1], repeat(2)), patience=5, **PLATEAU)
    assert progress.step == 6
    assert rates(progress) == [1, 1, 1, 0.5, 0.5, 0.25]


def test_a_training_that_patience_has_ended_does_nothing_more(tmp_path):
    network, progress = train(tmp_path, 0, errors=[1, 2, 2, 2], patience=3)
    seen = []

    def never(*given):
        seen.append(given)
        return falling(*given)

    again, resumed = train(tmp_path, 0, loss=never, errors=[], patience=3)
    assert not seen
    assert (resumed.step, resumed.lines) == (4, progress.lines)
    assert_same_state(again, network)


def test_noise_on_weights_falls_as_one_over_the_number_of_steps(tmp_path):
    """Its standard deviation is the learning rate times that of the settings over n; here of 20 000 draws."""
    before = [np.zeros(20_000)]

    def distance(networks):
        before.append(networks.weights.detach().numpy().copy())
        return 0.0

    phases = [{"steps": 4, "learning_rate": 0.5}, {"steps": 2, "learning_rate": 0.25}]
    train(tmp_path, loss=still, distance=distance, number=20_000, phases=phases, weight_noise=0.2)
    added = np.diff(before, axis=0)
    expected = [0.2 * rate / step for step, rate in enumerate([0.5] * 4 + [0.25] * 2, start=1)]
    np.testing.assert_allclose(added.std(axis=1), expected, rtol=0.02)
    np.testing.assert_allclose(added.mean(axis=1) / expected, 0, atol=0.03)
    assert np.abs(np.corrcoef(added) - np.eye(6)).max() < 0.03


def test_noise_on_weights_follows_the_lowered_rate(tmp_path):
    spread = []

    def distance(networks):
        spread.append(float(networks.weights.detach().std()))
        return 0.0

    train(
        tmp_path, loss=still, errors=chain([1], repeat(2)), distance=distance, number=20_000, weight_noise=1, **PLATEAU
    )
    expected = np.sqrt(np.cumsum([(RATE * rate / n) ** 2 for n, rate in enumerate([1, 1, 1, 0.5, 0.5, 0.25], start=1)]))
    np.testing.assert_allclose(spread[:6], expected, rtol=0.02)


def test_noise_on_weights_is_drawn_by_address(tmp_path):
    networks = []
    for run in range(2):
        torch.manual_seed(run)
        networks.append(train(tmp_path / str(run), number=50, weight_noise=0.5)[0])
    stopped = training_jobs.stop_after(4, falling)
    with pytest.raises(StoppedError):
        train(tmp_path / "stopped", loss=stopped, number=50, weight_noise=0.5)
    networks.append(train(tmp_path / "stopped", number=50, weight_noise=0.5)[0])
    assert networks[0].weights.detach().std() > 0.01
    for other in networks[1:]:
        assert_same_state(other, networks[0])


def test_a_plateau_goes_on_where_it_was_stopped(tmp_path):
    undisturbed, progress = train(tmp_path / "whole", errors=ERRORS, **PLATEAU)
    for steps in (1, 5, 7):
        folder, errors = tmp_path / str(steps), iter(ERRORS)
        with pytest.raises(StoppedError):
            train(folder, loss=training_jobs.stop_after(steps, falling), errors=errors, **PLATEAU)
        network, resumed = train(folder, errors=errors, **PLATEAU)
        assert rates(resumed) == LOWERED
        assert training_jobs.without_seconds(resumed.lines) == training_jobs.without_seconds(progress.lines)
        assert_same_state(network, undisturbed)


def test_without_validation_the_error_is_empty_and_the_last_weights_are_kept(tmp_path):
    network, progress = train(tmp_path, keep="best", optimiser="adam", validation_every=3)
    assert [line["step"] for line in progress.lines] == [3, 6, 9]
    assert all(line["validation_error"] is None for line in progress.lines)
    assert weight_of(network) == pytest.approx(-9 * RATE, rel=1e-4)
    facts = progress.facts()
    assert facts["last_validation_error"] is facts["best_validation_error"] is None
    write_training(tmp_path / "training.csv", progress.lines)
    with open(tmp_path / "training.csv") as file:
        assert [line["validation_error"] for line in csv.DictReader(file)] == ["", "", ""]


def test_the_distance_from_a_truth_is_noted_and_changes_nothing(tmp_path):
    image = torch.rand(1, 1, 8, 8)

    def distance(networks):
        # As careless as a method may be: it draws, and shows the networks an image.
        return float(networks(image).mean().detach() + 7 + 0 * torch.rand(()))

    plain, without = train(tmp_path / "plain", weight_noise=0.1, validation_every=2)
    watched, noted = train(tmp_path / "watched", distance=distance, weight_noise=0.1, validation_every=2)
    assert_same_state(watched, plain)
    distances = [line.pop("distance_from_truth") for line in noted.lines]
    assert training_jobs.without_seconds(noted.lines) == training_jobs.without_seconds(without.lines)
    assert len(distances) == 5
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] == pytest.approx(distance(watched))


def test_seconds_of_training_leave_the_distance_out(tmp_path, monkeypatch):
    """By a clock that goes on by a second a step, by ten a validation and by a thousand a note of the distance."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=lambda: clock.now))

    def spend(seconds, value):
        clock.now += seconds
        return value

    def loss(*given):
        return spend(1, falling(*given))

    def watched(stops=None):
        made = task(
            training_jobs.stop_after(stops, loss) if stops else loss,
            errors=[],
            distance=lambda networks: spend(1000, 0.0),
        )
        made.method.validate = lambda *_: spend(10, torch.tensor(1.0))
        return made

    with pytest.raises(StoppedError):
        loop.train(watched(4), Checkpoint(tmp_path, {}), 1e9)
    _, progress = loop.train(watched(), Checkpoint(tmp_path, {}), 1e9)
    assert clock.now == 9 * 1011
    assert progress.seconds == 9 * 11
    assert [line["seconds"] for line in progress.lines] == [11 * step for step in range(1, 10)]
    assert progress.facts()["steps_per_second"] == pytest.approx(1 / 11)
