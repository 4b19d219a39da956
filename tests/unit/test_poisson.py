import numpy as np
import pytest
from pydantic import ValidationError

from reconbench.noise import poisson
from reconbench.randomness import generator

DRAWN = {"dose": 80.0}


def noisy(clean, params=None, seed=0):
    return poisson.apply(clean, np.random.default_rng(seed), params or poisson.Params(), DRAWN)


def test_mean_is_the_signal_and_variance_is_the_signal_over_the_dose():
    signal = np.repeat(np.array([[0.1], [0.5], [1.0]]), 200_000, axis=1)
    counted = noisy(signal)
    level = signal[:, 0]
    np.testing.assert_allclose(counted.mean(axis=1), level, rtol=0.005)
    np.testing.assert_allclose(counted.var(axis=1), level / 80, rtol=0.02)
    np.testing.assert_allclose(poisson.variance(level, poisson.Params(), DRAWN), level / 80)
    assert counted.dtype == np.float32


def test_corrected_values_are_whole_counts_over_the_dose():
    counts = noisy(np.full((16, 16), 0.4)) * 80
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-4)


def test_negative_signal_counts_as_zero():
    assert not noisy(np.full((4, 4), -1e-9)).any()
    assert poisson.variance(np.array([-1.0]), poisson.Params(), DRAWN) == 0


@pytest.mark.parametrize(
    ("law", "mean", "deviation", "low", "high"),
    [
        ({"law": "exponential", "offset": 25, "mean": 75}, 100, 75, 25, np.inf),
        ({"law": "uniform", "low": 200, "high": 2500}, 1350, 2300 / 12**0.5, 200, 2500),
        ({"law": "fixed", "value": 100}, 100, 0, 100, 100),
    ],
)
def test_moments_and_bounds_of_the_dose_laws(law, mean, deviation, low, high):
    params = poisson.Params(dose=law)
    source = np.random.default_rng(0)
    doses = np.array([poisson.draw(params, source)["dose"] for _ in range(20_000)])
    assert doses.mean() == pytest.approx(mean, rel=0.02)
    assert doses.std() == pytest.approx(deviation, rel=0.03, abs=1e-9)
    assert low <= doses.min()
    assert doses.max() <= high


def test_defaults_are_the_low_dose_of_the_paper():
    assert poisson.Params().dose == poisson.ExponentialDose(offset=25, mean=75)


def test_the_same_address_gives_the_same_dose_and_counts():
    clean = np.full((8, 8), 0.5)

    def measure(*address):
        source = generator(1, *address)
        drawn = poisson.draw(poisson.Params(), source)
        return drawn["dose"], poisson.apply(clean, source, poisson.Params(), drawn)

    dose, counted = measure("measure", "em_low", "image_1", 1)
    again_dose, again = measure("measure", "em_low", "image_1", 1)
    other_dose, other = measure("measure", "em_low", "image_2", 1)
    assert dose == again_dose != other_dose
    np.testing.assert_array_equal(counted, again)
    assert not np.array_equal(counted, other)


def test_as_published_stretches_the_same_counts_to_the_unit_interval():
    clean = np.random.default_rng(1).random((32, 32))
    counted = noisy(clean)
    stretched = noisy(clean, poisson.Params(reading="as_published"))
    assert stretched.min() == 0
    assert stretched.max() == 1
    np.testing.assert_allclose(stretched, (counted - counted.min()) / np.ptp(counted), atol=1e-6)


def test_as_published_without_any_contrast_is_one_half():
    assert (noisy(np.zeros((4, 4)), poisson.Params(reading="as_published")) == 0.5).all()


def test_as_published_declares_neither_variance_nor_gain():
    params = poisson.Params(reading="as_published")
    assert poisson.variance(np.ones(3), params, DRAWN) is None
    assert poisson.gain(params, DRAWN) is None
    assert poisson.gain(poisson.Params(), DRAWN) == 80


@pytest.mark.parametrize("reading", ["corrected", "as_published"])
def test_torch_agrees_in_moments(reading):
    torch = pytest.importorskip("torch")
    params = poisson.Params(reading=reading)
    clean = np.full((500, 500), 0.5)
    clean[0, 0] = 3.0  # Fixes the maximum, so that the stretch of both is nearly the same.
    ours = noisy(clean, params)
    theirs = poisson.apply(torch.from_numpy(clean), torch.Generator().manual_seed(0), params, DRAWN).numpy()
    bound = 0.02 if reading == "corrected" else 0.25
    assert theirs.mean() == pytest.approx(ours.mean(), rel=bound)
    assert theirs.std() == pytest.approx(ours.std(), rel=bound)
    again = poisson.apply(torch.from_numpy(clean), torch.Generator().manual_seed(0), params, DRAWN).numpy()
    np.testing.assert_array_equal(theirs, again)


@pytest.mark.parametrize(
    "dose",
    [
        {"law": "fixed", "value": 0},
        {"law": "uniform", "low": 10, "high": 5},
        {"law": "exponential", "mean": -1},
        {"law": "gamma", "mean": 1},
        {"law": "fixed", "mean": 1},
    ],
)
def test_impossible_doses_are_refused(dose):
    with pytest.raises(ValidationError):
        poisson.Params(dose=dose)
