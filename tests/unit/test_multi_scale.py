"""The multi-scale network of Wang et al.: its layer table, its losses, and how it restores."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from reconbench.contracts import Batch, Problem
from reconbench.errors import NotApplicableError, UserError
from reconbench.methods import multi_scale_network
from reconbench.networks.cells import NORMALISATIONS, Style
from reconbench.networks.multi_scale import MultiScale

# The layer table: side of the output in pixels and its channels, from the encoder's first convolution on.
ENCODER = [(512, 32), (256, 64), (128, 128), (64, 192), (32, 256), (16, 384), (8, 512), (6, 768), (4, 1024), (2, 2048)]
ENCODER_KERNELS = (31, 7, 5, 3, 3, 3, 3, 3, 3, 3)
# Sides, channels and kernels of the side outputs, from the coarsest on.
SIDES = [(4, 1024, 3), (8, 512, 5), (16, 384, 5), (32, 256, 7), (64, 192, 9), (128, 128, 11), (256, 64, 17)]
WIDTHS = (8, 8, 8, 12, 12, 16, 16)  # for images of 64 x 64
SMALL = {"widths": WIDTHS, "outer_kernel": 7}


@pytest.fixture(autouse=True)
def alone():
    """Draws of its own, and one thread, as the images are small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        yield
    torch.set_num_threads(threads)


def small(**more):
    return MultiScale(**{**SMALL, **more})


def on_meta(**parameters):
    """Return a network without memory: it knows its shapes only."""
    with torch.device("meta"):
        return MultiScale(**parameters)


def shapes_on_meta(network, *shape):
    return [tuple(output.shape) for output in network.at_all_scales(torch.empty(shape, device="meta"))]


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def convolution(into, out, side):
    """Weights and biases of a convolution."""
    return side**2 * into * out + out


def trunk_count(channels_in, channels_out):
    """Weights of the layer table without the side outputs."""
    widths = [channels_in, *(width for _, width in ENCODER)]
    down = sum(convolution(*pair, kernel) for pair, kernel in zip(pairwise(widths), ENCODER_KERNELS, strict=True))
    up = sum(convolution(*pair, 3) for pair in pairwise(widths[:0:-1]))
    return down + up + convolution(32, 16, 3) + convolution(16, 8, 3) + convolution(8, channels_out, 31)


def side_count(sides):
    return sum(convolution(width, 8, 3) + convolution(8, 1, kernel) for _, width, kernel in sides)


def test_parameters_are_those_that_the_authors_print():
    assert count(on_meta()) == 66_257_400
    assert count(on_meta(side_outputs=0)) == trunk_count(1, 1) == 66_257_400 - side_count(SIDES)
    assert count(on_meta(side_outputs=3)) == trunk_count(1, 1) + side_count(SIDES[-3:])
    assert count(on_meta(side_outputs=0, channels_in=4, channels_out=2)) == trunk_count(4, 2)


def test_every_layer_has_the_size_and_the_channels_of_the_table():
    network, seen = on_meta(), []
    for layer in (network.first, *network.encoder, *network.decoder, *network.head[:2]):
        layer.register_forward_hook(lambda layer, given, out: seen.append((out.shape[-1], out.shape[1])))
    outputs = shapes_on_meta(network, 2, 1, 512, 512)
    assert seen == [*ENCODER, *ENCODER[-2::-1], (512, 16), (512, 8)]
    assert outputs == [(2, 1, side, side) for side in (512, 256, 128, 64, 32, 16, 8, 4)]
    kernels = [layer[0].kernel_size[0] for layer in (network.first, *network.encoder)]
    assert tuple(kernels) == ENCODER_KERNELS
    assert {layer[0].kernel_size[0] for layer in (*network.decoder, *network.head[:2])} == {3}
    assert network.head[-2].kernel_size == (31, 31)
    assert [side[-2].kernel_size[0] for side in network.sides] == [kernel for *_, kernel in SIDES[::-1]]


