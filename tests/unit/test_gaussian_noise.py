"""White Gaussian noise: its moments, its whiteness, and the same in NumPy and torch."""

import numpy as np
import pytest
from pydantic import ValidationError

from reconbench.noise import gaussian
from reconbench.noise.gaussian import Params


def noise_of(clean, deviation, seed=0):
    noisy = gaussian.apply(clean, np.random.default_rng(seed), Params(deviation=deviation), {})
    return noisy.astype(np.float64) - clean


def kurtosis(values):
    return np.mean((values - values.mean()) ** 4) / values.var() ** 2


@pytest.mark.parametrize("deviation", [0.01, 0.03, 0.5])
def test_moments_are_those_of_a_normal_distribution_at_every_signal(deviation):
    for level in (0.0, 0.4, 1.0):
        noise = noise_of(np.full(400_000, level), deviation)
        assert noise.mean() == pytest.approx(0, abs=5 * deviation / 400_000**0.5)
        assert noise.var() == pytest.approx(deviation**2, rel=0.01)
        assert kurtosis(noise) == pytest.approx(3, abs=0.05)


def test_values_below_zero_and_above_one_are_kept():
    noisy = gaussian.apply(np.repeat([0.0, 1.0], 1000), np.random.default_rng(0), Params(deviation=0.1), {})
    assert noisy.min() < -0.2
    assert noisy.max() > 1.2
    assert noisy.dtype == np.float32


def test_the_spectrum_is_flat():
    power = np.abs(np.fft.fft2(noise_of(np.zeros((256, 256)), 0.1))) ** 2 / 256**2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
    rings = [power[(frequency >= low) & (frequency < low + 0.1)].mean() for low in np.arange(0, 0.5, 0.1)]
    np.testing.assert_allclose(rings, 0.01, rtol=0.06)


def test_without_deviation_the_image_is_left():
    clean = np.random.default_rng(0).random((5, 6)).astype(np.float32)
    np.testing.assert_array_equal(gaussian.apply(clean, np.random.default_rng(1), Params(deviation=0), {}), clean)


@pytest.mark.parametrize("shape", [(7, 9), (3, 7, 9), ()])
def test_the_declared_variance_has_the_shape_of_the_signal(shape):
    declared = gaussian.variance(np.zeros(shape), Params(deviation=0.03), {})
    assert declared.shape == shape
    np.testing.assert_allclose(declared, 0.0009)


def test_nothing_is_drawn_and_nothing_counted():
    assert gaussian.draw(Params(), np.random.default_rng(0)) == {}
    assert gaussian.gain(Params(), {}) is None
    assert Params().deviation == 0.01


def test_torch_agrees_in_moments_and_keeps_the_type():
    torch = pytest.importorskip("torch")
    clean = torch.full((300, 300), 0.5)

    def noisy():
        return gaussian.apply(clean, torch.Generator().manual_seed(3), Params(deviation=0.03), {})

    noise = (noisy() - clean).numpy()
    assert noise.mean() == pytest.approx(0, abs=5e-4)
    assert noise.std() == pytest.approx(0.03, rel=0.01)
    assert kurtosis(noise.astype(np.float64)) == pytest.approx(3, abs=0.05)
    assert noisy().dtype == torch.float32
    assert (clean == 0.5).all()
    assert torch.equal(noisy(), noisy())


@pytest.mark.parametrize("deviation", [-0.1, float("nan"), float("inf")])
def test_impossible_deviations_are_refused(deviation):
    with pytest.raises(ValidationError):
        Params(deviation=deviation)
