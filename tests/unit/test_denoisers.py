"""The denoisers are calls of libraries: each default is the call of paper 002, and our own parts are right."""

import sys

import cv2
import numpy as np
import pytest
from pydantic import ValidationError
from scipy.signal import wiener
from scipy.stats import poisson as poisson_law
from skimage.restoration import (
    denoise_nl_means,
    denoise_tv_bregman,
    denoise_tv_chambolle,
    denoise_wavelet,
    estimate_sigma,
)

from reconbench import catalogue
from reconbench.contracts import NotToldError, Problem
from reconbench.errors import UserError
from reconbench.methods._anscombe import inverse_transform, transform
from reconbench.methods._noise_model import estimate_noise_model

PLANES_ONLY = ("gaussian", "bilateral", "median", "tv_bregman", "bm3d", "bm3d_anscombe", "bm3d_anscombe_blind")
VOLUMES_TOO = ("identity", "local_wiener", "wavelet", "tv_chambolle", "non_local_means")
BM3D = ("bm3d", "bm3d_anscombe", "bm3d_anscombe_blind")


def blobs(size, seed=3):
    """Smooth spots on a ramp, about 0.15 to 1."""
    source = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    image = 0.15 + 0.2 * x / size
    for _ in range(12):
        row, column = source.uniform(0, size, 2)
        width = source.uniform(size / 16, size / 8)
        image = image + source.uniform(0.2, 0.6) * np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * width**2))
    return np.clip(image, 0, 1)


def counted(clean, dose, seed=0):
    return (np.random.default_rng(seed).poisson(dose * clean) / dose).astype(np.float32)


def restore(name, measurement, dose=None, **params):
    module = catalogue.get_method(name)
    problem = Problem(kind="denoising", counts_per_unit=dose, told=module.METHOD.told)
    return module.restore(measurement, problem, module.Params(**params), "cpu")


NOISY = counted(blobs(64), 75)
PUBLISHED_CALLS = {
    "gaussian": lambda image: cv2.GaussianBlur(image, (3, 3), 0),
    "bilateral": lambda image: cv2.bilateralFilter(image, 9, 75, 75),
    "median": lambda image: cv2.medianBlur(image, 3),
    "local_wiener": wiener,
    "wavelet": denoise_wavelet,
    "tv_chambolle": denoise_tv_chambolle,
    "tv_bregman": lambda image: denoise_tv_bregman(image, weight=0.1, eps=2e-4, max_num_iter=200, isotropic=False),
    "non_local_means": denoise_nl_means,
}


@pytest.mark.parametrize("name", PUBLISHED_CALLS)
def test_default_is_the_call_of_the_paper(name):
    np.testing.assert_array_equal(restore(name, NOISY), PUBLISHED_CALLS[name](NOISY).astype(np.float32))


def test_bm3d_is_the_packages_default_call():
    bm3d = pytest.importorskip("bm3d")
    expected = bm3d.bm3d(NOISY, estimate_sigma(NOISY))
    np.testing.assert_allclose(restore("bm3d", NOISY), expected, atol=1e-5)