def test_bottlenecks_have_the_sizes_of_the_table_and_a_quarter_of_its_weights():
    network = on_meta(cells="bottleneck")
    assert shapes_on_meta(network, 1, 1, 512, 512) == shapes_on_meta(on_meta(), 1, 1, 512, 512)
    assert count(network) == 16_098_888
    deepest = network.encoder[-1].layers[1][0]
    assert (deepest.in_channels, deepest.out_channels, deepest.groups) == (1024, 1024, 32)
    assert network.decoder[-1].layers[1][0].groups == 16  # of 16 channels


@pytest.mark.parametrize("cells", ["plain", "bottleneck"])
@pytest.mark.parametrize("number, sides", [(7, [64, 32, 16, 8, 4]), (3, [64, 32, 16, 8]), (0, [64])])
def test_a_small_network_has_the_outputs_that_there_are_scales_for(number, sides, cells):
    network = small(channels_in=3, channels_out=2, side_outputs=number, cells=cells)
    outputs = network.at_all_scales(torch.rand(2, 3, 64, 64))
    assert [tuple(output.shape) for output in outputs] == [(2, 2, side, side) for side in sides]
    assert all((output > 0).all() and (output < 1).all() for output in outputs)
    torch.testing.assert_close(network(torch.ones(1, 3, 64, 64)), network.at_all_scales(torch.ones(1, 3, 64, 64))[0])


def test_larger_images_are_taken_if_the_strides_divide_them():
    network = small()
    assert network(torch.rand(1, 1, 64, 88)).shape == (1, 1, 64, 88)
    for shape in [(1, 1, 64, 60), (1, 1, 56, 64), (1, 2, 64, 64)]:
        message = (
            r"takes images \(c, y, x\) of 1 channels whose sides are multiples of 8 and at least 64 pixels, not of "
            rf"shape \({shape[1]}, {shape[2]}, {shape[3]}\)"
        )
        with pytest.raises(UserError, match=message):
            network(torch.rand(shape))


def test_skips_are_added_at_all_sizes_but_6():
    network, encoded, given, made = small(), {}, [], []
    for layer in (network.first, *network.encoder):
        layer.register_forward_hook(lambda layer, into, out: encoded.update({out.shape[-1]: out}))
    for cell in network.decoder:
        cell.register_forward_hook(lambda layer, into, out: given.append(into[0]) or made.append(out))
    with torch.no_grad():
        decoded = network._decoded(torch.rand(1, 1, 64, 64))
    assert torch.equal(given[0], encoded[2])
    sums = [out if out.shape[-1] == 6 else out + encoded[out.shape[-1]] for out in made]
    for expected, found in zip(sums, given[1:], strict=False):
        assert torch.equal(expected, found)
    with_output = [each for each in sums[::-1] if each.shape[-1] != 6]
    assert [each.shape[-1] for each in decoded] == [64, 32, 16, 8, 4]
    assert all(torch.equal(expected, found) for expected, found in zip(with_output, decoded, strict=True))


@pytest.mark.parametrize("cells", ["plain", "bottleneck"])
def test_networks_with_and_without_side_outputs_begin_alike(cells):
    networks = []
    for number in (7, 3, 0):
        torch.manual_seed(5)
        networks.append(small(side_outputs=number, cells=cells).state_dict())
    assert [len(network) for network in networks] == sorted({len(network) for network in networks}, reverse=True)
    for fewer in networks[1:]:
        for name, value in fewer.items():
            assert torch.equal(value, networks[0][name]), name


