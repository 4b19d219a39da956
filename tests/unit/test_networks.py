"""The architectures: parameters and shapes against the layer table, layers against their formulas."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from reconbench.errors import UserError
from reconbench.networks.atrous import AtrousEncoderDecoder
from reconbench.networks.dncnn import DnCNN
from reconbench.networks.layers import BatchRenormalisation, SeparableConvolution, Style

READINGS = ["corrected", "as_published"]
PLAIN = Style("relu6", "batch", 0.1)


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        yield


def small(**parameters):
    return AtrousEncoderDecoder(**{"width": 4, "middle_blocks": 1, **parameters})


def on_meta(**parameters):
    """Return a network without memory: it knows its shapes only."""
    with torch.device("meta"):
        return AtrousEncoderDecoder(**parameters)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def convolution(channels_in, channels_out, size):
    """Weights of a convolution, and scale and shift of the normalisation after it."""
    return size**2 * channels_in * channels_out + 2 * channels_out


def separable(channels_in, channels_out):
    """A depthwise 3 x 3 convolution with its normalisation, then a pointwise one."""
    return 9 * channels_in + 2 * channels_in + convolution(channels_in, channels_out, 1)


def expected_count(fine, low, high, deep, middle_blocks, rates):
    """Sum the layer table up to the last convolution."""
    encoder = [
        separable(1, fine) + separable(fine, fine) + separable(fine, low) + convolution(1, low, 1),
        3 * separable(low, low) + convolution(low, low, 1),
        separable(low, high) + 2 * separable(high, high) + convolution(low, high, 1),
        separable(high, deep) + 2 * separable(deep, deep) + convolution(high, deep, 1),
        3 * middle_blocks * separable(deep, deep),
    ]
    pyramid = [
        convolution(deep, deep, 1) + rates * separable(deep, deep) + 2 * deep,
        convolution((rates + 2) * deep, high, 1),
    ]
    decoder = [
        separable(high + low, high) + separable(high, high) + convolution(high + low, high, 1),
        convolution(high, high, 3),
        separable(high + low, low) + separable(low, low) + convolution(high + low, low, 1),
        convolution(low, low, 3),
        separable(low, fine) + separable(fine, fine) + convolution(low, fine, 1),
    ]
    return sum(encoder) + sum(pyramid) + sum(decoder)


@pytest.mark.parametrize("upsampling", ["transposed", "bilinear"])
@pytest.mark.parametrize(("reading", "total"), [("corrected", 25_405_636), ("as_published", 25_405_637)])
def test_parameters_are_those_of_the_layer_table(reading, total, upsampling):
    last = 9 * 64 + (1 if reading == "corrected" else 2)  # a bias, or the scale and shift of a normalisation
    assert expected_count(64, 128, 256, 728, 12, 3) + last == total
    assert count(on_meta(reading=reading, upsampling=upsampling)) == total


def test_parameters_scale_with_width_blocks_and_rates():
    network = on_meta(width=8, middle_blocks=2, rates=(3,))
    assert count(network) == expected_count(8, 16, 32, 91, 2, 1) + 9 * 8 + 1


def test_no_convolution_before_a_normalisation_has_a_bias():
    convolutions = (torch.nn.Conv2d, torch.nn.ConvTranspose2d)
    for reading, expected in (("corrected", ["output"]), ("as_published", [])):
        modules = on_meta(reading=reading, middle_blocks=1).named_modules()
        assert [n for n, module in modules if isinstance(module, convolutions) and module.bias is not None] == expected


LAYER_TABLE = {
    "entry_0": (128, 256),
    "entry_1": (128, 128),
    "entry_2": (256, 64),
    "entry_3": (728, 32),
    **{f"middle.{block}": (728, 32) for block in range(12)},
    "pyramid.point": (728, 32),
    "pyramid.atrous.0": (728, 32),
    "pyramid.atrous.1": (728, 32),
    "pyramid.atrous.2": (728, 32),
    "pyramid.image_level": (728, 32),
    "pyramid": (3640, 32),
    "bottleneck": (256, 32),
    "input of decoder_1": (384, 128),
    "decoder_1": (256, 128),
    "upsampling_1": (256, 256),
    "input of decoder_2": (384, 256),
    "decoder_2": (128, 256),
    "upsampling_2": (128, 512),
    "decoder_3": (64, 512),
    "output": (1, 512),
}


@pytest.mark.parametrize(("reading", "upsampling"), [("as_published", "transposed"), ("corrected", "bilinear")])
def test_shapes_are_those_of_the_layer_table(reading, upsampling):
    network, seen = on_meta(reading=reading, upsampling=upsampling), {}

    def note(name):
        def hook(module, inputs, output):
            seen[f"input of {name}"] = tuple(inputs[0].shape)
            seen[name] = tuple(output.shape)

        return hook

    for name in LAYER_TABLE:
        if not name.startswith("input"):
            network.get_submodule(name).register_forward_hook(note(name))
    network(torch.empty(2, 1, 512, 512, device="meta"))
    shapes = {name: (2, channels, size, size) for name, (channels, size) in LAYER_TABLE.items()}
    assert {name: seen[name] for name in LAYER_TABLE} == shapes


def test_rates_and_strides_are_those_of_the_layer_table():
    network = on_meta()
    assert [branch.depthwise.dilation for branch in network.pyramid.atrous] == [(6, 6), (12, 12), (18, 18)]
    depthwise = [module for module in network.modules() if isinstance(module, SeparableConvolution)]
    assert sum(module.depthwise.stride == (2, 2) for module in depthwise) == 4
    assert len(depthwise) == 4 * 3 + 12 * 3 + 3 + 3 * 2


def test_two_upsamplings_differ_in_kind_only():
    def kinds(network):
        return {type(module) for module in network.modules()}

    assert torch.nn.ConvTranspose2d in kinds(on_meta(middle_blocks=0))
    bilinear = kinds(on_meta(middle_blocks=0, upsampling="bilinear"))
    assert torch.nn.ConvTranspose2d not in bilinear
    assert torch.nn.Upsample in bilinear


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("upsampling", ["transposed", "bilinear"])
@pytest.mark.parametrize("normalisation", ["batch", "batch_renormalisation"])
def test_gradients_of_all_parameters_are_finite(reading, upsampling, normalisation):
    # 3 x 5 pixels at the bottom: pooling by 2 x 2 has odd sizes.
    network = small(reading=reading, upsampling=upsampling, normalisation=normalisation)
    estimate = network(torch.rand(2, 1, 48, 80))
    assert estimate.shape == (2, 1, 48, 80)
    estimate.square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("reading", READINGS)
def test_the_smallest_image_is_one_pixel_at_the_bottom(reading):
    with torch.no_grad():
        assert small(reading=reading).eval()(torch.rand(1, 1, 16, 16)).isfinite().all()


def test_only_the_published_output_is_normalised_and_activated():
    image = torch.rand(2, 1, 32, 32)
    outputs = {reading: small(reading=reading)(image).detach() for reading in READINGS}
    assert outputs["as_published"].min() >= 0
    assert outputs["as_published"].max() <= 6
    assert outputs["corrected"].min() < 0
    published = small(reading="as_published")
    published.output[1].weight.data.fill_(100)
    assert published(image).max() == 6
    rectified = small(reading="as_published", activation="relu")
    rectified.output[1].weight.data.fill_(100)
    assert rectified(image).max() > 6


def test_only_the_corrected_image_level_branch_pools():
    checkerboard = torch.ones(2, 46, 4, 6)
    checkerboard[:, :, ::2, ::2] = checkerboard[:, :, 1::2, 1::2] = -1
    for reading, expected in (("as_published", checkerboard), ("corrected", torch.zeros_like(checkerboard))):
        network, seen = small(reading=reading), []
        network.pyramid.image_level.register_forward_hook(lambda module, inputs, output, seen=seen: seen.append(inputs))
        network.pyramid(checkerboard)
        torch.testing.assert_close(seen[0][0], expected)


def test_pooling_of_odd_sizes_keeps_a_constant():
    network, seen = small(), []
    network.pyramid.image_level.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    network.pyramid(torch.ones(2, 46, 3, 5))
    torch.testing.assert_close(seen[0], torch.ones(2, 46, 3, 5))


def test_with_the_input_skip_the_network_estimates_a_difference_and_starts_from_none():
    skipping, plain, image = small(input_skip=True), small(), torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(skipping(image), image, rtol=0, atol=0)
    skipping.load_state_dict(plain.state_dict())
    torch.testing.assert_close(skipping(image), image + plain(image))


@pytest.mark.parametrize("shape", [(1, 1, 40, 32), (1, 1, 32, 24), (1, 2, 32, 32), (1, 32, 32)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(UserError, match="multiples of 16, not of shape"):
        small()(torch.zeros(shape))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"reading": "as_published", "input_skip": True}, "no skip from its input; take the reading 'corrected'"),
        ({"reading": "published"}, "the reading 'published' is unknown; it is one of corrected, as_published"),
        ({"upsampling": "nearest"}, "the upsampling 'nearest' is unknown; it is one of transposed, bilinear"),
        ({"activation": "elu"}, "the activation 'elu' is unknown; it is one of relu6, relu"),
        ({"normalisation": "layer"}, "the normalisation 'layer' is unknown; it is one of batch, batch_renorm"),
    ],
)
def test_faulty_parameters_are_named(parameters, message):
    with pytest.raises(UserError, match=message):
        small(**parameters)


def test_weights_are_drawn_by_xaviers_rule():
    network = small(width=16)
    dense, depthwise = network.bottleneck[0].weight, network.middle[0].layers[0].depthwise.weight
    fans = {dense: 5 * 182 + 64, depthwise: 9 + 9 * 182}
    for weight, fan in fans.items():
        bound = (6 / fan) ** 0.5
        assert 0.98 * bound < weight.abs().max() <= bound
        assert float(weight.detach().std()) == pytest.approx(bound / 3**0.5, rel=0.05)
    assert not network.output.bias.any()


def test_style_reaches_all_layers():
    network = small(activation="relu", normalisation="batch_renormalisation", normalisation_momentum=0.2)
    modules = list(network.modules())
    assert not any(isinstance(module, torch.nn.BatchNorm2d | torch.nn.ReLU6) for module in modules)
    assert {module.momentum for module in modules if isinstance(module, BatchRenormalisation)} == {0.2}
    assert {module.momentum for module in small().modules() if isinstance(module, torch.nn.BatchNorm2d)} == {0.001}


@pytest.mark.parametrize(("stride", "rate"), [(1, 1), (1, 3), (2, 1)])
def test_a_separable_convolution_samples_by_rate_and_stride(stride, rate):
    layer = SeparableConvolution(1, 1, PLAIN, stride, rate).eval()
    torch.nn.init.ones_(layer.pointwise[0].weight)
    torch.nn.init.zeros_(layer.depthwise.weight)
    layer.depthwise.weight.data[0, 0, 0, 2] = 1  # one tap above and one tap to the right
    image = torch.rand(1, 1, 12, 14)
    padded = functional.pad(image, [rate] * 4)
    expected = padded[:, :, :12:stride, 2 * rate : 2 * rate + 14 : stride]
    torch.testing.assert_close(layer(image), expected, rtol=0, atol=2e-5)  # 1e-5 is added to each variance.


def twins(**parameters):
    """Return batch normalisation and batch renormalisation with the same random state, in double precision."""
    batch, again = torch.nn.BatchNorm2d(3, momentum=0.1), BatchRenormalisation(3, momentum=0.1, **parameters)
    state = {name: 0.5 + torch.rand(3) for name in ("weight", "bias", "running_mean", "running_var")}
    batch.load_state_dict(state, strict=False)
    again.load_state_dict(state)
    return batch.double(), again.double()


def test_batch_renormalisation_without_room_is_batch_normalisation():
    batch, again = twins(r_max=1, d_max=0)
    for _ in range(2):
        features = torch.randn(4, 3, 5, 6, dtype=torch.float64) * 2 + 1
        torch.testing.assert_close(again(features), batch(features))
    torch.testing.assert_close(again.running_mean, batch.running_mean)
    torch.testing.assert_close(again.running_var, batch.running_var)


@pytest.mark.parametrize("mode", ["evaluation", "training without bounds"])
def test_batch_renormalisation_normalises_by_the_running_statistics(mode):
    batch, again = twins(r_max=1e9, d_max=1e9)
    again.train(mode != "evaluation")
    features = torch.randn(4, 3, 5, 6, dtype=torch.float64) * 2 + 1
    before = again.running_mean.clone()
    torch.testing.assert_close(again(features), batch.eval()(features))
    assert torch.equal(again.running_mean, before) == (mode == "evaluation")


def test_batch_renormalisation_keeps_to_its_bounds_and_passes_no_gradient_through_them():
    _, layer = twins(r_max=1.5, d_max=0.4)
    values = np.random.default_rng(0).normal([[[0.2]], [[1]], [[-3]]], [[[1.0]], [[0.3]], [[9]]], (4, 3, 5, 6))
    features = torch.tensor(values, requires_grad=True)
    mean, deviation = values.mean((0, 2, 3)), np.sqrt(values.var((0, 2, 3)) + 1e-5)
    running_mean, running_deviation = layer.running_mean.numpy().copy(), np.sqrt(layer.running_var.numpy() + 1e-5)
    r = np.clip(deviation / running_deviation, 1 / 1.5, 1.5)
    d = np.clip((mean - running_mean) / running_deviation, -0.4, 0.4)
    assert {1 / 1.5, 1.5} <= set(r)  # Both bounds are reached.
    assert -0.4 in d

    def column(numbers):
        return torch.as_tensor(numbers).reshape(1, 3, 1, 1)

    variance, centre = torch.var_mean(features, dim=(0, 2, 3), correction=0, keepdim=True)
    normalised = (features - centre) / (variance + 1e-5).sqrt() * column(r) + column(d)
    expected = column(layer.weight.detach()) * normalised + column(layer.bias.detach())
    output = layer(features)
    torch.testing.assert_close(output, expected)
    weights = torch.randn(output.shape, dtype=torch.float64)
    gradients = [torch.autograd.grad((result * weights).sum(), features)[0] for result in (output, expected)]
    torch.testing.assert_close(*gradients)


def test_dncnn_has_the_layers_of_zhang_et_al():
    network = DnCNN()
    assert count(network) == (9 * 24 + 24) + 4 * (9 * 24 * 24 + 2 * 24) + (9 * 24 + 1) == 21_385
    kinds = [type(module).__name__ for module in DnCNN(features=3, depth=4).residual]
    assert kinds == ["Conv2d", "ReLU", *2 * ["Conv2d", "BatchNorm2d", "ReLU"], "Conv2d"]


def test_dncnn_takes_the_residual_off_the_input():
    network, image = DnCNN(), torch.rand(2, 1, 9, 14)
    torch.testing.assert_close(network(image), image - network.residual(image))
    torch.nn.init.zeros_(network.residual[-1].weight)
    torch.testing.assert_close(network(image), image, rtol=0, atol=0)


@pytest.mark.parametrize("depth", [2, 5])
def test_dncnn_reaches_as_far_as_it_says(depth):
    network = DnCNN(features=8, depth=depth).eval()
    for parameter in network.parameters():
        torch.nn.init.constant_(parameter, 0.1)  # All units are active.
    image = torch.rand(1, 1, 21, 21, requires_grad=True)
    network(image)[0, 0, 10, 10].backward()
    seen = image.grad[0, 0].nonzero()
    assert network.reach == depth
    assert seen.min() == 10 - depth
    assert seen.max() == 10 + depth


def test_dncnn_gradients_are_finite_and_a_depth_of_one_is_refused():
    network = DnCNN()
    network(torch.rand(2, 1, 12, 15)).square().mean().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
    with pytest.raises(UserError, match="at least 2, not 1"):
        DnCNN(depth=1)
