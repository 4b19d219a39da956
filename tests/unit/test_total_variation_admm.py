"""Total variation by ADMM: against SciPy's optimiser, the primal-dual solver, and cases whose answer is known."""

import itertools

import numpy as np
import pytest
import scipy.ndimage
import scipy.optimize
import torch
from deconvolution_problems import Blur, blurred, lopsided_kernel, problem_of, restore, square_and_slope, squared_error

from reconbench.methods import chambolle_pock_tv, total_variation_admm
from reconbench.methods._periodic import PeriodicBlur

CIRCULAR = {"boundary": "circular"}


@pytest.fixture
def random():
    return np.random.default_rng(11)


@pytest.fixture
def image(random):
    """A noisy measurement of odd sizes, and its kernel."""
    truth = square_and_slope()[4:33, 7:40]
    measurement = blurred(truth, lopsided_kernel(), "circular") + random.normal(0, 0.03, truth.shape)
    return measurement.astype(np.float32), lopsided_kernel()


@pytest.fixture
def volume(random):
    kernel = random.uniform(size=(3, 3, 5))
    truth = np.full((9, 12, 15), 0.1, dtype=np.float32)
    truth[2:6, 4:9, 3:11] = 0.9
    measurement = blurred(truth, kernel / kernel.sum(), "circular") + random.normal(0, 0.03, truth.shape)
    return measurement.astype(np.float32), kernel / kernel.sum()


def objective(x, measurement, kernel, weight):
    """Half the squared residual plus the weighted total variation on a circle, written out anew in NumPy."""
    x = np.asarray(x, dtype=float)
    residual = scipy.ndimage.convolve(x, kernel, mode="wrap") - measurement
    squares = sum((np.roll(x, -1, axis) - x) ** 2 for axis in range(x.ndim))
    return 0.5 * (residual**2).sum() + weight * np.sqrt(squares).sum()