def test_weights_are_drawn_by_he_s_rule():
    network = MultiScale(widths=(64, 64, 96, 96, 96), outer_kernel=7)
    weights = {"down": network.encoder[0][0].weight, "up": network.decoder[-1][0].weight}
    for name, weight in weights.items():
        fan = weight[0].numel()  # of a transposed one, whose first axis is that of channels in, that of channels out
        weight = weight.detach()
        assert float(weight.std()) == pytest.approx((2 / fan) ** 0.5, rel=0.02), name
        assert abs(float(weight.mean())) < 0.02 * float(weight.std())
    assert all((value == 0).all() for name, value in network.named_parameters() if name.endswith("bias"))


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("cells", ["plain", "bottleneck"])
def test_the_loss_reaches_every_parameter(cells, normalisation):
    params = parameters(cells=cells, normalisation=normalisation)
    networks = multi_scale_network.network(problem(2), params)
    multi_scale_network.loss(networks, batch(2), problem(2), params).backward()
    for name, parameter in networks.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name


def test_normalisation_stands_between_convolutions_and_activations():
    sample = 3 + 2 * torch.randn(4, 6, 16, 16)
    for name, axes in (("group", (2, 3)), ("batch", (0, 2, 3))):
        convolution, normalise, activate = Style("plain", name).cell("halve", 6, 5)
        assert convolution.bias is None
        normalised = normalise(convolution(sample))
        torch.testing.assert_close(normalised.mean(axes), torch.zeros(normalised.mean(axes).shape), atol=1e-5, rtol=0)
        torch.testing.assert_close(normalised.var(axes, correction=0).mean(), torch.tensor(1.0), atol=1e-3, rtol=0)
        assert isinstance(activate, torch.nn.ReLU)
    convolution, _ = Style("plain", "none").cell("halve", 6, 5)
    assert convolution.bias is not None
    normalised = [module for module in small(normalisation="group").modules() if isinstance(module, torch.nn.GroupNorm)]
    # All but those of the outputs.
    assert len(normalised) == 1 + 6 + 6 + 2 + 4


def test_a_bottleneck_is_the_sum_of_its_layers_and_of_what_passes_them():
    """The shortcut of each change of size takes means, cuts, surrounds by zeros, or repeats."""
    image = torch.arange(64.0).reshape(1, 1, 8, 8)
    expected = {
        "halve": image.reshape(1, 1, 4, 2, 4, 2).mean((3, 5)),
        "shrink": image[..., 1:-1, 1:-1],
        "grow": torch.nn.functional.pad(image, (1, 1, 1, 1)),
        "double": image.repeat_interleave(2, 2).repeat_interleave(2, 3),
    }
    for change, passed in expected.items():
        block = Style("bottleneck", "none").cell(change, 1, 2)
        with torch.no_grad():
            block.shortcut[1][0].weight[:, 0, 0, 0] = torch.tensor([1.0, -1.0])
            block.shortcut[1][0].bias.zero_()
            torch.testing.assert_close(block.shortcut(image), torch.cat([passed, -passed], dim=1))
            total = (block.layers(image) + block.shortcut(image)) / 2**0.5
            torch.testing.assert_close(block(image), total.clamp(min=0))
            assert block.layers(image).std() > 0


def test_unknown_words_are_refused():
    with pytest.raises(UserError, match="the kind of cells 'round' is unknown; it is one of plain, bottleneck"):
        small(cells="round")
    with pytest.raises(UserError, match="the normalisation 'layer' is unknown; it is one of none, group, batch"):
        small(normalisation="layer")


def problem(planes=1, truth="phase"):
    forward = SimpleNamespace(planes=planes, object=truth)
    return Problem(kind="phase_retrieval", forward_model=forward, told=multi_scale_network.METHOD.told)


def parameters(training=None, **more):
    return multi_scale_network.Params(**{**SMALL, **more, "training": {"patch": (64, 64), **(training or {})}})


def batch(planes=1, channels=1, number=2, step=0):
    draws = torch.Generator().manual_seed(2)
    measurement = torch.rand(number, planes, 64, 64, generator=draws)
    return Batch(measurement=measurement, target=torch.rand(number, channels, 64, 64, generator=draws), step=step)


