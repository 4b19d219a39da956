"""The U-Nets of self-supervised deconvolution: parameters as published, layers by their formulas, and their reach."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch.nn import functional

import reconbench
from reconbench.errors import UserError
from reconbench.networks.dimensional import layers_for
from reconbench.networks.siamese_unet import ResidualUnit, SiameseUNet
from reconbench.networks.ssi_unet import SsiUNet

CONVOLUTIONS = (torch.nn.Conv2d, torch.nn.Conv3d, torch.nn.ConvTranspose2d, torch.nn.ConvTranspose3d)
NORMALISATIONS = (torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)
SOURCE = str(Path(reconbench.__file__).parents[1])
NETWORKS = {
    "siamese_2d": lambda: SiameseUNet(2, 2),
    "siamese_2d_add": lambda: SiameseUNet(2, 2, "add"),
    "siamese_3d": lambda: SiameseUNet(3, 2),
    "siamese_3d_add": lambda: SiameseUNet(3, 2, "add"),
    "ssi_2d": lambda: SsiUNet(2, 2),
    "ssi_3d": lambda: SsiUNet(3, 1),
}


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng():
        torch.manual_seed(5)
        yield


def on_meta(kind, *arguments):
    """Return a network without memory: it knows its shapes only."""
    with torch.device("meta"):
        return kind(*arguments)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def of_kind(network, kinds):
    return {name: module for name, module in network.named_modules() if isinstance(module, kinds)}


def evaluated(network, batch):
    """Return a network in double precision whose normalisations have the statistics of a batch, and random scales."""
    for module in of_kind(network, NORMALISATIONS).values():
        torch.nn.init.uniform_(module.weight, 0.5, 1.5)
        torch.nn.init.uniform_(module.bias, -0.3, 0.3)
        module.momentum = 1
    with torch.no_grad():
        network.double().train()(batch)
    return network.eval()


def long(network, size, across, axis=-1):
    """Return the shape of an image that is long along one axis only, so that little is to be computed."""
    shape = [across] * network.dimensions
    shape[axis] = size
    return shape


@pytest.mark.parametrize(
    ("arguments", "used", "allocated"),
    [((2, 96, "concatenate"), 5_563_680, 5_757_216), ((3, 48, "add"), 3_607_248, 3_667_152)],
)
def test_parameters_of_the_siamese_unet_are_those_published_less_the_shortcuts_that_are_never_used(
    arguments, used, allocated
):
    """The paper counts 5.75 million (2D); the authors' networks allocate 5.757 and 3.667 million."""
    network = on_meta(SiameseUNet, *arguments)
    units = of_kind(network, ResidualUnit).values()
    unused = sum(unit.convolutions[0].in_channels ** 2 for unit in units if unit.shortcut is None)
    assert count(network) == used
    assert count(network) + unused == allocated


@pytest.mark.parametrize(("dimensions", "total"), [(2, 554_057), (3, 2_542_441)])
def test_parameters_of_the_ssi_unet_are_those_published(dimensions, total):
    assert count(on_meta(SsiUNet, dimensions)) == total


def test_only_what_changes_the_resolution_of_the_siamese_unet_has_biases():
    convolutions = of_kind(on_meta(SiameseUNet, 3), CONVOLUTIONS)
    biased = [name for name, module in convolutions.items() if module.bias is not None]
    assert sorted(biased) == ["down_1", "down_2", "up_1", "up_2"]
    for name in biased:
        assert convolutions[name].kernel_size == convolutions[name].stride == (2, 2, 2)


@pytest.mark.parametrize(("skip", "joined"), [("concatenate", 2), ("add", 1)])
def test_channels_and_sizes_of_the_siamese_unet_are_those_of_the_layer_table(skip, joined):
    network, seen = on_meta(SiameseUNet, 2, 96, skip), {}

    def note(name):
        def hook(module, inputs, output):
            seen[name] = inputs[0].shape[1], output.shape[1], output.shape[2]

        return hook

    for name, module in network.named_children():
        module.register_forward_hook(note(name))
    network(torch.empty(2, 1, 128, 128, device="meta"))
    assert seen == {
        "first": (1, 96, 128),
        "encoder_1": (96, 96, 128),
        "down_1": (96, 192, 64),
        "encoder_2": (192, 192, 64),
        "down_2": (192, 384, 32),
        "bottom": (384, 384, 32),
        "up_2": (384, 192, 64),
        "decoder_2": (joined * 192, 192, 64),
        "up_1": (192, 96, 128),
        "decoder_1": (joined * 96, 96, 128),
        "head": (96, 1, 128),
    }


def test_channels_and_sizes_of_the_ssi_unet_are_those_of_the_layer_table():
    network, seen = on_meta(SsiUNet, 2), []
    for module in (*network.encoder, *network.decoder):
        module.register_forward_hook(
            lambda module, inputs, output: seen.append(
                (inputs[0].shape[1], module[0].out_channels, output.shape[1], output.shape[2])
            )
        )
    network(torch.empty(1, 1, 64, 64, device="meta"))
    assert seen == [
        *[(1, 8, 8, 64), (8, 16, 16, 32), (16, 32, 32, 16), (32, 64, 64, 8), (64, 64, 64, 4)],
        *[(128, 64, 32, 8), (64, 32, 16, 16), (32, 16, 8, 32), (16, 8, 8, 64)],
    ]


