"""The building blocks of the STEM denoisers: filters, padding, generator, discriminator and its cells."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from reconbench.errors import UserError
from reconbench.networks.low_pass import REACH, LowPass
from reconbench.networks.multi_kernel import MultiKernelCell
from reconbench.networks.padding import mirrored
from reconbench.networks.prepared import Prepared, Standardisation
from reconbench.networks.stem_discriminator import StemDiscriminator
from reconbench.networks.stem_generator import StemGenerator


@pytest.fixture(autouse=True)
def alone():
    """Draws of its own, and one thread, as the images are small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        yield
    torch.set_num_threads(threads)


def on_meta(kind, *given):
    """Return a network without memory: it knows its shapes only."""
    with torch.device("meta"):
        return kind(*given)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


# Padding.


@pytest.mark.parametrize("margins", [((1, 2), (0, 3)), ((9, 8), (20, 21))])
def test_images_go_on_by_their_mirror_image(margins):
    image = np.arange(20.0).reshape(4, 5)
    expected = np.pad(image, margins, mode="symmetric")
    found = mirrored(torch.from_numpy(image)[None, None], *margins)
    np.testing.assert_array_equal(found[0, 0].numpy(), expected)


# The low-pass filters.


def impulse(side=65):
    image = torch.zeros(1, 1, side, side)
    image[..., side // 2, side // 2] = 1
    return image


def test_every_filter_sums_to_one_and_leaves_a_constant_image():
    filters = LowPass().smoothed(impulse())[0]
    torch.testing.assert_close(filters.sum((1, 2)), torch.ones(4))
    constant = torch.full((2, 1, 10, 7), 3.25)
    torch.testing.assert_close(LowPass().smoothed(constant), constant.expand(2, 4, 10, 7))


def test_two_filters_are_boxes_and_two_are_gaussians_of_variance_20_and_30():
    five, seven, narrow, wide = LowPass().smoothed(impulse())[0].double().numpy()
    np.testing.assert_allclose(five[30:35, 30:35], 1 / 25, rtol=1e-6)
    np.testing.assert_allclose(seven[29:36, 29:36], 1 / 49, rtol=1e-6)
    assert (np.count_nonzero(five), np.count_nonzero(seven)) == (25, 49)
    y, x = np.mgrid[-32:33, -32:33]
    for found, variance in ((narrow, 20), (wide, 30)):
        inside = np.exp(-(y**2 + x**2) / (2 * variance)) * (np.abs(y) <= REACH) * (np.abs(x) <= REACH)
        np.testing.assert_allclose(found, inside / inside.sum(), atol=1e-8)
        # Cut off at 16 pixels, 3.6 and 2.9 deviations, a Gaussian loses a few per cent of its variance.
        assert (found * y**2).sum() == pytest.approx(variance, rel=0.05)
        assert (found * x**2).sum() == pytest.approx((found * y**2).sum(), rel=1e-5)


@pytest.mark.parametrize("shape", [(64, 64), (9, 41)])
def test_the_filters_are_those_of_scipy_with_symmetric_edges(shape):
    image = np.random.default_rng(0).random(shape)
    found = LowPass().smoothed(torch.from_numpy(image).float()[None, None])[0].numpy()
    expected = [ndimage.uniform_filter(image, side, mode="reflect") for side in (5, 7)]
    expected += [ndimage.gaussian_filter(image, np.sqrt(v), mode="reflect", radius=16) for v in (20, 30)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_each_smoothed_image_goes_from_0_to_1_whatever_its_unit():
    images = torch.rand(3, 1, 20, 24)
    channels = LowPass()(images)
    assert channels.shape == (3, 4, 20, 24)
    torch.testing.assert_close(channels.amin((2, 3)), torch.zeros(3, 4))
    torch.testing.assert_close(channels.amax((2, 3)), torch.ones(3, 4))
    torch.testing.assert_close(LowPass()(50 * images - 20), channels, atol=1e-4, rtol=0)
    # What rounding leaves of a flat image is no image.
    assert (LowPass()(torch.full((1, 1, 32, 32), 0.1)) == 0).all()


def test_the_filters_are_no_weights_and_are_not_kept_with_them():
    layer = LowPass()
    assert not list(layer.parameters())
    assert not layer.state_dict()


def test_half_precision_around_them_does_not_reach_the_filters():
    images = torch.rand(1, 1, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        found = LowPass()(images)
    assert torch.equal(found, LowPass()(images))


def test_a_prepared_network_sees_what_its_preparation_gives():
    network = Prepared(Standardisation(), StemGenerator(1, (4, 4)))
    images = 5 + 3 * torch.rand(2, 1, 16, 16)
    assert (network.multiple, network.size) == (4, 4)
    each = [(image - image.mean()) / image.std(correction=0) for image in images]
    network.eval()
    torch.testing.assert_close(network(images), network.network(torch.stack(each)), atol=1e-5, rtol=0)
    for found, expected in zip(
        network.at_all_scales(images), network.network.at_all_scales(torch.stack(each)), strict=True
    ):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert (Standardisation()(torch.full((1, 1, 8, 8), 0.5)) == 0).all()


# The generator.


def test_the_generator_has_the_parameters_that_keras_counts():
    network = on_meta(StemGenerator)
    statistics = sum(
        value.numel() for name, value in network.named_buffers() if name.endswith(("running_mean", "running_var"))
    )
    assert count(network) == 41_890_055
    assert count(network) + statistics == 41_894_023


def test_every_layer_of_the_generator_has_the_size_and_channels_of_the_table():
    network, seen = on_meta(StemGenerator), []
    for layer in (*network.encoder, *network.decoder):
        layer.register_forward_hook(lambda layer, given, out: seen.append((out.shape[-1], out.shape[1])))
    outputs = network.at_all_scales(torch.empty(2, 4, 512, 512, device="meta"))
    down = list(zip((256, 128, 64, 32, 16, 8, 4), (64, 128, 256, 512, 512, 512, 512), strict=True))
    up = list(zip((8, 16, 32, 64, 128, 256), (512, 512, 512, 256, 128, 64), strict=True))
    assert seen == down + up
    assert [tuple(output.shape) for output in outputs] == [
        (2, 1, side, side) for side in (512, 256, 128, 64, 32, 16, 8)
    ]


def test_even_kernels_are_padded_as_keras_does():
    """One pixel before and two after without a stride, one on both sides with a stride of 2."""
    network = StemGenerator(1, (1, 1))
    with torch.no_grad():
        for convolution in (module for module in network.modules() if isinstance(module, torch.nn.Conv2d)):
            convolution.weight.zero_()
            convolution.weight[..., 0, 0] = 1  # the pixel that a kernel begins at
            convolution.bias.zero_()
        image = torch.arange(64.0).reshape(1, 1, 8, 8)
        halved = network.encoder[0][0](image)[0, 0]
        torch.testing.assert_close(halved[1:, 1:], image[0, 0, 1:-1:2, 1:-1:2])
        assert (halved[0] == 0).all() and (halved[:, 0] == 0).all()
        _, pad, convolution, *_ = network.decoder[0]
        kept = convolution(pad(image))[0, 0]
        torch.testing.assert_close(kept[1:, 1:], image[0, 0, :-1, :-1])
        assert (kept[0] == 0).all() and (kept[:, 0] == 0).all()


def test_the_decoder_is_given_what_the_encoder_found_at_its_size():
    network = StemGenerator(2, (3, 4, 5)).eval()
    image = torch.rand(1, 2, 16, 24)
    found = [image]
    with torch.no_grad():
        for halve in network.encoder:
            found.append(halve(found[-1]))
        finest, coarser = network._decoded(image)
        torch.testing.assert_close(coarser, torch.cat([network.decoder[0](found[3]), found[2]], dim=1))
        torch.testing.assert_close(finest, torch.cat([network.decoder[1](coarser), found[1]], dim=1))
        outputs = network.at_all_scales(image)
        torch.testing.assert_close(outputs[1], network.sides[0](finest))
        torch.testing.assert_close(outputs[0], network(image))
    assert [output.shape[2:] for output in outputs] == [(16, 24), (8, 12), (4, 6)]
    assert all((output > 0).all() and (output < 1).all() for output in outputs)


def test_the_generator_refuses_sides_that_its_strides_do_not_divide():
    with pytest.raises(UserError, match=r"sides are multiples of 8, not of shape \(2, 16, 20\)"):
        StemGenerator(2, (3, 4, 5))(torch.rand(1, 2, 16, 20))


def test_the_loss_of_all_outputs_reaches_every_weight_of_the_generator():
    network = StemGenerator(4, (4, 6, 8))
    sum(output.std() for output in network.at_all_scales(torch.rand(2, 4, 32, 32))).backward()
    for name, parameter in network.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name


# The multi-kernel cell.


@pytest.mark.parametrize("normalisation", ["batch", "group", "none"])
def test_a_multi_kernel_cell_keeps_the_size_and_shares_out_its_channels(normalisation):
    cell = MultiKernelCell(3, 11, (3, 5, 7, 9), normalisation)
    assert cell(torch.rand(2, 3, 6, 13)).shape == (2, 11, 6, 13)
    assert [branch[0].out_channels for branch in cell.branches] == [3, 3, 3, 2]
    assert [branch[0].kernel_size[0] for branch in cell.branches] == [3, 5, 7, 9]


def test_a_branch_grows_and_shrinks_the_image_with_normalisation_and_leaky_relu_behind_both():
    (branch,) = MultiKernelCell(2, 4, (5,)).branches
    sizes = []
    for layer in branch:
        layer.register_forward_hook(lambda layer, given, out: sizes.append((type(layer).__name__, out.shape[-1])))
    branch(torch.rand(2, 2, 8, 8))
    assert sizes == [
        *(("ConvTranspose2d", 12), ("BatchNorm2d", 12), ("LeakyReLU", 12)),
        *(("Conv2d", 8), ("BatchNorm2d", 8), ("LeakyReLU", 8)),
    ]
    assert {layer.negative_slope for layer in branch if isinstance(layer, torch.nn.LeakyReLU)} == {0.2}


def test_impossible_cells_are_refused():
    with pytest.raises(UserError, match="a cell of 3 channels has room for 1 to 3 kernels, one a branch, not for 4"):
        MultiKernelCell(1, 3, (3, 5, 7, 9))
    with pytest.raises(UserError, match="the normalisation 'layer' is unknown"):
        MultiKernelCell(1, 4, (3,), "layer")


# The discriminator.


def test_the_discriminator_of_the_code_has_maps_of_32_16_and_8_pixels():
    network, seen = on_meta(StemDiscriminator), []
    for cell in network.cells:
        cell.register_forward_hook(lambda layer, given, out: seen.append((out.shape[-1], out.shape[1])))
    maps = network(torch.empty(2, 1, 512, 512, device="meta"))
    assert seen == list(zip((512, 256, 128, 64, 32, 16, 8), (64, 64, 64, 64, 128, 128, 128), strict=True))
    assert [tuple(each.shape) for each in maps] == [(2, 1, side, side) for side in (32, 16, 8)]
    kernels = [tuple(branch[0].kernel_size[0] for branch in cell.branches) for cell in network.cells]
    assert kernels == [(3, 5, 7, 9)] + 6 * [(3, 5)]
    assert [output[0].out_channels for output in network.outputs] == [64, 64, 64]


def test_the_maps_are_within_tanh_and_tell_images_apart_after_some_steps():
    network = StemDiscriminator((4, 4, 6))
    y = torch.linspace(0, 12, 16)
    true = torch.sin(y)[None, None, :, None].expand(4, 1, 16, 16) + 0.1 * torch.randn(4, 1, 16, 16)
    made = 0.7 * torch.randn(4, 1, 16, 16)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(30):
        optimiser.zero_grad()
        loss = sum((each - 1).square().mean() for each in network(true))
        (loss + sum(each.square().mean() for each in network(made))).backward()
        optimiser.step()
    for judged, other in zip(network(true), network(made), strict=True):
        assert judged.abs().max() <= 1 and other.abs().max() <= 1
        assert judged.mean() > 0.7 and other.mean() < 0.3