class Constant(torch.nn.Module):
    """Gives the same values at all scales, whatever it is shown, and notes that."""

    def __init__(self, *values):
        super().__init__()
        self.values = values

    def forward(self, measurement):
        return self.at_all_scales(measurement)[0]

    def at_all_scales(self, measurement):
        self.shown = measurement
        return [torch.full((2, 1, 64 >> place, 64 >> place), value) for place, value in enumerate(self.values)]


def test_the_loss_is_the_sum_over_scales_of_mean_absolute_errors_against_pooled_targets():
    sample, values = batch(), (0.1, 0.4, 0.5, 0.9, 0.2)
    errors = []
    for place, value in enumerate(values):
        side = 64 >> place
        pooled = sample.target.numpy().reshape(2, side, 1 << place, side, 1 << place).mean(axis=(2, 4))
        errors.append(np.abs(pooled - value).mean())
    found = multi_scale_network.loss(Constant(*values), sample, problem(), parameters())
    assert float(found) == pytest.approx(sum(errors), rel=1e-5)
    # Validation goes by the one output that all of these networks have.
    found = multi_scale_network.validate(Constant(*values), sample, problem(), parameters())
    assert float(found) == pytest.approx(errors[0], rel=1e-5)

    fading = parameters({"phases": [{"steps": 30, "learning_rate": 1}, {"steps": 10, "learning_rate": 1}]})
    fading = fading.model_copy(update={"side_weights": "fading"})
    for step, base in ((0, 2), (10, 1.5), (30, 0.5), (40, 0)):
        expected = sum(base**place * error for place, error in enumerate(errors))
        found = multi_scale_network.loss(Constant(*values), batch(step=step), problem(), fading)
        assert float(found) == pytest.approx(expected, rel=1e-5)


def test_the_mean_of_the_targets_pixels_is_that_of_every_scale():
    """A constant truth has no error at any scale where the outputs have its value."""
    sample = Batch(measurement=torch.rand(2, 1, 64, 64), target=torch.full((2, 1, 64, 64), 0.25))
    assert float(multi_scale_network.loss(Constant(*[0.25] * 5), sample, problem(), parameters())) == 0


def test_measurements_are_standardised_each_with_all_its_planes():
    sample = batch(3)
    shown = Constant(0.5)
    multi_scale_network.loss(shown, sample, problem(), parameters())
    planes = sample.measurement.numpy()
    expected = [(image - image.mean()) / image.std() for image in planes]
    np.testing.assert_allclose(shown.shown.numpy(), expected, atol=1e-5)
    assert abs(expected[0][0].mean()) > 1e-3  # of a plane by itself it is not 0
    multi_scale_network.validate(shown, sample, problem(), parameters(standardise=False))
    assert torch.equal(shown.shown, sample.measurement)
    constant = Batch(measurement=torch.full((2, 1, 64, 64), 0.25), target=sample.target)
    multi_scale_network.loss(shown, constant, problem(), parameters())
    assert (shown.shown == 0).all()


@pytest.mark.parametrize("truth, shape", [("phase", (64, 64)), ("wave", (2, 64, 64))])
def test_restore_gives_an_image_for_a_stack(truth, shape):
    params = parameters(normalisation="batch")
    networks = multi_scale_network.network(problem(3, truth), params).eval()
    measurement = np.random.default_rng(0).random((3, 64, 64), dtype=np.float32)
    measurement.flags.writeable = False
    estimate = multi_scale_network.restore(measurement, problem(3, truth), params, "cpu", networks)
    assert (estimate.dtype, estimate.shape) == (np.float32, shape)
    with torch.no_grad():
        standard = torch.from_numpy((measurement - measurement.mean()) / measurement.std())[None]
        np.testing.assert_allclose(estimate, networks(standard)[0].squeeze().numpy(), atol=1e-5)
    with pytest.raises(UserError, match=r"restores stacks of planes \(c, y, x\), not data of shape \(64, 64\)"):
        multi_scale_network.restore(measurement[0], problem(3), params, "cpu", networks)
    with pytest.raises(UserError, match=r"multiples of 8 and at least 64 pixels, not of shape \(3, 64, 60\)"):
        multi_scale_network.restore(measurement[..., :60], problem(3), params, "cpu", networks)


