"""The metrics of volumes, which match the estimate to the truth, against scikit-image, NumPy and closed forms."""

import math

import numpy as np
import pytest
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from reconbench.errors import UserError
from reconbench.metrics import matched_psnr, matched_rmse, matched_ssim
from reconbench.metrics._matching import matched

MODULES = [matched_psnr, matched_ssim, matched_rmse]


@pytest.fixture(scope="module")
def pair():
    """An estimate and a truth as float32, dark with a bright tube and a few voxels far brighter."""
    random = np.random.default_rng(5)
    z, y, x = np.mgrid[:14, :40, :36]
    truth = 3 + 20 * np.exp(-((z - 7) ** 2 + (y - 20 - 5 * np.sin(x / 8)) ** 2) / 8)
    truth[2, 3, 4:8] = 90
    estimate = 0.3 * truth + 1 + random.normal(0, 1.0, truth.shape)
    return estimate.astype(np.float32), truth.astype(np.float32)


def percentile(values, per_cent):
    """By its definition: linear between the sorted values."""
    ordered = np.sort(values.astype(float), axis=None)
    place = per_cent / 100 * (ordered.size - 1)
    below = int(place)
    return ordered[below] + (place - below) * (ordered[below + 1] - ordered[below])


def normalised(truth):
    low, high = percentile(truth, 0.1), percentile(truth, 99.9)
    return (truth.astype(float) - low) / (high - low)


def written_out(estimate, truth):
    """The formula, the truth normalised twice, with sample moments by NumPy."""
    truth = normalised(normalised(truth))
    truth -= truth.mean()
    estimate = estimate.astype(float) - estimate.mean(dtype=float)
    moments = np.cov(truth.ravel(), estimate.ravel())
    return estimate * moments[0, 1] / moments[1, 1], truth


def score(module, estimate, truth):
    return module.metric(estimate, truth, module.Params())


def test_metrics_of_a_volume_agree_with_the_formula_and_scikit_image(pair):
    estimate, truth = written_out(*pair)
    assert score(matched_rmse, *pair) == pytest.approx(math.sqrt(mean_squared_error(truth, estimate)), rel=1e-9)
    expected = peak_signal_noise_ratio(truth, estimate, data_range=1)
    assert score(matched_psnr, *pair) == pytest.approx(expected, abs=1e-8)
    expected = structural_similarity(truth, estimate, data_range=1)
    assert score(matched_ssim, *pair) == pytest.approx(expected, abs=1e-8)
    assert 0.1 < expected < 0.9


def test_normalising_the_truth_a_second_time_changes_nothing(pair):
    once = normalised(pair[1])
    np.testing.assert_allclose(normalised(once), once, rtol=1e-12, atol=1e-12)
    assert once.max() > 2  # and nothing is clipped
    for module in MODULES:
        assert score(module, pair[0], once) == pytest.approx(score(module, *pair), rel=1e-5)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize(("gain", "offset"), [(1, 5), (40, -3), (1e-3, 0), (-2, 1)])
def test_offset_and_gain_of_the_estimate_make_no_difference(pair, module, gain, offset):
    estimate, truth = pair[0].astype(float), pair[1]
    assert score(module, gain * estimate + offset, truth) == pytest.approx(score(module, estimate, truth), rel=1e-9)


@pytest.mark.parametrize("module", MODULES)
def test_the_unit_of_the_truth_makes_no_difference(pair, module):
    truth = pair[1].astype(float)
    assert score(module, pair[0], 7 * truth - 20) == pytest.approx(score(module, pair[0], truth), rel=1e-9)


def test_noise_that_is_orthogonal_to_the_truth_gives_the_closed_form(pair):
    """With powers T and N of truth and noise the factor is T / (T + N), and the mean square error T N / (T + N)."""
    truth = normalised(pair[1])
    truth -= truth.mean()
    noise = np.random.default_rng(0).normal(size=truth.shape)
    noise -= noise.mean()
    noise -= truth * (noise * truth).sum() / (truth**2).sum()
    for level in (0.01, 0.1, 10):
        noisy = truth + level * noise
        t, n = np.mean(truth**2), np.mean((level * noise) ** 2)
        expected = t * n / (t + n)
        assert score(matched_rmse, 5 * noisy + 2, pair[1]) == pytest.approx(math.sqrt(expected), rel=1e-8)
        assert score(matched_psnr, 5 * noisy + 2, pair[1]) == pytest.approx(-10 * math.log10(expected), rel=1e-8)


def test_no_other_factor_or_offset_is_nearer(pair):
    estimate, truth = matched(*pair)
    least = np.mean((estimate - truth) ** 2)
    for factor, offset in ((0.99, 0), (1.01, 0), (1, 0.01), (1, -0.01)):
        assert np.mean((factor * estimate + offset - truth) ** 2) > least


@pytest.mark.parametrize("value", [0, 0.1, -7.3, 1e6])
def test_a_constant_estimate_leaves_the_spread_of_the_truth(pair, value):
    truth = normalised(pair[1])
    constant = np.full(truth.shape, value, dtype=np.float32)
    assert score(matched_rmse, constant, pair[1]) == pytest.approx(truth.std(), rel=1e-9)
    expected = structural_similarity(truth - truth.mean(), np.zeros_like(truth), data_range=1)
    assert score(matched_ssim, constant, pair[1]) == pytest.approx(expected, abs=1e-9)


def test_the_truth_itself_is_as_good_as_can_be(pair):
    truth = pair[1]
    assert score(matched_rmse, truth, truth) < 1e-14
    assert score(matched_psnr, truth, truth) > 280
    assert score(matched_ssim, truth, truth) == pytest.approx(1, abs=1e-12)


def test_a_truth_without_a_range_is_refused():
    truth = np.zeros((12, 40, 40), dtype=np.float32)
    truth[0, 0, 0] = 1
    with pytest.raises(UserError, match="a truth whose percentiles 0.1 and 99.9 differ; both are 0"):
        matched(np.ones_like(truth), truth)


@pytest.mark.parametrize("module", MODULES)
def test_volumes_of_unequal_shape_are_refused(module):
    with pytest.raises(UserError, match="shape"):
        score(module, np.zeros((9, 9, 9)), np.zeros((9, 9, 1)))


@pytest.mark.parametrize("module", MODULES)
def test_inputs_are_untouched_and_the_record_has_the_name_of_the_file(pair, module):
    before = [image.copy() for image in pair]
    assert isinstance(score(module, *pair), float)
    for image, kept in zip(pair, before, strict=True):
        np.testing.assert_array_equal(image, kept)
    assert module.__name__.endswith("." + module.METRIC.name)
    assert module.METRIC.title.endswith(", matched")
