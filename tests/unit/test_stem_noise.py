"""The noises of STEM images: their formulas, their statistics, and the levels that they are set to."""

from functools import cache

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from reconbench import catalogue
from reconbench.datasets.simulators import atomic_clusters, moving_cluster
from reconbench.errors import UserError
from reconbench.metrics import snr
from reconbench.noise import _common_numbers, stem_counts, stem_direct, stem_indirect
from reconbench.randomness import generator

STEM = ("stem_direct", "stem_indirect", "stem_counts")
SIZE = (96, 96)
LEVELS = (-10, -5, 0, 5, 10)
# What all clusters reach with a noise.
REACHED = [
    *(("stem_direct", {}, level) for level in (2, 5)),
    *(("stem_indirect", {}, level) for level in (-5, 0, 5, 10, 40)),
    *(("stem_counts", {}, level) for level in (-30, *LEVELS, 40)),
    *(("stem_counts", {"reading": "as_published"}, level) for level in (-5, -3)),
]


@cache
def cluster(index=0):
    image = atomic_clusters.simulate(generator(0, "cluster", index), SIZE, atomic_clusters.Params())
    return ((image - image.min()) / np.ptp(image)).astype(np.float64)


def noisy(name, clean, seed=0, drawn=None, **params):
    module = catalogue.get_noise(name)
    source, params = np.random.default_rng(seed), module.Params(**params)
    return module.apply(clean, source, params, module.draw(params, source) if drawn is None else drawn)


def torch_noisy(name, clean, seed=0, drawn=None, **params):
    torch = pytest.importorskip("torch")
    module = catalogue.get_noise(name)
    params = module.Params(**params)
    drawn = module.draw(params, np.random.default_rng(seed)) if drawn is None else drawn
    return module.apply(clean, torch.Generator().manual_seed(seed), params, drawn)


def snr_of(measured, clean):
    return snr.metric(measured, clean, snr.Params())


@pytest.mark.parametrize("mean", [0.0, 0.003, 0.4, 3.0, 47.0, 2e3, 1e6])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_counts_are_the_quantiles_of_the_poisson_law(mean, library):
    numbers = np.concatenate([np.random.default_rng(0).random(2000), [1e-9, 1e-3, 0.5, 1 - 1e-9]])
    means = np.full(numbers.shape, mean)
    expected = stats.poisson.ppf(numbers, mean)
    if library == "torch":
        torch = pytest.importorskip("torch")
        means, numbers = torch.from_numpy(means), torch.from_numpy(numbers)
    np.testing.assert_array_equal(np.asarray(_common_numbers.poisson_quantiles(means, numbers)), expected)


def test_counts_grow_with_the_mean_and_extreme_numbers_are_finite():
    means = np.linspace(0, 80, 4001)
    for number in (0.0, 0.07, 0.93, 1 - 2.0**-53):
        counts = _common_numbers.poisson_quantiles(means, np.full(means.shape, number))
        assert np.isfinite(counts).all()
        assert (np.diff(counts) >= 0).all()
        assert counts[0] == 0


@pytest.mark.parametrize("common", [False, True])
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_counts_have_the_poisson_law_either_way(library, common):
    means, source = np.full(200_000, 2.3), np.random.default_rng(1)
    if library == "torch":
        torch = pytest.importorskip("torch")
        means, source = torch.from_numpy(means), torch.Generator().manual_seed(1)
    count = _common_numbers.counter(means, source, common)
    first, second = (np.asarray(count(means)) for _ in range(2))
    assert (first == second).all() == common
    found = np.bincount(first.astype(int), minlength=9)[:9] / len(first)
    np.testing.assert_allclose(found, stats.poisson.pmf(range(9), 2.3), atol=0.004)


@pytest.mark.parametrize(("name", "params", "level"), REACHED)
def test_a_level_is_the_snr_of_what_is_measured(name, params, level):
    for index in range(3):
        measured = noisy(name, cluster(index), index, level=level, **params)
        assert snr_of(measured, cluster(index)) == pytest.approx(level, abs=0.01)


@pytest.mark.parametrize("name", STEM)
def test_a_level_holds_in_torch(name):
    torch = pytest.importorskip("torch")
    measured = torch_noisy(name, torch.from_numpy(cluster()).float(), level=3)
    assert measured.dtype == torch.float32
    assert snr_of(measured.numpy(), cluster()) == pytest.approx(3, abs=0.01)


