"""Solvers for screens in front of a wall: what they must find where the answer is known."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from reconbench.contracts import Problem  # noqa: E402
from reconbench.convolution import gradient  # noqa: E402
from reconbench.errors import UserError  # noqa: E402
from reconbench.forward.diffuse_wall import Params as Wall  # noqa: E402
from reconbench.forward.diffuse_wall import build  # noqa: E402
from reconbench.images import ImageWriter, read_index  # noqa: E402
from reconbench.methods import tikhonov_least_squares, total_variation_least_squares, truncated_svd  # noqa: E402
from reconbench.steps.restoring import WARM_UP_PIXELS, Restorer, restore_images  # noqa: E402

SOLVERS = [truncated_svd, tikhonov_least_squares, total_variation_least_squares]
# Near a nearly perfect mirror, as many pixels on either side: all singular values are well above rounding.
CLEAR = {
    "screen_pixels": (6, 8),
    "camera_pixels": (6, 8),
    "screen_size": (0.6, 0.8),
    "view_size": (0.3, 0.4),
    "camera_place": (0.0, 0.0),
    "view_place": (0.0, 0.0),
    "glossy_share": 0.9,
    "lobe_width": 4,
}


@pytest.fixture(scope="module")
def clear():
    return Problem(kind="diffuse_imaging", forward_model=build(Wall(**CLEAR)), told=frozenset({"forward model"}))


@pytest.fixture(scope="module")
def dim():
    """Fewer camera pixels than the screen has, and some singular values near nothing."""
    wall = build(Wall(screen_pixels=(12, 16), camera_pixels=(6, 8)))
    return Problem(kind="diffuse_imaging", forward_model=wall, told=frozenset({"forward model"}))


def screens(problem, seed=0):
    return np.random.default_rng(seed).random((3, *problem.forward.screen_pixels))


def seen(problem, screen):
    return problem.forward(torch.from_numpy(screen)).numpy().astype(np.float32)


def restored(method, measurement, problem, **params):
    return method.restore(measurement, problem, method.Params(**{"clip": None, **params}), "cpu")


def test_the_clear_wall_is_clear(clear):
    values = clear.forward.decomposition.values
    assert values[-1] > 0.02 * values[0]


def test_all_singular_values_recover_a_screen_without_noise(clear):
    screen = screens(clear)
    np.testing.assert_allclose(restored(truncated_svd, seen(clear, screen), clear, kept=48), screen, atol=1e-4)


def test_the_kept_singular_values_are_all_that_is_recovered(dim):
    """The projection of the screen onto their patterns, and the background's beside it."""
    screen, kept = screens(dim), 5
    patterns = dim.forward.decomposition.right[:kept]
    projector = patterns.T @ patterns
    vectors = screen.reshape(3, -1)
    for background in (0.0, 0.4):
        expected = vectors @ projector + (background * np.ones_like(vectors)) @ (np.eye(len(projector)) - projector)
        estimate = restored(truncated_svd, seen(dim, screen), dim, kept=kept, background=background)
        np.testing.assert_allclose(estimate.reshape(3, -1), expected, atol=1e-4)


def test_tikhonov_solves_its_normal_equations(dim):
    measurement, weight, background = seen(dim, screens(dim)) + np.float32(0.1), 0.01, 0.3
    matrix = dim.forward.matrix
    penalty = weight * np.linalg.norm(matrix, 2) ** 2
    right = measurement.reshape(3, -1) @ matrix + penalty * background
    expected = np.linalg.solve(matrix.T @ matrix + penalty * np.eye(matrix.shape[1]), right.T).T
    estimate = restored(tikhonov_least_squares, measurement, dim, weight=weight, background=background)
    np.testing.assert_allclose(estimate.reshape(3, -1), expected, atol=1e-5)


def test_tikhonov_goes_to_the_pseudo_inverse_as_its_weight_falls(clear):
    measurement = seen(clear, screens(clear))
    expected = measurement.reshape(3, -1) @ np.linalg.pinv(clear.forward.matrix).T
    errors = [
        np.abs(restored(tikhonov_least_squares, measurement, clear, weight=weight).reshape(3, -1) - expected).max()
        for weight in (1e-1, 1e-3, 1e-9)
    ]
    assert errors[0] > 0.1 > 10 * errors[1]
    assert errors[2] < 1e-4