def least_objective(measurement, kernel, weight, smoothing):
    """Minimise the objective, smoothed, by SciPy's L-BFGS; its gradient comes from torch."""
    spectrum = torch.from_numpy(np.fft.fftn(measurement.astype(float)))
    padded = np.zeros(measurement.shape)
    padded[tuple(map(slice, kernel.shape))] = kernel
    middle = [-(size // 2) for size in kernel.shape]
    transfer = torch.from_numpy(np.fft.fftn(np.roll(padded, middle, range(kernel.ndim))))

    def value_and_slope(x):
        x = torch.from_numpy(x.reshape(measurement.shape)).requires_grad_()
        residual = (torch.fft.fftn(x) * transfer - spectrum).abs().square().sum() / x.numel()
        squares = sum((x.roll(-1, axis) - x) ** 2 for axis in range(x.ndim))
        value = 0.5 * residual + weight * (squares + smoothing).sqrt().sum()
        value.backward()
        return float(value.detach()), x.grad.numpy().ravel()

    options = {"maxiter": 1500, "maxfun": 2000, "ftol": 1e-13, "gtol": 1e-9}
    start = measurement.astype(float).ravel()
    return scipy.optimize.minimize(value_and_slope, start, jac=True, method="L-BFGS-B", options=options).fun


def solve(measurement, kernel, weight, iterations):
    """Return the blur, the measurement as a tensor, x and the dual field after some iterations."""
    blur = PeriodicBlur(kernel, measurement.shape, "circular")
    threshold = total_variation_admm.THRESHOLD * float(measurement.std())
    solver = total_variation_admm.iterates(blur, blur.spectrum(measurement), weight, threshold)
    x, u = next(itertools.islice(solver, iterations - 1, None))
    return blur, torch.from_numpy(measurement), x, weight / threshold * u


@pytest.mark.parametrize("case", ["image", "volume"])
@pytest.mark.parametrize("weight", [5e-3, 5e-2])
def test_it_reaches_the_minimum(case, weight, request):
    measurement, kernel = request.getfixturevalue(case)
    values = []
    for iterations in (3, 40, 500):
        params = {"weight": weight, "iterations": iterations, "tolerance": 0, **CIRCULAR}
        estimate = restore(total_variation_admm, measurement, problem_of(Blur(kernel)), **params)
        values.append(objective(estimate, measurement, kernel, weight))
    minimum = least_objective(measurement, kernel, weight, smoothing=1e-8)
    # The smoothing raises the objective by at most weight * sqrt(smoothing) a pixel.
    slack = weight * 1e-4 * measurement.size + 1e-4
    assert values[0] > 1.01 * minimum
    assert values[1] < 1.01 * minimum
    assert minimum - slack <= values[2] < 1.0005 * minimum + 1e-4


@pytest.mark.parametrize("case", ["image", "volume"])
@pytest.mark.parametrize("weight", [5e-3, 5e-2])
def test_the_lower_bound_is_below_every_estimate_and_meets_the_best(case, weight, request):
    measurement, kernel = request.getfixturevalue(case)
    minimum = least_objective(measurement, kernel, weight, smoothing=1e-8)
    bounds = [
        total_variation_admm.lower_bound(*solve(measurement, kernel, weight, iterations), weight)
        for iterations in (1, 10, 1000)
    ]
    assert bounds[0] < bounds[1] < bounds[2] <= minimum + 1e-4
    assert bounds[2] > 0.995 * minimum
    # It is a bound for any estimate and dual field, but a worse one.
    blur, measured, x, dual = solve(measurement, kernel, weight, 10)
    for estimate, field in ((x, -dual), (x - 0.2, dual), (0.9 * x, dual)):
        assert total_variation_admm.lower_bound(blur, measured, estimate, field, weight) < bounds[1] + 1e-5


@pytest.mark.parametrize("weight", [5e-4, 2e-3, 1e-2])
@pytest.mark.parametrize("noise", [0.01, 0.03])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_forty_iterations_are_within_one_percent(random, weight, noise, dimensions):
    """Of the minimum, which lies above the lower bound of 600 iterations."""
    if dimensions == 2:
        kernel, truth = np.ones((5, 5)) / 25, square_and_slope()
    else:
        kernel, truth = np.ones((5, 3, 3)) / 45, np.zeros((12, 20, 24), dtype=np.float32)
        truth[3:8, 5:15, 4:14] = random.uniform(0.2, 1, size=(5, 10, 10))
    measurement = blurred(truth, kernel, "circular") + random.normal(0, noise, truth.shape).astype(np.float32)
    params = {"weight": weight, "iterations": 40, "tolerance": 0, **CIRCULAR}
    value = objective(
        restore(total_variation_admm, measurement, problem_of(Blur(kernel)), **params), measurement, kernel, weight
    )
    bound = total_variation_admm.lower_bound(*solve(measurement, kernel, weight, 600), weight)
    assert bound <= value < 1.01 * bound


@pytest.mark.parametrize("case", ["image", "volume"])
def test_the_objective_is_the_one_written_out(case, request):
    measurement, kernel = request.getfixturevalue(case)
    blur, measured, x, _ = solve(measurement, kernel, 0.02, 3)
    expected = objective(x.numpy(), measurement, kernel, 0.02)
    assert total_variation_admm.objective(blur, measured, x, 0.02) == pytest.approx(expected, rel=1e-5)


def test_it_agrees_with_the_primal_dual_solver_where_all_boundaries_are_dark(random):
    """That one has zeros beyond the edge and no gradient across it."""
    kernel = lopsided_kernel()
    truth = np.zeros((56, 60), dtype=np.float32)
    truth[16:40, 14:44] = square_and_slope()[10:34, 12:42]
    noise = np.zeros_like(truth)
    noise[12:44, 10:48] = random.normal(0, 0.03, (32, 38))
    measurement = (blurred(truth, kernel) + noise).astype(np.float32)
    problem = problem_of(Blur(kernel))
    expected = restore(chambolle_pock_tv, measurement, problem, weight=0.02, iterations=1500, clip=None)
    for boundary in ("circular", "zero", "symmetric"):
        params = {"weight": 0.02, "iterations": 500, "tolerance": 0, "boundary": boundary}
        actual = restore(total_variation_admm, measurement, problem, **params)
        assert squared_error(actual, expected) < 1e-3 * squared_error(measurement, expected)


@pytest.mark.parametrize("shape", [(7, 9), (4, 5, 6)])
def test_the_gradient_and_its_transpose(random, shape):
    image, field = (torch.from_numpy(random.normal(size=size)) for size in (shape, (len(shape), *shape)))
    there, back = total_variation_admm.gradient(image), total_variation_admm.gradient_adjoint(field)
    assert float((there * field).sum()) == pytest.approx(float((image * back).sum()), rel=1e-12)
    for axis in range(len(shape)):
        np.testing.assert_array_equal(there[axis], np.roll(image, -1, axis) - image.numpy())


def test_without_weight_it_inverts_the_blur():
    kernel = np.array([[0, 0.05, 0], [0.05, 0.8, 0.05], [0, 0.05, 0]])
    truth = square_and_slope()
    measurement = blurred(truth, kernel, "circular")
    estimate = restore(total_variation_admm, measurement, problem_of(Blur(kernel)), weight=0, iterations=3, **CIRCULAR)
    np.testing.assert_allclose(estimate, truth, atol=1e-5)


def test_with_a_large_weight_only_the_mean_is_left(image):
    measurement, kernel = image
    params = {"weight": 100, "iterations": 300, **CIRCULAR}
    estimate = restore(total_variation_admm, measurement, problem_of(Blur(kernel)), **params)
    np.testing.assert_allclose(estimate, measurement.mean(), atol=1e-3)


@pytest.mark.parametrize("boundary", ["symmetric", "zero", "circular"])
def test_it_scales_with_the_image(image, boundary):
    measurement, kernel = image
    estimate, scaled = (
        restore(
            total_variation_admm,
            factor * measurement,
            problem_of(Blur(kernel)),
            weight=factor * 0.01,
            iterations=15,
            boundary=boundary,
        )
        for factor in (1, 1000)
    )
    np.testing.assert_allclose(scaled / 1000, estimate, atol=1e-5)


@pytest.mark.parametrize("value", [0, 0.3, 1e-30])
def test_a_constant_image_is_its_own_estimate(value):
    measurement = np.full((20, 23), value, dtype=np.float32)
    for weight in (0, 1e-3, 1):
        estimate = restore(total_variation_admm, measurement, problem_of(Blur(lopsided_kernel())), weight=weight)
        np.testing.assert_allclose(estimate, value, rtol=1e-4)


def test_the_tolerance_ends_it(image):
    measurement, kernel = image
    tight, loose, two = (
        restore(total_variation_admm, measurement, problem_of(Blur(kernel)), weight=0.01, **params, **CIRCULAR)
        for params in ({"tolerance": 1e-3}, {"tolerance": 1e9}, {"tolerance": 0, "iterations": 2})
    )
    np.testing.assert_array_equal(loose, two)
    assert objective(tight, measurement, kernel, 0.01) < 0.99 * objective(loose, measurement, kernel, 0.01)
    # What is allowed to change is a share of the spread of the image, so that a brighter background does not matter.
    params = {"weight": 0.01, "tolerance": 0.01, **CIRCULAR}
    above, plain = (
        restore(total_variation_admm, measurement + offset, problem_of(Blur(kernel)), **params) for offset in (4, 0)
    )
    np.testing.assert_allclose(above - 4, plain, atol=1e-4)