def test_parameters_reach_the_libraries():
    expected = {
        ("gaussian", (("kernel_size", 5), ("sigma", 1.5))): cv2.GaussianBlur(NOISY, (5, 5), 1.5),
        ("median", (("kernel_size", 5),)): cv2.medianBlur(NOISY, 5),
        ("local_wiener", (("window_size", 7),)): wiener(NOISY, 7),
        ("wavelet", (("wavelet", "sym4"),)): denoise_wavelet(NOISY, wavelet="sym4"),
        ("tv_chambolle", (("weight", 0.05),)): denoise_tv_chambolle(NOISY, weight=0.05),
        ("non_local_means", (("h", 0.8), ("h_unit", "noise level"))): denoise_nl_means(
            NOISY, h=0.8 * estimate_sigma(NOISY), sigma=estimate_sigma(NOISY)
        ),
    }
    for (name, params), image in expected.items():
        np.testing.assert_allclose(restore(name, NOISY, **dict(params)), image, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("name", [*PUBLISHED_CALLS, *BM3D])
def test_a_constant_image_stays_constant(name):
    constant = np.full((32, 32), 0.3, dtype=np.float32)
    estimate = restore(name, constant, dose=100.0)
    inside = estimate[1:-1, 1:-1] if name == "local_wiener" else estimate  # SciPy puts zeros beyond the border.
    # The unbiased inverse adds the quarter of a count that noise would have taken, and here is none.
    tolerance = 0.3 / 100 if name == "bm3d_anscombe" else 1e-4
    np.testing.assert_allclose(inside, 0.3, atol=tolerance)


@pytest.mark.parametrize("name", [*PUBLISHED_CALLS, "identity"])
def test_a_black_image_stays_black(name):
    assert not restore(name, np.zeros((16, 16), dtype=np.float32)).any()


@pytest.mark.parametrize("name", [*PUBLISHED_CALLS, "identity"])
def test_an_image_smaller_than_any_window_keeps_its_shape(name):
    estimate = restore(name, NOISY[:2, :3])
    assert estimate.shape == (2, 3)
    assert np.isfinite(estimate).all()


@pytest.mark.parametrize("name", BM3D)
def test_bm3d_refuses_what_would_crash_the_package(name):
    with pytest.raises(UserError, match=rf"{name} needs at least 9 x 9 pixels, not \(8, 40\)"):
        restore(name, NOISY[:8, :40], dose=75)
    assert restore(name, NOISY[:9, :9].copy(), dose=75).shape == (9, 9)


@pytest.mark.parametrize("name", PLANES_ONLY)
def test_methods_for_planes_refuse_volumes(name):
    with pytest.raises(UserError, match=rf"{name} restores images \(y, x\), not data of shape \(16, 16, 16\)"):
        restore(name, np.ones((16, 16, 16), dtype=np.float32), dose=75)


@pytest.mark.parametrize("name", VOLUMES_TOO)
def test_methods_for_volumes_denoise_them(name):
    clean = np.stack([blobs(24)] * 8)
    noisy = counted(clean, 75)
    params = {"patch_size": 3, "patch_distance": 3} if name == "non_local_means" else {}  # Its defaults take 6 s.
    estimate = restore(name, noisy, **params)
    assert estimate.shape == clean.shape
    if name != "identity":
        assert np.mean((estimate - clean) ** 2) < np.mean((noisy - clean) ** 2)


@pytest.mark.parametrize("name", BM3D)
def test_a_missing_bm3d_gives_one_sentence(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "bm3d", None)
    with pytest.raises(UserError, match=f"{name} needs the package bm3d, which is not installed"):
        restore(name, NOISY, dose=75)


def test_bm3d_for_counts_beats_plain_bm3d_at_a_low_dose():
    clean = blobs(64)
    error = {name: np.mean((restore(name, NOISY, dose=75.0, profile="low_complexity") - clean) ** 2) for name in BM3D}
    assert error["bm3d_anscombe"] < error["bm3d"] < np.mean((NOISY - clean) ** 2)
    assert error["bm3d_anscombe_blind"] < 1.3 * error["bm3d_anscombe"]


def test_bm3d_anscombe_needs_a_declared_gain():
    with pytest.raises(NotToldError, match="gain"):
        restore("bm3d_anscombe", NOISY)


def test_even_windows_are_refused():
    for name, params in {"gaussian": {"kernel_size": 4}, "local_wiener": {"window_size": 4}}.items():
        with pytest.raises(ValidationError, match="must be odd"):
            catalogue.get_method(name).Params(**params)


# The Anscombe transform


@pytest.mark.parametrize("mean", [0.5, 1, 2, 3, 5, 10, 20, 50])
def test_inverse_transform_is_unbiased(mean):
    """Its defining property (Mäkitalo and Foi 2011): I(E f(z)) = E z, with the expectation summed exactly."""
    counts = np.arange(400)
    expected = np.sum(poisson_law.pmf(counts, mean) * transform(counts, 1, 0))
    assert inverse_transform(expected, 1, 0) == pytest.approx(mean, abs=0.03)


def test_the_algebraic_inverse_would_be_biased():
    counts = np.arange(400)
    expected = np.sum(poisson_law.pmf(counts, 2) * transform(counts, 1, 0))
    assert (expected / 2) ** 2 - 3 / 8 < 2 - 0.15


def test_transform_gives_counts_a_variance_of_one():
    for mean in (5, 20, 200):
        counts = np.arange(1000)
        weight = poisson_law.pmf(counts, mean)
        stable = transform(counts, 1, 0)
        assert np.sum(weight * stable**2) - np.sum(weight * stable) ** 2 == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("pedestal", [0.0, 0.1])
def test_transform_and_inverse_with_gain_read_out_noise_and_pedestal(pedestal):
    source = np.random.default_rng(0)
    slope, read_out = 0.02, 0.03
    image = slope * source.poisson(15, 400_000) + pedestal + source.normal(0, read_out, 400_000)
    offset = read_out**2 - slope * pedestal
    stable = transform(image, slope, offset)
    assert stable.var() == pytest.approx(1, abs=0.05)
    assert inverse_transform(stable.mean(), slope, offset) == pytest.approx(slope * 15 + pedestal, rel=0.01)


def test_inverse_transform_below_the_transform_of_zero_is_no_signal():
    np.testing.assert_allclose(inverse_transform(np.array([-1.0, 0.0, 1.0]), 1, 0), 0, atol=1e-12)


# The estimate of gain and offset


@pytest.mark.parametrize("size", [128, 256])
@pytest.mark.parametrize("dose", [25, 100, 1000])
def test_gain_is_estimated_within_fifteen_per_cent(size, dose):
    clean = blobs(size)
    slopes = np.array([estimate_noise_model(counted(clean, dose, seed))[0] for seed in range(8)])
    assert np.abs(slopes * dose - 1).max() < (0.15 if size == 128 else 0.1)
    assert abs(slopes.mean() * dose - 1) < 0.05


def test_variance_is_estimated_where_the_gain_hardly_can_be():
    """An image of little contrast tells the variance at its own level only, and that is all a method needs."""
    clean = 0.5 + 0.02 * (blobs(128) - 0.5)
    for seed in range(4):
        slope, offset = estimate_noise_model(counted(clean, 100, seed))
        assert slope * clean.mean() + offset == pytest.approx(clean.mean() / 100, rel=0.1)


def test_offset_of_read_out_noise_is_estimated():
    source = np.random.default_rng(0)
    clean = blobs(256)
    noisy = counted(clean, 100) + source.normal(0, 0.05, clean.shape)
    slope, offset = estimate_noise_model(noisy)
    assert slope == pytest.approx(0.01, rel=0.15)
    assert offset == pytest.approx(0.05**2, rel=0.25)


def test_edges_in_a_minority_of_blocks_do_not_mislead_the_estimate():
    clean = blobs(256)
    clean[::48] = 1
    slope, _ = estimate_noise_model(counted(clean, 100))
    assert slope == pytest.approx(0.01, rel=0.15)


def test_small_images_give_the_ratio_of_variance_and_mean():
    slope, offset = estimate_noise_model(counted(np.full((32, 32), 0.5), 100))
    assert slope == pytest.approx(0.01, rel=0.3)
    assert offset == 0


def test_no_noise_and_no_gain():
    assert estimate_noise_model(np.full((32, 32), 0.5)) == (0, 0)
    with pytest.raises(UserError, match="no gain is to be found"):
        estimate_noise_model(np.random.default_rng(0).normal(-1, 0.1, (16, 16)))
