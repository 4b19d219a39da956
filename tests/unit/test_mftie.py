"""MFTIE: its pairs, the cuts of its bands, and the phase inside them."""

import numpy as np
import pytest
from phase_problems import PIXEL, WAVELENGTH, blobs, error, instrument, intensities, problem

torch = pytest.importorskip("torch")

from reconbench.errors import NotApplicableError, UserError  # noqa: E402
from reconbench.forward import through_focus  # noqa: E402
from reconbench.methods import mftie, tie  # noqa: E402
from reconbench.methods._phase_grids import PeriodicGrid  # noqa: E402

DEPTHS = np.array([10e-6, 20e-6, 40e-6, 80e-6])
DISTANCES = (*-DEPTHS[::-1], 0.0, *DEPTHS)
WAVENUMBER = 2 * np.pi / WAVELENGTH


def planes_of(phase, distances=DISTANCES):
    return intensities(np.exp(1j * phase), distances)


def restored(planes, distances=DISTANCES, **given):
    params = mftie.Params(**{"boundary": "circular", **given})
    return mftie.restore(planes, problem(instrument(distances)), params, "cpu")


def bands(size=128, depths=DEPTHS, forward=None, **given):
    """Squared frequencies in radians per metre, and each N_i times what it inverts: 1 where it passes all."""
    squared = PeriodicGrid((size, size)).squared_frequency
    found = mftie.filters(forward or instrument(DISTANCES), depths, squared, mftie.Params(**given))
    return squared * (2 * np.pi / PIXEL) ** 2, found * 4 * np.pi**2 * squared


@pytest.mark.parametrize(
    ("sigma", "given"),
    [
        (20, {}),
        (20, {"reading": "as_published"}),
        (20, {"low_cut": 10.0}),
        (20, {"high_cut": "contrast"}),
        (8, {"high_cut": "contrast", "nonlinearity": 0.05, "low_cut": 10.0}),
    ],
)
def test_the_phase_is_right_to_5_percent_inside_the_pass_band(sigma, given):
    phase = blobs(256, sigma)
    difference = np.fft.rfft2(restored(planes_of(phase), **given) - phase)
    passed = (bands(256, **given)[1] ** 2).sum(0) > 0.99
    passed[0, 0] = False
    spectrum = np.fft.rfft2(phase)
    assert np.linalg.norm(spectrum[passed]) > 0.3 * np.linalg.norm(spectrum.ravel()[1:])
    assert np.linalg.norm(difference[passed]) < 0.05 * np.linalg.norm(spectrum[passed])


def test_bands_that_let_the_lowest_frequency_in_give_the_whole_phase():
    phase = blobs()
    assert error(restored(planes_of(phase), low_cut=100.0), phase) < 0.005
    assert error(restored(planes_of(phase)), phase) > 0.1


def test_several_pairs_beat_the_difference_of_the_farthest_and_are_less_noisy_than_the_nearest():
    phase = blobs(sigma=6)
    planes = planes_of(phase)
    given = {"high_cut": "contrast", "low_cut": 100.0}
    farthest = tie.restore(
        planes[[0, -1]], problem(instrument((-80e-6, 80e-6))), tie.Params(boundary="circular"), "cpu"
    )
    assert error(restored(planes, **given), phase) < 0.3 * error(farthest, phase)
    noisy = (planes + np.random.default_rng(0).normal(0, 0.1, planes.shape)).astype(np.float32)
    nearest = restored(noisy[3:6], DISTANCES[3:6], **given)
    assert error(restored(noisy, **given), phase) < 0.5 * error(nearest, phase)


@pytest.mark.parametrize(("noise", "field"), [(10**-3.2, 40e-6), (0.1, 1.0)])
def test_low_cuts_are_the_published_ones_whatever_noise_and_field(noise, field):
    params = mftie.Params(low_cut=3.0)
    least = (2 * np.pi / (128 * PIXEL)) ** 2
    high = mftie.high_cuts(instrument(DISTANCES), DEPTHS, params)
    amplitude = np.pi * (WAVENUMBER * noise * field / (2 * np.pi * DEPTHS)) ** 2
    reference = amplitude[-1] / least
    np.testing.assert_allclose(
        mftie.low_cuts(high, DEPTHS, least, params), high / (3.0 * reference * high / amplitude + 1)
    )


