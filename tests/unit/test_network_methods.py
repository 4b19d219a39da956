"""The methods that are networks: their defaults, their losses, and how they restore images of any size."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional

from reconbench.contracts import Batch, Problem
from reconbench.errors import UserError
from reconbench.methods import atrous_encoder_decoder, dncnn
from reconbench.metrics import ssim

PROBLEM = Problem(kind="denoising")
ATROUS = {"width": 4, "middle_blocks": 1, "normalisation_momentum": 1.0}
CASES = {
    "corrected": (atrous_encoder_decoder, {**ATROUS, "tiling": {"size": 64, "margin": 8, "blend": 8}}),
    "as_published": (atrous_encoder_decoder, {**ATROUS, "reading": "as_published", "tiling": {"size": 96}}),
    "dncnn": (dncnn, {"features": 4, "depth": 4, "tiling": {"size": 32, "margin": 4, "blend": 4}}),
}


def image(shape, seed=0):
    """Return noise on a ramp, from about 0.1 to 0.9."""
    ramp = np.add.outer(np.linspace(0.1, 0.4, shape[0]), np.linspace(0.0, 0.4, shape[1]))
    return (ramp + np.random.default_rng(seed).uniform(0, 0.1, shape)).astype(np.float32)


@pytest.fixture
def built():
    """Return a function that gives module, parameters and a random network whose running statistics fit images."""

    def build(name, **changes):
        module, parameters = CASES[name]
        params = module.Params(**{**parameters, **changes})
        with torch.random.fork_rng():
            torch.manual_seed(11)
            networks = module.network(PROBLEM, params)
        with torch.no_grad():
            networks(torch.from_numpy(np.stack([image((64, 64), seed)[None] for seed in range(2)])))
        return module, params, networks.eval()

    return build


def restore(built, measurement):
    module, params, networks = built
    return module.restore(measurement, PROBLEM, params, "cpu", networks)


def applied(networks, images):
    """Apply a network to images (n, y, x) at once."""
    with torch.no_grad():
        return networks(torch.as_tensor(images)[:, None])[:, 0].numpy()


def batch(shape=(3, 16, 32)):
    generator = torch.Generator().manual_seed(2)
    measurement, target = (torch.rand(shape, generator=generator)[:, None] for _ in range(2))
    return Batch(measurement=measurement, target=target)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("shape", [(33, 71), (130, 48), (5, 9)])
def test_images_of_any_size_are_restored_the_same_each_time(built, name, shape):
    measurement = image(shape)
    untouched = measurement.copy()
    measurement.flags.writeable = False
    first, second = (restore(built(name), measurement) for _ in range(2))
    assert isinstance(first, np.ndarray)
    assert first.dtype == np.float32
    assert first.shape == shape
    assert np.isfinite(first).all()
    assert first.std() > 0
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(measurement, untouched)


@pytest.mark.parametrize("name", CASES)
def test_volumes_are_refused(built, name):
    module, *_ = built(name)
    message = rf"{module.METHOD.name} restores images \(y, x\), not data of shape \(4, 32, 32\)"
    with pytest.raises(UserError, match=message):
        restore(built(name), np.zeros((4, 32, 32), np.float32))


@pytest.mark.parametrize("name", ["corrected", "dncnn"])
def test_an_image_of_one_tile_is_the_network_applied_to_it(built, name):
    whole, measurement = built(name, tiling={"size": 32, "margin": 0, "blend": 0}), image((32, 32))
    expected = applied(whole[-1], measurement[None])[0]
    np.testing.assert_allclose(restore(whole, measurement), expected, atol=1e-5)


def test_tiles_of_dncnn_beyond_its_reach_do_not_show(built):
    measurement = image((75, 90))
    expected = applied(built("dncnn")[-1], measurement[None])[0]
    # At the edges of the image the network meets its own zeros, and in a tile the reflection of the image.
    np.testing.assert_allclose(restore(built("dncnn"), measurement)[4:-4, 4:-4], expected[4:-4, 4:-4], atol=1e-4)


def by_hand(networks, measurement, overlap=25):
    """Return what the authors' class does with an image that is one crop when it is padded."""
    padded = functional.pad(torch.from_numpy(measurement)[None], [overlap] * 4, mode="reflect").numpy()
    low, span = padded.min(), np.ptp(padded)
    whole = applied(networks, (padded - low) / span) * span + low
    return np.clip(whole[0, overlap:-overlap, overlap:-overlap], 0, 1)


def test_the_published_reading_scales_a_crop_by_its_extremes_and_clips(built):
    method = built("as_published")
    measurement = image((46, 46))  # with 25 pixels on each side, a crop of 96
    for scale, offset in ((1, 0), (0.2, 0.3), (30, -12)):
        scaled = np.float32(scale) * measurement + np.float32(offset)
        expected = by_hand(method[-1], scaled)
        np.testing.assert_allclose(restore(method, scaled), expected, atol=1e-4)
    assert {0, 1} <= set(expected.flat)  # The last one is clipped at both ends.


def test_each_crop_is_scaled_by_its_own_extremes(built):
    measurement = image((60, 150)) * np.linspace(0.2, 1, 150, dtype=np.float32)
    one, many = (restore(built("as_published", tiling={"size": 96, "batch": batch}), measurement) for batch in (1, 9))
    np.testing.assert_allclose(one, many, atol=1e-3)  # The rounding of many crops at once is another one.


