"""Metrics against scikit-image, NumPy, SciPy and values known by hand."""

import math

import numpy as np
import pytest
import scipy.fft
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from reconbench.errors import UserError
from reconbench.metrics import mi, mse, psnr, rmse, smi, ssim


@pytest.fixture(scope="module")
def pair():
    """A truth and an estimate as float32, of a size that is no multiple of a band of SSIM."""
    random = np.random.default_rng(3)
    y, x = np.mgrid[:150, :131]
    truth = (0.5 + 0.4 * np.sin(x / 9) * np.cos(y / 13)).astype(np.float32)
    return np.clip(truth + random.normal(0, 0.1, truth.shape), -0.2, 1.3).astype(np.float32), truth


def test_squared_errors(pair):
    estimate, truth = pair
    expected = np.mean((estimate.astype(float) - truth.astype(float)) ** 2)
    assert mse.metric(estimate, truth, mse.Params()) == pytest.approx(expected, rel=1e-14)
    assert rmse.metric(estimate, truth, rmse.Params()) == pytest.approx(math.sqrt(expected), rel=1e-14)
    assert rmse.metric(np.full((2, 2), 3.0), np.zeros((2, 2)), rmse.Params()) == 3


@pytest.mark.parametrize("data_range", [1.0, 2.5])
def test_psnr_agrees_with_scikit_image(pair, data_range):
    estimate, truth = (image.astype(float) for image in pair)
    expected = peak_signal_noise_ratio(truth, estimate, data_range=data_range)
    assert psnr.metric(*pair, psnr.Params(data_range=data_range)) == pytest.approx(expected, abs=1e-9)


def test_psnr_of_identical_images_is_infinite(pair):
    assert psnr.metric(pair[1], pair[1], psnr.Params()) == math.inf


@pytest.mark.parametrize("data_range", [1.0, 2.5])
def test_ssim_agrees_with_scikit_image(pair, data_range):
    estimate, truth = (image.astype(float) for image in pair)
    expected = structural_similarity(truth, estimate, data_range=data_range)
    assert ssim.metric(*pair, ssim.Params(data_range=data_range)) == pytest.approx(expected, abs=1e-9)


def test_ssim_of_a_small_difference_on_a_large_offset(pair):
    estimate, truth = (image.astype(float) + 100 for image in pair)
    expected = structural_similarity(truth, estimate, data_range=1)
    assert ssim.metric(estimate, truth, ssim.Params()) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("shape", [(7, 7), (70, 8), (71, 9), (134, 20)])
def test_ssim_of_awkward_sizes(shape):
    estimate, truth = np.random.default_rng(0).uniform(size=(2, *shape))
    expected = structural_similarity(truth, estimate, data_range=1)
    assert ssim.metric(estimate, truth, ssim.Params()) == pytest.approx(expected, abs=1e-9)


def test_ssim_of_volumes():
    estimate, truth = np.random.default_rng(0).uniform(size=(2, 9, 20, 17))
    expected = structural_similarity(truth, estimate, data_range=1)
    assert ssim.metric(estimate, truth, ssim.Params()) == pytest.approx(expected, abs=1e-9)


def test_ssim_as_published_has_the_range_of_the_estimate(pair):
    estimate, truth = (image.astype(float) for image in pair)
    expected = structural_similarity(truth, estimate, data_range=np.ptp(estimate))
    params = ssim.Params(reading="as_published")
    assert ssim.metric(*pair, params) == pytest.approx(expected, abs=1e-6)
    assert ssim.metric(*pair, params) > ssim.metric(*pair, ssim.Params())
    assert math.isnan(ssim.metric(np.zeros((9, 9)), np.zeros((9, 9)), params))


def test_ssim_of_identical_images_is_one(pair):
    assert ssim.metric(pair[1], pair[1], ssim.Params()) == pytest.approx(1, abs=1e-12)


def mutual_information(x, y):
    joint = np.histogram2d(x.ravel(), y.ravel(), bins=256)[0] / x.size

    def entropy(p):
        return -np.sum(p[p > 0] * np.log(p[p > 0]))

    together = entropy(joint)
    return (entropy(joint.sum(0)) + entropy(joint.sum(1)) - together) / together


def test_mi_agrees_with_numpy(pair):
    estimate, truth = (image.astype(float) for image in pair)
    assert mi.metric(*pair, mi.Params()) == pytest.approx(mutual_information(truth, estimate), abs=1e-12)


@pytest.mark.parametrize("levels", [1024, 255, 100])
def test_mi_of_quantised_images_whose_values_lie_on_the_edges_of_bins(pair, levels):
    estimate, truth = (np.round(image.astype(float) * levels) / levels for image in pair)
    assert mi.metric(estimate, truth, mi.Params()) == pytest.approx(mutual_information(truth, estimate), abs=1e-12)


def test_mi_limits(pair):
    truth = pair[1]
    assert mi.metric(truth, truth, mi.Params()) == pytest.approx(1)
    assert mi.metric(2 - 3 * truth, truth, mi.Params()) > 0.9
    assert mi.metric(np.ones_like(truth), truth, mi.Params()) == pytest.approx(0, abs=1e-12)
    assert mi.metric(np.ones((3, 3)), np.ones((3, 3)), mi.Params()) == 0


@pytest.mark.parametrize("shape", [(30, 41), (8, 9, 10)])
def test_smi_is_mi_of_the_signed_cosine_transforms(shape):
    truth = np.random.default_rng(0).uniform(size=shape)
    estimate = truth + np.random.default_rng(1).normal(0, 0.05, shape)
    x, y = (scipy.fft.dctn(image / np.sqrt((image**2).sum())) for image in (truth, estimate))
    assert smi.metric(estimate, truth, smi.Params()) == pytest.approx(mutual_information(x, y), abs=1e-12)
    # The scale of an image makes no difference.
    assert smi.metric(7 * estimate, truth, smi.Params()) == pytest.approx(mutual_information(x, y), abs=1e-3)


def test_smi_of_an_empty_image_is_finite():
    assert math.isfinite(smi.metric(np.zeros((9, 9)), np.random.default_rng(0).uniform(size=(9, 9)), smi.Params()))


@pytest.mark.parametrize("module", [mse, rmse, psnr, ssim, mi, smi])
def test_images_of_unequal_shape_are_refused(module):
    with pytest.raises(UserError, match="shape"):
        module.metric(np.zeros((9, 9)), np.zeros((9, 1)), module.Params())


def test_ssim_refuses_images_smaller_than_its_window():
    with pytest.raises(UserError, match="7 pixels along each axis"):
        ssim.metric(np.zeros((6, 20)), np.zeros((6, 20)), ssim.Params())


@pytest.mark.parametrize("module", [mse, rmse, psnr, ssim, mi, smi])
def test_inputs_are_untouched_and_the_record_has_the_name_of_the_file(pair, module):
    estimate, truth = pair
    before = estimate.copy(), truth.copy()
    assert isinstance(module.metric(estimate, truth, module.Params()), float)
    np.testing.assert_array_equal(estimate, before[0])
    np.testing.assert_array_equal(truth, before[1])
    assert module.__name__.endswith("." + module.METRIC.name)
