"""Deconvolution: against scikit-image, SciPy, and cases whose answer is known.

Total variation and volumes have their own files.
"""

import importlib

import numpy as np
import pytest
import scipy.ndimage
import skimage.restoration
from deconvolution_problems import Blur, blurred, lopsided_kernel, problem_of, restore, square_and_slope, squared_error

from reconbench.contracts import NotToldError
from reconbench.errors import UserError
from reconbench.methods import (
    chambolle_pock_tv,
    conjugate_gradient_tv,
    lucy_richardson,
    tikhonov_deconvolution,
    wiener_deconvolution,
)

METHODS = [chambolle_pock_tv, conjugate_gradient_tv, lucy_richardson, tikhonov_deconvolution, wiener_deconvolution]
CLOSED_FORM = [tikhonov_deconvolution, wiener_deconvolution]
BOUNDARIES = ["symmetric", "zero", "circular"]


@pytest.fixture
def random():
    return np.random.default_rng(11)


@pytest.fixture
def lopsided():
    return lopsided_kernel()


@pytest.fixture
def truth():
    return square_and_slope()


# Lucy-Richardson


@pytest.mark.parametrize("iterations", [1, 10, 40])
def test_lucy_richardson_agrees_with_scikit_image(truth, lopsided, random, iterations):
    measurement = random.poisson(300 * blurred(truth, lopsided).clip(0)).astype(np.float32) / 300
    expected = skimage.restoration.richardson_lucy(measurement.astype(float), lopsided, num_iter=iterations, clip=False)
    actual = restore(
        lucy_richardson, measurement, problem_of(Blur(lopsided)), iterations=iterations, boundary="zero", clip=None
    )
    assert np.linalg.norm(actual - expected) < 1e-5 * np.linalg.norm(expected)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_lucy_richardson_step_by_step(truth, lopsided, random, boundary):
    """The published iteration by direct convolution in double precision."""
    measurement = random.uniform(0, 1, size=truth.shape).astype(np.float32)
    mode = {"zero": "constant", "symmetric": "reflect", "circular": "wrap"}[boundary]
    x = np.full(truth.shape, measurement.mean(dtype=float))
    for _ in range(5):
        d = scipy.ndimage.convolve(x, lopsided, mode=mode)
        d[d == 0] = 1
        x = x * scipy.ndimage.convolve(measurement / d, lopsided[::-1, ::-1], mode=mode)
    actual = restore(
        lucy_richardson, measurement, problem_of(Blur(lopsided)), iterations=5, boundary=boundary, clip=None
    )
    np.testing.assert_allclose(actual, x, atol=2e-5)


def test_lucy_richardson_sharpens_and_keeps_the_energy(truth, lopsided):
    measurement = blurred(truth, lopsided, "circular")
    estimate = restore(
        lucy_richardson, measurement, problem_of(Blur(lopsided)), iterations=100, boundary="circular", clip=None
    )
    assert estimate.sum() == pytest.approx(measurement.sum(), rel=1e-5)
    assert estimate.min() >= -1e-6
    assert squared_error(estimate, truth) < 0.1 * squared_error(measurement, truth)


def test_lucy_richardson_raises_the_likelihood_every_time(truth, lopsided, random):
    """Of Poisson counts, as expectation maximisation must; a wrong adjoint breaks this."""
    measurement = random.poisson(100 * blurred(truth, lopsided, "circular").clip(0)).astype(np.float32) / 100
    likelihoods = []
    for iterations in (1, 2, 3, 5, 10, 20, 40):
        x = restore(
            lucy_richardson,
            measurement,
            problem_of(Blur(lopsided)),
            iterations=iterations,
            boundary="circular",
            clip=None,
        )
        mean = blurred(x, lopsided, "circular").astype(float)
        likelihoods.append(float((measurement * np.log(mean) - mean).sum()))
    assert (np.diff(likelihoods) > 0).all()


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_lucy_richardson_in_the_dark(lopsided, boundary):
    """Zeros, a lone bright pixel and negative values: nothing is divided by a rounding error."""
    measurement = np.zeros((40, 50), dtype=np.float32)
    problem = problem_of(Blur(lopsided))
    np.testing.assert_array_equal(restore(lucy_richardson, measurement, problem, boundary=boundary), measurement)
    measurement[20, 25], measurement[5, 5] = 0.5, -3
    estimate = restore(lucy_richardson, measurement, problem, iterations=30, boundary=boundary, clip=None)
    assert np.isfinite(estimate).all()
    assert estimate.sum() == pytest.approx(0.5, rel=1e-3)


def test_lucy_richardson_of_a_constant_is_the_constant(lopsided):
    measurement = np.full((20, 30), 0.3, dtype=np.float32)
    estimate = restore(lucy_richardson, measurement, problem_of(Blur(lopsided)), iterations=20)
    np.testing.assert_allclose(estimate, 0.3, atol=1e-5)


# Wiener and Tikhonov


