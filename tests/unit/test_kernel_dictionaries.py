"""What trainable kernels start from: the cosines against SciPy, their order, and how the wavelets are spread."""

import math

import numpy as np
import pytest
import scipy.fft
import torch

from reconbench.errors import UserError
from reconbench.networks.kernel_dictionaries import GABOR_FREQUENCIES, cosines, gabor_wavelets, initial_kernels

SIZES = [(5, 5), (3, 7), (3, 3, 3), (3, 5, 5)]


def flat(kernels):
    return np.asarray(kernels).reshape(len(kernels), -1)


@pytest.mark.parametrize("shape", SIZES)
def test_the_cosines_are_the_transform_s_own_without_the_constant(shape):
    kernels = cosines(shape, math.prod(shape) - 1)
    np.testing.assert_allclose(flat(kernels) @ flat(kernels).T, np.eye(len(kernels)), atol=1e-12)
    np.testing.assert_allclose(flat(kernels).sum(axis=1), 0, atol=1e-12)
    # Each has one coefficient, and that is 1.
    coefficients = flat([scipy.fft.dctn(kernel, norm="ortho") for kernel in kernels])
    np.testing.assert_allclose(np.sort(coefficients)[:, -1], 1)
    indices = [np.unravel_index(row.argmax(), shape) for row in coefficients]
    assert len(set(indices)) == math.prod(shape) - 1
    assert [(sum(index), *index) for index in indices] == sorted((sum(index), *index) for index in indices)


def test_few_cosines_are_the_slowest_ones():
    coefficients = [scipy.fft.dctn(kernel, norm="ortho").round(6) for kernel in cosines((3, 5, 5), 9)]
    assert [tuple(map(int, np.argwhere(each)[0])) for each in coefficients] == [
        *[(0, 0, 1), (0, 1, 0), (1, 0, 0)],
        *[(0, 0, 2), (0, 1, 1), (0, 2, 0), (1, 0, 1), (1, 1, 0), (2, 0, 0)],
    ]


@pytest.mark.parametrize(("shape", "most"), [((3, 3, 3), 26), ((3, 5, 5), 74), ((5, 5, 5), 124), ((5, 5), 24)])
def test_the_numbers_of_kernels_of_the_slides_are_whole_dictionaries(shape, most):
    assert cosines(shape, most).shape == (most, *shape)
    with pytest.raises(UserError, match=f"have {most} cosines besides the constant, not {most + 1}; take fewer"):
        initial_kernels("dct", shape, most + 1)


@pytest.mark.parametrize("shape", [*SIZES, (5, 5, 5), (1, 5, 5), (1, 1, 5)])
@pytest.mark.parametrize("number", [1, 2, 15, 26])
def test_wavelets_have_mean_zero_and_norm_one(shape, number):
    kernels = gabor_wavelets(shape, number)
    assert kernels.shape == (number, *shape)
    np.testing.assert_allclose(flat(kernels).sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(flat(kernels), axis=1), 1)
    np.testing.assert_array_equal(kernels, gabor_wavelets(shape, number))


@pytest.mark.parametrize(("shape", "number"), [((5, 5), 24), ((3, 5, 5), 15), ((5, 5, 5), 74)])
def test_no_two_wavelets_are_alike(shape, number):
    kernels = flat(gabor_wavelets(shape, number))
    assert np.abs(kernels @ kernels.T - np.eye(number)).max() < 0.99


def peak(kernel):
    """Return the frequency of the largest power on a fine grid, as a vector of cycles a pixel."""
    power = np.abs(np.fft.fftn(np.pad(kernel, [(0, 64 - size) for size in kernel.shape])))
    return np.array([np.fft.fftfreq(64)[place] for place in np.unravel_index(power.argmax(), power.shape)])


def test_wavelets_come_in_pairs_of_each_frequency_and_turn_through_the_half_circle():
    kernels = gabor_wavelets((15, 15), 24)
    even, odd = kernels[::2], kernels[1::2]
    np.testing.assert_allclose(even, np.flip(even, (1, 2)), atol=1e-12)
    np.testing.assert_allclose(odd, -np.flip(odd, (1, 2)), atol=1e-12)
    peaks = np.array([peak(kernel) for kernel in even])
    np.testing.assert_allclose(np.hypot(*peaks.T), np.repeat(GABOR_FREQUENCIES, 4), atol=0.02)
    for angles in (np.degrees(np.arctan2(*peaks.T)) % 180).reshape(3, 4):
        gaps = np.diff(np.sort(angles), append=np.sort(angles)[0] + 180)
        np.testing.assert_allclose(gaps, 45, atol=8)


def test_wavelets_of_volumes_point_everywhere():
    directions = np.array([peak(kernel) for kernel in gabor_wavelets((9, 9, 9), 60)[::2]])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    # The mean of u u^T over the sphere is a third of the unit matrix.
    np.testing.assert_allclose(directions.T @ directions / len(directions), np.eye(3) / 3, atol=0.07)


def test_random_kernels_have_xavier_s_variance_and_come_from_the_generator():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        kernels = initial_kernels("xavier", (5, 5, 5), 80)
        torch.manual_seed(3)
        again = initial_kernels("xavier", (5, 5, 5), 80)
    assert torch.equal(kernels, again)
    assert kernels.shape == (80, 5, 5, 5)
    assert float(kernels.var()) == pytest.approx(2 / (125 + 80 * 125), rel=0.05)


@pytest.mark.parametrize("initialisation", ["xavier", "dct", "gabor"])
@pytest.mark.parametrize("shape", [(1, 1), (4, 5), (1, 1, 1)])
def test_sizes_without_a_middle_or_without_a_neighbour_are_refused(initialisation, shape):
    with pytest.raises(UserError, match="needs odd sizes and more than one pixel"):
        initial_kernels(initialisation, shape, 1)


def test_an_unknown_initialisation_is_refused():
    with pytest.raises(UserError, match="'haar' is unknown; it is xavier, dct, gabor"):
        initial_kernels("haar", (5, 5), 1)