@pytest.mark.parametrize("more", [{}, {"side_outputs": 0}, {"cells": "bottleneck", "normalisation": "group"}])
def test_some_steps_learn_four_images_by_heart(more):
    y, x = torch.meshgrid(torch.linspace(0, 1, 32), torch.linspace(0, 1, 32), indexing="ij")
    target = torch.stack([0.5 + 0.4 * torch.sin(6 * y + place) * torch.cos(5 * x) for place in range(4)])[:, None]
    sample = Batch(measurement=target.roll(3, -1) - target.roll(-3, -1), target=target)
    params = parameters({"patch": (32, 32)}, widths=WIDTHS[:6], **more)
    networks = multi_scale_network.network(problem(), params).train()
    optimiser = torch.optim.Adam(networks.parameters(), lr=3e-3)
    for _ in range(40):
        optimiser.zero_grad()
        multi_scale_network.loss(networks, sample, problem(), params).backward()
        optimiser.step()
    constant = (target - target.median()).abs().mean()
    assert multi_scale_network.validate(networks, sample, problem(), params) < 0.5 * constant


def test_defaults_are_those_of_the_authors_tutorial():
    params = multi_scale_network.Params()
    assert params.widths == tuple(width for _, width in ENCODER)
    training = params.training
    assert (training.patch, training.batch, training.optimiser, training.momentum) == ((512, 512), 8, "adam", 0.9)
    images, epochs = 768, 128
    assert [(phase.steps, phase.learning_rate) for phase in training.phases] == [(images // 8 * epochs, 1e-3)]
    # Keras adds 1e-3 times the sum of squares, and here it is half the sum that is added.
    assert training.weight_decay == 2 * 1e-3


def test_patches_have_the_size_that_the_widths_lead_down_from():
    with pytest.raises(ValidationError, match=r"7 widths need training.patch \[64, 64\], not \[32, 64\]"):
        parameters({"patch": (32, 64)})
    with pytest.raises(ValidationError, match="outer_kernel must be odd, not 6"):
        parameters(outer_kernel=6)


def through_focus(distances):
    forward = SimpleNamespace(planes=len(distances), object="wave", distances=distances)
    return Problem(kind="phase_retrieval", forward_model=forward, told=multi_scale_network.METHOD.told)


def test_the_network_may_see_the_differences_of_opposite_planes_too():
    """Standardised by themselves: what absorbs is in all planes alike, and is gone from them."""
    asked, params = through_focus((3e-6, -1e-6, 5e-6, 1e-6, -3e-6)), parameters(differences=True)
    assert multi_scale_network.network(asked, params).channels_in == 5 + 2
    sample, shown = batch(5), Constant(0.5)
    multi_scale_network.loss(shown, sample, asked, params)
    planes = sample.measurement.numpy()
    near, far = planes[:, 3] - planes[:, 1], planes[:, 0] - planes[:, 4]
    differences = np.stack([near, far], axis=1)
    expected = [(pair - pair.mean()) / pair.std() for pair in differences]
    np.testing.assert_allclose(shown.shown[:, 5:].numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(
        shown.shown[:, :5].numpy(), [(image - image.mean()) / image.std() for image in planes], atol=1e-5
    )
    multi_scale_network.validate(shown, sample, asked, parameters(differences=True, standardise=False))
    np.testing.assert_allclose(shown.shown[:, 5:].numpy(), differences, atol=1e-6)


@pytest.mark.parametrize("asked", [through_focus((1e-6, 2e-6)), problem(2)])
def test_without_opposite_planes_there_are_no_differences(asked):
    with pytest.raises(NotApplicableError, match="pairs of planes at opposite distances"):
        multi_scale_network.network(asked, parameters(differences=True))
