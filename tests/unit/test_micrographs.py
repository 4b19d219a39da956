"""Simulated micrographs: seeded, in range, unlike each other, and drawn as asked."""

import numpy as np
import pytest
from pydantic import ValidationError

from reconbench.datasets.simulators.micrographs import Params, simulate
from reconbench.errors import UserError
from reconbench.randomness import generator


def images(number, size=(96, 96), **params):
    return [simulate(generator(0, "test", index), size, Params(**params)) for index in range(number)]


@pytest.mark.parametrize("size", [(128, 128), (64, 96), (65, 33), (8, 8)])
def test_shape_type_and_range(size):
    for image in images(6, size):
        assert image.shape == size
        assert image.dtype == np.float32
        assert (image.min(), image.max()) == (0, 1)


def test_the_same_address_gives_the_same_image_and_another_another():
    first, second = images(2)
    np.testing.assert_array_equal(first, images(1)[0])
    assert np.abs(first - second).mean() > 0.02


def test_there_are_dark_and_bright_images():
    means = [image.mean() for image in images(30)]
    assert min(means) < 0.3
    assert max(means) > 0.5


def test_dark_field_is_dark_and_bright_field_bright():
    assert np.mean([image.mean() for image in images(10, dark_field=1)]) < 0.4
    assert np.mean([image.mean() for image in images(10, dark_field=0)]) > 0.5


def test_crystalline_particles_have_fringes_at_fine_periods():
    def fine(image):
        power = np.abs(np.fft.rfft2(image - image.mean())) ** 2
        frequency = np.hypot(np.fft.fftfreq(96)[:, None], np.fft.rfftfreq(96)[None, :])
        return power[(frequency > 0.1) & (frequency < 0.35)].sum() / power.sum()

    same = {"texture": 0, "dark_field": 1, "smallest": 15}
    plain, fringed = images(30, crystalline=0, **same), images(30, crystalline=1, **same)
    assert np.mean([fine(image) for image in fringed]) > 1.4 * np.mean([fine(image) for image in plain])


def test_without_particles_the_film_is_left():
    assert all(image.std() > 0.05 for image in images(4, coverage=0))


@pytest.mark.parametrize("params", [{"texture": -1}, {"dark_field": 2}, {"finest_period": 1}, {"colour": "red"}])
def test_parameters_out_of_range_are_refused(params):
    with pytest.raises(ValidationError):
        Params(**params)


def test_a_size_that_is_not_two_numbers_is_refused():
    with pytest.raises(UserError, match=r"micrographs have a size \(y, x\), and \(4, 64, 64\) was asked for"):
        images(1, (4, 64, 64))
