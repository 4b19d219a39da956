"""What every method that learns promises, checked on all that the catalogue finds, at the scale `tiny`."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import training_jobs  # noqa: E402

from reconbench import catalogue  # noqa: E402
from reconbench.config.loading import load  # noqa: E402
from reconbench.contracts import Batch, Problem  # noqa: E402
from reconbench.images import read_index  # noqa: E402
from reconbench.noise import poisson  # noqa: E402
from reconbench.randomness import generator  # noqa: E402
from reconbench.steps.training import train_networks  # noqa: E402
from reconbench.training.settings import Training  # noqa: E402
from reconbench.training.weights import build_networks, load_networks, write_weights  # noqa: E402

HOME = Path(__file__).resolve().parents[2]
METHODS = {name: module for name, module in catalogue.methods().items() if module.METHOD.trained_on == "truth"}
SHORT = {
    "patch": [32, 32],
    "batch": 4,
    "phases": [{"steps": 60, "learning_rate": 1e-2}, {"steps": 20, "learning_rate": 1e-3}],
    "validation_every": 20,
}


@cache
def tiny_variants():
    """The first variant of each method, as the studies have it at the scale `tiny`."""
    benchmark = load({"scale": "tiny"}, HOME, HOME / "config.yaml")
    found = {}
    for loaded in benchmark.studies:
        for variant in loaded.study.variants.values():
            found.setdefault(variant.method, variant.params)
    return found


def parameters(name, **training):
    assert name in tiny_variants(), f"no study has a variant of {name} at the scale tiny; give it one of a few steps"
    given = tiny_variants()[name]
    return METHODS[name].Params.model_validate({**given, "training": {**given.get("training", {}), **training}})


def problem(name, kind="denoising"):
    return Problem(kind=kind, told=METHODS[name].METHOD.told)


@pytest.fixture(scope="module")
def truths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("truths")
    return [
        read_index(training_jobs.write_truths(folder, split, number))
        for split, number in (("train", 8), ("validation", 2), ("test", 4))
    ]


@pytest.fixture(scope="module", params=METHODS)
def trained(request, truths, tmp_path_factory):
    """A method with a short training behind it: its name, parameters and networks."""
    params = parameters(request.param, **SHORT)
    return request.param, params, train(request.param, params, truths, tmp_path_factory.mktemp("checkpoint"))


def train(name, params, truths, folder):
    spec = training_jobs.spec(method={"name": name, "file": None}, params=params.model_dump(mode="json"), variant=name)
    networks, _, _ = train_networks(spec, "", truths[0], truths[1], None, folder, "cpu", 1e9)
    return networks


def measured(truths):
    for number, record in enumerate(truths[2]):
        params = poisson.Params.model_validate(training_jobs.NOISE["params"])
        truth = record.load()
        yield truth, poisson.apply(truth, generator(0, "test", number), params, {"dose": 20.0})


@pytest.mark.parametrize("name", METHODS)
def test_its_training_is_one_of_the_shared_settings(name):
    params = METHODS[name].Params()
    assert isinstance(params.training, Training)
    assert METHODS[name].METHOD.gpu == 1
    assert params.training.steps > 0


@pytest.mark.parametrize("name", METHODS)
def test_the_loss_is_a_finite_number_for_each_network_and_reaches_its_weights(name):
    params = parameters(name)
    networks = build_networks(METHODS[name], problem(name), params).train()
    images = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    # Some networks begin as the identity, whose last layer alone has a gradient: one small step leads off it.
    with torch.no_grad():
        for parameter in networks.parameters():
            parameter += 0.01 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    losses = METHODS[name].loss(networks, Batch(measurement=images, target=0.5 * images), problem(name), params)
    several = isinstance(networks, torch.nn.ModuleDict)
    assert isinstance(losses, dict) == several
    parts = {name: (networks[name], loss) for name, loss in losses.items()} if several else {"": (networks, losses)}
    for network, loss in parts.values():
        assert loss.shape == ()
        assert torch.isfinite(loss)
        gradients = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
        assert sum(bool(gradient.any()) for gradient in gradients) > 0.9 * len(gradients)


def test_restore_gives_a_finite_float32_image_and_leaves_the_measurement(trained):
    name, params, networks = trained
    draws = np.random.default_rng(0)
    for shape in ((32, 32), (33, 47), (16, 16)):
        measurement = draws.random(shape, dtype=np.float32)
        untouched = measurement.copy()
        measurement.flags.writeable = False
        first, second = (METHODS[name].restore(measurement, problem(name), params, "cpu", networks) for _ in range(2))
        assert (first.dtype, first.shape) == (np.float32, shape)
        assert np.isfinite(first).all()
        assert not np.shares_memory(first, measurement)
        np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(measurement, untouched)


def test_a_short_training_is_better_than_the_input(trained, truths):
    name, params, networks = trained
    errors = [
        (
            np.mean((METHODS[name].restore(seen, problem(name), params, "cpu", networks) - truth) ** 2),
            np.mean((seen - truth) ** 2),
        )
        for truth, seen in measured(truths)
    ]
    ours, inputs = np.mean(errors, axis=0)
    assert ours < 0.8 * inputs


@pytest.mark.parametrize("name", METHODS)
def test_the_same_seed_gives_the_same_bits_whatever_the_global_random_state(name, truths, tmp_path):
    params = parameters(name, **{**SHORT, "phases": [{"steps": 5, "learning_rate": 1e-3}]})
    states = []
    for run in range(2):
        torch.manual_seed(run)
        before = torch.get_rng_state()
        states.append(train(name, params, truths, tmp_path / str(run)).state_dict())
        assert torch.equal(torch.get_rng_state(), before)
    for key, value in states[0].items():
        assert torch.equal(value, states[1][key]), key


def test_weights_make_the_trip_to_the_disk(trained, tmp_path):
    name, params, networks = trained
    write_weights(tmp_path / "weights.pt", networks, {"method": name})
    again = load_networks(METHODS[name], problem(name), params, tmp_path / "weights.pt", "cpu")
    measurement = np.random.default_rng(1).random((32, 32), dtype=np.float32)
    ours, theirs = (
        METHODS[name].restore(measurement, problem(name), params, "cpu", each) for each in (networks, again)
    )
    np.testing.assert_array_equal(ours, theirs)
