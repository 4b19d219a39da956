"""Errors of phases, in which constants and whole periods do not count, and the Fourier ring correlation."""

import math

import numpy as np
import pytest

from reconbench.errors import UserError
from reconbench.metrics import frc_area, mae, mae_less_median, mae_wrapped
from reconbench.metrics._fourier_rings import _rings, ring_correlation, ring_frequencies


def source(seed=0):
    return np.random.default_rng(seed)


def spectrum_image(seed, shape=(64, 64), exponent=1.0):
    """Return a random image whose spectrum falls with a power of the frequency."""
    y, x = (np.fft.fftfreq(length) for length in shape)
    frequency = np.hypot(y[:, None], x)
    frequency[0, 0] = np.inf
    return np.fft.ifft2(np.fft.fft2(source(seed).normal(size=shape)) / frequency**exponent).real


# Absolute errors


def test_the_mean_absolute_error_is_a_mean_and_not_a_sum():
    truth, estimate = source().random((2, 7, 9))
    values = [abs(ours - theirs) for ours, theirs in zip(estimate.flat, truth.flat, strict=True)]
    assert mae.metric(estimate, truth, mae.Params()) == pytest.approx(sum(values) / 63, rel=1e-12)
    assert mae.metric(truth + 0.25, truth, mae.Params()) == pytest.approx(0.25)


def test_no_other_constant_makes_the_error_less_than_the_median():
    truth, estimate = source().random((2, 16, 16))
    least = mae_less_median.metric(estimate, truth, mae_less_median.Params())
    tried = [mae.metric(estimate - constant, truth, mae.Params()) for constant in np.linspace(-1, 1, 401)]
    assert least <= min(tried) <= least + 0.005
    assert mae_less_median.metric(estimate + 12.5, truth, mae_less_median.Params()) == pytest.approx(least, rel=1e-9)


@pytest.mark.parametrize("period", [1.0, 2 * np.pi])
def test_no_other_constant_makes_the_wrapped_error_less(period):
    truth, estimate = period * source().random((2, 9, 8))
    params = mae_wrapped.Params(period=period)
    least = mae_wrapped.metric(estimate, truth, params)

    def error(constant):
        """As the distance along the circle that the phase is an angle on, pixel by pixel."""
        total = 0.0
        for ours, theirs in zip(estimate.flat, truth.flat, strict=True):
            turn = (ours - theirs - constant) / period * 2 * math.pi
            total += math.acos(max(-1.0, min(1.0, math.cos(turn)))) / (2 * math.pi) * period
        return total / truth.size

    # The least one is at one of the differences.
    assert least == pytest.approx(min(error(constant) for constant in (estimate - truth).flat), rel=1e-6)
    assert least <= min(error(constant) for constant in np.linspace(0, period, 97)) + 1e-6 * period


def test_whole_periods_and_constants_do_not_count():
    truth, noise = source().random((16, 16)), 0.02 * source(1).normal(size=(16, 16))
    params = mae_wrapped.Params()
    plain = mae_wrapped.metric(truth + noise, truth, params)
    assert plain == pytest.approx(mae_less_median.metric(truth + noise, truth, mae_less_median.Params()), rel=1e-9)
    whole = source(2).integers(-2, 3, truth.shape)
    assert mae_wrapped.metric(truth + noise + whole + 0.37, truth, params) == pytest.approx(plain, rel=1e-9)
    # Half of another period is no whole one.
    assert mae_wrapped.metric(truth + whole, truth, mae_wrapped.Params(period=2.0)) > 0.2


def test_a_phase_that_tells_nothing_is_a_quarter_of_a_period_off():
    truth, estimate = source().random((2, 100, 100))
    assert mae_wrapped.metric(estimate, truth, mae_wrapped.Params()) == pytest.approx(0.25, abs=0.005)


@pytest.mark.parametrize("module", [mae, mae_less_median, mae_wrapped])
def test_equal_images_have_no_error_and_others_of_another_shape_none_at_all(module):
    truth = source().random((8, 9), dtype=np.float32)
    assert module.metric(truth.copy(), truth, module.Params()) == 0
    with pytest.raises(UserError, match=r"shape \(8, 8\)"):
        module.metric(truth[:, :8], truth, module.Params())


@pytest.mark.parametrize("module", [mae, mae_less_median, mae_wrapped, frc_area])
def test_one_channel_may_be_compared_alone(module):
    truth, estimate = source().random((2, 3, 16, 16))
    params = module.Params(channel=1)
    alone = module.metric(estimate[1], truth[1], module.Params())
    assert module.metric(estimate, truth, params) == alone
    assert module.metric(estimate, truth, module.Params(channel=2)) != alone
    for wrong in (truth[0], truth[:1]):
        with pytest.raises(UserError, match=r"there is no channel 1 in images of shape"):
            module.metric(wrong, wrong, params)
    with pytest.raises(UserError, match="must be equal"):
        module.metric(estimate[:2], truth, params)


# Fourier ring correlation


