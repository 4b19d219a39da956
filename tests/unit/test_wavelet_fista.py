"""Haar wavelets by FISTA: against PyWavelets, the iteration without momentum, and cases whose answer is known."""

import functools

import numpy as np
import pytest
import pywt
import scipy.ndimage
import torch
from deconvolution_problems import Blur, blurred, lopsided_kernel, problem_of, restore, square_and_slope, squared_error

from reconbench.methods import wavelet_fista

SHAPES = [(24, 40), (16, 8, 32)]
CIRCULAR = {"boundary": "circular"}


@pytest.fixture
def random():
    return np.random.default_rng(13)


@pytest.fixture(params=["image", "volume"])
def case(request, random):
    """A noisy measurement whose sizes are multiples of 8, and its kernel."""
    if request.param == "image":
        kernel, truth = lopsided_kernel(), square_and_slope()[:40, :48]
    else:
        kernel, truth = random.uniform(size=(3, 5, 3)), np.full((8, 16, 24), 0.2, dtype=np.float32)
        kernel /= kernel.sum()
        truth[2:6, 4:11, 6:20] = 0.9
    measurement = blurred(truth, kernel, "circular") + random.normal(0, 0.03, truth.shape)
    return measurement.astype(np.float32), kernel


def shrink(image, threshold, with_approximation):
    """Shrink the coefficients that PyWavelets gives."""
    approximation, *details = pywt.wavedecn(image, "haar", mode="periodization", level=3)
    if with_approximation:
        approximation = pywt.threshold(approximation, threshold)
    shrunk = [{key: pywt.threshold(value, threshold) for key, value in scale.items()} for scale in details]
    return pywt.waverecn([approximation, *shrunk], "haar", mode="periodization")


def objective(x, measurement, kernel, weight):
    _, *details = pywt.wavedecn(x, "haar", mode="periodization", level=3)
    residual = scipy.ndimage.convolve(x, kernel, mode="wrap") - measurement
    return 0.5 * (residual**2).sum() + weight * sum(
        np.abs(value).sum() for scale in details for value in scale.values()
    )


def descend(x, measurement, kernel):
    """One Landweber step of length 1, by direct convolution in double precision."""
    residual = measurement - scipy.ndimage.convolve(x, kernel, mode="wrap")
    return x + scipy.ndimage.correlate(residual, kernel, mode="wrap")


# The transform


