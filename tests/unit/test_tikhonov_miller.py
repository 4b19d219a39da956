"""Tikhonov-Miller with and without its constraint: against closed forms, and what every step must do."""

import numpy as np
import pytest
import scipy.ndimage
from deconvolution_problems import Blur, blurred, lopsided_kernel, problem_of, restore, square_and_slope

from reconbench.errors import UserError
from reconbench.methods import iterative_constrained_tikhonov_miller as constrained
from reconbench.methods import regularised_inverse_filter, tikhonov_miller

BOTH = [tikhonov_miller, constrained]
CIRCULAR = {"boundary": "circular"}


@pytest.fixture
def random():
    return np.random.default_rng(7)


@pytest.fixture
def image(random):
    """A noisy measurement with negative values, of odd sizes, and its problem."""
    truth = square_and_slope()[:51, :61] - np.float32(0.1)
    measurement = blurred(truth, lopsided_kernel(), "circular") + random.normal(0, 0.03, truth.shape)
    return measurement.astype(np.float32), problem_of(Blur(lopsided_kernel()))


@pytest.fixture
def volume(random):
    kernel = random.uniform(size=(3, 5, 3))
    return random.uniform(size=(8, 9, 11)).astype(np.float32), problem_of(Blur(kernel / kernel.sum()))


def negative_laplacian_symbol(shape):
    frequencies = np.meshgrid(*(2 * np.pi * np.fft.fftfreq(size) for size in shape), indexing="ij")
    return sum(omega**2 for omega in frequencies)


def energy_and_slope(x, measurement, kernel, weight):
    """Half of ||h * x - y||^2 + weight ||Laplacian x||^2 and its gradient, on a circle, in double precision."""
    x = x.astype(float)
    residual = scipy.ndimage.convolve(x, kernel, mode="wrap") - measurement
    symbol = negative_laplacian_symbol(x.shape)
    laplacian = np.fft.ifftn(symbol * np.fft.fftn(x)).real
    slope = (
        scipy.ndimage.correlate(residual, kernel, mode="wrap") + weight * np.fft.ifftn(symbol**2 * np.fft.fftn(x)).real
    )
    return 0.5 * (residual**2).sum() + 0.5 * weight * (laplacian**2).sum(), slope


def curvature_bound(shape, kernel, weight):
    """The largest |H|^2 + weight L^2."""
    padded = np.zeros(shape)
    padded[tuple(map(slice, kernel.shape))] = kernel
    return (np.abs(np.fft.fftn(padded)) ** 2 + weight * negative_laplacian_symbol(shape) ** 2).max()


@pytest.mark.parametrize("case", ["image", "volume"])
def test_the_fixed_point_is_the_regularised_inverse(case, request):
    measurement, problem = request.getfixturevalue(case)
    params = {"weight": 0.01, **CIRCULAR}
    expected = restore(regularised_inverse_filter, measurement, problem, **params)
    actual = restore(tikhonov_miller, measurement, problem, iterations=8000, relaxation=1.9, **params)
    np.testing.assert_allclose(actual, expected, atol=1e-4)
    early = restore(tikhonov_miller, measurement, problem, iterations=20, relaxation=1.9, **params)
    assert np.abs(early - expected).max() > 0.01


@pytest.mark.parametrize("case", ["image", "volume"])
@pytest.mark.parametrize(("iterations", "relaxation"), [(1, 1.0), (4, 1.7)])
@pytest.mark.parametrize("method", BOTH)
def test_step_by_step(case, iterations, relaxation, method, request):
    """x <- x - gamma (gradient) from gamma H^T y, by direct convolution."""
    measurement, problem = request.getfixturevalue(case)
    measurement = measurement - measurement.mean()
    kernel, weight = problem.forward.kernel, 0.003
    gamma = relaxation / curvature_bound(measurement.shape, kernel, weight)
    x = gamma * scipy.ndimage.correlate(measurement.astype(float), kernel, mode="wrap")
    for _ in range(iterations):
        x = x - gamma * energy_and_slope(x, measurement, kernel, weight)[1]
        if method is constrained:
            x = x.clip(min=0)
    params = {"weight": weight, "iterations": iterations, "relaxation": relaxation, **CIRCULAR}
    np.testing.assert_allclose(restore(method, measurement, problem, **params), x, atol=1e-5)


@pytest.mark.parametrize("case", ["image", "volume"])
def test_published_without_weight_it_is_landweber(case, request):
    measurement, problem = request.getfixturevalue(case)
    kernel = problem.forward.kernel
    x = scipy.ndimage.correlate(measurement.astype(float), kernel, mode="wrap")
    for _ in range(10):
        residual = measurement - scipy.ndimage.convolve(x, kernel, mode="wrap")
        x = x + scipy.ndimage.correlate(residual, kernel, mode="wrap")
    actual = restore(tikhonov_miller, measurement, problem, reading="as_published", weight=0)
    np.testing.assert_allclose(actual, x, atol=1e-5)


