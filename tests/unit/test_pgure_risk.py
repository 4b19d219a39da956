"""The unbiased risk is the mean squared error, and the weight that it chooses is as good as the best.

For shrunk trajectories the mean risk of 20 draws is compared with their mean error, at the weights where that error is
below twice the smallest.
"""

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

from reconbench.methods._noise_estimation import PoissonGaussian
from reconbench.methods._patch_trajectories import PatchGrid, Trajectories
from reconbench.methods._trajectory_denoiser import FrameRisk, TrajectoryDenoiser, minimise_over_scales
from reconbench.methods._unbiased_risk import Probes, unbiased_risk

NOISE = PoissonGaussian(gain=0.1, offset=0.3, deviation=0.1)
DRAWS = 20
SIZE, FRAMES = 96, 5
WEIGHTS = np.geomspace(0.1, 10, 9)


def noisy(clean, noise, generator):
    return noise.gain * generator.poisson(clean / noise.gain) + generator.normal(
        noise.offset, noise.deviation, clean.shape
    )


def moving_spots():
    """A sequence of spots that move by half a pixel a frame, 5 to 15 counts."""
    y, x = np.mgrid[:SIZE, :SIZE]
    frames = [
        np.sin((y - 0.5 * frame) * 2 * np.pi / 24) * np.sin((x - 0.5 * frame) * 2 * np.pi / 24)
        for frame in range(FRAMES)
    ]
    return 1 + 0.5 * np.stack(frames)


# The probes


def test_first_probe_is_a_sign():
    probes = Probes.draw((200_000,), 2.0, np.random.default_rng(0))
    assert set(np.unique(probes.first)) == {-1.0, 1.0}
    assert abs(probes.first.mean()) < 3 / np.sqrt(probes.first.size)


@pytest.mark.parametrize(("order", "moment"), [(1, 0), (2, 1), (3, 1)])
def test_second_probe_has_the_moments_0_1_1(order, moment):
    """Exactly, from its two values and how often they come; and the draws keep to that."""
    second = Probes.draw((400_000,), 2.0, np.random.default_rng(0)).second
    low, high = np.unique(second)
    share = -low / (high - low)  # of the high value, for a mean of 0
    assert (1 - share) * low**order + share * high**order == pytest.approx(moment, abs=1e-12)
    standard_error = second.size**-0.5 * np.std(second**order)
    assert np.mean(second**order) == pytest.approx(moment, abs=3 * standard_error)
    assert 1 - share == pytest.approx(0.7236, abs=1e-4)


def test_steps_follow_the_largest_value():
    probes = Probes.draw((4,), 2.0, np.random.default_rng(0))
    assert (probes.step, probes.second_step) == pytest.approx((2e-4, 2e-2))
    zero, first, forth, back = probes.displacements
    assert not zero.any()
    np.testing.assert_array_equal(np.abs(first), probes.step)
    np.testing.assert_array_equal(forth, -back)


# The risk of estimators whose error is known


def risks(estimator, clean, noise, draws, assumed=None):
    """Return the risk and the squared error of each draw."""
    generator = np.random.default_rng(0)
    pairs = []
    for _ in range(draws):
        measured = noisy(clean, noise, generator)
        probes = Probes.draw(clean.shape, np.abs(measured).max(), generator)
        estimates = tuple(estimator(measured + displacement) for displacement in probes.displacements)
        pairs.append(
            (unbiased_risk(measured, estimates, probes, assumed or noise), np.mean((estimates[0] - clean) ** 2))
        )
    return np.array(pairs).T


@pytest.mark.parametrize("offset", [-0.4, 0.0, 0.3])
def test_risk_of_the_input_is_the_variance_and_the_squared_offset(offset):
    noise = replace(NOISE, offset=offset)
    clean = moving_spots()[0, :32, :32]
    risk, _ = risks(lambda measured: measured, clean, noise, 200)
    expected = noise.gain * clean.mean() + noise.deviation**2 + offset**2
    assert risk.mean() == pytest.approx(expected, abs=2 * risk.std(ddof=1) / np.sqrt(risk.size))
    assert risk.std(ddof=1) / np.sqrt(risk.size) < 0.005 * expected


