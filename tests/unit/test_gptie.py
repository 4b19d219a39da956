"""GPTIE: its rings, its weights, and the whole of it against the published steps written out."""

import numpy as np
import pytest
import scipy.optimize
from phase_problems import PIXEL, WAVELENGTH, blobs, error, instrument, intensities, problem

torch = pytest.importorskip("torch")

from reconbench.methods import gptie, tie  # noqa: E402
from reconbench.methods._phase import focal_stack  # noqa: E402
from reconbench.methods._phase_grids import EvenGrid, PeriodicGrid  # noqa: E402

EVEN = tuple(4e-6 * np.arange(-12, 13))
UNEVEN = tuple(np.sort(np.concatenate([np.geomspace(2e-6, 60e-6, 9), -np.geomspace(3e-6, 45e-6, 7), [0.0]])))
SPACINGS = [(-50e-6, 50e-6), EVEN, UNEVEN]
NAMES = ["two planes", "symmetric", "unsymmetric"]


def published(planes, distances, params, highest=0.5**0.5):
    """The phase by the published steps in double precision: in each ring, the planes are combined before the FFT.

    The last ring ends at the frequency `highest`, cycles per pixel.
    """
    count, size, _ = planes.shape
    frequency = np.fft.fftfreq(size)
    squared = np.add.outer(frequency**2, frequency**2)
    axial = WAVELENGTH / 2 * squared / PIXEL**2
    number = np.arange(1, params.rings + 1)
    rims = WAVELENGTH / 2 * ((number - 1) / (params.rings - 1) * highest / PIXEL) ** 2
    density = count / np.ptp(distances)
    spectrum = np.zeros((size, size), complex)
    for k in range(1, params.rings):
        inside = axial * (1 - 1e-9)  # What lies on a rim belongs to it, however it is rounded.
        ring = (rims[k - 1] < inside) & (inside <= rims[k])
        limit = np.interp(k, [0, params.rings - 1], [1.2, 1.1]) * rims[k]

        def equation(logarithm, limit=limit):
            right_side = np.log(density * np.sqrt(2 * np.pi) / params.noise)
            return 2 * np.pi**2 * limit**2 * np.exp(logarithm) - logarithm / 2 - right_side

        start = -2 * np.log(limit)
        squared_length = np.exp(scipy.optimize.brentq(equation, start - 3, start + 5, xtol=1e-14))
        apart = distances[:, None] - distances
        covariance = np.exp(-(apart**2) / (2 * squared_length)) + params.noise * np.eye(count)
        slope = np.exp(-(distances**2) / (2 * squared_length)) * distances / squared_length
        weights = np.linalg.solve(covariance, slope)
        derivative = 2 * np.pi / WAVELENGTH * PIXEL**2 * np.tensordot(weights, planes, 1)
        spectrum += np.where(ring, np.fft.fft2(derivative), 0)
    divisor = 4 * np.pi**2 * (squared + params.regularisation)
    divisor[0, 0] = np.inf
    return np.fft.ifft2(spectrum / divisor).real / planes.mean()


def weights_of(distances, params=None, size=128):
    """Rings, the axial frequencies of their rims with the margin, and the weights, for a grid of this size."""
    params = params or gptie.Params()
    stack = focal_stack(np.ones((len(distances), 4, 4), np.float32), problem(instrument(distances)))
    highest = np.sqrt(PeriodicGrid((size, size)).squared_frequency.max())
    lengths = gptie.squared_lengths(stack, highest, params)
    rims = WAVELENGTH / 2 * (np.arange(params.rings) / (params.rings - 1) * highest / PIXEL) ** 2
    return rims, gptie.derivative_weights(stack.distances, lengths, params.noise)


