"""A camera with an exposure of its own, vibration and noise."""

import numpy as np
import pytest
from scipy import ndimage

torch = pytest.importorskip("torch")

from reconbench.noise import drifting_camera  # noqa: E402
from reconbench.noise.drifting_camera import Params, apply, draw  # noqa: E402

IMAGE = np.random.default_rng(0).random((3, 12, 15))
QUIET = Params(deviation=0)
STILL = {"exposure": 1.0, "shift_down": 0.0, "shift_right": 0.0}


@pytest.mark.parametrize(("down", "right"), [(0.3, -0.4), (-1.7, 2.2), (0, 20)])
def test_a_shift_is_linear_interpolation_with_the_edge_repeated(down, right):
    """As scipy.ndimage does it."""
    drawn = {"exposure": 1.2, "shift_down": down, "shift_right": right}
    moved = apply(IMAGE, np.random.default_rng(0), QUIET, drawn)
    expected = 1.2 * ndimage.shift(IMAGE, (0, down, right), order=1, mode="nearest")
    np.testing.assert_allclose(moved, expected, atol=1e-6)


def test_both_libraries_do_the_same():
    drawn = {"exposure": 0.9, "shift_down": -0.2, "shift_right": 1.6}
    one = apply(IMAGE, np.random.default_rng(0), QUIET, drawn)
    other = apply(torch.from_numpy(IMAGE), torch.Generator(), QUIET, drawn)
    np.testing.assert_allclose(one, other.numpy(), atol=1e-6)


def test_draws_have_the_deviations_that_they_should():
    params, source = Params(exposure_drift=0.1, vibration=0.4), np.random.default_rng(0)
    drawn = [draw(params, source) for _ in range(4000)]
    exposures, down, right = (np.array([one[key] for one in drawn]) for key in STILL)
    assert np.log(exposures).std() == pytest.approx(0.1, rel=0.05)
    assert np.median(exposures) == pytest.approx(1, abs=0.01)
    assert down.std() == pytest.approx(0.4, rel=0.05)
    assert right.std() == pytest.approx(0.4, rel=0.05)
    assert abs(np.corrcoef(down, right)[0, 1]) < 0.05


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_noise_is_white_and_not_scaled_by_the_exposure(library):
    clean, drawn = np.full((200, 300), 0.5), {**STILL, "exposure": 2.0}
    params = Params(deviation=0.02)
    if library == "numpy":
        noise = apply(clean, np.random.default_rng(0), params, drawn) - 1
    else:
        noise = apply(torch.from_numpy(clean), torch.Generator().manual_seed(0), params, drawn).numpy() - 1
    assert noise.std() == pytest.approx(0.02, rel=0.02)
    assert abs(noise.mean()) < 5 * 0.02 / np.sqrt(noise.size)
    assert abs((noise[1:] * noise[:-1]).mean()) < 5 * 0.02**2 / np.sqrt(noise.size)


def test_nothing_is_declared_to_methods():
    assert drifting_camera.variance(IMAGE, Params(), STILL) is None
    assert drifting_camera.gain(Params(), STILL) is None
