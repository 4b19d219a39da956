"""Gain, offset and deviation come back from frames that were made with them."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from reconbench.methods._noise_estimation import estimate_noise, homogeneous_blocks


def smooth(shape, lowest=0.0):
    """Smooth random values from `lowest` to 1."""
    field = gaussian_filter(np.random.default_rng(5).normal(size=shape), (0, 12, 12), mode="wrap")
    return lowest + (1 - lowest) * (field - field.min()) / np.ptp(field)


def noisy(clean, gain, offset, deviation, seed=0):
    generator = np.random.default_rng(seed)
    counted = gain * generator.poisson(clean / gain) if gain else clean
    return counted + generator.normal(offset, deviation, clean.shape)


@pytest.mark.parametrize("shape", [(1, 256, 256), (4, 128, 128), (2, 201, 150)])
@pytest.mark.parametrize(("gain", "deviation"), [(0.02, 0.05), (0.1, 0.1), (0.3, 0.3)])
def test_a_simulated_image_gives_its_noise_back(shape, gain, deviation):
    """A third of it is dark. Gain within 15 %, deviation within 20 %, the offset within 0.4 of the deviation.

    The smallest of many means is below their common expectation, by some standard errors of the mean of a block.
    """
    clean = np.maximum(1.5 * smooth(shape) - 0.5, 0)
    found = estimate_noise(noisy(clean, gain, 0.2, deviation))
    assert found.gain == pytest.approx(gain, rel=0.15)
    assert found.offset == pytest.approx(0.2, abs=0.4 * deviation)
    assert found.deviation == pytest.approx(deviation, rel=0.2)


def test_a_background_counts_as_offset_and_leaves_the_variance_at_each_level():
    gain, deviation, background = 0.05, 0.05, 0.3
    found = estimate_noise(noisy(smooth((2, 256, 256), background), gain, 0.1, deviation))
    assert found.offset == pytest.approx(0.4, abs=0.05)
    for signal in (0.3, 0.6, 0.9):
        variance = found.gain * (signal + 0.1 - found.offset) + found.deviation**2
        assert variance == pytest.approx(gain * signal + deviation**2, rel=0.1)


def test_white_noise_has_no_gain_to_speak_of():
    found = estimate_noise(noisy(smooth((2, 128, 128)), 0.0, 0.0, 0.1))
    assert found.gain < 0.002
    assert found.deviation == pytest.approx(0.1, rel=0.05)


def test_noise_that_falls_with_the_signal_is_taken_for_white():
    clean = smooth((2, 128, 128))
    generator = np.random.default_rng(0)
    found = estimate_noise(clean + generator.normal(size=clean.shape) * (0.2 - 0.1 * clean))
    assert found.gain == 0
    assert 0.1 < found.deviation < 0.2


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_a_constant_has_no_noise(value):
    found = estimate_noise(np.full((2, 40, 50), value))
    assert (found.gain, found.deviation) == (0.0, 0.0)
    assert found.offset == pytest.approx(value)


@pytest.mark.parametrize("shape", [(8, 8), (64, 64), (100, 45), (37, 61)])
def test_blocks_fill_the_frame_but_for_its_last_pixels(shape):
    frames = noisy(smooth((3, *shape)), 0.05, 0.0, 0.05)
    blocks = homogeneous_blocks(frames)
    assert blocks.pixels.sum() == 3 * (shape[0] // 8 * 8) * (shape[1] // 8 * 8)
    assert blocks.means.shape == blocks.variances.shape == blocks.pixels.shape


def test_blocks_are_as_large_as_what_they_show_is_homogeneous():
    generator = np.random.default_rng(0)
    flat = generator.normal(0, 0.1, (20, 64, 64))
    whole = homogeneous_blocks(flat).pixels == 64**2
    assert whole.sum() >= 19
    edge = flat.copy()
    edge[:, :, 20:] += 1
    pixels = homogeneous_blocks(edge).pixels
    assert pixels.max() == 32**2
    assert (pixels == 8**2).sum() >= 20 * 8  # The column of blocks with the edge in it.


def test_outliers_count_little_in_a_block():
    generator = np.random.default_rng(0)
    flat = generator.normal(0.3, 0.1, (20, 64, 64))
    hot = np.where(generator.random(flat.shape) < 0.01, 50.0, flat)
    blocks = homogeneous_blocks(hot)
    assert blocks.means.mean() == pytest.approx(0.3, abs=0.01)
    assert blocks.variances.mean() == pytest.approx(0.01, rel=0.2)
    assert hot.var() > 10
