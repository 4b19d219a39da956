"""Deconvolution with total variation: against SciPy's optimiser, and cases whose answer is known."""

import numpy as np
import pytest
from deconvolution_problems import (
    Blur,
    blurred,
    least_objective,
    lopsided_kernel,
    objective,
    problem_of,
    restore,
    square_and_slope,
    squared_error,
)

from reconbench.methods import chambolle_pock_tv, conjugate_gradient_tv


@pytest.fixture
def random():
    return np.random.default_rng(11)


@pytest.fixture
def lopsided():
    return lopsided_kernel()


@pytest.fixture
def truth():
    return square_and_slope()


@pytest.fixture
def small(truth, lopsided, random):
    """A small noisy measurement, the blur and the problem."""
    measurement = blurred(truth[5:33, 8:40], lopsided) + random.normal(0, 0.05, (28, 32))
    return measurement.astype(np.float32), Blur(lopsided), problem_of(Blur(lopsided))


@pytest.mark.parametrize("weight", [5e-3, 5e-2])
def test_chambolle_pock_reaches_the_minimum(small, weight):
    measurement, blur, problem = small
    values = [
        objective(
            restore(chambolle_pock_tv, measurement, problem, weight=weight, iterations=n, clip=None),
            measurement,
            blur,
            weight,
        )
        for n in (5, 50, 800)
    ]
    assert values[0] > values[1] > values[2]
    # The smoothing raises the objective by at most weight * sqrt(smoothing) a pixel.
    minimum = least_objective(measurement, blur, weight, smoothing=1e-8)
    assert minimum - weight * 1e-4 * measurement.size - 1e-4 <= values[2] <= 1.002 * minimum


@pytest.mark.parametrize(("weight", "smoothing", "iterations"), [(5e-3, 0.1, 60), (5e-2, 1.0, 15)])
def test_conjugate_gradients_reach_the_minimum_where_the_smoothing_is_strong(small, weight, smoothing, iterations):
    """The published step is exact for the quadratic part alone, so that the other part has to be gentle."""
    measurement, blur, problem = small
    params = {"weight": weight, "smoothing": smoothing, "iterations": iterations, "clip": None}
    estimate = restore(conjugate_gradient_tv, measurement, problem, **params)
    minimum = least_objective(measurement, blur, weight, smoothing)
    assert objective(estimate, measurement, blur, weight, smoothing) == pytest.approx(minimum, rel=1e-4)


def test_both_total_variations_agree(small):
    """Where the smoothing is weak beside the noise, but the weight is small enough for the published step."""
    measurement, blur, problem = small
    weight, smoothing = 1e-3, 1e-4
    primal_dual = restore(chambolle_pock_tv, measurement, problem, weight=weight, iterations=600, clip=None)
    gradients = restore(
        conjugate_gradient_tv, measurement, problem, weight=weight, smoothing=smoothing, iterations=300, clip=None
    )
    first, second = (objective(x, measurement, blur, weight) for x in (primal_dual, gradients))
    assert second == pytest.approx(first, rel=0.05)


@pytest.mark.parametrize("method", [chambolle_pock_tv, conjugate_gradient_tv])
def test_without_weight_total_variation_fits_the_measurement(truth, random, method):
    kernel = np.array([[0, 0.05, 0], [0.05, 0.8, 0.05], [0, 0.05, 0]])  # invertible
    measurement = blurred(truth, kernel)
    estimate = restore(method, measurement, problem_of(Blur(kernel)), weight=0, clip=None)
    np.testing.assert_allclose(estimate, truth, atol=2e-3)


def test_with_a_large_weight_total_variation_is_flat(small):
    measurement, _, problem = small
    estimate = restore(chambolle_pock_tv, measurement, problem, weight=100, iterations=1000, clip=None)
    assert np.ptp(estimate) < 0.01


def test_total_variation_denoises_volumes(random):
    truth = np.zeros((8, 16, 16), dtype=np.float32)
    truth[2:6, 4:12, 4:12] = 1
    point = np.zeros((3, 3, 3))
    point[1, 1, 1] = 1
    measurement = (truth + random.normal(0, 0.2, truth.shape)).astype(np.float32)
    estimate = restore(chambolle_pock_tv, measurement, problem_of(Blur(point)), weight=0.2)
    assert squared_error(estimate, truth) < 0.2 * squared_error(measurement, truth)


def test_conjugate_gradients_of_a_dark_image(lopsided):
    measurement = np.zeros((20, 20), dtype=np.float32)
    np.testing.assert_array_equal(restore(conjugate_gradient_tv, measurement, problem_of(Blur(lopsided))), 0)
