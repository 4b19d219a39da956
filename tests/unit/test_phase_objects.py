"""Simulated phase objects: seeded, in range, alike at all pixel sizes, and drawn as asked."""

import numpy as np
import pytest
from pydantic import ValidationError

from reconbench.datasets.simulators.phase_objects import Params, draw_cells, simulate
from reconbench.errors import UserError
from reconbench.randomness import generator

BARE = {"texture": 0, "organelles": 0, "folds": 0, "debris": 0}


def images(number, size=(64, 64), **params):
    return [simulate(generator(0, "test", index), size, Params(**params)) for index in range(number)]


def roughness(image):
    """Mean difference of neighbouring pixels over the standard deviation."""
    return (np.abs(np.diff(image, axis=0)).mean() + np.abs(np.diff(image, axis=1)).mean()) / image.std()


@pytest.mark.parametrize("size", [(64, 64), (48, 96), (65, 33), (8, 8)])
def test_shape_type_and_range(size):
    for image in images(6, size):
        assert image.shape == size
        assert image.dtype == np.float32
        assert image.min() >= 0
        assert image.max() == 1


def test_the_same_address_gives_the_same_image_and_another_another():
    first, second = images(2)
    np.testing.assert_array_equal(first, images(1)[0])
    assert np.abs(first - second).mean() > 0.02


def test_where_there_is_no_cell_the_phase_is_zero():
    assert 0.25 < np.mean([np.mean(image == 0) for image in images(20, **BARE)]) < 0.75
    # Grains are Gaussians, which end nowhere.
    assert 0.25 < np.mean([np.mean(image < 1e-3) for image in images(20, debris=0)]) < 0.75


@pytest.mark.parametrize("cover", [0.15, 0.5])
def test_cells_cover_as_much_as_asked_for(cover):
    """Those that overlap, and the first one, which is always there, aside."""
    covered = np.mean([np.mean(image > 0) for image in images(40, (128, 128), cover=cover, **BARE)])
    assert covered == pytest.approx(cover, rel=0.25)


@pytest.mark.parametrize("organelles", [60, 600])
def test_the_same_cells_can_be_had_with_other_pixels(organelles):
    """And what is finer than a pixel fades to its mean there."""
    params = {"texture": 0, "organelles": organelles}
    for index in range(4):
        fine, coarse = (
            simulate(generator(0, "test", index), (size, size), Params(pixel_size=159e-6 / size, **params))
            for size in (256, 64)
        )
        blocks = fine.reshape(64, 4, 64, 4).mean(axis=(1, 3))
        assert np.corrcoef(blocks.ravel(), coarse.ravel())[0, 1] > 0.98


def test_cells_are_smooth_and_their_parts_are_not():
    """Fine structure adds to the roughness, at a pixel that shows it."""
    size, pixel = (160, 160), 0.5e-6
    plain = np.mean([roughness(image) for image in images(8, size, pixel_size=pixel, **BARE)])
    for part in ({"texture": 0.5}, {"organelles": 300}, {"folds": 5}):
        shown = np.mean([roughness(image) for image in images(8, size, pixel_size=pixel, **BARE | part)])
        assert shown > 1.05 * plain, part


def test_the_nucleus_is_the_densest_part():
    """One cell in the field: the highest phase lies near its middle, and without a nucleus it is less pronounced."""
    params = {"cover": 1e-6, "variation": 0, **BARE}
    contrasts = []
    for nucleus in (0, 1):
        for index in range(8):
            image = simulate(generator(0, "test", index), (96, 96), Params(nucleus=nucleus, **params))
            (cell,) = draw_cells(generator(0, "test", index), (96, 96), Params(nucleus=nucleus, **params))
            place = np.array(np.unravel_index(image.argmax(), image.shape)) - 47.5
            assert np.linalg.norm(place * 2.48e-6 - cell.centre) < 0.75 * cell.radius * cell.elongation
            contrasts.append(np.median(image[image > 0]))
    assert np.mean(contrasts[8:]) < 0.85 * np.mean(contrasts[:8])


def test_debris_lies_where_no_cell_is():
    clean, dirty = (images(10, **BARE | {"cover": 1e-6, "debris": debris}) for debris in (0, 5))
    assert np.mean([np.mean(image > 0.02) for image in dirty]) > 1.3 * np.mean(
        [np.mean(image > 0.02) for image in clean]
    )


def test_cells_differ_and_keep_apart_where_there_is_room():
    cells = draw_cells(generator(0, "test", 3), (512, 512), Params(cover=0.2))
    assert len(cells) > 20
    assert len({cell.radius for cell in cells}) == len(cells)
    assert np.std([cell.radius for cell in cells]) / 25e-6 == pytest.approx(0.2, abs=0.08)
    places = np.array([cell.centre for cell in cells])
    distance = np.linalg.norm(places[:, None] - places, axis=-1) + np.eye(len(cells))
    assert np.mean(distance.min(axis=1) < 25e-6) < 0.1


@pytest.mark.parametrize(
    "params", [{"pixel_size": 0}, {"pixel_size": 2.48}, {"cover": 0}, {"organelles": -1}, {"colour": "red"}]
)
def test_parameters_out_of_range_are_refused(params):
    with pytest.raises(ValidationError):
        Params(**params)


def test_a_size_that_is_not_two_numbers_is_refused():
    with pytest.raises(UserError, match=r"phase objects have a size \(y, x\), and \(4, 64, 64\) was asked for"):
        images(1, (4, 64, 64))


def test_cells_too_small_for_the_pixels_are_refused():
    with pytest.raises(UserError, match="a radius of 9e-06 m are too small for pixels of 2.48e-06 m; .* least 4 pix"):
        images(1, radius=9e-6)
