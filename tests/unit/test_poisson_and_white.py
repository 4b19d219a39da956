"""Poisson and white noise together: moments, independence, and the same in NumPy and torch."""

import numpy as np
import pytest
from pydantic import ValidationError

from reconbench.noise import poisson_and_white
from reconbench.noise.poisson_and_white import Params

PARAMS = Params(dose=400.0, deviation=0.03)


def noisy(clean, params=PARAMS, seed=0):
    return poisson_and_white.apply(clean, np.random.default_rng(seed), params, {})


@pytest.mark.parametrize("level", [0.0, 0.2, 1.0, 3.0])
def test_mean_is_the_signal_and_the_variances_add(level):
    measured = noisy(np.full(400_000, level)).astype(np.float64)
    expected = level / 400 + 0.03**2
    assert measured.mean() == pytest.approx(level, abs=5 * (expected / 400_000) ** 0.5)
    assert measured.var() == pytest.approx(expected, rel=0.01)
    assert poisson_and_white.variance(np.array(level), PARAMS, {}) == pytest.approx(expected)


def test_without_white_noise_there_are_whole_counts_and_with_a_high_dose_the_white_noise_is_left():
    counts = 400 * noisy(np.full(1000, 0.3), Params(dose=400, deviation=0))
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-3)
    assert noisy(np.full(100_000, 0.3), Params(dose=1e9, deviation=0.02)).std() == pytest.approx(0.02, rel=0.02)


def test_neighbouring_pixels_and_planes_know_nothing_of_each_other():
    noise = noisy(np.full((4, 200, 200), 0.5)).astype(np.float64) - 0.5
    for axis in range(3):
        along = np.moveaxis(noise, axis, 0)
        assert abs(np.mean(along[1:] * along[:-1]) / noise.var()) < 0.02


def test_dark_values_stay_possible_and_are_not_clipped():
    measured = noisy(np.full(1000, -1e-9))
    assert measured.min() < -0.05
    assert measured.max() > 0.05
    assert poisson_and_white.variance(np.array([-1.0]), PARAMS, {}) == pytest.approx(0.03**2)


def test_gain_and_defaults():
    assert poisson_and_white.gain(PARAMS, {}) == 400
    assert poisson_and_white.draw(PARAMS, np.random.default_rng(0)) == {}
    # Slight: 1 per cent each.
    assert poisson_and_white.variance(np.array(1.0), Params(), {}) == pytest.approx(2 * 0.01**2)


def test_torch_agrees_in_moments_and_keeps_the_type():
    torch = pytest.importorskip("torch")
    clean = torch.full((2, 300, 300), 0.5)

    def measured():
        return poisson_and_white.apply(clean, torch.Generator().manual_seed(3), PARAMS, {})

    assert measured().dtype == torch.float32
    assert torch.equal(measured(), measured())
    assert (clean == 0.5).all()
    assert float(measured().mean()) == pytest.approx(0.5, abs=1e-3)
    assert float(measured().double().var()) == pytest.approx(0.5 / 400 + 0.03**2, rel=0.02)


@pytest.mark.parametrize("params", [{"dose": 0}, {"dose": -1}, {"deviation": -0.1}, {"deviation": float("nan")}])
def test_impossible_parameters_are_refused(params):
    with pytest.raises(ValidationError):
        Params(**params)
