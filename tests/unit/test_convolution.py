"""Convolution and finite differences: against SciPy, and each adjoint against its operator."""

import numpy as np
import pytest
import scipy.ndimage
import torch

from reconbench.continuation import continue_periodically, fast_size
from reconbench.convolution import (
    Convolution,
    gradient,
    gradient_adjoint,
    spectrum_mean,
    squared_gradient,
    transfer_function,
)
from reconbench.errors import UserError

SCIPY_MODE = {"zero": "constant", "symmetric": "reflect", "circular": "wrap"}
BOUNDARIES = list(SCIPY_MODE)
# Image and kernel: flat and tall, odd and even, and a kernel that is larger than the image.
SHAPES = [((20, 31), (5, 7)), ((17, 12), (1, 9)), ((4, 6), (9, 15)), ((9, 12, 10), (3, 5, 7))]


@pytest.fixture
def random():
    return np.random.default_rng(5)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(("shape", "kernel_shape"), SHAPES)
def test_convolution_agrees_with_scipy(random, boundary, shape, kernel_shape):
    image, kernel = random.normal(size=shape), random.normal(size=kernel_shape)
    operator = Convolution(kernel, boundary)
    expected = scipy.ndimage.convolve(image, kernel, mode=SCIPY_MODE[boundary])
    np.testing.assert_allclose(operator(torch.from_numpy(image)).numpy(), expected, atol=1e-11)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(("shape", "kernel_shape"), SHAPES)
def test_flipped_is_the_convolution_with_the_flipped_kernel(random, boundary, shape, kernel_shape):
    image, kernel = torch.from_numpy(random.normal(size=shape)), random.normal(size=kernel_shape)
    expected = Convolution(np.flip(kernel), boundary)(image)
    torch.testing.assert_close(Convolution(kernel, boundary).flipped(image), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(("shape", "kernel_shape"), SHAPES)
def test_adjoint_is_the_transpose(random, boundary, shape, kernel_shape):
    x, y = (torch.from_numpy(random.normal(size=shape)) for _ in range(2))
    operator = Convolution(random.normal(size=kernel_shape), boundary)
    assert float((operator(x) * y).sum()) == pytest.approx(float((x * operator.adjoint(y)).sum()), abs=1e-10)


def test_flipped_is_not_the_adjoint_of_a_symmetric_boundary(random):
    image = torch.from_numpy(random.normal(size=(20, 20)))
    operator = Convolution(random.uniform(size=(5, 5)), "symmetric")
    difference = (operator.flipped(image) - operator.adjoint(image)).abs()
    assert difference[4:-4, 4:-4].max() < 1e-12
    assert difference.max() > 0.1


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_batch_is_treated_image_by_image(random, boundary):
    images = torch.from_numpy(random.normal(size=(2, 3, 15, 14)))
    operator = Convolution(random.normal(size=(3, 5)), boundary)
    torch.testing.assert_close(operator(images)[1, 2], operator(images[1, 2]))
    torch.testing.assert_close(operator.adjoint(images)[1, 2], operator.adjoint(images[1, 2]))


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_the_derivative_is_the_adjoint(random, boundary):
    operator = Convolution(random.normal(size=(3, 5)), boundary)
    image = torch.from_numpy(random.normal(size=(12, 13))).requires_grad_()
    weight = torch.from_numpy(random.normal(size=(12, 13)))
    (operator(image) * weight).sum().backward()
    torch.testing.assert_close(image.grad, operator.adjoint(weight))


def test_the_type_of_the_image_is_kept_and_single_precision_is_near(random):
    image, operator = torch.from_numpy(random.uniform(size=(64, 50))), Convolution(random.uniform(size=(9, 9)) / 81)
    single = operator(image.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), operator(image), rtol=0, atol=1e-6)


