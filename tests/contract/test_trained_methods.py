"""What every method that learns promises, checked on all that the catalogue finds, at the scale `tiny`."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import training_jobs  # noqa: E402

from reconbench import catalogue  # noqa: E402
from reconbench.config.loading import load  # noqa: E402
from reconbench.contracts import Batch, Problem  # noqa: E402
from reconbench.errors import StoppedError  # noqa: E402
from reconbench.images import ImageRecord, ImageWriter, read_index  # noqa: E402
from reconbench.randomness import generator  # noqa: E402
from reconbench.steps.measuring import ForwardModels, measure  # noqa: E402
from reconbench.steps.training import TrainingData, train_networks  # noqa: E402
from reconbench.training.settings import SingleImageTraining, Training  # noqa: E402
from reconbench.training.weights import build_networks, load_networks, read_weights, write_weights  # noqa: E402

HOME = Path(__file__).resolve().parents[2]
METHODS = {name: module for name, module in catalogue.methods().items() if module.METHOD.trained_on is not None}
SINGLE = [name for name, module in METHODS.items() if module.METHOD.trained_on == "measurement"]
SHORT = {
    "patch": [32, 32],
    "batch": 4,
    "phases": [{"steps": 60, "learning_rate": 1e-2}, {"steps": 20, "learning_rate": 1e-3}],
    "validation_every": 20,
}
SHORT_SINGLE = {**SHORT, "phases": [{"steps": 30, "learning_rate": 1e-2}, {"steps": 10, "learning_rate": 2.5e-3}]}
# What learns nothing in so few steps: the training that it has instead, and parameters besides it.
LONGER = {
    "ssi": (
        {"patch": [64, 64], "batch": 1, "phases": [{"steps": 100, "learning_rate": 3e-2}], "validation_every": 5},
        {"width": 4, "mask_decay": 0.8},
    ),
    "multi_scale_network": (SHORT, {"normalisation": "batch"}),
}
# What makes a method one for images of 32 x 32 where its first variant is one for volumes, or for larger images.
FITTING = {
    "trainable_wiener": {"kernel_size": [5, 5], "training": {"patch": [32, 32]}},
    "multi_scale_network": {"widths": [8] * 6, "outer_kernel": 5, "training": {"patch": [32, 32]}},
    "mean_of_training": {"training": {"patch": [32, 32]}},
    "diffuse_network": {"training": {"patch": [32, 32]}},
    "predicted_plane_by_network": {
        "widths": [8] * 6,
        "outer_kernel": 5,
        "planes": None,
        "training": {"patch": [32, 32]},
    },
}
# The kind of problem that a method of several kinds is tried on.
KINDS = {"mean_of_training": "phase_retrieval"}
# Phases show so little in the intensity that the noise of the other measurements would hide them.
NOISES = {"phase_retrieval": None, "plane_prediction": None, "diffuse_imaging": None}
# The level of an image is lost to those that bring each one to a level of their own; strong noise hides that here.
STRONG = {"name": "poisson", "params": {"dose": {"law": "fixed", "value": 4}}}
LEVELLED = ("mdcnn_direct", "mdcnn_low_pass", "mcnn_adversarial")
FORWARDS = {
    "deconvolution": training_jobs.BLUR,
    "phase_retrieval": {"name": "through_focus", "params": {}},
    "plane_prediction": {"name": "left_out_plane", "params": {"distances": (-52e-6, 0.0, 52e-6), "target": 90e-6}},
    "diffuse_imaging": {"name": "diffuse_wall", "params": {"screen_pixels": (32, 32), "camera_pixels": (16, 16)}},
}
# What is measured of images of 32 x 32, and of others where methods take any size.
SHAPES = {"phase_retrieval": ((2, 32, 32),), "plane_prediction": ((3, 32, 32),), "diffuse_imaging": ((3, 16, 16),)}
ANY_SIZE = ((32, 32), (33, 47), (16, 16))
BLUR_3D = {"name": "ssi_blur_3d", "params": {"size": 3}}


@cache
def tiny_variants():
    """The first variant of each method, as the studies have it at the scale `tiny`, those not run by default too."""
    studies = sorted(file.stem for file in (HOME / "workflow" / "studies").glob("*.yaml"))
    benchmark = load({"scale": "tiny", "studies": studies}, HOME, [HOME / "config.yaml"])
    found = {}
    for loaded in benchmark.studies:
        for variant in loaded.study.variants.values():
            found.setdefault(variant.method, variant.params)
    return found


def parameters(name, training=None, **more):
    assert name in tiny_variants(), f"no study has a variant of {name} at the scale tiny; give it one of a few steps"
    given, fitting = tiny_variants()[name], FITTING.get(name, {})
    settings = {**given.get("training", {}), **fitting.get("training", {}), **(training or {})}
    return METHODS[name].Params.model_validate({**given, **fitting, **more, "training": settings})


def short(name):
    """The parameters of a training of seconds that is to learn something."""
    training, more = LONGER.get(name, (SHORT_SINGLE if name in SINGLE else SHORT, {}))
    return parameters(name, training, **more)


def kind_of(name):
    kinds = METHODS[name].METHOD.kinds
    return KINDS[name] if len(kinds) > 1 else next(iter(kinds))


def forward_of(name):
    return FORWARDS.get(kind_of(name))


def noise_of(name):
    return STRONG if name in LEVELLED else NOISES.get(kind_of(name), training_jobs.NOISE)


def problem(name, given=None):
    told = METHODS[name].METHOD.told
    forward = ForwardModels(given or forward_of(name)).only if "forward model" in told else None
    return Problem(kind=kind_of(name), forward_model=forward, told=told)


@dataclass(frozen=True)
class Data:
    """What methods of either kind are trained on, and pairs of truth and measurement that they are then shown."""

    truths: TrainingData
    tests: list
    screens: TrainingData
    screen_tests: list
    single: TrainingData
    pair: tuple[ImageRecord, ImageRecord]

    def of(self, name):
        if name in SINGLE:
            return self.single
        return self.screens if kind_of(name) == "diffuse_imaging" else self.truths

    def pairs(self, name):
        if name in SINGLE:
            return [tuple(record.load() for record in self.pair)]
        return list(measured(self.screen_tests if kind_of(name) == "diffuse_imaging" else self.tests, name))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("truths")
    numbers = {"train": 8, "validation": 2, "test": 4}
    splits = [read_index(training_jobs.write_truths(folder, split, number)) for split, number in numbers.items()]
    training, validation, tests = splits
    screens = [in_colour(records, folder / "screens" / split) for split, records in zip(numbers, splits, strict=True)]
    truth, measurement = (read_index(index)[0] for index in training_jobs.write_measurements(folder, size=(64, 64)))
    single = TrainingData(measurement=measurement)
    truths, colours = TrainingData(training, validation), TrainingData(*screens[:2])
    return Data(truths, tests, colours, screens[2], single, (truth, measurement))


def in_colour(records, folder):
    """Write images as screens, brighter and darker in each colour."""
    with ImageWriter(folder / "index.csv") as writer:
        for record in records:
            writer.add(record.name, np.stack([share * record.load() for share in (1, 0.7, 0.4)]), "CYX")
    return read_index(folder / "index.csv")


def measured(tests, name):
    forward = ForwardModels(forward_of(name)).only
    for number, record in enumerate(tests):
        truth = record.load()
        yield wanted(name, truth), measure(truth, forward, noise_of(name), generator(0, "test", number))[0]


def wanted(name, truth):
    """What a method is to give of a truth: itself, or the plane that is left out."""
    if kind_of(name) != "plane_prediction":
        return truth
    forward = forward_of(name)
    there = {"name": "through_focus", "params": {"distances": (forward["params"]["target"],)}}
    return ForwardModels(there).only(torch.from_numpy(truth)).numpy()[0]


def train(name, params, data, folder):
    method = {"method": {"name": name, "file": None}, "params": params.model_dump(mode="json"), "variant": name}
    if name in SINGLE:
        spec = training_jobs.single_image_spec()
    else:
        spec = training_jobs.spec(forward=forward_of(name), noise=noise_of(name))
    return train_networks({**spec, **method, "kind": kind_of(name)}, "", data, folder, "cpu", 1e9)[:2]


@pytest.fixture(scope="module", params=METHODS)
def trained(request, data, tmp_path_factory):
    """A method with a short training behind it: its name, parameters and networks."""
    params = short(request.param)
    networks, _ = train(request.param, params, data.of(request.param), tmp_path_factory.mktemp("checkpoint"))
    return request.param, params, networks


@pytest.mark.parametrize("name", METHODS)
def test_its_training_is_one_of_the_shared_settings(name):
    params = METHODS[name].Params()
    assert isinstance(params.training, SingleImageTraining if name in SINGLE else Training)
    assert isinstance(params.training, SingleImageTraining) == (name in SINGLE)
    assert METHODS[name].METHOD.gpu == 1
    assert params.training.steps > 0


@pytest.mark.parametrize("name", METHODS)
def test_the_loss_is_a_finite_number_for_each_network_and_reaches_its_weights(name):
    params = parameters(name)
    networks = build_networks(METHODS[name], problem(name), params).train()
    draws = torch.Generator().manual_seed(0)
    images = torch.rand(2, 1, 32, 32, generator=draws)
    measurement = images
    if kind_of(name) in SHAPES:
        (measured,) = SHAPES[kind_of(name)]
        measurement = torch.nn.functional.interpolate(images, measured[-2:]).expand(2, *measured)
        images = images.expand(2, *(colours_of(name) or (1,)), 32, 32)
    # Some networks begin as the identity, whose last layer alone has a gradient: one small step leads off it.
    with torch.no_grad():
        for parameter in networks.parameters():
            parameter += 0.01 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    held_out = torch.rand(images.shape, generator=draws) < 0.1
    target = images if name in SINGLE else 0.5 * images
    forwards = 2 * ForwardModels(forward_of(name)).all
    batch = Batch(measurement=measurement, target=target, generator=draws, held_out=held_out, forwards=forwards)
    losses = METHODS[name].loss(networks, batch, problem(name), params)
    several = isinstance(networks, torch.nn.ModuleDict)
    assert isinstance(losses, dict) == several
    parts = {name: (networks[name], loss) for name, loss in losses.items()} if several else {"": (networks, losses)}
    for network, loss in parts.values():
        assert loss.shape == ()
        assert torch.isfinite(loss)
        gradients = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
        assert sum(bool(gradient.any()) for gradient in gradients) > 0.9 * len(gradients)


def shapes(name):
    """What measurements of the images here may have."""
    return SHAPES.get(kind_of(name), ANY_SIZE)


def colours_of(name):
    """The axis of colours of a truth: none, or one."""
    return (3,) if kind_of(name) == "diffuse_imaging" else ()


def assert_restores(name, params, networks, shape):
    """The estimate is a finite image or volume, and all else is left as it was."""
    estimated = (*colours_of(name), 32, 32) if kind_of(name) in SHAPES else shape
    measurement = np.random.default_rng(0).random(shape, dtype=np.float32)
    untouched = measurement.copy()
    measurement.flags.writeable = False
    first, second = (METHODS[name].restore(measurement, problem(name), params, "cpu", networks) for _ in range(2))
    assert (first.dtype, first.shape) == (np.float32, estimated)
    assert np.isfinite(first).all()
    assert not np.shares_memory(first, measurement)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(measurement, untouched)


def test_restore_gives_a_finite_float32_image_and_leaves_the_measurement(trained):
    for shape in shapes(trained[0]):
        assert_restores(*trained, shape)


@pytest.mark.parametrize("name", SINGLE)
def test_restore_takes_volumes_of_any_size(name):
    """That of a network which has learned nothing yet, with tiles smaller than the volume."""
    tiling = {"size": 48, "margin": 4, "blend": 0}
    params = parameters(name, {"patch": [8, 16, 16]}, clip=None, tiling=tiling)
    networks = build_networks(METHODS[name], problem(name, BLUR_3D), params).eval()
    for shape in ((8, 16, 16), (5, 18, 61)):
        assert_restores(name, params, networks, shape)


def unlearned(name, seen, truth):
    """The measurement itself, or where that has another unit, an even grey; of a plane, what no object makes of it."""
    if kind_of(name) == "plane_prediction":
        return np.ones_like(truth)
    return np.full_like(truth, 0.5) if kind_of(name) in SHAPES else seen


def test_a_short_training_is_better_than_the_input(trained, data):
    name, params, networks = trained
    errors = [
        (
            np.mean((METHODS[name].restore(seen, problem(name), params, "cpu", networks) - truth) ** 2),
            np.mean((unlearned(name, seen, truth) - truth) ** 2),
        )
        for truth, seen in data.pairs(name)
    ]
    ours, inputs = np.mean(errors, axis=0)
    # The mean of training images is a control that cannot do more than this.
    assert ours < (0.95 if name == "mean_of_training" else 0.8) * inputs


def assert_same_state(networks, other):
    for (name, ours), theirs in zip(networks.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs), name


@pytest.mark.parametrize("name", METHODS)
def test_the_same_seed_gives_the_same_bits_whatever_the_global_random_state(name, data, tmp_path):
    params = parameters(name, {**SHORT, "phases": [{"steps": 5, "learning_rate": 1e-3}]})
    networks = []
    for run in range(2):
        torch.manual_seed(run)
        before = torch.get_rng_state()
        networks.append(train(name, params, data.of(name), tmp_path / str(run))[0])
        assert torch.equal(torch.get_rng_state(), before)
    assert_same_state(*networks)


def test_weights_make_the_trip_to_the_disk(trained, tmp_path):
    name, params, networks = trained
    write_weights(tmp_path / "weights.pt", networks, {"method": name})
    again = load_networks(METHODS[name], problem(name), params, tmp_path / "weights.pt", "cpu")
    measurement = np.random.default_rng(1).random(shapes(name)[0], dtype=np.float32)
    ours, theirs = (
        METHODS[name].restore(measurement, problem(name), params, "cpu", each) for each in (networks, again)
    )
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", SINGLE)
def test_the_point_spread_function_is_no_part_of_the_weights(name, tmp_path):
    params = parameters(name)
    networks = build_networks(METHODS[name], problem(name), params)
    networks.reconvolve(torch.zeros(1, 1, 32, 32))
    write_weights(tmp_path / "weights.pt", networks, {"method": name})
    blurs = {networks.point_spread.kernel.shape, problem(name).forward.kernel.shape}
    for key, value in read_weights(tmp_path / "weights.pt").state.items():
        assert tuple(value.shape[-2:]) not in blurs, key
    # So it is that of the problem which is solved, and not of the one that was trained for.
    again = load_networks(
        METHODS[name],
        problem(name, {**training_jobs.BLUR, "params": {"plane": 8}}),
        params,
        tmp_path / "weights.pt",
        "cpu",
    )
    assert not np.allclose(again.point_spread.kernel, networks.point_spread.kernel)


FEW = {"batch": 2, "phases": [{"steps": 6, "learning_rate": 1e-3}], "validation_every": 2}


@pytest.mark.parametrize("name", SINGLE)
def test_a_training_on_one_image_that_is_stopped_ends_with_the_same_bits(name, data, tmp_path, monkeypatch):
    method, params = METHODS[name], parameters(name, {**FEW, "channels_last": True})
    undisturbed, progress = train(name, params, data.single, tmp_path / "whole")
    with monkeypatch.context() as patch, pytest.raises(StoppedError):
        patch.setattr(method, "loss", training_jobs.stop_after(3, method.loss))
        train(name, params, data.single, tmp_path / "stopped")
    again, resumed = train(name, params, data.single, tmp_path / "stopped")
    assert_same_state(again, undisturbed)
    assert training_jobs.without_seconds(resumed.lines) == training_jobs.without_seconds(progress.lines)
    assert [line["step"] for line in progress.lines] == [2, 4, 6]
    # Only what can be validated on its measurement is.
    assert {line["validation_error"] is None for line in progress.lines} == {not hasattr(method, "validate")}


@pytest.mark.parametrize("name", SINGLE)
def test_a_truth_to_compare_with_changes_no_weight(name, data, tmp_path):
    truth, measurement = data.pair
    params = parameters(name, {**FEW, "keep": "last"})
    plain, without = train(name, params, data.single, tmp_path / "plain")
    noted = TrainingData(measurement=measurement, truth=truth)
    watched, progress = train(name, params, noted, tmp_path / "watched")
    assert_same_state(watched, plain)
    distance = [line.pop("distance_from_truth") for line in progress.lines][-1]
    assert training_jobs.without_seconds(progress.lines) == training_jobs.without_seconds(without.lines)
    estimate = METHODS[name].restore(measurement.load(), problem(name), params, "cpu", watched)
    assert distance == pytest.approx(np.mean((estimate - truth.load()) ** 2, dtype=np.float64), rel=1e-5)
    # What was noted is a part of what names the data, so that training.csv is made anew with another truth.
    assert noted.digest != data.single.digest
