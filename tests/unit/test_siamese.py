"""The six terms of the self-supervised loss, each against equation 1 of Papkov et al. (2023) written out in NumPy."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.ndimage
import torch

from reconbench.contracts import Batch, Problem
from reconbench.methods import noise2same_deconvolution, noise2same_deconvolution_d, noise2self_deconvolution
from reconbench.networks.deconvolver import Deconvolver
from reconbench.training.masking import stratified_mask
from reconbench.training.siamese import TERMS, Passes, Weights, weighted_sum

CONVOLUTIONS = {2: torch.nn.functional.conv2d, 3: torch.nn.functional.conv3d}
SHAPES = {2: (3, 1, 13, 11), 3: (2, 1, 6, 9, 8)}
# Of what the values were before they were standardised, each image by its own.
OFFSETS, SCALES = (0.2, 0.1, 0.4), (1.5, 0.8, 2.0)


class Network(torch.nn.Module):
    """A fixed filter and a bend, zeros beyond the edge; counts how often it is applied, and keeps what it saw."""

    multiple, reach = 1, 1

    def __init__(self, dimensions):
        super().__init__()
        weights = np.random.default_rng(5).normal(0.1, 0.4, (3,) * dimensions)
        self.weights = torch.nn.Parameter(torch.from_numpy(weights)[None, None])
        self.seen = []

    def forward(self, image):
        self.seen.append(image)
        filtered = CONVOLUTIONS[image.ndim - 2](image.double(), self.weights, padding=1)
        return filtered + 0.1 * filtered**2


def f(image, network):
    """The network in NumPy."""
    weights = network.weights.detach().numpy()[0, 0]
    filtered = np.stack([scipy.ndimage.correlate(part[0], weights, mode="constant")[None] for part in image])
    return filtered + 0.1 * filtered**2


def g(image, kernel):
    """The blur in NumPy: convolution, the edge pixel repeated beyond the edge."""
    return np.stack([scipy.ndimage.convolve(part[0], kernel, mode="nearest")[None] for part in image])


def kernel_of(dimensions):
    kernel = np.random.default_rng(6).uniform(size=(3, 5, 3)[-dimensions:])
    return kernel / kernel.sum()


@pytest.fixture(params=[2, 3], ids=["2D", "3D"])
def given(request):
    """One step: standardised patches x, the mask J, x with these replaced, f and g of both, and how to undo it all."""
    random = np.random.default_rng(7)
    shape = SHAPES[request.param]
    x, mask = random.normal(size=shape), random.uniform(size=shape) < 0.2
    masked = np.where(mask, random.normal(0, 0.2, shape), x)
    network = Network(request.param)
    kernel = kernel_of(request.param)
    return SimpleNamespace(
        x=x,
        mask=mask,
        masked=masked,
        network=network,
        kernel=kernel,
        offset=by_image(OFFSETS, x),
        scale=by_image(SCALES, x),
        deconvolved=f(x, network),
        deconvolved_masked=f(masked, network),
        reconvolved=g(f(x, network), kernel),
        reconvolved_masked=g(f(masked, network), kernel),
    )


def by_image(values, x):
    return np.array(values[: len(x)]).reshape(-1, *[1] * (x.ndim - 1))


def number(value):
    return float(value.detach())


def passes(given, reading="corrected", network=None):
    x = torch.from_numpy(given.x).float()
    batch = Batch(measurement=x, target=x, offset=torch.tensor(given.offset), scale=torch.tensor(given.scale))
    networks = Deconvolver(network or given.network, given.kernel, "replicate", "direct")
    return Passes(networks, batch, torch.from_numpy(given.masked).float(), torch.from_numpy(given.mask), reading)


EXPECTED = {
    "blind_spot": lambda it: np.mean((it.reconvolved_masked - it.x)[it.mask] ** 2),
    "reconstruction": lambda it: np.mean((it.reconvolved - it.x) ** 2),
    "reconvolved_invariance": lambda it: np.mean((it.reconvolved - it.reconvolved_masked)[it.mask] ** 2) ** 0.5,
    "deconvolved_invariance": lambda it: np.mean((it.deconvolved - it.deconvolved_masked)[it.mask] ** 2) ** 0.5,
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_term_is_that_of_equation_1(given, name):
    value = TERMS[name](passes(given))
    assert value.shape == ()
    assert value.dtype == torch.float32
    assert number(value) == pytest.approx(EXPECTED[name](given), rel=1e-5)


BOUNDED = {"reconvolved_boundary": "reconvolved", "deconvolved_boundary": "deconvolved"}


@pytest.mark.parametrize("name", BOUNDED)
def test_a_boundary_term_is_the_printed_one_or_that_of_the_code(given, name):
    """In the units of the image: offset and scale are taken back."""
    z = getattr(given, BOUNDED[name]) * given.scale + given.offset
    assert z.min() < 0
    assert z.max() > 1
    printed = np.mean(np.abs(0 - z) + np.abs(z - 1))
    assert number(made(TERMS[name], passes(given))) == pytest.approx(printed, rel=1e-5)
    scaled = z / z.max()
    coded = np.mean(np.maximum(-scaled - 1e-8, 0) + np.maximum(scaled - 1 - 1e-8, 0)) ** 2
    assert coded > 1e-5
    assert number(made(TERMS[name], passes(given, "as_published"))) == pytest.approx(coded, rel=1e-4)


def made(term, of_step):
    """A boundary term where the unmasked pass was made before, as by the terms of reconstruction."""
    TERMS["reconstruction"](of_step)
    return term(of_step)


@pytest.mark.parametrize("name", BOUNDED)
def test_a_boundary_term_is_of_the_masked_pass_where_there_is_no_other(given, name):
    """Noise2Self makes no other."""
    step = passes(given)
    TERMS["blind_spot"](step)
    z = getattr(given, f"{BOUNDED[name]}_masked") * given.scale + given.offset
    assert number(TERMS[name](step)) == pytest.approx(np.mean(np.abs(z) + np.abs(z - 1)), rel=1e-5)
    assert len(given.network.seen) == 1


class Constant(torch.nn.Module):
    """Gives the same whatever it sees."""

    multiple, reach = 1, 0

    def __init__(self, values):
        super().__init__()
        self.values = values

    def forward(self, image):
        return self.values


def boundary_of(given, reading, inside, *outside):
    """The boundary term of estimates of which all pixels have one value, but for one pixel each of some others."""
    values = torch.full(given.x.shape[1:], inside, dtype=torch.float64)
    values.flatten()[: len(outside)] = torch.tensor(outside, dtype=torch.float64)
    standardised = (values - torch.tensor(given.offset)) / torch.tensor(given.scale)
    return number(made(TERMS["deconvolved_boundary"], passes(given, reading, Constant(standardised))))


def test_what_lies_within_the_bounds_costs_a_constant_or_nothing(given):
    assert boundary_of(given, "corrected", 0.3, 0.01, 0.99) == pytest.approx(1, abs=1e-6)
    assert boundary_of(given, "as_published", 0.3, 0.01, 0.99) == 0


def test_the_printed_term_costs_two_a_unit_beyond_either_bound(given):
    pixels = given.x[0].size
    assert boundary_of(given, "corrected", 1.5) == pytest.approx(2, abs=1e-5)
    assert boundary_of(given, "corrected", -0.5) == pytest.approx(2, abs=1e-5)
    assert boundary_of(given, "corrected", 0.5, 4.0, -2.0) == pytest.approx(1 + (6 + 4) / pixels, rel=1e-5)


def test_the_coded_term_never_punishes_what_is_above_one(given):
    """It divides by the largest value, and so punishes less what is below 0 too."""
    pixels = given.x[0].size
    assert boundary_of(given, "as_published", 0.5, 7.0) == 0
    assert boundary_of(given, "as_published", 3.0) == 0
    assert boundary_of(given, "as_published", 0.5, 4.0, -2.0) == pytest.approx((2 / 4 / pixels) ** 2, rel=1e-4)


def test_the_sum_is_weighted_and_makes_no_pass_twice(given):
    weights = {name: 0.5 + index for index, name in enumerate(TERMS)}
    step = passes(given)
    calls = counted(step.networks)
    total = number(weighted_sum(step, Weights(**weights)))
    assert calls == {"network": 2, "blur": 2}
    singly = passes(given)
    assert total == pytest.approx(sum(weights[name] * number(TERMS[name](singly)) for name in TERMS), rel=1e-5)


def counted(networks):
    """Count the passes through a Deconvolver's network and through its blur."""
    calls = {"network": 0, "blur": 0}

    def count(name):
        def hook(*_):
            calls[name] += 1

        return hook

    networks.network.register_forward_hook(count("network"))
    networks.point_spread.register_forward_hook(count("blur"))
    return calls