def test_an_image_of_another_size_gets_its_own_transfer_function(random):
    operator = Convolution(random.normal(size=(3, 3)))
    for shape in ((20, 20), (40, 30), (20, 20)):
        image = random.normal(size=shape)
        expected = scipy.ndimage.convolve(image, operator.kernel, mode="constant")
        np.testing.assert_allclose(operator(torch.from_numpy(image)).numpy(), expected, atol=1e-12)


def test_transfer_function_of_a_shifted_point_is_a_phase():
    kernel = np.zeros((3, 3))
    kernel[1, 2] = 1  # one pixel to the right
    transfer = transfer_function(kernel, (8, 10), torch.float64)
    expected = torch.exp(-2j * torch.pi * torch.fft.rfftfreq(10, dtype=torch.float64)).expand(8, -1)
    torch.testing.assert_close(transfer, expected)


@pytest.mark.parametrize("size", [1, 7, 64, 520, 1040, 2600])
def test_fast_sizes_are_not_smaller_and_have_small_factors(size):
    fast = fast_size(size)
    assert size <= fast < size + 64
    for factor in (2, 3, 5, 7, 11):
        while fast % factor == 0:
            fast //= factor
    assert fast == 1


@pytest.mark.parametrize("shape", [(11,), (6, 9), (2, 5, 4)])
def test_gradient_and_its_adjoint(random, shape):
    values = random.normal(size=shape)
    image = torch.from_numpy(values)
    field = torch.from_numpy(random.normal(size=(len(shape), *shape)))
    differences = gradient(image, len(shape))
    for axis in range(len(shape)):
        expected = np.diff(values, axis=axis, append=np.take(values, [-1], axis=axis))
        np.testing.assert_array_equal(differences[axis].numpy(), expected)
    assert float((differences * field).sum()) == pytest.approx(float((image * gradient_adjoint(field)).sum()))


def test_symbol_of_the_squared_gradient(random):
    image = torch.from_numpy(random.normal(size=(8, 9)))
    expected = 4 * image - sum(torch.roll(image, shift, axis) for shift in (-1, 1) for axis in (0, 1))
    actual = torch.fft.irfftn(torch.fft.rfftn(image) * squared_gradient((8, 9)), s=(8, 9))
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("shape", [(6, 8), (5, 7), (4, 5, 6)])
def test_mean_over_a_spectrum_from_its_half(random, shape):
    image = torch.from_numpy(random.normal(size=shape))
    half, full = torch.fft.rfftn(image).abs(), torch.fft.fftn(image).abs()
    assert spectrum_mean(half, shape[-1]) == pytest.approx(float(full.mean()))


def test_periodic_continuation_keeps_the_image_and_has_no_step(random):
    image = torch.from_numpy(np.add.outer(np.linspace(0, 1, 40), np.linspace(0, 2, 50)))
    continued = continue_periodically(image, (20, 24))
    torch.testing.assert_close(continued[:40, :50], image)
    assert continued.shape[0] >= 60
    assert continued.shape[1] >= 74
    for axis in range(2):
        assert (continued - continued.roll(1, axis)).abs().max() < 0.25  # as against steps of 1 and 2


@pytest.mark.parametrize(
    ("kernel", "boundary", "message"),
    [
        (np.ones((4, 3)), "zero", "odd sizes"),
        (np.full((3, 3), np.nan), "zero", "not finite"),
        (np.ones((3, 3)), "mirror", "'mirror' is unknown"),
    ],
)
def test_a_faulty_kernel_or_boundary_is_named(kernel, boundary, message):
    with pytest.raises(UserError, match=message):
        Convolution(kernel, boundary)


def test_a_kernel_with_more_axes_than_the_image_is_refused():
    with pytest.raises(UserError, match="3 axes cannot act on an image of shape"):
        Convolution(np.ones((3, 3, 3)))(torch.ones(8, 8))
    with pytest.raises(UserError, match="2 axes has no transfer function on a grid"):
        transfer_function(np.ones((3, 3)), (8, 8, 8))