@pytest.mark.parametrize(("channels_in", "channels"), [(3, 3), (4, 3)])
def test_a_residual_unit_is_its_formula(channels_in, channels):
    """With a = ReLU(BN(x)) the unit is conv(ReLU(BN(conv(a)))) + x, or + a 1 x 1 convolution of a."""
    features = torch.randn(2, channels_in, 6, 7, dtype=torch.float64)
    unit = evaluated(ResidualUnit(layers_for(2), channels_in, channels), features + 0.2)

    def activated(values, normalisation):
        scale = normalisation.weight / (normalisation.running_var + 1e-5).sqrt()
        shift = normalisation.bias - normalisation.running_mean * scale
        return (values * scale.reshape(-1, 1, 1) + shift.reshape(-1, 1, 1)).clamp(min=0)

    first, normalisation, _, second = unit.convolutions
    a = activated(features, unit.activation[0])
    expected = functional.conv2d(a, first.weight, padding=1)
    expected = functional.conv2d(activated(expected, normalisation), second.weight, padding=1)
    if channels == channels_in:
        expected = expected + features
    else:
        expected = expected + torch.einsum("oi,niyx->noyx", unit.shortcut.weight[..., 0, 0], a)
    before = features.clone()
    torch.testing.assert_close(unit(features), expected)
    assert torch.equal(features, before)


def test_momentum_of_the_normalisations():
    for network, momentum in ((SiameseUNet(2, 1), 0.003), (SiameseUNet(3, 1), 0.003), (SsiUNet(2, 1), 0.1)):
        assert {module.momentum for module in of_kind(network, NORMALISATIONS).values()} == {momentum}
    network = SiameseUNet(2, 2)
    features = torch.rand(3, 1, 16, 16)
    normalisation = network.encoder_1.activation[0]
    network(features)
    mean = network.first(features).mean((0, 2, 3))
    torch.testing.assert_close(normalisation.running_mean, 0.003 * mean)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_result_has_the_shape_of_the_image_and_no_bounds(name):
    network = NETWORKS[name]()
    for sizes in ((16, 4, 8), (4, 20, 12), (4, 4, 4)):
        shape = (2, 1, *sizes[-network.dimensions :])
        assert network(torch.rand(shape)).shape == shape
    last = [module for module in network.modules() if isinstance(module, CONVOLUTIONS)][-1]
    torch.nn.init.constant_(last.weight, -1)
    assert network(torch.rand(shape)).min() < 0
    torch.nn.init.constant_(last.weight, 100)
    assert network(torch.rand(shape)).max() > 1