def test_a_constant_image_is_not_divided_by_its_span(built):
    constant = np.full((46, 46), 0.25, np.float32)
    method = built("as_published")
    estimate = restore(method, constant)
    expected = applied(method[-1], np.zeros((1, 96, 96), np.float32))[0, 25:-25, 25:-25] + 0.25
    np.testing.assert_allclose(estimate, np.clip(expected, 0, 1), atol=1e-5)


def test_loss_of_the_atrous_network_is_huberised_for_each_image_by_itself(built):
    module, params, networks = built("corrected")
    sample = batch()
    errors = ((applied(networks, sample.measurement[:, 0]) - sample.target[:, 0].numpy()) ** 2).mean(axis=(1, 2))
    scaled = 1000 * errors
    assert (scaled > 1).all()
    value = module.loss(networks, sample, PROBLEM, params).detach()
    assert float(value) == pytest.approx(np.sqrt(scaled).mean(), rel=1e-5)
    near = Batch(measurement=sample.measurement, target=networks(sample.measurement).detach() + 0.01)
    assert float(module.loss(networks, near, PROBLEM, params).detach()) == pytest.approx(0.1, rel=1e-3)


def test_the_loss_may_clip_and_add_the_dissimilarity(built):
    sample = batch()
    networks = built("corrected")[-1]
    networks.output.weight.data.mul_(3)
    estimate = applied(networks, sample.measurement[:, 0])
    assert estimate.min() < 0
    truth = sample.target[:, 0].numpy()

    def expected(estimates, weight):
        errors = np.sqrt(1000 * ((estimates - truth) ** 2).mean(axis=(1, 2)))
        similarity = [ssim.metric(*images, ssim.Params()) for images in zip(estimates, truth, strict=True)]
        return np.mean(errors + weight * (1 - np.array(similarity)))

    for clip, weight in ((False, 0.0), (True, 0.0), (False, 2.0), (True, 2.0)):
        params = built("corrected", clip_in_loss=clip, structural_weight=weight)[1]
        value = atrous_encoder_decoder.loss(networks, sample, PROBLEM, params).detach()
        assert float(value) == pytest.approx(expected(np.clip(estimate, 0, 1) if clip else estimate, weight), rel=1e-4)
    clipped_error = ((np.clip(estimate, 0, 1) - truth) ** 2).mean()
    error = atrous_encoder_decoder.validate(networks, sample, PROBLEM, params).detach()
    assert float(error) == pytest.approx(clipped_error, rel=1e-5)


def test_loss_of_dncnn_is_the_mean_squared_error(built):
    module, params, networks = built("dncnn")
    sample = batch()
    expected = functional.mse_loss(networks(sample.measurement), sample.target)
    torch.testing.assert_close(module.loss(networks, sample, PROBLEM, params), expected)


@pytest.mark.parametrize("name", CASES)
def test_some_steps_on_one_batch_lower_the_loss(built, name):
    module, params, networks = built(name)
    sample, losses = batch((2, 32, 32)), []
    networks.train()
    optimiser = torch.optim.Adam(networks.parameters(), lr=1e-3)
    for _ in range(12):
        losses.append(module.loss(networks, sample, PROBLEM, params))
        optimiser.zero_grad()
        losses[-1].backward()
        optimiser.step()
    assert losses[-1] < 0.95 * losses[0]


def test_defaults_of_the_atrous_network_are_those_of_the_paper():
    params = atrous_encoder_decoder.Params()
    training = params.training
    assert (params.width, params.middle_blocks, params.rates) == (64, 12, (6, 12, 18))
    assert 1 - params.normalisation_momentum == 0.999
    assert training.patch == (512, 512)
    assert [(phase.steps, phase.learning_rate, phase.frozen_normalisation) for phase in training.phases] == [
        (134_108, 1e-3, False),
        (17_713, 2.5e-4, True),
        (46_690, 1e-4, True),
    ]
    assert (training.optimiser, training.momentum, training.weight_decay) == ("adam", 0.5, 5e-5)
    examples = training.validation_batches * training.batch
    assert training.validation_every == 5 * examples
    assert training.normalise == "min_max"


@pytest.mark.parametrize("module", [atrous_encoder_decoder, dncnn])
def test_changing_one_setting_keeps_the_method_s_other_defaults(module):
    default, changed = module.Params(), module.Params(training={"batch": 4}, tiling={"batch": 2})
    assert changed.training == default.training.model_copy(update={"batch": 4})
    assert changed.tiling == default.tiling.model_copy(update={"batch": 2})


@pytest.mark.parametrize("name", CASES)
def test_parameters_reach_the_network(built, name):
    _, params, networks = built(name)
    if name == "dncnn":
        assert networks.reach == params.depth
        assert networks.residual[0].out_channels == params.features
    else:
        assert len(networks.middle) == params.middle_blocks
        assert networks.decoder_3.layers[0].pointwise[0].out_channels == params.width
        assert isinstance(networks.output, torch.nn.Sequential) == (params.reading == "as_published")


def test_the_published_reading_has_no_skip_from_the_input():
    with pytest.raises(ValidationError, match="input_skip needs the reading corrected"):
        atrous_encoder_decoder.Params(reading="as_published", input_skip=True)