@pytest.mark.parametrize("grid", [PeriodicGrid((64, 48)), EvenGrid((64, 48))], ids=["periodic", "even"])
def test_rings_are_equally_wide_and_the_first_is_the_mean_alone(grid):
    ring = gptie.rings(grid.squared_frequency, 50)
    radius = np.sqrt(grid.squared_frequency)
    width = radius.max() / 49
    assert ring[0, 0].ravel()[0] == 0
    assert (ring[radius > 0] >= 1).all()
    assert ring.max() == 49
    assert (radius <= ring * width + 1e-9).all()
    assert (radius >= (ring - 1) * width - 1e-9).all()


def test_a_frequency_on_a_rim_belongs_to_the_ring_inside():
    """In floating point, one of these radii comes out beyond its rim."""
    squared = (np.arange(50) / 7) ** 2
    np.testing.assert_array_equal(gptie.rings(squared, 50), np.arange(50))


@pytest.mark.parametrize("noise", [1e-9, 1e-3])
def test_lengths_solve_the_published_equation(noise):
    distances = np.array(UNEVEN)
    stack = focal_stack(np.ones((len(distances), 4, 4), np.float32), problem(instrument(distances)))
    lengths = gptie.squared_lengths(stack, 0.7, gptie.Params(noise=noise))
    assert lengths[0] == np.inf
    for k in range(1, 50):
        limit = (1.2 - 0.1 * k / 49) * WAVELENGTH / 2 * (k / 49 * 0.7 / PIXEL) ** 2
        left = 2 * np.pi**2 * limit**2 * lengths[k] - np.log(lengths[k]) / 2
        assert left == pytest.approx(np.log(17 / 105e-6 * np.sqrt(2 * np.pi) / noise), rel=1e-9)


def test_lengths_are_finite_where_noise_leaves_no_solution():
    stack = focal_stack(np.ones((2, 4, 4), np.float32), problem(instrument((-1e-3, 1e-3))))
    lengths = gptie.squared_lengths(stack, 0.7, gptie.Params(noise=1.0))
    assert np.isfinite(lengths[1:]).all()
    assert (np.diff(lengths) < 0).all()


@pytest.mark.parametrize("distances", SPACINGS[1:], ids=NAMES[1:])
def test_weights_differentiate_a_sine_in_its_ring(distances):
    rims, weights = weights_of(distances)
    z = np.array(distances)
    # Planes some 4 micrometres apart near focus hold what has more than two of them in a period.
    held = [ring for ring in range(3, 50) if rims[ring] * 4e-6 < 0.4]
    assert len(held) > 10
    for ring in held:
        # At the rim a process of Gaussian smoothness begins to fade.
        for share, tolerance in ((0.5, 1e-4), (0.75, 2e-3), (1.0, 0.03)):
            turns = 2 * np.pi * share * rims[ring]
            assert weights[:, ring] @ np.sin(turns * z) == pytest.approx(turns, rel=tolerance)


def test_weights_of_planes_symmetric_about_focus_are_odd_and_half_of_them_are_enough():
    distances = np.array(EVEN)
    stack = focal_stack(np.ones((25, 4, 4), np.float32), problem(instrument(distances)))
    lengths = gptie.squared_lengths(stack, 0.7, gptie.Params())
    whole = gptie.derivative_weights(distances, lengths, 1e-9)
    half = gptie.derivative_weights(distances[13:], lengths, 1e-9, odd=True)
    scale = np.abs(whole).max(0)
    np.testing.assert_allclose(whole / (scale + 1e-30), -whole[::-1] / (scale + 1e-30), atol=1e-5)
    np.testing.assert_allclose(half / (scale + 1e-30), whole[13:] / (scale + 1e-30), atol=1e-5)


@pytest.mark.parametrize("distances", [(-2.0, 2.0), (-3.0, 0.0, 3.0), (5.0, -1.0, 1.0, -5.0)])
def test_planes_with_an_opposite_each_are_symmetric(distances):
    assert gptie.is_symmetric(np.array(distances))
    assert not gptie.is_symmetric(np.array([*distances, 7.0]))


