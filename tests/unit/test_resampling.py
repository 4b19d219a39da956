"""Fewer pixels by averaging: against whole blocks, OpenCV and what an average keeps."""

import cv2
import numpy as np
import pytest

from reconbench.datasets.resampling import averaged, resized


def random_image(*shape):
    return np.random.default_rng(0).random(shape).astype(np.float32)


def test_a_whole_factor_averages_blocks():
    image = random_image(3, 12, 18)
    expected = image.reshape(3, 4, 3, 6, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(averaged(image, 3), expected, rtol=1e-6)
    found, width = resized(image, (4, 6))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert (found.dtype, width) == (np.float32, 3)


@pytest.mark.parametrize(("shape", "size"), [((45, 80), (36, 64)), ((100, 150), (24, 36)), ((31, 62), (30, 60))])
def test_any_factor_averages_areas_as_opencv_does(shape, size):
    image = random_image(*shape)
    found, _ = resized(image, size)
    np.testing.assert_allclose(found, cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA), atol=2e-6)


def test_the_mean_of_an_image_of_the_same_aspect_stays():
    image = random_image(45, 80)
    assert resized(image, (36, 64))[0].mean(dtype=np.float64) == pytest.approx(image.mean(dtype=np.float64), rel=1e-6)


def test_another_aspect_takes_the_middle():
    wide = np.arange(40.0)[None] * np.ones((10, 1))
    found, width = resized(wide, (5, 10))
    np.testing.assert_allclose(found, (np.arange(10)[None] * 2 + 10.5) * np.ones((5, 1)))
    assert width == 2
    tall, _ = resized(wide.T, (10, 5))
    np.testing.assert_allclose(tall, found.T)


def test_the_middle_may_begin_within_a_pixel():
    # Twelve of thirteen columns: half of the first and half of the last are left out.
    image = random_image(9, 13)
    found, width = resized(image, (9, 12))
    assert width == 1
    np.testing.assert_allclose(found, (image[:, :-1] + image[:, 1:]) / 2, rtol=1e-6)


def test_the_same_size_changes_nothing():
    image = random_image(2, 9, 11)
    np.testing.assert_array_equal(resized(image, (9, 11))[0], image)