def test_the_level_of_a_sequence_is_that_of_all_its_frames_together():
    params = moving_cluster.Params(frames=6, columns=(50, 60))
    sequence = moving_cluster.simulate(generator(0, "sequence"), (64, 64), params).astype(np.float64)
    sequence *= np.linspace(0.4, 1, 6)[:, None, None]
    measured = noisy("stem_counts", sequence, level=-5)
    assert snr_of(measured, sequence) == pytest.approx(-5, abs=0.01)
    frames = [snr_of(*pair) for pair in zip(measured, sequence, strict=True)]
    assert frames[-1] - frames[0] > 4


@pytest.mark.parametrize("name", STEM)
def test_a_level_beyond_reach_is_refused_with_what_can_be_reached(name):
    clean = cluster()
    with pytest.raises(UserError, match=rf"{name} cannot bring this image to -60 dB: the SNRs .* go from ") as caught:
        noisy(name, clean, level=-60)
    words = str(caught.value).split()
    low, high = float(words[words.index("from") + 1]), float(words[-2])
    # The ends are really reached, and nothing beyond them.
    for level in (low + 0.05, high - 0.05):
        assert snr_of(noisy(name, clean, level=level), clean) == pytest.approx(level, abs=0.02)
    for level in (low - 0.05, high + 0.05):
        with pytest.raises(UserError, match="cannot bring"):
            noisy(name, clean, level=level)


def test_the_reach_of_clipped_noise_is_the_one_stated():
    for index in range(3):
        clean = cluster(index)
        mean, square = clean.mean(), np.square(clean).mean()
        limit = 10 * np.log10(square / (0.5 - mean + square))
        assert snr_of(noisy("stem_indirect", clean, drawn={"amplitude": 1e3}), clean) == pytest.approx(limit, abs=0.15)


def test_direct_noise_reaches_neither_the_noisy_nor_the_clear_levels():
    for level in (-10, -5, 20):
        with pytest.raises(UserError, match="stem_direct cannot bring"):
            noisy("stem_direct", cluster(), level=level)


@pytest.mark.parametrize("name", STEM)
def test_a_black_image_has_no_level(name):
    with pytest.raises(UserError, match="zero everywhere"):
        noisy(name, np.zeros((8, 8)), level=0)


@pytest.mark.parametrize("name", ["stem_indirect", "stem_counts"])
def test_the_same_numbers_make_the_snr_fall_steadily_with_the_amplitude(name):
    """Common random numbers: without them a finer step is lost in the draws."""
    levels = np.linspace(-5, -4.9, 6)
    images = [noisy(name, cluster(), level=level) for level in levels]
    found = [snr_of(image, cluster()) for image in images]
    assert (np.diff(found) > 0).all()
    # The images differ in little but the amplitude.
    assert np.mean((images[0] - images[-1]) ** 2) < 0.02 * np.mean((images[0] - cluster()) ** 2)


@pytest.mark.parametrize("name", STEM)
def test_what_is_drawn_lies_evenly_between_its_bounds(name):
    module, source = catalogue.get_noise(name), np.random.default_rng(0)
    drawn = [module.draw(module.Params(), source) for _ in range(4000)]
    bounds = {
        "stem_direct": {"saturation": (0.9, 1.0), "dose": (1.0, 10.0)},
        "stem_indirect": {"amplitude": (1.0, 1.0)},
        "stem_counts": {"amplitude": (0.25, 1.0)},
    }[name]
    assert drawn[0].keys() == bounds.keys()
    for key, (low, high) in bounds.items():
        values = np.array([each[key] for each in drawn])
        assert low <= values.min() <= values.max() <= high
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.02 * (high - low))
        assert values.std() == pytest.approx((high - low) / 12**0.5, rel=0.03, abs=1e-12)
    # The amplitude is found, and what else is drawn stays.
    assert module.draw(module.Params(level=0), source).keys() == bounds.keys() - {"dose", "amplitude"}


def test_direct_noise_is_counts_and_dark_current_below_saturation():
    clean, drawn = np.full((300, 300), 0.2), {"dose": 8.0, "saturation": 0.93}
    without = 8 * noisy("stem_direct", clean, drawn=drawn, dark_current=0.0).astype(np.float64)
    whole = without[without < 8 * 0.92]
    np.testing.assert_allclose(whole, whole.round(), atol=1e-5)
    for count in range(4):
        assert np.mean(np.isclose(without, count)) == pytest.approx(stats.poisson.pmf(count, 1.6), abs=0.006)
    measured = noisy("stem_direct", clean, drawn=drawn)
    dark = measured[measured < 1 / 8]
    assert measured.max() == np.float32(0.93)
    assert 0 <= dark.min() < 1e-4
    assert 0.0999 < dark.max() <= 0.1
    assert dark.mean() == pytest.approx(0.05, abs=0.001)