def test_high_cuts_are_where_propagation_leaves_the_linear_range():
    forward = instrument(DISTANCES, index=1.5)
    wavenumber = 1.5 * WAVENUMBER
    quartic = mftie.high_cuts(forward, DEPTHS, mftie.Params(nonlinearity=0.25))
    np.testing.assert_allclose(DEPTHS * quartic**2 / (8 * wavenumber**3), 0.25)
    contrast = mftie.high_cuts(forward, DEPTHS, mftie.Params(high_cut="contrast", nonlinearity=0.01))
    argument = DEPTHS * contrast / (2 * wavenumber)
    np.testing.assert_allclose(np.sin(argument) / argument, 1 - 0.01, atol=1e-4)


def test_each_filter_is_a_butterworth_band_over_the_squared_frequency():
    squared, (passed,) = bands(depths=DEPTHS[-1:], high_cut="contrast", low_cut=0.01)
    params = mftie.Params(high_cut="contrast", low_cut=0.01)
    high = mftie.high_cuts(instrument(DISTANCES), DEPTHS[-1:], params)
    low = mftie.low_cuts(high, DEPTHS[-1:], squared[squared > 0].min(), params)
    ratio = squared[squared > 0]
    expected = 1 / (1 + (ratio / high) ** 10) * (1 - 1 / (1 + (ratio / low) ** 10))
    np.testing.assert_allclose(passed[squared > 0], expected, rtol=1e-9, atol=1e-15)
    assert passed[0, 0] == 0


def test_overlapping_bands_add_up_to_one_unless_as_published():
    squared, passed = bands(high_cut="contrast", low_cut=10.0)
    nearest = mftie.high_cuts(instrument(DISTANCES), DEPTHS, mftie.Params(high_cut="contrast"))[0]
    inside = (squared > 0) & (squared < 0.4 * nearest)
    np.testing.assert_allclose((passed**2).sum(0)[inside], 1, atol=1e-6)
    published = (bands(high_cut="contrast", low_cut=10.0, reading="as_published")[1] ** 2).sum(0)[inside]
    assert published.max() <= 1 + 1e-9
    assert 0.82 < published.min() < 0.95


def test_what_partial_coherence_damps_is_raised_again():
    forward = through_focus.build(through_focus.Params(distances=DISTANCES, pixel_size=PIXEL, convergence=0.05))
    squared, passed = bands(forward=forward, low_cut=10.0)
    damping = np.exp(-squared * (DEPTHS[:, None, None] * 0.05 / 2) ** 2)
    with_light = (passed**2 * damping).sum(0)
    low = (squared > 0) & (squared < 1e11)
    # As far as four bands make up for what is damped.
    assert ((passed**2).sum(0)[low] > 1.0001).any()
    np.testing.assert_allclose(with_light[low], 1, atol=1e-6)


def test_planes_without_a_partner_serve_for_the_intensity_at_focus_only():
    planes = planes_of(blobs())
    alone = restored(planes[[0, -1]], (-80e-6, 80e-6), uniform=True)
    more = np.concatenate([planes, planes[:1]])[[0, 1, 2, 3, 4, 8]]
    np.testing.assert_allclose(restored(more, (-80e-6, -40e-6, -20e-6, -10e-6, 0.0, 80e-6)), alone, atol=2e-3)


def test_pairs_are_found_in_any_order_and_within_rounding():
    assert mftie.opposite_planes(np.array([3.0, -1, 0, 1 + 1e-9, -3, 2])) == [(1, 3), (4, 0)]
    for distances in ([0.0, 1, 2], [-1.0, 2]):
        with pytest.raises(NotApplicableError, match="opposite distances"):
            mftie.opposite_planes(np.array(distances))


def test_the_measurement_must_have_the_planes_of_the_instrument():
    with pytest.raises(UserError, match=r"shape \(9, y, x\)"):
        restored(np.ones((8, 16, 16), np.float32))
