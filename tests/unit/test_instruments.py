"""One forward model for all images of a problem, or several that take turns."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from reconbench import catalogue  # noqa: E402
from reconbench.config.models import ProblemDefinition, Variant  # noqa: E402
from reconbench.contracts import Metric, Parameters  # noqa: E402
from reconbench.errors import UserError  # noqa: E402
from reconbench.images import ImageRecord  # noqa: E402
from reconbench.steps.measuring import ForwardModels  # noqa: E402
from reconbench.steps.scoring import evaluate  # noqa: E402
from reconbench.training.sampling import Images, Instrument, Sampler  # noqa: E402
from reconbench.training.settings import Training  # noqa: E402


class Gain:
    """A forward model that multiplies."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, truth):
        return self.factor * truth


class Several(Parameters):
    factors: tuple[int, ...] = (2, 3, 5)


SEVERAL = SimpleNamespace(
    Params=Several,
    choices=lambda params: tuple(f"times_{factor}" for factor in params.factors),
    build=lambda params, choice: Gain(int(choice.removeprefix("times_"))),
)
ONE = SimpleNamespace(Params=Parameters, build=lambda params: Gain(7))


@pytest.fixture
def models(monkeypatch):
    known = {"several": SEVERAL, "one": ONE}
    monkeypatch.setattr(catalogue, "get_forward_model", known.get)
    return lambda name, **params: ForwardModels(None if name is None else {"name": name, "params": params})


def record(**notes):
    return ImageRecord("cell", Path(), (8, 8), "YX", "", notes)


def test_images_of_a_split_take_turns(models):
    several = models("several")
    assert [several.get(several.choice(number)).factor for number in range(5)] == [2, 3, 5, 2, 3]
    assert [model.factor for model in several.all] == [2, 3, 5]
    assert several.only is None
    assert several.get("times_3") is several.get("times_3")


def test_a_measurement_says_what_it_was_made_by(models):
    assert models("several").of(record(instrument="times_5")).factor == 5
    with pytest.raises(UserError, match="nothing says which instrument measured image 'cell'; leave one of times_2, "):
        models("several").of(record())
    assert models("several", factors=[3]).of(record()).factor == 3


def test_one_for_all_or_none(models):
    assert models("one").choice(4) is None
    assert models("one").of(record()).factor == models("one").only.factor == 7
    none = models(None)
    assert (none.of(record()), none.only, none.all, none.choice(1)) == (None, None, (), None)


class Ones(Images):
    """A split of one image of ones."""

    shape: tuple[int, ...] = (16, 16)

    def __init__(self):
        super().__init__([ImageRecord("ones", Path("memory"), self.shape, "", "")])

    def load(self, index):
        return np.ones(self.shape, np.float32)


def batches(forwards, steps=30):
    sampler = Sampler(
        Ones(), Instrument(forwards, None, "truth"), Training(patch=(8, 8), batch=4), 0, ("train",), "cpu", False
    )
    return list(sampler.batches(0, steps))


def test_each_patch_of_a_training_draws_its_forward_model_and_the_batch_tells():
    forwards = tuple(Gain(factor) for factor in (2, 3, 5))
    drawn = []
    for batch in batches(forwards):
        assert len(batch.forwards) == 4
        for seen, forward in zip(batch.measurement, batch.forwards, strict=True):
            assert (seen == forward.factor).all()
            drawn.append(forward.factor)
    assert {factor: drawn.count(factor) > 20 for factor in (2, 3, 5)} == {2: True, 3: True, 5: True}
    again = [forward.factor for batch in batches(forwards) for forward in batch.forwards]
    assert drawn == again


class Planes:
    """A forward model that gives two planes of what it is shown, and notes the shape of that."""

    def __init__(self):
        self.shown = []

    def __call__(self, truth):
        self.shown.append(tuple(truth.shape))
        image = truth if truth.ndim == 2 else truth.sum(0)
        return torch.stack([image, 2 * image])


class Wave(Ones):
    """A split of one truth of two channels."""

    shape = (2, 16, 16)


@pytest.mark.parametrize("images, channels", [(Ones(), 1), (Wave(), 2)])
def test_planes_are_channels_of_the_measurement_and_no_truth_is_given_any(images, channels):
    """The forward model sees a truth as it is; an image gets its one channel as a target."""
    planes = Planes()
    instrument = Instrument((planes,), None, "truth")
    sampler = Sampler(images, instrument, Training(patch=(8, 8), batch=3), 0, ("train",), "cpu", True)
    (batch,) = sampler.batches(0, 1)
    assert set(planes.shown) == {(8, 8) if channels == 1 else (2, 8, 8)}
    assert batch.measurement.shape == (3, 2, 8, 8)
    assert torch.equal(batch.measurement[:, 1], 2 * batch.measurement[:, 0])
    assert batch.target.shape == (3, channels, 8, 8)


def test_one_forward_model_is_told_as_well_and_none_is_none():
    one = Gain(2)
    assert batches((one,), 1)[0].forwards == (one,) * 4
    assert batches((), 1)[0].forwards == ()


@pytest.mark.parametrize(
    "variant, problem, expected",
    [({}, {}, "low"), ({}, {"train_on": "high"}, "high"), ({"train_on": "own"}, {"train_on": "high"}, "own")],
)
def test_where_a_variant_learns(variant, problem, expected):
    definition = ProblemDefinition(kind="deconvolution", dataset="cells", **problem)
    assert Variant(method="wiener_deconvolution", **variant).learns_on("low", definition) == expected


def test_only_a_metric_that_says_so_is_shown_the_measurement():
    def metric(of_measurement):
        record = Metric(name="m", title="m", unit="", better="lower", of_measurement=of_measurement)
        return SimpleNamespace(METRIC=record, metric=lambda estimate, truth, params, *more: (estimate, truth, *more))

    assert evaluate(metric(False), Parameters(), 1, 2, 3) == (1, 2)
    assert evaluate(metric(True), Parameters(), 1, 2, 3) == (1, 2, 3)