@pytest.mark.parametrize("shape", [(16, 16), (15, 15), (12, 20), (21, 10)])
def test_rings_are_those_of_a_loop_over_all_frequencies(shape):
    image, other = source().random((2, *shape))
    shorter = min(shape)
    window = [[math.sin(math.pi * (i + 0.5) / n) ** 2 for i in range(n)] for n in shape]
    hann = np.outer(*window)
    first, second = (np.fft.fft2((one - one.mean()) * hann) for one in (image, other))
    sums = np.zeros((3, shorter // 2 + 1))
    for row in range(shape[0]):
        for column in range(shape[1]):
            # Cycles per pixel, beyond half a cycle negative.
            y, x = (
                index / n if 2 * index < n else index / n - 1 for index, n in zip((row, column), shape, strict=True)
            )
            ring = math.floor(math.hypot(y, x) * shorter + 0.5)
            if 1 <= ring <= shorter // 2:
                one, two = first[row, column], second[row, column]
                sums[:, ring] += (one * two.conjugate()).real, abs(one) ** 2, abs(two) ** 2
    expected = sums[0, 1:] / np.sqrt(sums[1, 1:] * sums[2, 1:])
    np.testing.assert_allclose(ring_correlation(image, other), expected, rtol=0, atol=1e-9)
    assert frc_area.metric(image, other, frc_area.Params()) == pytest.approx(expected.mean(), abs=1e-9)


def test_frequencies_go_to_half_a_cycle_per_pixel():
    assert ring_frequencies((16, 40))[[0, -1]].tolist() == [1 / 16, 0.5]
    assert ring_frequencies((15, 15))[-1] == pytest.approx(7 / 15)


def test_equal_images_correlate_fully_whatever_their_offset_and_gain():
    truth = spectrum_image(0).astype(np.float32)
    np.testing.assert_allclose(ring_correlation(truth, truth), 1, rtol=0, atol=1e-12)
    np.testing.assert_allclose(ring_correlation(3.5 * truth.astype(float) - 7, truth), 1, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ring_correlation(-truth, truth), -1, rtol=0, atol=1e-9)


def test_a_wave_correlates_in_the_ring_of_its_frequency():
    """Two images that share one wave and have each another of their own."""
    x = np.arange(64) / 64
    shared, first, second = (np.broadcast_to(np.cos(2 * np.pi * cycles * x), (64, 64)) for cycles in (8, 16, 24))
    # Without some noise, rounding is all that one of the images has in a ring.
    noise = 1e-3 * source().normal(size=(2, 64, 64))
    curve = ring_correlation(shared + first + noise[0], shared + second + noise[1])
    assert curve[8 - 1] > 0.999
    assert abs(curve[16 - 1]) < 0.5 and abs(curve[24 - 1]) < 0.5


def test_unrelated_noise_correlates_about_not_at_all_with_the_spread_that_the_window_leaves():
    """The variance of sum Re(F1 F2*) over a ring, of white noise seen through the window w, is

        sum_ij w_i^2 a(i - j)^2 w_j^2,

    where a is the inverse Fourier transform of the ring, and the mean of each power sum is a(0) sum w^2.
    """
    shape, pairs = (48, 48), 300
    draws = source()
    curves = np.array([ring_correlation(*draws.normal(size=(2, *shape))) for _ in range(pairs)])
    window = np.sin(np.pi * (np.arange(48) + 0.5) / 48) ** 2
    weight = np.outer(window, window) ** 2
    for ring in (4, 8, 16, 24):
        kernel = np.fft.ifft2(_rings(shape) == ring).real
        spread = np.fft.ifft2(np.fft.fft2(kernel**2) * np.fft.fft2(weight)).real
        deviation = math.sqrt(np.vdot(weight, spread)) / (kernel[0, 0] * weight.sum())
        found = curves[:, ring - 1]
        assert found.std() == pytest.approx(deviation, rel=0.15), ring
        assert abs(found.mean()) < 4 * deviation / math.sqrt(pairs)
    assert abs(curves.mean()) < 0.01


def test_noise_lowers_each_ring_by_its_signal_to_noise_ratio():
    """SNR / (1 + SNR) for two noisy images of one object, and the root of it for a noisy one and the object."""
    number, size = 40, 96
    noisy, clean, signal, noise = [], [], [], []
    rings = _rings((size, size)).ravel()
    window = np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2

    def power(image):
        spectrum = np.fft.fft2((image - image.mean()) * np.outer(window, window))
        return np.bincount(rings, np.abs(spectrum).ravel() ** 2)[1 : size // 2 + 1]

    for seed in range(number):
        truth = spectrum_image(seed, (size, size))
        first, second = 4 * source(1000 + seed).normal(size=(2, size, size))
        noisy.append(ring_correlation(truth + first, truth + second))
        clean.append(ring_correlation(truth + first, truth))
        signal.append(power(truth))
        noise.append((power(first) + power(second)) / 2)
    ratio = np.sum(signal, axis=0) / np.sum(noise, axis=0)
    expected = ratio / (1 + ratio)
    # The first rings are of few numbers, and hardly lowered.
    np.testing.assert_allclose(np.mean(noisy, axis=0)[4:], expected[4:], rtol=0, atol=0.03)
    np.testing.assert_allclose(np.mean(clean, axis=0)[4:], np.sqrt(expected)[4:], rtol=0, atol=0.03)
    assert expected[4] > 0.9 and expected[-1] < 0.3


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_a_constant_image_correlates_with_nothing(value):
    truth = source().random((33, 32), dtype=np.float32)
    constant = np.full_like(truth, value)
    assert frc_area.metric(constant, truth, frc_area.Params()) == 0
    assert frc_area.metric(truth, constant, frc_area.Params()) == 0


@pytest.mark.parametrize("shape", [(2, 16, 16), (64,), (3, 16)])
def test_what_has_no_rings_is_refused(shape):
    with pytest.raises(UserError, match=rf"at least 4 pixels a side, not data of shape \({shape[0]},"):
        frc_area.metric(np.ones(shape), np.ones(shape), frc_area.Params())
    with pytest.raises(UserError, match="must be equal"):
        frc_area.metric(np.ones((8, 8)), np.ones((8, 9)), frc_area.Params())