@pytest.mark.parametrize("boundary", ["circular", "symmetric"])
def test_the_symmetric_way_equals_the_full_one_with_half_the_transforms(boundary, monkeypatch):
    phase = blobs()
    planes = intensities(np.exp(1j * phase), EVEN)
    transforms = []
    real = torch.fft.rfft2
    monkeypatch.setattr(torch.fft, "rfft2", lambda image: (transforms.append(1), real(image))[1])
    params = gptie.Params(boundary=boundary, regularisation=0)
    short = gptie.restore(planes, problem(instrument(EVEN)), params, "cpu")
    assert len(transforms) == 12
    monkeypatch.setattr(gptie, "is_symmetric", lambda distances: False)
    full = gptie.restore(planes, problem(instrument(EVEN)), params, "cpu")
    assert len(transforms) == 12 + 25
    assert error(short, full) < 1e-7


def test_the_order_of_the_planes_does_not_matter():
    planes = intensities(np.exp(1j * blobs()), EVEN)
    params = gptie.Params(boundary="circular")
    ordered = gptie.restore(planes, problem(instrument(EVEN)), params, "cpu")
    mixed = np.random.default_rng(0).permutation(25)
    again = gptie.restore(planes[mixed], problem(instrument(np.array(EVEN)[mixed])), params, "cpu")
    assert error(again, ordered) < 1e-5


@pytest.mark.parametrize("regularisation", [0.0, 5e-6])
@pytest.mark.parametrize("distances", SPACINGS, ids=NAMES)
def test_it_is_the_published_steps(distances, regularisation):
    planes = intensities(np.exp(1j * blobs(sigma=8)), distances)
    params = gptie.Params(boundary="circular", regularisation=regularisation)
    estimate = gptie.restore(planes, problem(instrument(distances)), params, "cpu")
    expected = published(planes.astype(float), np.array(distances), params)
    assert estimate.dtype == np.float32
    assert error(estimate, expected) < 1e-7


@pytest.mark.parametrize("boundary", ["circular", "symmetric"])
@pytest.mark.parametrize("distances", SPACINGS, ids=NAMES)
def test_it_is_computed_in_double_precision(distances, boundary):
    """The planes of a weak object differ little: transformed and added in single precision, they lose 1e-5 of it."""
    size = 64
    planes = intensities(np.exp(0.01j * blobs(size, sigma=8)), distances)
    params = gptie.Params(boundary=boundary)
    estimate = gptie.restore(planes, problem(instrument(distances)), params, "cpu")
    precise = planes.astype(float)
    if boundary == "circular":
        expected = published(precise, np.array(distances), params)
    else:
        mirrored = np.pad(precise, ((0, 0), (0, size), (0, size)), mode="symmetric")
        highest = np.sqrt(EvenGrid((size, size)).squared_frequency.max())
        expected = published(mirrored, np.array(distances), params, highest)[:size, :size]
    assert error(estimate, expected) < 1e-7


@pytest.mark.parametrize("distances", SPACINGS, ids=NAMES)
def test_it_is_no_worse_than_finite_differences(distances):
    phase = blobs(256)
    planes = intensities(np.exp(1j * phase), distances)
    params = gptie.Params(boundary="circular", regularisation=0)
    ours = error(gptie.restore(planes, problem(instrument(distances)), params, "cpu"), phase)
    theirs = error(tie.restore(planes, problem(instrument(distances)), tie.Params(boundary="circular"), "cpu"), phase)
    assert ours <= theirs
    assert ours < 0.002


def test_it_holds_frequencies_that_a_difference_of_far_planes_loses():
    phase = blobs(sigma=4)
    planes = intensities(np.exp(1j * 0.2 * phase), UNEVEN)
    forward = instrument(UNEVEN, phase_range=0.2)
    given = {"boundary": "circular", "regularisation": 0}
    ours = error(gptie.restore(planes, problem(forward), gptie.Params(**given), "cpu"), phase)
    assert ours < 0.01 < 0.3 < error(tie.restore(planes, problem(forward), tie.Params(**given), "cpu"), phase)
