"""Signal-to-noise ratios, cropped and as a gain: against scikit-image, by hand, and as paper 003 printed them."""

import math

import numpy as np
import pytest
from pydantic import ValidationError
from skimage.metrics import peak_signal_noise_ratio

from reconbench.errors import UserError
from reconbench.metrics import cropped_isnr, cropped_psnr, isnr, psnr, snr


def images(shape=(40, 50), levels=(0.2, 0.1, 0.03)):
    """Return a truth with a peak of 1, a measurement, and estimates that are nearer to it."""
    source = np.random.default_rng(0)
    truth = source.random(shape)
    truth /= truth.max()
    noisy = [(truth + level * source.normal(size=shape)).astype(np.float32) for level in levels]
    return truth.astype(np.float32), noisy[0], noisy[1:]


def at_psnr(truth, decibels):
    """Return an image whose PSNR is known, whatever the truth: each pixel is off by the same."""
    return truth.astype(np.float64) + 10 ** (-decibels / 20)


def framed(truth, inside, outside, margin):
    """Return an image with one PSNR within the margin and another without."""
    image = at_psnr(truth, outside)
    place = tuple(slice(cut, -cut) for cut in margin)
    image[place] = at_psnr(truth, inside)[place]
    return image


def test_snr_of_known_power_and_error():
    truth = np.array([[3.0, -4.0], [0.0, 0.0]])  # its mean square is 25 / 4
    assert snr.metric(truth + 0.25, truth, snr.Params()) == pytest.approx(20, abs=1e-12)
    assert snr.metric(truth, truth, snr.Params()) == math.inf
    # 10 log10 of the energies, as a library would have it
    truth, measurement, _ = images()
    energies = np.sum(truth.astype(float) ** 2) / np.sum((measurement.astype(float) - truth) ** 2)
    assert snr.metric(measurement, truth, snr.Params()) == pytest.approx(10 * np.log10(energies), abs=1e-9)


def test_snr_does_not_depend_on_the_unit_and_psnr_is_snr_below_the_peak():
    truth, measurement, estimates = images()
    rms = 20 * np.log10(np.sqrt(np.mean(truth.astype(float) ** 2)))
    for image in (measurement, *estimates):
        value = snr.metric(image, truth, snr.Params())
        assert snr.metric(8 * image, 8 * truth, snr.Params()) == pytest.approx(value, abs=1e-9)
        assert psnr.metric(image, truth, psnr.Params()) == pytest.approx(value - rms, abs=1e-9)


def test_snr_of_a_dark_truth_is_refused():
    with pytest.raises(UserError, match="not zero everywhere"):
        snr.metric(np.ones((3, 3)), np.zeros((3, 3)), snr.Params())


@pytest.mark.parametrize(("shape", "margin"), [((40, 50), (3, 7)), ((11, 30, 26), (2, 8, 5)), ((9, 20, 21), (0, 4, 0))])
def test_cropped_psnr_agrees_with_scikit_image_on_what_is_left(shape, margin):
    truth, measurement, _ = images(shape)
    inside = tuple(slice(cut, length - cut) for cut, length in zip(margin, shape, strict=True))
    expected = peak_signal_noise_ratio(truth[inside].astype(float), measurement[inside].astype(float), data_range=1)
    found = cropped_psnr.metric(measurement, truth, cropped_psnr.Params(margin=margin))
    assert found == pytest.approx(expected, abs=1e-9)


def test_the_margin_is_not_looked_at_and_all_within_it_is():
    truth, measurement, _ = images((9, 30, 40))
    params = cropped_psnr.Params(margin=(1, 2, 3))
    before = cropped_psnr.metric(measurement, truth, params)
    for place in ((0, 15, 20), (8, 15, 20), (4, 1, 20), (4, 28, 20), (4, 15, 2), (4, 15, 37)):
        spoiled = measurement.copy()
        spoiled[place] = 100
        assert cropped_psnr.metric(spoiled, truth, params) == before
    for place in ((1, 2, 3), (7, 27, 36)):
        spoiled = measurement.copy()
        spoiled[place] = 100
        assert cropped_psnr.metric(spoiled, truth, params) < before - 10


def test_without_a_margin_it_is_the_psnr():
    truth, measurement, _ = images()
    params = cropped_psnr.Params(margin=(0, 0), data_range=3)
    assert cropped_psnr.metric(measurement, truth, params) == psnr.metric(measurement, truth, psnr.Params(data_range=3))


