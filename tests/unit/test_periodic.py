"""Filters in the Fourier domain: against scikit-image, and how an image is continued until it is periodic."""

import functools

import numpy as np
import pytest
import skimage.restoration
import torch
from deconvolution_problems import Blur, blurred, lopsided_kernel, problem_of, restore, square_and_slope, squared_error

from reconbench.continuation import continue_into_darkness
from reconbench.convolution import Convolution, squared_gradient
from reconbench.errors import UserError
from reconbench.methods import regularised_inverse_filter, tikhonov_deconvolution, wiener_deconvolution
from reconbench.methods._periodic import InverseFilter, PeriodicBlur

BOUNDARIES = ["symmetric", "zero", "circular"]


@pytest.fixture
def random():
    return np.random.default_rng(3)


@pytest.mark.parametrize("shape", [(56, 64), (55, 63), (40, 61)])
def test_a_kept_filter_agrees_with_scikit_image(random, shape):
    """Whose Wiener filter has the Laplacian for a regulariser, and is circular."""
    kernel = lopsided_kernel()
    blur = PeriodicBlur(kernel, shape, "circular")
    kept = InverseFilter(blur, squared_gradient(shape).square(), 0.2)
    for _ in range(2):
        measurement = random.uniform(size=shape).astype(np.float32)
        expected = skimage.restoration.wiener(measurement.astype(float), kernel, balance=0.2, clip=False)
        actual = kept(blur.spectrum(measurement))
        assert actual.dtype == np.float32
        assert np.linalg.norm(actual - expected) < 1e-6 * np.linalg.norm(expected)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(("kernel", "shape"), [((5, 7), (40, 31)), ((3, 5, 3), (6, 17, 12))])
def test_a_kept_filter_takes_any_number_of_images(random, boundary, kernel, shape):
    blur = PeriodicBlur(random.uniform(size=kernel) / np.prod(kernel), shape, boundary)
    kept = InverseFilter(blur, squared_gradient(blur.grid), 0.1)
    images = random.uniform(size=(3, *shape)).astype(np.float32)
    together = kept(blur.spectrum(images))
    assert together.shape == images.shape
    for image, estimate in zip(images, together, strict=True):
        np.testing.assert_allclose(kept(blur.spectrum(image)), estimate, atol=1e-5)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("divisor", [1, 8])
@pytest.mark.parametrize("shape", [(64, 40), (37, 61), (1, 104), (5, 16, 27)])
def test_the_image_is_the_beginning_of_the_grid(random, boundary, divisor, shape):
    kernel = np.ones([5] * len(shape)) / 5 ** len(shape)
    image = random.uniform(size=shape).astype(np.float32)
    blur = PeriodicBlur(kernel, shape, boundary, divisor=divisor)
    np.testing.assert_allclose(blur.crop(blur.inverse(blur.spectrum(image))), image, atol=1e-6)
    assert all(size % divisor == 0 for size in blur.grid)
    gaps = np.subtract(blur.grid, shape)
    if boundary != "circular":
        assert (gaps >= 5).all()
    else:
        np.testing.assert_array_equal(gaps == 0, np.mod(shape, divisor) == 0)


def test_a_kernel_of_other_axes_is_named():
    for shape in ((8, 8), (4, 8, 8, 8)):
        with pytest.raises(UserError, match="axes"):
            PeriodicBlur(np.ones((3, 3, 3)) / 27, shape)


# The light beyond the edge


def stripes(shape):
    """A truth of smooth stripes that ends at the edge, float32."""
    coordinates = np.meshgrid(*(np.linspace(0, 5, size) for size in shape), indexing="ij")
    return (1 + 0.3 * np.sin(sum(coordinates))).astype(np.float32)


def with_the_dark(truth, blur):
    """What the blur makes of a truth in a grid of darkness."""
    surrounded = np.zeros(blur.grid, dtype=np.float32)
    surrounded[tuple(map(slice, truth.shape))] = truth
    return blur.inverse(blur.transfer * torch.fft.rfftn(torch.from_numpy(surrounded))).numpy()


@pytest.mark.parametrize("projection", [[0.1, 0.4, 0.2, 0.2, 0.1], [0, 0, 1.0], [1.0, 0, 0], [1.0]])
def test_the_light_of_a_constant_is_exact(projection):
    """Also of a kernel that only shifts, either way."""
    projection = np.array(projection)
    truth = np.full(12, 0.7)
    light = np.convolve(np.pad(truth, 10), projection, mode="same")
    image = torch.from_numpy(light[10:22].astype(np.float32))
    extended = continue_into_darkness(image, projection, 16)
    np.testing.assert_allclose(extended[:12], image)
    np.testing.assert_allclose(extended[12:20], light[22:30], atol=1e-6)
    np.testing.assert_allclose(extended[20:], light[2:10], atol=1e-6)


@pytest.mark.parametrize("shape", [(20, 25), (6, 9, 14)])
def test_the_light_of_a_block_is_exact_for_a_kernel_that_is_a_product(shape):
    """Whatever the order of the axes, each of which has a projection of its own."""
    lines = [np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.1, 0.5, 0, 0.3]), np.array([0, 0, 0.2, 0.2, 0.2, 0.2, 0.2])]
    kernel = functools.reduce(np.multiply.outer, lines[: len(shape)])
    truth = np.full(shape, 0.7, dtype=np.float32)
    blur = PeriodicBlur(kernel, shape, "zero")
    extended = blur.inverse(blur.spectrum(blurred(truth, kernel)))
    np.testing.assert_allclose(extended, with_the_dark(truth, blur), atol=1e-6)


@pytest.mark.parametrize(("size", "shape"), [((9, 11), (40, 51)), ((7, 5, 5), (12, 20, 17))])
def test_the_light_beyond_the_edge_is_near_to_the_true_one(random, size, shape):
    kernel = random.uniform(size=size)
    kernel /= kernel.sum()
    truth = stripes(shape)
    measurement = blurred(truth, kernel)
    errors = {}
    for boundary in ("symmetric", "zero"):
        blur = PeriodicBlur(kernel, shape, boundary)
        extended = blur.inverse(blur.spectrum(measurement)).numpy()
        errors[boundary] = np.linalg.norm(extended - with_the_dark(truth, blur))
    assert errors["zero"] < 0.1 * errors["symmetric"]


@pytest.mark.parametrize("method", [wiener_deconvolution, tikhonov_deconvolution, regularised_inverse_filter])
def test_a_truth_that_ends_at_the_edge_is_restored_better_with_its_light(random, method):
    kernel = np.ones((9, 9)) / 81
    truth = square_and_slope() + np.float32(0.3)
    measurement = (Convolution(kernel)(torch.from_numpy(truth)).numpy() + random.normal(0, 0.01, truth.shape)).astype(
        np.float32
    )
    errors = {
        boundary: squared_error(
            restore(method, measurement, problem_of(Blur(kernel)), weight=0.01, boundary=boundary), truth
        )
        for boundary in BOUNDARIES
    }
    assert errors["zero"] < 0.7 * min(errors["symmetric"], errors["circular"])
