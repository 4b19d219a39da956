"""The regularised inverse filter: against its formulas over the whole spectrum, and cases whose answer is known."""

import numpy as np
import pytest
from deconvolution_problems import Blur, blurred, lopsided_kernel, problem_of, restore, square_and_slope

from reconbench.methods import regularised_inverse_filter
from reconbench.methods._periodic import squared_frequency

SHAPES = [((5, 7), (40, 48)), ((5, 7), (41, 53)), ((3, 5, 3), (9, 16, 15))]


@pytest.fixture
def random():
    return np.random.default_rng(5)


def whole_spectra(measurement, kernel):
    """Return Y, H and L over all frequencies, in double precision."""
    shape = measurement.shape
    padded = np.zeros(shape)
    padded[tuple(map(slice, kernel.shape))] = kernel
    centred = np.roll(padded, [-(size // 2) for size in kernel.shape], axis=range(kernel.ndim))
    frequencies = np.meshgrid(*(2 * np.pi * np.fft.fftfreq(size) for size in shape), indexing="ij")
    return np.fft.fftn(measurement.astype(float)), np.fft.fftn(centred), sum(omega**2 for omega in frequencies)


def random_kernel(random, size):
    kernel = random.uniform(size=size)
    return kernel / kernel.sum()


@pytest.mark.parametrize(("size", "shape"), SHAPES)
@pytest.mark.parametrize("weight", [1e-3, 0.1])
def test_the_formula_over_the_whole_spectrum(random, size, shape, weight):
    kernel = random_kernel(random, size)
    measurement = random.uniform(size=shape).astype(np.float32)
    y, h, laplacian = whole_spectra(measurement, kernel)
    expected = np.fft.ifftn(h.conj() * y / (np.abs(h) ** 2 + weight * laplacian**2))
    assert np.abs(expected.imag).max() < 1e-10
    params = {"weight": weight, "boundary": "circular"}
    actual = restore(regularised_inverse_filter, measurement, problem_of(Blur(kernel)), **params)
    np.testing.assert_allclose(actual, expected.real, atol=2e-5)


@pytest.mark.parametrize(("size", "shape"), SHAPES)
def test_the_published_formula_over_the_whole_spectrum(random, size, shape):
    """H squared as a complex number, and a division that is held off zero."""
    kernel = random_kernel(random, size)
    measurement = random.uniform(size=shape).astype(np.float32)
    y, h, laplacian = whole_spectra(measurement, kernel)
    for weight in (0, 1e-3):
        divisor = h**2 + weight * laplacian**2
        expected = np.fft.ifftn(y * h * divisor.conj() / np.maximum(np.abs(divisor) ** 2, 1e-6)).real
        params = {"weight": weight, "reading": "as_published"}
        actual = restore(regularised_inverse_filter, measurement, problem_of(Blur(kernel)), **params)
        assert np.linalg.norm(actual - expected) < 1e-4 * np.linalg.norm(expected)


def test_both_readings_are_equal_for_a_kernel_that_is_its_mirror_image(random):
    measurement = random.uniform(size=(40, 45)).astype(np.float32)
    lopsided = lopsided_kernel()
    for kernel, equal in ((lopsided + lopsided[::-1, ::-1]) / 2, True), (lopsided, False):
        corrected, published = (
            restore(
                regularised_inverse_filter,
                measurement,
                problem_of(Blur(kernel)),
                weight=0.1,
                reading=reading,
                boundary="circular",
            )
            for reading in ("corrected", "as_published")
        )
        assert np.allclose(corrected, published, atol=1e-5) == equal


def test_as_published_has_the_published_parameters_unless_they_are_given():
    params = regularised_inverse_filter.Params
    assert params(reading="as_published") == params(reading="as_published", weight=0.1, boundary="circular")
    assert params(reading="as_published", boundary="symmetric").boundary == "symmetric"
    assert params().boundary == "symmetric"


def test_without_noise_and_weight_an_invertible_kernel_is_inverted():
    kernel = np.array([[0.02, 0.05, 0], [0.03, 0.8, 0.05], [0, 0.05, 0]])
    truth = square_and_slope()
    measurement = blurred(truth, kernel, "circular")
    for reading in ("corrected", "as_published"):
        params = {"weight": 0, "boundary": "circular", "reading": reading}
        estimate = restore(regularised_inverse_filter, measurement, problem_of(Blur(kernel)), **params)
        np.testing.assert_allclose(estimate, truth, atol=3e-6)


def test_with_a_large_weight_only_the_mean_is_left(random):
    measurement = random.uniform(size=(40, 45)).astype(np.float32)
    params = {"weight": 1e9, "boundary": "circular"}
    estimate = restore(regularised_inverse_filter, measurement, problem_of(Blur(lopsided_kernel())), **params)
    np.testing.assert_allclose(estimate, measurement.mean(), atol=1e-5)


@pytest.mark.parametrize("grid", [(16, 24), (15, 9), (8, 6, 10)])
def test_the_squared_frequency_is_that_of_a_wave(grid):
    """Which the negative Laplacian multiplies by it; pi along every axis at the highest frequency of even sizes."""
    symbol = squared_frequency(grid).numpy()
    for number in np.ndindex(symbol.shape):
        waves = [min(k, size - k) for k, size in zip(number, grid, strict=True)]
        omega = [2 * np.pi * k / size for k, size in zip(waves, grid, strict=True)]
        assert symbol[number] == pytest.approx(np.square(omega).sum(), rel=1e-5)
    if all(size % 2 == 0 for size in grid):
        assert symbol.max() == pytest.approx(len(grid) * np.pi**2, rel=1e-6)