@pytest.mark.parametrize("method", BOTH)
@pytest.mark.parametrize("relaxation", [1.0, 1.9])
@pytest.mark.parametrize("weight", [0, 1e-3, 1.0])
def test_the_energy_falls_in_every_iteration(image, method, relaxation, weight):
    measurement, problem = image
    energies = []
    for iterations in (*range(1, 20), 40, 80):
        params = {"weight": weight, "relaxation": relaxation, "iterations": iterations, **CIRCULAR}
        estimate = restore(method, measurement, problem, **params)
        energies.append(energy_and_slope(estimate, measurement, problem.forward.kernel, weight)[0])
    assert (np.diff(energies) < 1e-5 * energies[0]).all()
    assert energies[-1] < 0.9 * energies[0]


@pytest.mark.parametrize("case", ["image", "volume"])
def test_the_constraint_holds_in_each_iteration_and_changes_the_next(case, request):
    measurement, problem = request.getfixturevalue(case)
    measurement = measurement - measurement.mean()
    for iterations in (1, 2, 5, 30):
        params = {"weight": 1e-4, "iterations": iterations, **CIRCULAR}
        estimate, free = (restore(method, measurement, problem, **params) for method in (constrained, tikhonov_miller))
        assert estimate.min() >= 0 > free.min()
        if iterations > 1:
            assert np.abs(estimate - free.clip(min=0)).max() > 1e-3


def test_the_constrained_minimum_is_one(image):
    """Where x is above zero, the gradient vanishes; where x is zero, it points out of what is allowed."""
    measurement, problem = image
    params = {"weight": 0.003, "iterations": 1500, "relaxation": 1.9, **CIRCULAR}
    estimate = restore(constrained, measurement, problem, **params)
    _, slope = energy_and_slope(estimate, measurement, problem.forward.kernel, 0.003)
    inside = estimate > 1e-3
    assert 0.2 < inside.mean() < 0.8
    assert np.abs(slope[inside]).max() < 1e-3
    assert slope.min() > -1e-3
    assert slope[estimate == 0].max() > 0.01


def test_where_nothing_becomes_negative_the_constraint_changes_nothing(image):
    measurement, problem = image
    params = {"weight": 0.01, "iterations": 200, **CIRCULAR}
    free, restricted = (restore(method, measurement + 5, problem, **params) for method in BOTH)
    np.testing.assert_allclose(restricted, free, atol=1e-4)


@pytest.mark.parametrize("case", ["image", "volume"])
def test_the_published_step_diverges_at_the_published_weight_and_stays_finite(case, request):
    measurement, problem = request.getfixturevalue(case)
    estimate = restore(tikhonov_miller, measurement, problem, reading="as_published")
    assert np.isfinite(estimate).all()
    assert np.abs(estimate).max() > 1e6
    clipped = restore(constrained, measurement, problem, reading="as_published")
    np.testing.assert_array_equal(clipped, estimate.clip(min=0))
    for method in BOTH:
        with pytest.raises(UserError, match="diverge"):
            restore(method, measurement, problem, reading="as_published", iterations=60)


@pytest.mark.parametrize(("case", "largest"), [("image", 2 / 389.6), ("volume", 2 / 876.7)])
def test_the_published_step_converges_below_the_weight_of_the_docstring(case, largest, request, random):
    """Even sizes, which have the highest frequency, and white noise, in which all frequencies are."""
    _, problem = request.getfixturevalue(case)
    measurement = random.normal(size=(24, 32) if case == "image" else (8, 10, 12)).astype(np.float32)
    for factor, converges in ((0.9, True), (1.3, False)):
        params = {"reading": "as_published", "weight": factor * largest}
        first, last = (restore(tikhonov_miller, measurement, problem, iterations=n, **params).std() for n in (20, 80))
        assert (last < 2 * first) == converges


@pytest.mark.parametrize("method", BOTH)
def test_as_published_has_the_published_parameters_unless_they_are_given(method):
    published = {"weight": 0.1, "iterations": 10, "relaxation": 1.0, "boundary": "circular"}
    assert method.Params(reading="as_published") == method.Params(reading="as_published", **published)
    assert method.Params(reading="as_published", iterations=5).iterations == 5
    assert method.Params().iterations != 10


@pytest.mark.parametrize("method", BOTH)
@pytest.mark.parametrize("boundary", ["symmetric", "zero", "circular"])
def test_a_dark_image_stays_dark(method, boundary):
    measurement = np.zeros((20, 23), dtype=np.float32)
    estimate = restore(method, measurement, problem_of(Blur(lopsided_kernel())), boundary=boundary)
    np.testing.assert_array_equal(estimate, measurement)