@pytest.mark.parametrize(
    ("weights", "network", "blur"),
    [
        ({"blind_spot": 1}, 1, 1),
        ({"blind_spot": 1, "reconvolved_boundary": 0.1}, 1, 1),
        ({"reconstruction": 1, "deconvolved_boundary": 0.1}, 1, 1),
        ({"reconstruction": 1, "reconvolved_invariance": 2, "reconvolved_boundary": 0.1}, 2, 2),
        ({"reconstruction": 1, "deconvolved_invariance": 2, "deconvolved_boundary": 0.1}, 2, 1),
    ],
)
def test_a_term_of_weight_zero_is_not_computed(given, weights, network, blur):
    step = passes(given)
    calls = counted(step.networks)
    weighted_sum(step, Weights(**weights))
    assert calls == {"network": network, "blur": blur}


METHODS = {
    noise2self_deconvolution: ({"network": 1, "blur": 1}, ["blind_spot", "reconvolved_boundary"]),
    noise2same_deconvolution: (
        {"network": 2, "blur": 2},
        ["reconstruction", "reconvolved_invariance", "reconvolved_boundary"],
    ),
    noise2same_deconvolution_d: (
        {"network": 2, "blur": 1},
        ["reconstruction", "deconvolved_invariance", "deconvolved_boundary"],
    ),
}
NAMES = [method.METHOD.name for method in METHODS]


