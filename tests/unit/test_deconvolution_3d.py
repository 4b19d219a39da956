"""Deconvolution of volumes, by the blur that the benchmark has for them, cut to 9 voxels a side."""

import numpy as np
import pytest
import scipy.ndimage
import skimage.restoration
import torch
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

from reconbench.datasets.simulators import microtubules
from reconbench.forward import ssi_blur_3d
from reconbench.methods import (
    chambolle_pock_tv,
    conjugate_gradient_tv,
    identity,
    landweber,
    lucy_richardson,
    tikhonov_deconvolution,
    wiener_deconvolution,
)


def named(value):
    """Call a test after its method."""
    return value.METHOD.name if hasattr(value, "METHOD") else ""


# Parameters for little noise, and what may be left of the input's squared error.
LITTLE_NOISE = [
    (lucy_richardson, {"iterations": 20}, 0.45),
    (landweber, {"iterations": 20}, 0.45),
    (chambolle_pock_tv, {}, 0.35),
    (conjugate_gradient_tv, {"weight": 5e-4}, 0.2),
    (wiener_deconvolution, {"weight": 0.03}, 0.8),
    (tikhonov_deconvolution, {"weight": 0.1}, 0.85),
]


@pytest.fixture(scope="module")
def blur():
    return ssi_blur_3d.build(ssi_blur_3d.Params(size=9))


@pytest.fixture(scope="module")
def truth():
    params = microtubules.Params(fraction=0.05, radius=2)
    volume = microtubules.simulate(np.random.default_rng(0), (16, 32, 32), params)
    return volume / volume.max()


@pytest.fixture(scope="module")
def measured(truth, blur):
    """Return the measurement of the truth with noise of a standard deviation."""

    def measure(noise):
        clean = blur(torch.from_numpy(truth)).numpy()
        return (clean + np.random.default_rng(1).normal(0, noise, truth.shape)).astype(np.float32)

    return measure


@pytest.mark.parametrize(("method", "params", "largest"), LITTLE_NOISE, ids=named)
def test_with_little_noise_the_estimate_is_nearer_to_the_truth(truth, blur, measured, method, params, largest):
    measurement = measured(0.01)
    problem = problem_of(blur, 0.01**2, told=method.METHOD.told)
    estimate = restore(method, measurement, problem, **params)
    assert estimate.shape == truth.shape
    assert estimate.dtype == np.float32
    assert squared_error(estimate, truth) < largest * squared_error(measurement, truth)
    # Nearer to the truth than to the truth moved by a voxel along any axis.
    for axis in range(3):
        for step in (1, -1):
            assert squared_error(estimate, truth) < squared_error(estimate, np.roll(truth, step, axis))


@pytest.mark.parametrize("method", [wiener_deconvolution, tikhonov_deconvolution])
def test_weights_from_the_declared_noise_of_the_benchmark(truth, blur, measured, method):
    measurement = measured(0.1)
    estimate = restore(method, measurement, problem_of(blur, 0.1**2))
    assert squared_error(estimate, truth) < 0.75 * squared_error(measurement, truth)


def test_the_identity_is_the_measurement(blur, measured):
    np.testing.assert_array_equal(restore(identity, measured(0.1), problem_of(blur)), measured(0.1))


def random_kernel():
    kernel = np.random.default_rng(4).uniform(size=(3, 5, 3))
    return kernel / kernel.sum()


@pytest.mark.parametrize("kernel", ["random", "ssi"])
@pytest.mark.parametrize("iterations", [1, 10])
def test_lucy_richardson_agrees_with_scikit_image(truth, blur, kernel, iterations):
    """Which has zeros beyond the edge; it starts from another constant, and that cancels in the first step."""
    kernel = blur.kernel if kernel == "ssi" else random_kernel()
    measurement = np.random.default_rng(0).poisson(100 * blurred(truth, kernel).clip(0) + 20).astype(np.float32) / 100
    expected = skimage.restoration.richardson_lucy(measurement.astype(float), kernel, num_iter=iterations, clip=False)
    params = {"iterations": iterations, "boundary": "zero", "clip": None}
    actual = restore(lucy_richardson, measurement, problem_of(Blur(kernel)), **params)
    assert np.linalg.norm(actual - expected) < 1e-5 * np.linalg.norm(expected)


@pytest.mark.parametrize("boundary", ["zero", "symmetric", "circular"])
def test_lucy_richardson_step_by_step(truth, blur, boundary):
    """The published iteration by direct convolution in double precision, the flip along all three axes."""
    measurement = np.random.default_rng(0).uniform(0, 1, truth.shape).astype(np.float32)
    mode = {"zero": "constant", "symmetric": "reflect", "circular": "wrap"}[boundary]
    x = np.full(truth.shape, measurement.mean(dtype=float))
    for _ in range(3):
        ratio = measurement / scipy.ndimage.convolve(x, blur.kernel, mode=mode)
        x = x * scipy.ndimage.convolve(ratio, blur.kernel[::-1, ::-1, ::-1], mode=mode)
    params = {"iterations": 3, "boundary": boundary, "clip": None}
    actual = restore(lucy_richardson, measurement, problem_of(blur), **params)
    np.testing.assert_allclose(actual, x, atol=3e-5)


