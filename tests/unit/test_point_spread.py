"""The layer for point spread functions: both algorithms against scipy, their gradients, and what the layer keeps."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from reconbench.errors import UserError
from reconbench.networks import point_spread
from reconbench.networks.point_spread import PointSpreadConvolution, takes_fft

MODES = {"replicate": "nearest", "reflect": "mirror"}
# Kernel and image: equal and unequal sizes, even and odd images, a kernel of one pixel along an axis.
SIZES = [
    ((3, 3), (8, 8)),
    ((5, 9), (11, 14)),
    ((1, 7), (6, 9)),
    ((17, 17), (20, 33)),
    ((3, 3, 3), (5, 6, 7)),
    ((7, 1, 5), (8, 5, 9)),
]
# Wider than the image, for which there is no reflection.
WIDE = [((9, 21), (4, 6)), ((5, 13, 3), (1, 4, 7))]
CASES = [(*sizes, boundary) for sizes in SIZES for boundary in MODES] + [(*sizes, "replicate") for sizes in WIDE]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]} on {case[1]}, {case[2]}")
def case(request):
    return request.param


def drawn(*shape):
    return np.random.default_rng(7).normal(size=shape)


def images(*shape, dtype=torch.float64):
    return torch.from_numpy(np.random.default_rng(11).normal(size=shape)).to(dtype)


@pytest.mark.parametrize("algorithm", ["direct", "fft"])
def test_each_channel_is_convolved_as_scipy_does(case, algorithm):
    kernel_shape, sizes, boundary = case
    kernel, image = drawn(*kernel_shape), images(2, 3, *sizes)
    expected = np.array(
        [[ndimage.convolve(channel, kernel, mode=MODES[boundary]) for channel in one] for one in image.numpy()]
    )
    found = PointSpreadConvolution(kernel, boundary, algorithm)(image)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found, expected, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_both_algorithms_and_their_gradients_agree(case, dtype, tolerance):
    kernel_shape, sizes, boundary = case
    results = []
    for algorithm in ("direct", "fft"):
        image = images(2, 2, *sizes, dtype=dtype).requires_grad_()
        result = PointSpreadConvolution(drawn(*kernel_shape), boundary, algorithm)(image)
        weights = torch.linspace(-1, 2, image.numel(), dtype=dtype).reshape(image.shape)
        (result * weights).sum().backward()
        results.append((result.detach(), image.grad))
    for direct, fourier in zip(*results, strict=True):
        assert (direct - fourier).abs().max() <= tolerance * direct.abs().max()


@pytest.mark.parametrize("algorithm", ["direct", "fft"])
def test_gradient_is_that_of_finite_differences(case, algorithm):
    kernel_shape, sizes, boundary = case
    layer = PointSpreadConvolution(drawn(*kernel_shape), boundary, algorithm)
    image = images(1, 2, *(min(size, 7) if boundary == "replicate" else size for size in sizes)).requires_grad_()
    assert torch.autograd.gradcheck(layer, image, fast_mode=image.numel() > 100)


def test_derivative_of_the_derivative_is_refused():
    image = images(1, 1, 6, 6).requires_grad_()
    result = PointSpreadConvolution(drawn(3, 3), algorithm="fft")(image)
    (gradient,) = torch.autograd.grad((result**2).sum(), image, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@pytest.mark.parametrize("algorithm", ["direct", "fft"])
@pytest.mark.parametrize("boundary", MODES)
def test_constant_stays_constant_for_a_kernel_that_sums_to_one(algorithm, boundary):
    kernel = np.abs(drawn(5, 7, 3))
    layer = PointSpreadConvolution(kernel / kernel.sum(), boundary, algorithm)
    found = layer(torch.full((1, 1, 6, 9, 4), 3.0))
    torch.testing.assert_close(found, torch.full_like(found, 3.0), rtol=1e-5, atol=0)


@pytest.mark.parametrize("algorithm", ["direct", "fft"])
def test_point_becomes_the_kernel_not_its_mirror_image(algorithm):
    kernel, point = drawn(5, 3), torch.zeros(1, 1, 9, 9, dtype=torch.float64)
    point[0, 0, 4, 3] = 1
    found = PointSpreadConvolution(kernel, algorithm=algorithm)(point)[0, 0]
    np.testing.assert_allclose(found[2:7, 2:5], kernel, atol=1e-12)
    assert found.abs().sum().item() == pytest.approx(np.abs(kernel).sum())


@pytest.mark.parametrize("algorithm", ["direct", "fft"])
def test_autocast_changes_nothing(algorithm):
    layer, image = PointSpreadConvolution(drawn(5, 5), algorithm=algorithm), images(2, 1, 12, 12, dtype=torch.float32)
    plain = image.clone().requires_grad_()
    layer(plain).square().sum().backward()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = image.clone().requires_grad_()
        found = layer(cast)
        found.square().sum().backward()
        half = layer(image.to(torch.bfloat16))
    assert found.dtype == half.dtype == torch.float32
    torch.testing.assert_close(found, layer(image), rtol=0, atol=0)
    torch.testing.assert_close(cast.grad, plain.grad, rtol=0, atol=0)
    # What comes out of a convolution in half precision: only its own rounding is lost.
    torch.testing.assert_close(half, layer(image.to(torch.bfloat16).float()), rtol=0, atol=0)


@pytest.mark.parametrize("algorithm", ["direct", "fft"])
def test_layer_has_no_state(algorithm):
    layer = PointSpreadConvolution(drawn(3, 3), algorithm=algorithm)
    layer(images(1, 1, 8, 8, dtype=torch.float32))
    assert not layer.state_dict()
    assert not list(layer.parameters())
    # Half the network may be kept in half precision: the kernel is not.
    before = layer(images(1, 1, 8, 8))
    torch.testing.assert_close(layer.half()(images(1, 1, 8, 8)), before, rtol=0, atol=0)


@pytest.fixture
def made(monkeypatch):
    """The grids and types for which transfer functions were made."""
    found = []

    def noted(kernel, grid, dtype, device):
        found.append((grid, dtype))
        return transfer_function(kernel, grid, dtype, device)

    transfer_function = point_spread.transfer_function
    monkeypatch.setattr(point_spread, "transfer_function", noted)
    return found


def test_transfer_function_is_made_once_for_each_grid_and_type(made):
    layer = PointSpreadConvolution(drawn(3, 3), algorithm="fft")
    for _ in range(2):
        layer(images(2, 1, 14, 14, dtype=torch.float32))
    layer(images(5, 2, 13, 14, dtype=torch.float32))
    assert made == [((16, 16), torch.float32)]
    layer(images(1, 1, 14, 18, dtype=torch.float32))
    layer(images(1, 1, 14, 18))
    assert made[1:] == [((16, 20), torch.float32), ((16, 20), torch.float64)]


@pytest.mark.parametrize("algorithm", ["direct", "fft"])
def test_what_inference_made_serves_training(algorithm):
    layer, image = PointSpreadConvolution(drawn(3, 3), algorithm=algorithm), images(1, 1, 8, 8)
    with torch.inference_mode():
        expected = layer(image).clone()
    found = layer(image.requires_grad_())
    found.sum().backward()
    np.testing.assert_array_equal(found.detach(), expected)
    assert image.grad is not None


def test_result_of_an_image_does_not_hang_on_an_earlier_one_of_another_size():
    layer = PointSpreadConvolution(drawn(5, 5), algorithm="fft")
    first, second = images(1, 1, 9, 9).requires_grad_(), images(1, 1, 30, 20).requires_grad_()
    # The backward pass of the first comes after the kept transfer function is that of the second.
    results = [layer(image) for image in (first, second)]
    torch.cat([result.flatten() for result in results]).sum().backward()
    for image in (first, second):
        alone = image.detach().clone().requires_grad_()
        PointSpreadConvolution(drawn(5, 5), algorithm="direct")(alone).sum().backward()
        torch.testing.assert_close(image.grad, alone.grad, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("kernel", "image", "fft"),
    [
        # The patches of the paper, and kernels from which the FFT is the faster one there.
        ((17, 17), (16, 1, 128, 128), True),
        ((17, 17, 17), (4, 1, 64, 64, 64), True),
        ((5, 5), (16, 1, 128, 128), True),
        ((3, 3), (16, 1, 128, 128), False),
        ((5, 5, 5), (4, 1, 64, 64, 64), True),
        # Torch is quick with small kernels on a single volume.
        ((3, 3, 3), (1, 1, 32, 32, 32), False),
        # Calls cost more than the little that there is to compute.
        ((9, 9), (1, 1, 32, 32), False),
        ((3, 3, 3), (1, 1, 5, 5, 5), False),
    ],
)
def test_algorithm_is_chosen_by_the_sizes(kernel, image, fft, made):
    assert takes_fft(kernel, image) == fft
    if np.prod(image) < 3e5:
        PointSpreadConvolution(np.ones(kernel))(torch.zeros(image))
        assert bool(made) == fft


@pytest.mark.parametrize("shape", [(4, 3), (3, 3, 2), (3,), (3, 3, 3, 3), (0, 3)])
def test_kernel_needs_two_or_three_odd_sizes(shape):
    with pytest.raises(UserError, match=r"two or three axes of odd sizes"):
        PointSpreadConvolution(np.ones(shape))


def test_what_makes_no_sense_is_refused():
    with pytest.raises(UserError, match="not finite"):
        PointSpreadConvolution(np.full((3, 3), np.nan))
    with pytest.raises(UserError, match="boundary 'zero' is unknown"):
        PointSpreadConvolution(np.ones((3, 3)), "zero")
    with pytest.raises(UserError, match="algorithm 'quick' is unknown"):
        PointSpreadConvolution(np.ones((3, 3)), algorithm="quick")
    with pytest.raises(UserError, match="kernel of 2 axes cannot act"):
        PointSpreadConvolution(np.ones((3, 3)))(torch.zeros(1, 1, 4, 4, 4))
    with pytest.raises(UserError, match="beyond the reflection"):
        PointSpreadConvolution(np.ones((3, 9)), "reflect")(torch.zeros(1, 1, 4, 4))