def test_tikhonov_goes_to_the_background_as_its_weight_grows(dim):
    estimate = restored(tikhonov_least_squares, seen(dim, screens(dim)), dim, weight=1e9, background=0.25)
    np.testing.assert_allclose(estimate, 0.25, atol=1e-6)


def test_total_variation_of_weight_zero_is_least_squares(clear):
    screen = screens(clear)
    estimate = restored(total_variation_least_squares, seen(clear, screen), clear, weight=0, iterations=200, step=1e4)
    np.testing.assert_allclose(estimate, screen, atol=1e-3)


def test_total_variation_of_a_large_weight_is_the_best_constant(dim):
    measurement = seen(dim, screens(dim))
    estimate = restored(total_variation_least_squares, measurement, dim, weight=100.0, iterations=600, step=1.0)
    white = dim.forward.matrix.sum(axis=1)
    best = measurement.reshape(3, -1) @ white / (white @ white)
    np.testing.assert_allclose(estimate, np.broadcast_to(best[:, None, None], estimate.shape), atol=2e-3)


def test_total_variation_finds_the_minimum(dim):
    """No screen near the estimate, nor that of any other step or of Tikhonov, costs less."""
    measurement, weight = seen(dim, screens(dim)), 0.01

    def cost(screen):
        x = torch.from_numpy(screen).double()
        residual = dim.forward(x) - torch.from_numpy(measurement)
        return float(residual.square().sum() / 2 + weight * gradient(x, 2).square().sum(0).sqrt().sum())

    estimates = [
        restored(total_variation_least_squares, measurement, dim, weight=weight, iterations=600, step=step)
        for step in (10.0, 20.0)
    ]
    lowest = cost(estimates[0])
    assert cost(estimates[1]) == pytest.approx(lowest, rel=1e-2)
    draws = np.random.default_rng(1)
    for size in (1e-1, 1e-2):
        assert cost(estimates[0] + size * draws.standard_normal(estimates[0].shape).astype(np.float32)) > lowest
    for value in (1e-4, 1e-3, 1e-2):
        assert cost(restored(tikhonov_least_squares, measurement, dim, weight=value)) > lowest


@pytest.mark.parametrize("method", SOLVERS)
def test_estimates_are_clipped_and_have_the_size_of_the_screen(method, dim):
    measurement = np.random.default_rng(0).normal(size=(3, 6, 8)).astype(np.float32)
    free = restored(method, measurement, dim)
    assert free.shape == (3, 12, 16)
    assert free.min() < 0
    np.testing.assert_allclose(restored(method, measurement, dim, clip=(0, 1)), free.clip(0, 1), atol=1e-6)


@pytest.mark.parametrize("method", SOLVERS)
def test_other_sizes_and_forward_models_are_refused(method, dim):
    with pytest.raises(UserError, match="needs images of 6 x 8 pixels"):
        restored(method, np.zeros((3, 6, 9), np.float32), dim)
    other = Problem(kind="diffuse_imaging", forward_model=object(), told=frozenset({"forward model"}))
    with pytest.raises(UserError, match="a forward model with singular values, such as diffuse_wall"):
        restored(method, np.zeros((3, 6, 8), np.float32), other)


def test_an_image_of_many_pixels_is_restored_whole(tmp_path):
    """The warm-up takes a piece of other images, to which this matrix would not fit."""
    size = {"screen_pixels": [4, 4], "camera_pixels": [4, WARM_UP_PIXELS + 2]}
    measurement = np.random.default_rng(0).random((3, *size["camera_pixels"]), dtype=np.float32)
    with ImageWriter(tmp_path / "seen" / "index.csv") as writer:
        writer.add("screen", measurement, "CYX")
    spec = {"method": {"name": "truncated_svd", "file": None}, "kind": "diffuse_imaging", "noise": None}
    restorer = Restorer({**spec, "forward": {"name": "diffuse_wall", "params": size}}, {"kept": 2}, "cpu")
    with ImageWriter(tmp_path / "estimates" / "index.csv") as writer:
        restore_images(restorer, read_index(tmp_path / "seen" / "index.csv"), writer, "")
    (estimate,) = read_index(tmp_path / "estimates" / "index.csv")
    assert estimate.load().shape == (3, 4, 4)