def step_of(dimensions, seed=0):
    """The networks and the batch of one step of training, with a generator of its own."""
    shape = {2: (2, 1, 28, 28), 3: (2, 1, 12, 12, 12)}[dimensions]
    x = torch.randn(shape, generator=torch.Generator().manual_seed(8))
    batch = Batch(measurement=x, target=x, generator=torch.Generator().manual_seed(seed), offset=0.2, scale=1.5)
    return Deconvolver(Network(dimensions), kernel_of(dimensions), "replicate", "direct"), batch


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("method", METHODS, ids=NAMES)
def test_a_method_is_its_choice_of_terms(method, dimensions):
    """Equations 2 to 4: reconstruction and blind spot count 1, invariance 2, boundaries what is asked for."""
    passed, terms = METHODS[method]
    networks, batch = step_of(dimensions)
    calls = counted(networks)
    params = method.Params(boundary_weight=0.3)
    loss = method.loss(networks, batch, Problem(kind="deconvolution"), params)
    assert calls == passed
    again, batch = step_of(dimensions)
    mask = stratified_mask(batch.measurement.shape, 0.005, batch.generator)
    noise = 0.2 * torch.randn(batch.measurement.shape, generator=batch.generator)
    of_step = Passes(again, batch, torch.where(mask, noise, batch.measurement), mask, "corrected")
    weights = [1, 0.3] if len(terms) == 2 else [1, 2, 0.3]
    expected = sum(weight * TERMS[name](of_step) for weight, name in zip(weights, terms, strict=True))
    assert number(loss) == pytest.approx(number(expected), rel=1e-6)


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("method", METHODS, ids=NAMES)
def test_the_gradient_is_that_of_finite_differences(method, dimensions):
    params = method.Params(boundary_weight=0.1)

    def loss(change=0.0):
        networks, batch = step_of(dimensions)
        with torch.no_grad():
            networks.network.weights += change
        return method.loss(networks, batch, Problem(kind="deconvolution"), params), networks.network.weights

    value, weights = loss()
    (gradient,) = torch.autograd.grad(value, weights)
    direction = torch.randn(weights.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(9))
    with torch.no_grad():
        difference = (loss(1e-3 * direction)[0] - loss(-1e-3 * direction)[0]) / 2e-3
    assert number((gradient * direction).sum()) == pytest.approx(number(difference), rel=2e-2)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_blind_spot_loss_sees_masked_pixels_only_as_what_it_is_compared_with(dimensions):
    """The network is given the same, bit for bit, whatever the measurement has at the masked pixels."""
    inputs, predictions = [], []
    for change in (0.0, 100.0):
        networks, batch = step_of(dimensions)
        mask = stratified_mask(batch.measurement.shape, 0.005, torch.Generator().manual_seed(0))
        changed = torch.where(mask, batch.measurement + change, batch.measurement)
        # The target is left as it was: so all of the loss that could change goes through the network.
        batch = Batch(measurement=changed, target=batch.measurement, generator=batch.generator)
        params = noise2self_deconvolution.Params()
        predictions.append(noise2self_deconvolution.loss(networks, batch, Problem(kind="deconvolution"), params))
        inputs.append(networks.network.seen)
    assert [len(seen) for seen in inputs] == [1, 1]
    assert torch.equal(inputs[0][0], inputs[1][0])
    assert torch.equal(*predictions)
    assert mask.any()
    assert torch.equal(inputs[0][0][~mask], step_of(dimensions)[1].measurement[~mask])