def test_risk_of_the_input_shows_offset_and_deviation_exchanged():
    clean = moving_spots()[0, :32, :32]
    exchanged = PoissonGaussian(NOISE.gain, NOISE.deviation, NOISE.offset)
    risk, _ = risks(lambda measured: measured, clean, NOISE, 200, assumed=exchanged)
    expected = NOISE.gain * clean.mean() + NOISE.deviation**2 + NOISE.offset**2
    assert abs(risk.mean() - expected) > 10 * risk.std(ddof=1) / np.sqrt(risk.size)


def test_risk_of_a_constant_is_its_squared_error():
    clean = moving_spots()[0]
    risk, error = risks(lambda measured: np.full_like(measured, 0.7), clean, NOISE, 50)
    standard_error = np.std(risk - error, ddof=1) / np.sqrt(risk.size)
    assert (risk - error).mean() == pytest.approx(0, abs=2.5 * standard_error)
    assert standard_error < 0.02 * error.mean()


def test_risk_of_a_square_needs_the_second_derivative():
    """f = (y - m)^2: the second differences add 4 a s^2 x to what the first alone give, a tenth of the error here."""
    noise = PoissonGaussian(gain=0.02, offset=0.3, deviation=0.5)
    clean = np.full((64, 64), 0.5)
    risk, error = risks(lambda measured: 0.3 * (measured - noise.offset) ** 2, clean, noise, 200)
    standard_error = np.std(risk - error, ddof=1) / np.sqrt(risk.size)
    # What the expansion to second order leaves out: terms with the square of the gain.
    assert (risk - error).mean() == pytest.approx(0, abs=2.5 * standard_error + 0.01 * error.mean())


# The risk of shrunk trajectories


@cache
def searches(exponential):
    """Return, for 20 draws, the risk and the error at all weights, and the error by the weight chosen and the best."""
    pytest.importorskip("torch")
    clean = moving_spots()
    grid = PatchGrid((SIZE, SIZE), patch=4, step=2)
    trajectories = Trajectories(clean, patch=4, window=7, length=FRAMES)  # Held fixed: they do not know the noise.
    frame = FRAMES // 2
    risk, error, chosen, best = [], [], [], []
    for draw in range(DRAWS):
        measured = noisy(clean, NOISE, np.random.default_rng(draw))
        denoiser = TrajectoryDenoiser(measured, NOISE, grid, trajectories, exponential, "cpu")
        search = FrameRisk(denoiser, frame, np.random.default_rng([1, draw]))

        def error_at(weight, search=search):
            return np.mean((search.estimate(weight) - clean[frame].ravel()) ** 2)

        risk.append([search(weight) for weight in WEIGHTS])
        error.append([error_at(weight) for weight in WEIGHTS])
        chosen.append(error_at(minimise_over_scales(search, *WEIGHTS[[0, -1]])))
        best.append(error_at(minimise_over_scales(error_at, *WEIGHTS[[0, -1]])))
    return SimpleNamespace(risk=np.array(risk), error=np.array(error), chosen=np.array(chosen), best=np.array(best))


@pytest.mark.parametrize("exponential", [True, False], ids=["exponential", "plain"])
def test_risk_and_error_differ_by_at_most_5_percent_on_average(exponential):
    found = searches(exponential)
    risk, error = found.risk.mean(axis=0), found.error.mean(axis=0)
    useful = error < 2 * error.min()
    assert useful.sum() >= 3
    np.testing.assert_allclose(risk[useful], error[useful], rtol=0.05)


@pytest.mark.parametrize("exponential", [True, False], ids=["exponential", "plain"])
def test_weight_costs_at_most_2_percent_more_than_the_best(exponential):
    found = searches(exponential)
    assert np.mean(found.chosen / found.best) < 1.02
    assert found.error[:, [0, -1]].min() > 1.5 * found.best.max()  # It matters.


def test_minimiser_finds_a_minimum_at_any_scale():
    for place in (0.02, 0.9, 60.0):
        found = minimise_over_scales(lambda weight, place=place: np.log(weight / place) ** 2, 1e-2, 1e2)
        assert found == pytest.approx(place, rel=0.05)
    assert minimise_over_scales(lambda weight: weight, 1e-2, 1e2) == pytest.approx(1e-2, rel=0.05)