def test_a_few_pixels_are_enough_and_none_is_refused():
    truth, measurement, _ = images((7, 10))
    params = cropped_psnr.Params(margin=(3, 4))
    error = np.mean((measurement[3, 4:6].astype(float) - truth[3, 4:6]) ** 2)
    assert cropped_psnr.metric(measurement, truth, params) == pytest.approx(-10 * np.log10(error), abs=1e-9)
    for margin in ((4, 4), (3, 5), (30, 0)):
        with pytest.raises(UserError, match=r"leaves nothing of an image of shape \(7, 10\)"):
            cropped_psnr.metric(measurement, truth, cropped_psnr.Params(margin=margin))
        with pytest.raises(UserError, match="leaves nothing"):
            cropped_isnr.metric(measurement, truth, cropped_isnr.Params(margin=margin), measurement)


def test_a_margin_of_other_axes_is_refused():
    truth, measurement, _ = images((6, 20, 20))
    with pytest.raises(UserError, match=r"margin \(2, 2\) has 2 axes, and the image 3"):
        cropped_psnr.metric(measurement, truth, cropped_psnr.Params(margin=(2, 2)))
    with pytest.raises(ValidationError):
        cropped_psnr.Params(margin=(-1, 2))


@pytest.mark.parametrize("module", [isnr, cropped_isnr])
def test_the_gain_is_what_the_estimate_has_more_than_the_measurement(module):
    truth, measurement, estimates = images()
    plain = {isnr: psnr, cropped_isnr: cropped_psnr}[module]
    before = plain.metric(measurement, truth, plain.Params())
    for estimate in (*estimates, measurement):
        gained = module.metric(estimate, truth, module.Params(), measurement)
        # PSNR - ISNR is the same for all rows of a table: the PSNR of the measurement.
        assert plain.metric(estimate, truth, plain.Params()) - gained == pytest.approx(before, abs=1e-9)
    assert module.metric(measurement, truth, module.Params(), measurement) == 0


def test_half_the_error_gains_six_decibels_in_any_range():
    truth, measurement, _ = images()
    halved = (truth.astype(float) + measurement) / 2
    for data_range in (1, 7):
        gained = isnr.metric(halved, truth, isnr.Params(data_range=data_range), measurement)
        assert gained == pytest.approx(20 * np.log10(2), abs=1e-9)


@pytest.mark.parametrize("module", [isnr, cropped_isnr])
def test_perfect_images_have_a_gain_that_makes_sense(module):
    truth, measurement, estimates = images()
    assert module.metric(truth, truth, module.Params(), measurement) == math.inf
    assert module.metric(estimates[0], truth, module.Params(), truth) == -math.inf
    assert module.metric(truth, truth, module.Params(), truth) == 0


@pytest.mark.parametrize("module", [isnr, cropped_isnr])
def test_a_measurement_of_another_shape_is_refused(module):
    truth, measurement, estimates = images()
    with pytest.raises(UserError, match="the measurement has shape"):
        module.metric(estimates[0], truth, module.Params(), measurement[:, :-1])
    with pytest.raises(UserError, match="the estimate has shape"):
        module.metric(estimates[0][:-1], truth, module.Params(), measurement)


@pytest.mark.parametrize(
    ("measured", "restored"),
    [
        # Paper 003, 1 % and 3 %: PSNR, CPSNR of the measurement (mean of PSNR - ISNR and CPSNR - CISNR over all rows),
        # then PSNR, CPSNR, ISNR, CISNR of one row.
        ((27.050, 26.042), (31.308, 35.394, 4.258, 9.352)),
        ((27.050, 26.042), (31.168, 32.640, 4.118, 6.599)),
        ((27.050, 26.042), (29.779, 30.759, 2.728, 4.718)),
        ((26.024, 24.832), (29.773, 32.713, 3.749, 7.881)),
        ((26.024, 24.832), (29.969, 31.034, 3.945, 6.202)),
        ((26.024, 24.832), (28.813, 28.823, 2.789, 3.992)),
    ],
)
def test_the_four_columns_of_the_paper_belong_together(measured, restored):
    """Images with the published PSNR and CPSNR have the published gains."""
    margin = (6, 16, 16)
    truth = np.random.default_rng(0).random((25, 64, 64))
    kept = np.prod([length - 2 * cut for length, cut in zip(truth.shape, margin, strict=True)]) / truth.size

    def with_both(whole, cropped):
        """Return an image with these two ratios: what is not within adds up to the rest of the error."""
        outside = (10 ** (-whole / 10) - kept * 10 ** (-cropped / 10)) / (1 - kept)
        return framed(truth, cropped, -10 * np.log10(outside), margin)

    measurement, estimate = with_both(*measured), with_both(*restored[:2])
    params = cropped_isnr.Params(margin=margin)
    found = (
        psnr.metric(estimate, truth, psnr.Params()),
        cropped_psnr.metric(estimate, truth, cropped_psnr.Params(margin=margin)),
        isnr.metric(estimate, truth, isnr.Params(), measurement),
        cropped_isnr.metric(estimate, truth, params, measurement),
    )
    np.testing.assert_allclose(found, restored, atol=2e-3)  # three digits are printed, and means of rounded numbers
