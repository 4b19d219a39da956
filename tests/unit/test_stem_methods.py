"""The STEM denoisers: what their networks are shown, their losses, how they restore, and that none collapses."""

import copy

import numpy as np
import pytest
import torch
import training_jobs
from pydantic import ValidationError

from reconbench.contracts import Batch, Problem
from reconbench.datasets.simulators import atomic_clusters
from reconbench.errors import UserError
from reconbench.images import ImageWriter, read_index
from reconbench.methods import mcnn_adversarial, mdcnn_direct, mdcnn_low_pass
from reconbench.networks.low_pass import LowPass
from reconbench.networks.prepared import Standardisation
from reconbench.randomness import generator
from reconbench.steps.measuring import measure
from reconbench.steps.training import TrainingData, train_networks
from reconbench.training.weights import build_networks

PROBLEM = Problem(kind="denoising")
SIDE = 32
MULTI_SCALE = {"widths": (4, 8, 8, 8, 8, 8), "outer_kernel": 5}
ADVERSARIAL = {"widths": (8, 16, 24), "discriminator_widths": (4, 4, 6)}
SMALL = {mdcnn_direct: MULTI_SCALE, mdcnn_low_pass: MULTI_SCALE, mcnn_adversarial: ADVERSARIAL}
METHODS = [pytest.param(method, id=method.METHOD.name) for method in SMALL]


