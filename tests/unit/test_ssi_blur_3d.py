"""The blur of the SSI benchmark for volumes against the numbers that are known of it."""

import numpy as np
import pytest
import scipy.signal
import torch
from pydantic import ValidationError

from reconbench.forward import ssi_blur
from reconbench.forward.ssi_blur_3d import FORWARD, Params, build

# Of the 17 planes; computed independently of this code, to 4 and 5 decimals.
MASS = [0.0572, 0.0574, 0.0576, 0.0579, 0.0587, 0.0599, 0.0611, 0.0618]
MASS = np.array([*MASS, *MASS[::-1], 0.0568])
AXIS = [0.00235, 0.00109, 0.00007, 0.00254, 0.01120, 0.02555, 0.04106, 0.05120]
AXIS = np.array([*AXIS, *AXIS[::-1], 0.00222])
SIZES = range(3, 18, 2)


@pytest.fixture(scope="module")
def blur():
    return build(Params())


def test_the_kernel_is_the_published_one(blur):
    assert blur.kernel.shape == (17, 17, 17)
    assert blur.kernel.dtype == np.float64
    np.testing.assert_array_equal(np.round(blur.kernel.sum(axis=(1, 2)), 4), MASS)
    np.testing.assert_array_equal(np.round(blur.kernel[:, 8, 8], 5), AXIS)


def test_the_first_plane_is_the_kernel_of_the_images(blur):
    plane = blur.kernel[0]
    np.testing.assert_allclose(plane / plane.sum(), ssi_blur.build(ssi_blur.Params()).kernel, rtol=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_a_smaller_kernel_is_the_middle_normalised_again(blur, size):
    kernel = build(Params(size=size)).kernel
    assert kernel.shape == (size,) * 3
    assert kernel.sum() == pytest.approx(1, abs=1e-14)
    away = (17 - size) // 2
    middle = blur.kernel[(slice(away, 17 - away),) * 3]
    np.testing.assert_allclose(kernel, middle / middle.sum(), rtol=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_mirror_symmetry_in_a_plane_and_half_a_plane_off_along_z(size):
    kernel = build(Params(size=size)).kernel
    for other in (kernel[:, ::-1], kernel[..., ::-1], kernel.swapaxes(1, 2)):
        np.testing.assert_allclose(kernel, other, rtol=1e-12)
    # The mirror lies between the two brightest planes; the last plane has no partner.
    np.testing.assert_allclose(kernel[:-1], kernel[-2::-1], rtol=1e-12)
    assert np.abs(kernel - kernel[::-1]).max() > 0.1 * kernel.max()


def test_a_bead_is_brightest_half_a_plane_before_its_place(blur):
    bead = torch.zeros((41, 41, 41), dtype=torch.float64)
    bead[20, 20, 20] = 1
    axis = blur(bead)[:, 20, 20].numpy()
    assert axis[19] == pytest.approx(axis[20])
    assert set(axis.argsort()[-2:]) == {19, 20}


@pytest.mark.parametrize(("size", "shape"), [(9, (12, 24, 19)), (17, (20, 18, 21)), (17, (5, 12, 9)), (17, (1, 4, 8))])
def test_zeros_beyond_the_edge_of_volumes_large_and_small(size, shape):
    blur = build(Params(size=size))
    volume = np.random.default_rng(0).uniform(size=shape)
    expected = scipy.signal.convolve(volume, blur.kernel, mode="same", method="direct")
    np.testing.assert_allclose(blur(torch.from_numpy(volume)).numpy(), expected, atol=1e-13)
    assert blur.measurement_shape(shape) == shape


def test_energy_is_kept_until_it_leaves_over_the_edge():
    blur = build(Params(size=9))
    inside = torch.zeros((20, 20, 20), dtype=torch.float64)
    inside[4:-4, 4:-4, 4:-4] = torch.rand((12, 12, 12), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert float(blur(inside).sum()) == pytest.approx(float(inside.sum()))
    assert 0.3 < float(blur(torch.ones(20, 20, 20)).mean()) < 0.95


def test_adjoint(blur):
    x, y = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 16, 30, 25)))
    assert float((blur(x) * y).sum()) == pytest.approx(float((x * blur.adjoint(y)).sum()))
    # The kernel is no mirror image of itself along z: blurring again is not the transpose.
    assert float((blur(x) * y).sum()) != pytest.approx(float((x * blur(y)).sum()), rel=1e-3)


@pytest.mark.parametrize("size", [1, 8, 19])
def test_a_size_that_is_even_or_not_in_the_stack_is_refused(size):
    with pytest.raises(ValidationError):
        Params(size=size)


def test_the_record_has_the_name_of_the_file():
    assert FORWARD.name == "ssi_blur_3d"
