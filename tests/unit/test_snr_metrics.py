"""The SNR as it is, and the SNR after a fit of gain and offset."""

import math

import numpy as np
import pytest

from reconbench.errors import UserError
from reconbench.metrics import snr, snr_fitted


@pytest.fixture(scope="module")
def pair():
    source = np.random.default_rng(0)
    truth = source.random((40, 50)).astype(np.float32)
    return (0.3 * truth + 0.5 + 0.1 * source.normal(size=truth.shape)).astype(np.float32), truth


def fitted(estimate, truth):
    return snr_fitted.metric(estimate, truth, snr_fitted.Params())


def test_the_snr_is_the_ratio_of_sums_of_squares(pair):
    estimate, truth = (image.astype(np.float64) for image in pair)
    expected = 10 * math.log10((truth**2).sum() / ((estimate - truth) ** 2).sum())
    assert snr.metric(*pair, snr.Params()) == pytest.approx(expected, abs=1e-9)


def test_the_fit_is_that_of_least_squares(pair):
    estimate, truth = (image.astype(np.float64) for image in pair)
    design = np.stack([estimate.ravel(), np.ones(estimate.size)], axis=1)
    _, (residual,), *_ = np.linalg.lstsq(design, truth.ravel(), rcond=None)
    assert fitted(*pair) == pytest.approx(10 * math.log10((truth**2).sum() / residual), abs=1e-6)
    assert fitted(*pair) > snr.metric(*pair, snr.Params())


@pytest.mark.parametrize(("gain", "offset"), [(2.0, 0.0), (1.0, -3.0), (0.01, 5.0), (-1.0, 1.0)])
def test_gain_and_offset_do_not_count(pair, gain, offset):
    estimate, truth = (image.astype(np.float64) for image in pair)
    assert fitted(gain * estimate + offset, truth) == pytest.approx(fitted(estimate, truth), abs=1e-6)
    assert fitted(gain * truth + offset, truth) == math.inf


def test_a_constant_is_fitted_by_its_offset(pair):
    truth = pair[1].astype(np.float64)
    expected = 10 * math.log10(np.mean(truth**2) / truth.var())
    for value in (0.0, 0.1, 7.0):
        assert fitted(np.full(truth.shape, value, np.float32), truth) == pytest.approx(expected, abs=1e-9)
    # An estimate that has nothing to do with the truth is worth little more.
    assert fitted(np.random.default_rng(5).random(truth.shape), truth) == pytest.approx(expected, abs=0.05)


def test_a_sequence_is_fitted_as_a_whole(pair):
    estimate, truth = pair
    frames = np.stack([estimate, 2 * estimate])
    assert fitted(frames, np.stack([truth, truth])) < fitted(estimate, truth) - 1
    assert fitted(np.stack([estimate] * 2), np.stack([truth] * 2)) == pytest.approx(fitted(estimate, truth))


def test_what_has_no_snr_is_refused(pair):
    with pytest.raises(UserError, match="zero everywhere"):
        fitted(pair[0], np.zeros_like(pair[0]))
    with pytest.raises(UserError, match=r"the estimate has shape \(40, 50\) and the truth \(40, 49\)"):
        fitted(pair[0], pair[1][:, 1:])
