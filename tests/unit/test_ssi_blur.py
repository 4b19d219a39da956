"""The blur of the SSI benchmark against the numbers that are known of it."""

import numpy as np
import pytest
import scipy.signal
import torch
from pydantic import ValidationError
from ssi_kernel import QUADRANT

from reconbench.forward.ssi_blur import FORWARD, Params, build


@pytest.fixture(scope="module")
def blur():
    return build(Params())


def test_the_kernel_is_the_published_one(blur):
    np.testing.assert_array_equal(np.round(blur.kernel[8:, 8:], 5), QUADRANT)


def test_the_kernel_is_symmetric_and_normalised(blur):
    assert blur.kernel.dtype == np.float64
    assert blur.kernel.shape == (17, 17)
    assert blur.kernel.sum() == pytest.approx(1, abs=1e-14)
    assert blur.kernel.min() == pytest.approx(4.44e-5, abs=0.005e-5)
    for other in (blur.kernel[::-1], blur.kernel[:, ::-1], blur.kernel.T):
        np.testing.assert_allclose(blur.kernel, other, rtol=1e-12)


def test_radial_extent(blur):
    y, x = np.mgrid[-8:9, -8:9]
    distance = np.hypot(x, y)
    assert np.sqrt((blur.kernel * distance**2).sum()) == pytest.approx(3.671, abs=5e-4)
    inside = [blur.kernel[distance <= radius].sum() for radius in range(9)]
    expected = [0.0411, 0.0736, 0.2019, 0.4855, 0.7133, 0.8718, 0.9352, 0.9660, 0.9860]
    np.testing.assert_allclose(inside, expected, atol=5e-5)


def test_planes_are_symmetric_about_focus_and_sharpest_there():
    middle = {plane: build(Params(plane=plane)).kernel[8, 8] for plane in (0, 6, 7, 8, 9, 15)}
    assert middle[7] == pytest.approx(middle[8])
    assert middle[0] == pytest.approx(middle[15])
    assert middle[7] > middle[6] > middle[0]


def test_zeros_beyond_the_edge(blur):
    image = np.random.default_rng(0).uniform(size=(40, 31))
    expected = scipy.signal.convolve(image, blur.kernel, mode="same", method="direct")
    np.testing.assert_allclose(blur(torch.from_numpy(image)).numpy(), expected, atol=1e-14)


def test_adjoint_and_shape(blur):
    x, y = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 30, 25)))
    assert float((blur(x) * y).sum()) == pytest.approx(float((x * blur.adjoint(y)).sum()))
    assert blur.measurement_shape((30, 25)) == tuple(blur(x).shape)


def test_transfer_function_is_that_of_the_kernel(blur):
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(64, 60)))
    image[:10], image[-10:], image[:, :10], image[:, -10:] = 0, 0, 0, 0  # nothing reaches the edge
    transfer = blur.transfer_function((64, 60), image.dtype)
    torch.testing.assert_close(torch.fft.irfft2(torch.fft.rfft2(image) * transfer, s=(64, 60)), blur(image))


@pytest.mark.parametrize("plane", [-1, 17])
def test_a_plane_outside_the_stack_is_refused(plane):
    with pytest.raises(ValidationError):
        Params(plane=plane)


def test_the_record_has_the_name_of_the_file():
    assert FORWARD.name == "ssi_blur"
