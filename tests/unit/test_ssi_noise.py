"""The noise of the SSI benchmark: its draws, its steps and its declared variance."""

import numpy as np
import pytest

from reconbench.noise import ssi_noise
from reconbench.noise.ssi_noise import Params

UNUSED = np.random.default_rng(0)


def test_every_image_has_the_same_draws_and_the_generators_stay_as_they_were():
    clean = np.random.default_rng(1).uniform(size=(30, 40))
    state, legacy_state = UNUSED.bit_generator.state, np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = (ssi_noise.apply(clean, UNUSED, Params(), {}) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert UNUSED.bit_generator.state == state
    np.testing.assert_array_equal(np.random.get_state()[1], legacy_state)  # noqa: NPY002


def test_the_steps_one_by_one():
    clean = np.linspace(0, 1, 6).reshape(2, 3)
    legacy = np.random.RandomState(0)
    r, u, v = legacy.randn(2, 3), legacy.rand(2, 3), legacy.rand(2, 3)
    params = Params(alpha=0.02, sigma=0.03, impulse_probability=0.5, bits=4)
    expected = [
        min(max(round(16 * (v[i] if u[i] < 0.5 else clean[i] + (0.02 * clean[i] + 0.0009) ** 0.5 * r[i])) / 16, 0), 1)
        for i in np.ndindex(2, 3)
    ]
    noisy = ssi_noise.apply(clean, UNUSED, params, {})
    np.testing.assert_array_equal(noisy.ravel(), np.float32(expected))
    assert 0 < (u < 0.5).sum() < 6  # both branches were taken


def test_values_are_float32_multiples_of_a_step_in_the_unit_interval():
    noisy = ssi_noise.apply(np.random.default_rng(1).uniform(size=(64, 64)), UNUSED, Params(), {})
    assert noisy.dtype == np.float32
    assert noisy.min() == 0
    assert noisy.max() == 1
    np.testing.assert_array_equal(noisy * 1024, np.round(noisy * 1024))


@pytest.mark.parametrize("level", [0.5, 0.6])
@pytest.mark.parametrize("params", [Params(), Params(alpha=0.01, sigma=0.02, impulse_probability=0.2)])
def test_the_declared_variance_is_the_mean_square_error(level, params):
    clean = np.full((1000, 1000), level)  # far enough from the ends of the range, so that nothing is clipped
    error = np.mean((ssi_noise.apply(clean, UNUSED, params, {}).astype(float) - level) ** 2)
    assert float(ssi_noise.variance(level, params, {})) == pytest.approx(error, rel=0.01)


def test_a_signal_a_little_below_zero_is_no_fault():
    params = Params(sigma=0, impulse_probability=0)
    signal = np.array([[-1e-12, 0.25]])
    np.testing.assert_array_equal(ssi_noise.variance(signal, params, {}), [[0, 0.00025]])
    assert np.isfinite(ssi_noise.apply(signal, UNUSED, params, {})).all()


def test_nothing_is_drawn_and_nothing_counted():
    assert ssi_noise.draw(Params(), UNUSED) == {}
    assert ssi_noise.gain(Params(), {}) is None
    assert ssi_noise.NOISE.name == "ssi_noise"