def test_lucy_richardson_keeps_the_energy(truth, blur):
    measurement = blurred(truth, blur.kernel, "circular").clip(0)
    params = {"iterations": 30, "boundary": "circular", "clip": None}
    estimate = restore(lucy_richardson, measurement, problem_of(blur), **params)
    assert estimate.sum(dtype=float) == pytest.approx(measurement.sum(dtype=float), rel=1e-5)
    assert squared_error(estimate, truth) < 0.5 * squared_error(measurement, truth)


def test_landweber_step_by_step(blur, measured):
    """x <- max(x + relaxation H^T (y - H x), 0), with the transpose as a correlation."""
    measurement = measured(0.05)
    x = measurement.astype(float).clip(0)
    for _ in range(4):
        residual = measurement - scipy.ndimage.convolve(x, blur.kernel, mode="constant")
        x = (x + 1.5 * scipy.ndimage.correlate(residual, blur.kernel, mode="constant")).clip(0)
    actual = restore(landweber, measurement, problem_of(blur), iterations=4, relaxation=1.5)
    np.testing.assert_allclose(actual, x, atol=1e-5)


@pytest.mark.parametrize("weight", [2e-3, 2e-2])
def test_chambolle_pock_reaches_the_minimum_in_three_axes(blur, measured, weight):
    measurement = measured(0.05)[2:12, 4:20, 4:22]
    minimum = least_objective(measurement, blur, weight, smoothing=1e-8)
    estimate = restore(chambolle_pock_tv, measurement, problem_of(blur), weight=weight, iterations=800, clip=None)
    # The smoothing raises the objective by at most weight * sqrt(smoothing) a voxel.
    slack = weight * 1e-4 * measurement.size + 1e-4
    assert minimum - slack <= objective(estimate, measurement, blur, weight) <= 1.003 * minimum


def test_conjugate_gradients_reach_the_minimum_in_three_axes(blur, measured):
    """Where the smoothing is strong, since the published step is exact for the quadratic part alone."""
    measurement = measured(0.05)[2:12, 4:20, 4:22]
    params = {"weight": 5e-3, "smoothing": 0.1, "iterations": 150}
    estimate = restore(conjugate_gradient_tv, measurement, problem_of(blur), clip=None, **params)
    minimum = least_objective(measurement, blur, params["weight"], params["smoothing"])
    assert objective(estimate, measurement, blur, 5e-3, 0.1) == pytest.approx(minimum, rel=1e-4)


@pytest.mark.parametrize("method", [wiener_deconvolution, tikhonov_deconvolution])
def test_the_estimate_solves_the_normal_equations(method):
    """(H^T H + weight D^T D) x = H^T y on a circle, with the operators written out."""
    kernel = random_kernel()
    measurement = np.random.default_rng(0).uniform(size=(8, 9, 11)).astype(np.float32)
    x = restore(method, measurement, problem_of(Blur(kernel)), weight=0.3, boundary="circular").astype(float)

    def negative_laplacian(image):
        return sum(2 * image - np.roll(image, 1, a) - np.roll(image, -1, a) for a in range(3))

    penalised = negative_laplacian(x)
    if method is tikhonov_deconvolution:
        penalised = negative_laplacian(penalised)
    flipped = kernel[::-1, ::-1, ::-1]
    left = scipy.ndimage.convolve(scipy.ndimage.convolve(x, kernel, mode="wrap"), flipped, mode="wrap")
    right = scipy.ndimage.convolve(measurement.astype(float), flipped, mode="wrap")
    np.testing.assert_allclose(left + 0.3 * penalised, right, atol=1e-5)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        (lucy_richardson, {"iterations": 10}),
        (landweber, {"iterations": 10}),
        (conjugate_gradient_tv, {"iterations": 10, "smoothing": 0.01}),
        (wiener_deconvolution, {"weight": 0.1}),
        (tikhonov_deconvolution, {"weight": 0.1}),
    ],
    ids=named,
)
def test_equal_planes_are_restored_as_an_image_is(method, params):
    """Where the blur keeps to its plane and all planes are equal, z makes no difference."""
    kernel = lopsided_kernel()
    image = blurred(square_and_slope(), kernel)
    expected = restore(method, image, problem_of(Blur(kernel)), **params)
    volume = restore(method, np.stack([image] * 6), problem_of(Blur(kernel[None])), **params)
    np.testing.assert_allclose(volume, np.stack([expected] * 6), atol=2e-4)