@pytest.mark.parametrize("shape", SHAPES)
def test_the_transform_is_orthonormal(random, shape):
    x, y = (torch.from_numpy(random.normal(size=shape)) for _ in range(2))
    there = wavelet_fista.haar(x, 3)
    assert float((there * wavelet_fista.haar(y, 3)).sum()) == pytest.approx(float((x * y).sum()), rel=1e-12)
    np.testing.assert_allclose(wavelet_fista.inverse_haar(there, 3), x, atol=1e-12)
    np.testing.assert_allclose(wavelet_fista.haar(wavelet_fista.inverse_haar(x, 3), 3), x, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scales", [1, 2, 3])
def test_the_transform_agrees_with_pywavelets(random, shape, scales):
    image = random.normal(size=shape)
    expected, _ = pywt.coeffs_to_array(pywt.wavedecn(image, "haar", mode="periodization", level=scales))
    np.testing.assert_allclose(wavelet_fista.haar(torch.from_numpy(image), scales), expected, atol=1e-12)


# The iteration


def test_the_published_iteration_step_by_step(case):
    """Ten steps with a threshold of half the weight of 0.1 on all bands, from the first Landweber step."""
    measurement, kernel = case
    x = z = scipy.ndimage.correlate(measurement.astype(float), kernel, mode="wrap")
    t = 1.0
    for _ in range(10):
        x_ahead = shrink(descend(z, measurement, kernel), 0.05, with_approximation=True)
        t_ahead = (1 + np.sqrt(1 + 4 * t**2)) / 2
        z = x_ahead + (t - 1) / t_ahead * (x_ahead - x)
        x, t = x_ahead, t_ahead
    actual = restore(wavelet_fista, measurement, problem_of(Blur(kernel)), reading="as_published")
    np.testing.assert_allclose(actual, x, atol=1e-5)


@pytest.mark.parametrize("weight", [3e-3, 3e-2])
def test_the_objective_falls_to_that_of_the_iteration_without_momentum(case, weight):
    measurement, kernel = case
    x = measurement.astype(float)
    for _ in range(1500):
        x = shrink(descend(x, measurement, kernel), weight, with_approximation=False)
    lowest = objective(x, measurement, kernel, weight)
    values = [
        objective(
            restore(
                wavelet_fista, measurement, problem_of(Blur(kernel)), weight=weight, iterations=n, **CIRCULAR
            ).astype(float),
            measurement,
            kernel,
            weight,
        )
        for n in (1, 10, 300)
    ]
    assert values[0] > values[1] > values[2]
    assert values[2] == pytest.approx(lowest, rel=2e-3)


def test_the_step_follows_from_the_kernel(case):
    """A kernel of another sum needs another step; the same problem in other units has the same solution."""
    measurement, kernel = case
    params = {"weight": 0.01, "iterations": 30, **CIRCULAR}
    estimate = restore(wavelet_fista, measurement, problem_of(Blur(kernel)), **params)
    scaled = restore(
        wavelet_fista, 4 * measurement, problem_of(Blur(4 * kernel)), **{**params, "weight": 16 * params["weight"]}
    )
    np.testing.assert_allclose(scaled, estimate, atol=1e-5)


def test_without_noise_and_weight_an_invertible_kernel_is_inverted():
    kernel = np.array([[0.02, 0.05, 0], [0.03, 0.8, 0.05], [0, 0.05, 0]])
    truth = square_and_slope()
    params = {"weight": 0, "iterations": 200, **CIRCULAR}
    estimate = restore(wavelet_fista, blurred(truth, kernel, "circular"), problem_of(Blur(kernel)), **params)
    np.testing.assert_allclose(estimate, truth, atol=1e-4)


def test_with_a_large_weight_the_approximation_is_left_unless_as_published(case):
    measurement, kernel = case
    corrected, published = (
        restore(wavelet_fista, measurement, problem_of(Blur(kernel)), weight=1e4, reading=reading, **CIRCULAR)
        for reading in ("corrected", "as_published")
    )
    assert not published.any()
    blocks = torch.from_numpy(corrected)
    for axis in range(blocks.ndim):
        blocks = blocks.unfold(axis, 8, 8)
    assert float(blocks.flatten(blocks.ndim // 2).std(-1).max()) < 1e-5
    assert corrected.std() > 0.05


@pytest.mark.parametrize("boundary", ["symmetric", "zero", "circular"])
@pytest.mark.parametrize("shape", [(45, 51), (6, 13, 19)])
def test_sizes_that_are_no_multiples_of_eight(random, boundary, shape):
    kernel = functools.reduce(np.multiply.outer, [np.array([0.25, 0.5, 0.25])] * len(shape))
    truth = np.zeros(shape, dtype=np.float32)
    truth[tuple(slice(size // 4, -(size // 4)) for size in shape)] = 1
    measurement = (blurred(truth, kernel) + random.normal(0, 0.02, shape)).astype(np.float32)
    params = {"weight": 3e-3, "boundary": boundary}
    estimate = restore(wavelet_fista, measurement, problem_of(Blur(kernel)), **params)
    assert estimate.shape == shape
    assert squared_error(estimate, truth) < 0.6 * squared_error(measurement, truth)


def test_as_published_has_the_published_parameters_unless_they_are_given():
    published = {"weight": 0.1, "iterations": 10, "relaxation": 1.0, "boundary": "circular"}
    assert wavelet_fista.Params(reading="as_published") == wavelet_fista.Params(reading="as_published", **published)
    assert wavelet_fista.Params(reading="as_published", weight=1).weight == 1