@pytest.mark.parametrize(("dimensions", "shape"), [(2, (45, 33)), (2, (1, 17)), (2, (16, 31)), (3, (5, 17, 16))])
def test_the_ssi_unet_repeats_the_last_pixels_and_cuts_them_off_again(dimensions, shape):
    image = torch.rand(2, 1, *shape, dtype=torch.float64)
    network = evaluated(SsiUNet(dimensions, 2), image)
    padded = image
    for axis, size in enumerate(shape, start=2):
        places = torch.arange(-(-size // 16) * 16).clamp(max=size - 1)
        padded = padded.index_select(axis, places)
    result = network(image)
    assert result.shape == image.shape
    inside = (..., *(slice(size) for size in shape))
    torch.testing.assert_close(result, network(padded)[inside], rtol=0, atol=1e-12)


def positive(network):
    """Return a network that is zero for an image of zeros, and passes on all that is above zero."""
    for parameter in network.parameters():
        torch.nn.init.constant_(parameter, 0.1 if parameter.ndim > 1 else 0)
    for module in of_kind(network, NORMALISATIONS).values():
        torch.nn.init.ones_(module.weight)
    return network.double().eval()


@pytest.mark.parametrize(
    ("name", "axis"),
    [*((f"siamese_{kind}", axis) for kind in ("2d", "2d_add") for axis in (-1, -2))]
    + [*((f"siamese_{kind}", axis) for kind in ("3d", "3d_add") for axis in (-1, -2, -3))]
    + [("ssi_2d", -1), ("ssi_2d", -2), ("ssi_3d", -1)],
)
def test_a_pixel_acts_as_far_as_the_reach_says(name, axis):
    network = positive(NETWORKS[name]())
    multiple, reach = network.multiple, network.reach
    middle = -(-reach // multiple) * multiple
    phases = range(multiple) if multiple == 4 else (0, 3, 12, 15)
    distances = []
    for phase in phases:
        image = torch.zeros(1, 1, *long(network, 2 * middle + multiple, 16, axis), dtype=torch.float64)
        # One pixel in the middle of a line along this axis; all others are zero.
        line = image.movedim(axis, -1)
        line[..., middle + phase][..., -1] = 1
        with torch.no_grad():
            changed = network(image).movedim(axis, -1).reshape(-1, image.shape[axis])
        seen = changed.any(0).nonzero()[:, 0]
        assert (seen.diff() == 1).all()
        distances += [middle + phase - int(seen[0]), int(seen[-1]) - middle - phase]
    assert max(distances) == reach


@pytest.mark.parametrize("name", NETWORKS)
def test_a_translation_by_the_strides_commutes_within_the_reach_and_no_other_does(name):
    network = NETWORKS[name]()
    multiple, reach = network.multiple, network.reach
    size = -(-2 * reach // multiple) * multiple + 2 * multiple
    scene = torch.randn(1, 1, *long(network, size + multiple, 16), dtype=torch.float64)
    evaluated(network, scene[..., :size])
    with torch.no_grad():
        still, moved, half = (network(scene[..., start : start + size]) for start in (0, multiple, multiple // 2))
    for result, shift, commutes in ((moved, multiple, True), (half, multiple // 2, False)):
        inside, expected = result[..., reach : size - reach - shift], still[..., reach + shift : size - reach]
        assert inside.numel() > 0
        assert inside.std() > 1e-3
        assert bool((inside - expected).abs().max() < 1e-12) == commutes


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_reach_all_parameters(name):
    network = NETWORKS[name]()
    image = torch.rand(3, 1, *[32] * network.dimensions)
    (network(image) - image).square().mean().backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        # A bias that a normalisation takes off again has no gradient.
        assert parameter.grad.any() or key.endswith("bias"), key


@pytest.mark.parametrize("name", NETWORKS)
def test_results_do_not_depend_on_the_layout_of_memory_and_hold_in_bfloat16(name):
    network = NETWORKS[name]().eval()
    image = torch.rand(2, 1, *[16] * network.dimensions)
    layout = {2: torch.channels_last, 3: torch.channels_last_3d}[network.dimensions]
    expected = network(image)
    torch.testing.assert_close(network.to(memory_format=layout)(image.to(memory_format=layout)), expected)
    with torch.autocast("cpu", torch.bfloat16):
        result = network(image.to(memory_format=layout))
        assert result.dtype == torch.bfloat16
        result.square().mean().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
    assert (result - expected).square().mean().sqrt() < 0.05 * expected.square().mean().sqrt()


def test_few_channels_that_come_last_do_not_destroy_the_memory():
    """A strided 1 x 1 convolution would (torch 2.13): the child would be killed within a few rounds."""
    child = """
        import torch
        from reconbench.networks.siamese_unet import SiameseUNet
        from reconbench.networks.ssi_unet import SsiUNet

        torch.set_num_threads(1)
        for kind in (SiameseUNet, SsiUNet):
            for dimensions, layout, rounds in ((2, torch.channels_last, 20), (3, torch.channels_last_3d, 4)):
                for channels in (1, 2, 3):
                    network = kind(dimensions, channels).to(memory_format=layout)
                    for _ in range(rounds):
                        image = torch.rand(2, 1, *[16] * dimensions).to(memory_format=layout)
                        network(image).square().mean().backward()
        print("done")
    """
    command = [sys.executable, "-c", textwrap.dedent(child)]
    result = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": SOURCE}, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "done\n"


@pytest.mark.parametrize(
    ("network", "shape", "message"),
    [
        (SiameseUNet(2, 1), (1, 1, 16, 18), r"takes images \(n, 1, y, x\) with sizes that are multiples of 4"),
        (SiameseUNet(2, 1), (1, 2, 16, 16), r"the Siamese U-Net takes images .*, not data of shape \(1, 2, 16, 16\)"),
        (SiameseUNet(3, 1), (1, 1, 16, 16), r"takes volumes \(n, 1, z, y, x\) with sizes that are multiples of 4"),
        (SiameseUNet(3, 1), (1, 1, 6, 16, 16), r"not data of shape \(1, 1, 6, 16, 16\)"),
        (SsiUNet(2, 1), (1, 16, 16), r"the SSI U-Net takes images \(n, 1, y, x\), not data of shape \(1, 16, 16\)"),
        (SsiUNet(3, 1), (1, 3, 16, 16, 16), r"takes volumes \(n, 1, z, y, x\), not data of shape"),
    ],
)
def test_other_shapes_are_refused_in_one_sentence(network, shape, message):
    with pytest.raises(UserError, match=message) as caught:
        network(torch.zeros(shape))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (SiameseUNet, (1,), "for images of 2 dimensions or for volumes of 3, not for 1"),
        (SsiUNet, (4,), "for images of 2 dimensions or for volumes of 3, not for 4"),
        (SiameseUNet, (2, 4, "multiply"), "the skip 'multiply' is unknown; it is one of concatenate, add"),
    ],
)
def test_faulty_parameters_are_named(kind, arguments, message):
    with pytest.raises(UserError, match=message):
        kind(*arguments)
