"""Images made periodic for a filter, and the transfer functions that are kept for it."""

import copy

import numpy as np
import pytest
import torch

from reconbench.continuation import continue_periodically
from reconbench.convolution import transfer_function
from reconbench.errors import UserError
from reconbench.methods._periodic import PeriodicBlur
from reconbench.networks.periodic_images import TransferFunctions, edge_weights, make_periodic, taper_edges

CPU = torch.device("cpu")


def bell(*shape):
    """A lopsided kernel, larger at the end of each axis."""
    position = np.indices(shape) - (np.array(shape).reshape(-1, *[1] * len(shape)) - 1) / 2
    kernel = np.exp(-(position**2).sum(axis=0) / 4) * (1.5 + position.sum(axis=0) / sum(shape))
    return kernel / kernel.sum()


def noise(*shape):
    return torch.from_numpy(np.random.default_rng(4).uniform(size=shape))


@pytest.mark.parametrize(("kernel_shape", "grid"), [((5, 9), (24, 32)), ((3, 5, 7), (12, 16, 20))])
def test_weights_of_the_edge_are_one_less_the_autocorrelation_by_fft(kernel_shape, grid):
    kernel, weights = bell(*kernel_shape), edge_weights(bell(*kernel_shape), grid)
    expected = np.ones(())
    for axis, size in enumerate(grid):
        projection = kernel.sum(axis=tuple(other for other in range(kernel.ndim) if other != axis))
        # One pixel less than the axis has, so that both its ends have the lag 0.
        correlation = np.fft.ifft(np.abs(np.fft.fft(projection, size - 1)) ** 2).real
        correlation = np.append(correlation, correlation[0]) / correlation[0]
        expected = np.multiply.outer(expected, 1 - correlation)
    np.testing.assert_allclose(weights, expected, atol=1e-12)
    assert weights[(0,) * len(grid)] == 0
    assert weights[tuple(size // 2 for size in grid)] == 1


def test_tapering_leaves_the_middle_and_brings_opposite_edges_together():
    kernel, ramp = bell(5, 5), torch.linspace(0, 1, 40, dtype=torch.float64).expand(1, 1, 32, 40)
    tapered = taper_edges(ramp, kernel, TransferFunctions())
    torch.testing.assert_close(tapered[..., 5:-5, 5:-5], ramp[..., 5:-5, 5:-5])
    steps = [float((image[..., 0] - image[..., -1]).abs().max()) for image in (ramp, tapered)]
    assert steps[1] < 0.5 * steps[0]
    assert tapered.min() >= 0
    assert tapered.max() <= 1
    constant = torch.full((1, 1, 20, 20), 0.7, dtype=torch.float64)
    torch.testing.assert_close(taper_edges(constant, kernel, TransferFunctions()), constant)


def test_tapering_is_the_weighted_blur_three_times():
    kernel, image = bell(3, 5), noise(1, 1, 16, 20)
    weights, expected = edge_weights(kernel, (16, 20)), image[0, 0].numpy()
    periodic = np.zeros((16, 20))
    periodic[:3, :5] = kernel
    response = np.fft.fft2(np.roll(periodic, (-1, -2), axis=(0, 1)))
    for _ in range(3):
        expected = weights * expected + (1 - weights) * np.fft.ifft2(response * np.fft.fft2(expected)).real
    np.testing.assert_allclose(taper_edges(image, kernel, TransferFunctions())[0, 0], expected, atol=1e-12)


@pytest.mark.parametrize(("kernel_shape", "sizes"), [((5, 9), (30, 41)), ((3, 5, 7), (6, 16, 21)), ((13, 33), (7, 9))])
def test_the_image_lies_where_it_is_said_to(kernel_shape, sizes):
    kernel, image = bell(*kernel_shape), noise(2, 1, *sizes)
    for boundary in ("circular", "fade", "zero", "edge_taper"):
        periodic, corner = make_periodic(image, kernel, boundary, TransferFunctions())
        inside = tuple(slice(start, start + size) for start, size in zip(corner, sizes, strict=True))
        middle = tuple(slice(width, max(width, size - width)) for width, size in zip(kernel_shape, sizes, strict=True))
        torch.testing.assert_close(periodic[(..., *inside)][(..., *middle)], image[(..., *middle)])
        extra = np.subtract(periodic.shape[2:], sizes)
        if boundary == "edge_taper":
            assert corner == tuple(width // 2 for width in kernel_shape)
            assert all(extra >= np.array(kernel_shape) - 1)
        elif boundary == "fade":
            torch.testing.assert_close(periodic, continue_periodically(image, kernel_shape))
        elif boundary == "zero":
            assert all(extra >= kernel_shape)
        else:
            assert not extra.any()


@pytest.mark.parametrize("shape", [(20, 25), (6, 9, 14)])
def test_light_goes_on_into_darkness_as_for_the_methods_that_are_not_trained(shape):
    kernel, image = bell(*[5, 7, 3][: len(shape)]), noise(1, 1, *shape).float()
    blur = PeriodicBlur(kernel, shape, "zero")
    periodic, _ = make_periodic(image, kernel, "zero", TransferFunctions())
    assert periodic.shape[2:] == blur.grid
    torch.testing.assert_close(
        torch.fft.rfftn(periodic[0, 0]), blur.spectrum(image[0, 0].numpy()), rtol=1e-4, atol=1e-4
    )


def test_the_border_repeats_the_edge_pixels_and_is_tapered():
    image, transfers = noise(1, 1, 12, 16), TransferFunctions()
    wanted = torch.from_numpy(np.pad(image[0, 0].numpy(), ((2, 2), (2, 2)), mode="edge"))[None, None]
    point = np.zeros((5, 5))
    point[2, 2] = 1
    torch.testing.assert_close(make_periodic(image, point, "edge_taper", transfers)[0], wanted)
    tapered = taper_edges(wanted, bell(5, 5), transfers)
    torch.testing.assert_close(make_periodic(image, bell(5, 5), "edge_taper", transfers)[0], tapered)
    assert not torch.allclose(tapered, wanted)


def test_what_does_not_fit_is_refused():
    with pytest.raises(UserError, match=r"of 2 axes does not fit an image of shape \(4, 8, 8\)"):
        make_periodic(noise(1, 1, 4, 8, 8), bell(3, 3), "fade", TransferFunctions())
    with pytest.raises(UserError, match="'reflect' is unknown; it is fade, zero, edge_taper or circular"):
        make_periodic(noise(1, 1, 8, 8), bell(3, 3), "reflect", TransferFunctions())


def test_transfer_functions_are_made_once_for_each_kernel_and_grid():
    transfers, first, second = TransferFunctions(), bell(3, 5), bell(3, 5)
    transfer, power = transfers(first, (8, 12), torch.float64, CPU)
    torch.testing.assert_close(transfer, transfer_function(first, (8, 12), torch.float64))
    torch.testing.assert_close(power, transfer.abs().square())
    assert transfers(first, (8, 12), torch.float64, CPU)[0] is transfer
    for other in (
        transfers(second, (8, 12), torch.float64, CPU),
        transfers(first, (12, 12), torch.float64, CPU),
        transfers(first, (8, 12), torch.float32, CPU),
    ):
        assert other[0] is not transfer
    assert transfers(first, (8, 12), torch.float64, CPU)[0] is transfer


def test_the_oldest_are_given_up_where_the_memory_is_bounded():
    kernels = [bell(3, 3) for _ in range(3)]
    one = TransferFunctions()
    one(kernels[0], (8, 8), torch.float32, CPU)
    transfers = TransferFunctions(limit=2 * one.bytes)
    found = [transfers(kernel, (8, 8), torch.float32, CPU)[0] for kernel in (kernels[0], kernels[1], kernels[0])]
    assert found[2] is found[0]
    transfers(kernels[2], (8, 8), torch.float32, CPU)
    assert transfers.bytes == 2 * one.bytes
    assert transfers(kernels[0], (8, 8), torch.float32, CPU)[0] is found[0]
    assert transfers(kernels[1], (8, 8), torch.float32, CPU)[0] is not found[1]
    # One that is larger than the bound is kept while it is used.
    transfers(kernels[0], (64, 64), torch.float32, CPU)
    assert transfers.bytes > 2 * one.bytes


def test_a_copy_does_not_take_another_kernel_for_one_that_it_has_copied():
    transfers = TransferFunctions()
    kernel, other = bell(3, 3), 2 * bell(3, 3)
    transfers(kernel, (8, 8), torch.float64, CPU)
    copied = copy.deepcopy(transfers)
    # So it would be, had the other one come to the first one's address.
    copied._kept = type(copied._kept)({(id(other), *key[1:]): found for key, found in copied._kept.items()})
    torch.testing.assert_close(
        copied(other, (8, 8), torch.float64, CPU)[0], transfer_function(other, (8, 8), torch.float64)
    )