def test_indirect_noise_is_uniform_and_clipped():
    measured = noisy("stem_indirect", np.full((400, 400), 0.3)).astype(np.float64)
    # x + u is below 0 with probability (1 - x) / 2 and above 1 with probability x / 2.
    assert np.mean(measured == 0) == pytest.approx(0.35, abs=0.005)
    assert np.mean(measured == 1) == pytest.approx(0.15, abs=0.005)
    inside = measured[(measured > 0) & (measured < 1)]
    assert stats.kstest(inside, "uniform").statistic < 0.006
    quarter = noisy("stem_indirect", np.full((400, 400), 0.5), amplitude=(0.25, 0.25))
    assert quarter.min() == pytest.approx(0.25, abs=1e-4)
    assert quarter.max() == pytest.approx(0.75, abs=1e-4)


def test_counts_have_three_independent_parts():
    """Where nothing is clipped, the variances add: a^2 / 6 + (r s)^2 + x r^2 / c."""
    clean = np.full((500, 500), 0.5)
    for reading, ratio in (("corrected", 0.1), ("as_published", 1.0)):
        params = {"reading": reading, "deviation": 0.02, "dose": 300.0}
        measured = noisy("stem_counts", clean, drawn={"amplitude": 0.1}, **params).astype(np.float64)
        expected = 0.1**2 / 6 + (ratio * 0.02) ** 2 + 0.5 * ratio**2 / 300
        assert measured.mean() == pytest.approx(0.5, abs=0.001)
        assert measured.var() == pytest.approx(expected, rel=0.02)
        error = measured - 0.5
        assert abs(np.mean(error[1:] * error[:-1])) < 0.01 * expected


def test_counts_as_published_are_tenths_up_to_one():
    measured = 10 * noisy("stem_counts", cluster(), reading="as_published").astype(np.float64)
    np.testing.assert_allclose(measured, measured.round(), atol=1e-5)
    assert measured.max() == pytest.approx(10)


def test_counts_reach_beyond_one_only_where_the_amplitude_does():
    assert noisy("stem_counts", cluster(), drawn={"amplitude": 1.0}).max() == 1
    assert noisy("stem_counts", cluster(), drawn={"amplitude": 2.5}).max() == 2.5


@pytest.mark.parametrize("name", STEM)
@pytest.mark.parametrize("level", [None, 6.0])
def test_torch_and_numpy_agree_in_distribution(name, level):
    torch = pytest.importorskip("torch")
    clean = np.repeat([[0.0], [0.15], [0.6], [1.0]], 6_000, axis=1)
    drawn = {"dose": 5.0, "saturation": 0.95, "amplitude": 0.6}
    ours = noisy(name, clean, drawn=drawn, level=level)
    theirs = torch_noisy(name, torch.from_numpy(clean), drawn=drawn, level=level).numpy()
    for mine, other in zip(ours, theirs, strict=True):
        assert np.abs(np.sort(mine) - np.sort(other)).mean() < 0.02
    again = torch_noisy(name, torch.from_numpy(clean), drawn=drawn, level=level).numpy()
    np.testing.assert_array_equal(theirs, again)


@pytest.mark.parametrize("name", STEM)
def test_neither_variance_nor_gain_is_declared(name):
    module = catalogue.get_noise(name)
    drawn = module.draw(module.Params(), np.random.default_rng(0))
    assert module.variance(cluster(), module.Params(), drawn) is None
    assert module.gain(module.Params(), drawn) is None


@pytest.mark.parametrize(
    ("module", "params"),
    [
        (stem_direct, {"dose": (0, 1)}),
        (stem_direct, {"dose": (10, 1)}),
        (stem_direct, {"saturation": (0.9, 1.1)}),
        (stem_direct, {"dark_current": -0.1}),
        (stem_indirect, {"amplitude": (1, 0.5)}),
        (stem_indirect, {"level": float("nan")}),
        (stem_counts, {"amplitude": 1}),
        (stem_counts, {"level": 1000}),
        (stem_counts, {"dose": 0}),
    ],
)
def test_impossible_parameters_are_refused(module, params):
    with pytest.raises(ValidationError):
        module.Params(**params)