@pytest.fixture(autouse=True)
def alone():
    """Draws of its own, and one thread, as the images are small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        yield
    torch.set_num_threads(threads)


def parameters(method, training=None, **more):
    return method.Params(**{**SMALL[method], **more, "training": {"patch": (SIDE, SIDE), **(training or {})}})


def networks_of(method, **more):
    return build_networks(method, PROBLEM, parameters(method, **more))


def applied(networks):
    """The network that restores."""
    return networks["generator"] if isinstance(networks, torch.nn.ModuleDict) else networks


def batch(number=3):
    draws = torch.Generator().manual_seed(2)
    measurement, target = (torch.rand(number, 1, SIDE, SIDE, generator=draws) for _ in range(2))
    return Batch(measurement=measurement, target=target)


def test_the_direct_network_is_shown_the_image_and_the_others_four_smoothed_ones():
    shown = {method: applied(networks_of(method)) for method in SMALL}
    assert isinstance(shown[mdcnn_direct].preparation, Standardisation)
    assert isinstance(shown[mdcnn_low_pass].preparation, LowPass)
    assert isinstance(shown[mcnn_adversarial].preparation, LowPass)
    assert shown[mdcnn_direct].network.channels_in == 1
    assert shown[mdcnn_low_pass].network.channels_in == 4
    assert shown[mcnn_adversarial].network.encoder[0][0].in_channels == 4


@pytest.mark.parametrize("method", METHODS)
def test_the_estimate_does_not_depend_on_the_unit_of_the_measurement(method):
    networks = networks_of(method).eval()
    image = np.random.default_rng(0).random((SIDE, SIDE), dtype=np.float32)
    first, second = (
        method.restore(measured, PROBLEM, parameters(method), "cpu", networks) for measured in (image, 40 * image + 7)
    )
    np.testing.assert_allclose(first, second, atol=1e-3)
    assert first.std() > 0.01


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(32, 32), (41, 70), (11, 5), (1, 1)])
def test_an_image_of_any_size_is_mirrored_up_to_what_the_network_takes_and_cut_again(method, shape):
    networks = networks_of(method).eval()
    network = applied(networks)
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    image.flags.writeable = False
    estimate = method.restore(image, PROBLEM, parameters(method), "cpu", networks)
    assert (estimate.dtype, estimate.shape) == (np.float32, shape)
    assert estimate.min() >= 0 and estimate.max() <= 1
    taken = [max(network.size, -(-side // network.multiple) * network.multiple) for side in shape]
    before = [(large - side) // 2 for large, side in zip(taken, shape, strict=True)]
    margins = [(first, large - side - first) for first, large, side in zip(before, taken, shape, strict=True)]
    with torch.no_grad():
        whole = network(torch.from_numpy(np.pad(image, margins, mode="symmetric"))[None, None])[0, 0].numpy()
    inside = tuple(slice(first, first + side) for first, side in zip(before, shape, strict=True))
    np.testing.assert_array_equal(estimate, whole[inside])


@pytest.mark.parametrize("method", METHODS)
def test_what_is_no_image_is_refused(method):
    with pytest.raises(
        UserError, match=rf"{method.METHOD.name} restores images \(y, x\), not data of shape \(2, 8, 8\)"
    ):
        method.restore(np.zeros((2, 8, 8), np.float32), PROBLEM, parameters(method), "cpu", networks_of(method))


class Constant(torch.nn.Module):
    """Gives the same values at all scales, and in its maps, whatever it is shown."""

    def __init__(self, *values):
        super().__init__()
        self.values = values

    def forward(self, images):
        return self.at_all_scales(images)[0]

    def at_all_scales(self, images):
        return [
            torch.full((len(images), 1, SIDE >> place, SIDE >> place), value) for place, value in enumerate(self.values)
        ]


def errors_of(values, target):
    """Mean absolute errors of constants against means over blocks of the target."""
    target = target.numpy()
    for place, value in enumerate(values):
        side = SIDE >> place
        yield np.abs(target.reshape(-1, side, 1 << place, side, 1 << place).mean(axis=(2, 4)) - value).mean()


@pytest.mark.parametrize("method", [mdcnn_direct, mdcnn_low_pass])
def test_the_loss_is_the_sum_of_the_errors_of_all_outputs_and_validation_goes_by_the_first(method):
    sample, values = batch(), (0.1, 0.4, 0.5, 0.9)
    errors = list(errors_of(values, sample.target))
    params = parameters(method)
    assert float(method.loss(Constant(*values), sample, PROBLEM, params)) == pytest.approx(sum(errors), rel=1e-5)
    assert float(method.validate(Constant(*values), sample, PROBLEM, params)) == pytest.approx(errors[0], rel=1e-5)


class Judge(torch.nn.Module):
    """Says of an image at three scales what it is given to say, one thing of truths and one of what is made."""

    def __init__(self, true, made, target):
        super().__init__()
        self.said, self.target = {True: true, False: made}, target

    def forward(self, images):
        return tuple(torch.full((len(images), 1, 4, 4), value) for value in self.said[images is self.target])


def test_the_adversarial_losses_are_those_of_least_squares():
    sample, values = batch(), (0.1, 0.4, 0.5)
    true, made = (0.9, 0.5, -0.2), (0.3, -0.6, 0.8)
    networks = {"generator": Constant(*values), "discriminator": Judge(true, made, sample.target)}
    errors = list(errors_of(values, sample.target))
    generator = sum(errors) + sum((value - 1) ** 2 for value in made)
    discriminator = sum((value - 1) ** 2 for value in true) + sum(value**2 for value in made)
    losses = mcnn_adversarial.loss(networks, sample, PROBLEM, parameters(mcnn_adversarial))
    assert {name: float(loss) for name, loss in losses.items()} == pytest.approx(
        {"generator": generator, "discriminator": discriminator}, rel=1e-5
    )
    published = parameters(mcnn_adversarial, reading="as_published")
    losses = mcnn_adversarial.loss(networks, sample, PROBLEM, published)
    assert {name: float(loss) for name, loss in losses.items()} == pytest.approx(
        {"generator": generator, "discriminator": discriminator + generator}, rel=1e-5
    )
    weak = mcnn_adversarial.loss(networks, sample, PROBLEM, parameters(mcnn_adversarial, adversarial_weight=0.1))
    expected = sum(errors) + 0.1 * sum((value - 1) ** 2 for value in made)
    assert float(weak["generator"]) == pytest.approx(expected, rel=1e-5)
    assert float(weak["discriminator"]) == pytest.approx(discriminator, rel=1e-5)
    # Validation does not ask the discriminator.
    found = mcnn_adversarial.validate(networks, sample, PROBLEM, published)
    assert float(found) == pytest.approx(errors[0], rel=1e-5)


def gradients(networks, losses, of, by):
    found = torch.autograd.grad(losses[by], list(networks[of].parameters()), retain_graph=True, allow_unused=True)
    return torch.cat([gradient.flatten() for gradient in found if gradient is not None])


def test_as_published_the_loss_of_the_generator_moves_the_discriminator_too():
    networks, sample = networks_of(mcnn_adversarial), batch()
    both = {
        reading: mcnn_adversarial.loss(networks, sample, PROBLEM, parameters(mcnn_adversarial, reading=reading))
        for reading in ("corrected", "as_published")
    }
    corrected, published = both.values()
    # The steps of the generator are the same.
    ours, theirs = (gradients(networks, losses, "generator", "generator") for losses in both.values())
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-7)
    assert ours.abs().max() > 0
    # Those of the discriminator differ by what the generator's loss asks of it.
    ours, theirs = (gradients(networks, losses, "discriminator", "discriminator") for losses in both.values())
    asked = gradients(networks, corrected, "discriminator", "generator")
    torch.testing.assert_close(theirs, ours + asked, rtol=1e-3, atol=1e-5)
    assert asked.norm() > 0.1 * ours.norm()
    # Corrected, it is what the discriminator alone would do with images that are given.
    with torch.no_grad():
        made = networks["generator"](sample.measurement)
    alone = sum((each - 1).square().mean() for each in networks["discriminator"](sample.target))
    alone = alone + sum(each.square().mean() for each in networks["discriminator"](made))
    expected = torch.autograd.grad(alone, list(networks["discriminator"].parameters()))
    torch.testing.assert_close(ours, torch.cat([each.flatten() for each in expected]), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_the_losses_reach_every_weight(method):
    networks = networks_of(method)
    losses = method.loss(networks, batch(), PROBLEM, parameters(method))
    losses = losses if isinstance(losses, dict) else {"": losses}
    for name, loss in losses.items():
        network = networks[name] if name else networks
        names, weights = zip(*network.named_parameters(), strict=True)
        for weight, gradient in zip(names, torch.autograd.grad(loss, weights, retain_graph=True), strict=True):
            assert torch.isfinite(gradient).all(), weight
            assert gradient.abs().max() > 0, weight


def test_defaults_are_those_of_the_authors():
    for method in (mdcnn_direct, mdcnn_low_pass):
        params = method.Params()
        assert params.widths == (32, 64, 128, 192, 256, 384, 512, 768, 1024, 2048)
        assert (params.training.patch, params.training.batch) == ((512, 512), 8)
        assert [phase.learning_rate for phase in params.training.phases] == [1e-3]
    training = mcnn_adversarial.Params().training
    assert (training.patch, training.batch, training.optimiser) == ((512, 512), 4, "adam")
    assert training.steps == 4096 * 2048 / 4
    # Keras's decay: the mean over each phase of 1e-4 / (1 + 1e-4 step).
    start = 0
    for phase in training.phases:
        decayed = 1e-4 / (1 + 1e-4 * np.linspace(start, start + phase.steps, 1000))
        assert phase.learning_rate == pytest.approx(decayed.mean(), rel=0.2)
        start += phase.steps


def test_widths_and_patches_must_go_together():
    with pytest.raises(ValidationError, match=r"6 widths need training.patch \[32, 32\], not \[64, 64\]"):
        parameters(mdcnn_direct, {"patch": (64, 64)})
    with pytest.raises(ValidationError, match="outer_kernel must be odd, not 6"):
        parameters(mdcnn_low_pass, outer_kernel=6)
    message = (
        r"3 widths and 6 discriminator_widths, the sides of training.patch must be multiples of 32, not \[48, 32\]"
    )
    with pytest.raises(ValidationError, match=message):
        parameters(mcnn_adversarial, {"patch": (48, 32)}, discriminator_widths=[4] * 6)


# A training of seconds on simulated clusters.

NOISE = {"name": "stem_counts", "params": {"amplitude": [0.1, 0.6]}}
CLUSTERS = atomic_clusters.Params(columns=(2, 5), spacing=(5, 8), width=(1.2, 3))
TRAINING = {
    "batch": 4,
    "phases": [{"steps": 60, "learning_rate": 5e-3}],
    "validation_every": 30,
}
# The least share of the truths' spread that estimates may have. A collapsed generator has none.
LEAST = 0.3


def clusters(folder, split, number):
    index = folder / split / "index.csv"
    index.parent.mkdir(parents=True)
    with ImageWriter(index) as writer:
        for image in range(number):
            writer.add(f"{split}_{image}", atomic_clusters.simulate(generator(0, split, image), (SIDE, SIDE), CLUSTERS))
    return read_index(index)


def spreads(images):
    """Return the standard deviation over the pixels of an image, and over images at a pixel, both on average."""
    return np.array([images.std(axis=(1, 2)).mean(), images.std(axis=0).mean()])


def test_adversarial_training_does_not_collapse(tmp_path):
    params = parameters(mcnn_adversarial, TRAINING)
    spec = training_jobs.spec(noise=NOISE)
    spec |= {"method": {"name": "mcnn_adversarial", "file": None}, "params": params.model_dump(mode="json")}
    data = TrainingData(clusters(tmp_path, "train", 24), clusters(tmp_path, "validation", 4))
    networks, _ = train_networks(spec, "", data, tmp_path / "checkpoint", "cpu", 1e9)[:2]
    truths = np.stack([record.load() for record in clusters(tmp_path, "test", 8)])
    seen = [measure(truth, None, NOISE, generator(0, "noise", place))[0] for place, truth in enumerate(truths)]

    def shares(networks):
        estimates = [mcnn_adversarial.restore(image, PROBLEM, params, "cpu", networks) for image in seen]
        return spreads(np.stack(estimates)) / spreads(truths)

    assert (shares(networks) > LEAST).all()
    assert (shares(networks) < 1.5).all()
    # What this would look like otherwise: all pixels near zero, and one image for all.
    dark, constant = copy.deepcopy(networks), copy.deepcopy(networks)
    with torch.no_grad():
        dark["generator"].network.head[-2].bias -= 6
        constant["generator"].network.encoder[0][0].weight.zero_()
    assert (shares(dark) < LEAST).all()
    assert (shares(constant) < LEAST).any()