@pytest.mark.parametrize("method", CLOSED_FORM)
def test_without_noise_an_invertible_kernel_is_inverted(truth, method):
    kernel = np.array([[0.02, 0.05, 0], [0.03, 0.8, 0.05], [0, 0.05, 0]])
    measurement = blurred(truth, kernel, "circular")
    for params in ({"weight": 0}, {}):  # the weight given, or from a declared variance of zero
        if params or method is wiener_deconvolution:
            estimate = restore(method, measurement, problem_of(Blur(kernel), 0.0), boundary="circular", **params)
            np.testing.assert_allclose(estimate, truth, atol=2e-6)


def test_tikhonov_agrees_with_scikit_image(truth, lopsided, random):
    measurement = (blurred(truth, lopsided, "circular") + random.normal(0, 0.05, truth.shape)).astype(np.float32)
    expected = skimage.restoration.wiener(measurement.astype(float), lopsided, balance=0.2, clip=False)
    actual = restore(tikhonov_deconvolution, measurement, problem_of(Blur(lopsided)), weight=0.2, boundary="circular")
    np.testing.assert_allclose(actual, expected, atol=1e-5)


@pytest.mark.parametrize("method", CLOSED_FORM)
@pytest.mark.parametrize("noise", [0.02, 0.1])
def test_the_weight_from_the_declared_noise_is_near_the_best(truth, random, method, noise):
    kernel = np.ones((5, 5)) / 25
    measurement = (blurred(truth, kernel, "symmetric") + random.normal(0, noise, truth.shape)).astype(np.float32)
    problem = problem_of(Blur(kernel), noise**2)
    errors = [
        squared_error(restore(method, measurement, problem, weight=w), truth) for w in method.METHOD.grid["weight"]
    ]
    error = squared_error(restore(method, measurement, problem), truth)
    assert error < 2 * min(errors)
    assert error < squared_error(measurement, truth)


@pytest.mark.parametrize("method", CLOSED_FORM)
def test_more_declared_noise_means_a_smoother_estimate(truth, random, method):
    kernel = np.ones((5, 5)) / 25
    measurement = (blurred(truth, kernel) + random.normal(0, 0.05, truth.shape)).astype(np.float32)
    spreads = [restore(method, measurement, problem_of(Blur(kernel), v)).std() for v in (1e-4, 1e-3, 1e-2, 1.0)]
    assert (np.diff(spreads) < 0).all()
    assert np.isfinite(spreads).all()


@pytest.mark.parametrize("method", CLOSED_FORM)
def test_reflections_leave_no_edge(lopsided, method):
    """A slope has a step where it repeats, of which nothing may be left."""
    measurement = np.tile(np.linspace(0, 1, 60, dtype=np.float32), (50, 1))
    for boundary, largest in (("symmetric", 0.1), ("circular", np.inf)):
        estimate = restore(method, measurement, problem_of(Blur(lopsided)), weight=0.01, boundary=boundary)
        error = np.abs(estimate - measurement)
        assert error[:, 20:40].max() < 0.05
        assert error.max() < largest
    assert error.max() > 0.3


# All


@pytest.mark.parametrize("method", METHODS)
def test_input_untouched_output_float32_same_twice(truth, lopsided, method):
    measurement = blurred(truth, lopsided).copy()
    before = measurement.copy()
    measurement.flags.writeable = False
    params = {"iterations": 10} if "iterations" in method.Params.model_fields else {}
    estimate, again = (restore(method, measurement, problem_of(Blur(lopsided), 1e-4), **params) for _ in range(2))
    np.testing.assert_array_equal(measurement, before)
    np.testing.assert_array_equal(estimate, again)
    assert estimate.dtype == np.float32
    assert estimate.shape == truth.shape
    assert squared_error(estimate, truth) < squared_error(measurement, truth)


@pytest.mark.parametrize("method", METHODS)
def test_only_what_the_record_lists_is_asked_for(truth, lopsided, method):
    problem = problem_of(Blur(lopsided), 1e-4, told=method.METHOD.told)
    assert restore(method, truth, problem).shape == truth.shape
    with pytest.raises(NotToldError):
        restore(method, truth, problem_of(Blur(lopsided), 1e-4, told=()))


@pytest.mark.parametrize("method", METHODS)
def test_the_grid_holds_valid_values_and_the_name_is_the_file(method):
    assert method.__name__.endswith("." + method.METHOD.name)
    for key, values in method.METHOD.grid.items():
        for value in values:
            assert getattr(method.Params(**{key: value}), key) == value


@pytest.mark.parametrize("method", CLOSED_FORM)
def test_a_kernel_that_does_not_fit_the_image_is_named(method):
    with pytest.raises(UserError, match="axes"):
        restore(method, np.zeros((8, 8), np.float32), problem_of(Blur(np.ones((3, 3, 3)) / 27)), weight=1)


def test_importing_a_method_imports_nothing_heavy():
    import subprocess
    import sys

    names = ", ".join(f"reconbench.methods.{method.METHOD.name}" for method in METHODS)
    code = f"import sys, {names}; assert not {{'torch', 'scipy', 'cv2'}} & set(sys.modules)"
    source = importlib.import_module("reconbench").__path__[0]
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": f"{source}/.."})
