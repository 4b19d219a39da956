"""Simulated microtubules: seeded, sparse, of one thickness, as stiff and as long as asked, and no thinner at a face."""

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.ndimage import map_coordinates

from reconbench.datasets.simulators.microtubules import (
    Filament,
    Params,
    draw_filaments,
    render,
    simulate,
    worm_like_chains,
)
from reconbench.errors import UserError
from reconbench.randomness import generator

SIZE = (16, 64, 64)


def volumes(number, size=SIZE, **params):
    return [simulate(generator(0, "test", index), size, Params(**params)) for index in range(number)]


def straight(length, direction, middle, brightness=1.0):
    """A straight filament around a point."""
    direction = np.array(direction) / np.linalg.norm(direction)
    along = np.arange(length) - (length - 1) / 2
    return Filament(middle + along[:, None] * direction, np.tile(direction, (length, 1)), brightness)


@pytest.mark.parametrize("size", [SIZE, (9, 40, 33), (64, 20, 24), (8, 8, 8)])
def test_shape_type_and_range(size):
    for volume in volumes(4, size):
        assert volume.shape == size
        assert volume.dtype == np.float32
        assert volume.min() == 0
        assert 0.2 < volume.max() <= 1


def test_the_same_address_gives_the_same_volume_and_another_another():
    first, second = volumes(2)
    np.testing.assert_array_equal(first, volumes(1)[0])
    assert np.abs(first - second).mean() > 0.005


@pytest.mark.parametrize("fraction", [0.005, 0.02, 0.06])
def test_as_much_is_filled_as_asked_and_the_rest_is_dark(fraction):
    found = volumes(3, (32, 96, 96), fraction=fraction, variation=0)
    # The last filament overshoots by part of its length, and the soft edge adds 1/12 to the squared radius.
    assert 0.97 * fraction < np.mean(found) < 1.1 * fraction + 0.001
    assert np.mean(np.array(found) == 0) > 1 - 3 * fraction


def test_brightness_varies_within_its_bounds_from_filament_to_filament():
    filaments = [filament for seed in range(8) for filament in draw_filaments(generator(seed), SIZE, Params())]
    brightness = [filament.brightness for filament in filaments]
    assert 0.7 <= min(brightness) < 0.75
    assert 0.95 < max(brightness) <= 1
    alike = draw_filaments(generator(0), SIZE, Params(variation=0))
    assert {filament.brightness for filament in alike} == {1}


@pytest.mark.parametrize("persistence_length", [20, 80, 400])
def test_directions_are_forgotten_over_the_persistence_length(persistence_length):
    """The mean cosine between directions a distance s apart is exp(-s / L), as for a worm-like chain."""
    start = np.tile([0.0, 0.0, 1.0], (2000, 1))
    walk = worm_like_chains(generator(0), start, 121, persistence_length)
    np.testing.assert_allclose(np.linalg.norm(walk, axis=-1), 1, atol=1e-12)
    for distance in (10, 40, 100):
        cosine = (walk[:, distance:] * walk[:, :-distance]).sum(axis=-1).mean()
        assert cosine == pytest.approx(np.exp(-distance / persistence_length), abs=0.025)


def test_a_filament_is_one_smooth_curve_through_its_middle():
    for filament in draw_filaments(generator(0), (40, 40, 40), Params(length=40, persistence_length=200)):
        steps = np.diff(filament.middles, axis=0)
        if len(steps) and np.linalg.norm(steps, axis=1).max() < 2:  # it does not leave the volume and return
            expected = (filament.directions[1:] + filament.directions[:-1]) / 2
            np.testing.assert_allclose(steps, expected, atol=1e-9)
            assert (filament.directions[1:] * filament.directions[:-1]).sum(axis=1).min() > 0.9


def test_lengths_lie_around_the_one_asked_for():
    filaments = draw_filaments(generator(0), (80, 80, 80), Params(length=20, fraction=0.05))
    assert max(len(filament.middles) for filament in filaments) <= 32
    whole = [each for each in filaments if (each.middles > 1).all() and (each.middles < 78).all()]
    lengths = [len(filament.middles) for filament in whole]
    assert len(lengths) > 100
    assert 10 <= min(lengths) < 13
    assert max(lengths) > 28
    assert np.mean(lengths) == pytest.approx(20, rel=0.1)


@pytest.mark.parametrize("radius", [0.8, 1.5, 3])
@pytest.mark.parametrize("direction", [(0, 0, 1), (1, 2, 3), (3, 1, 0)])
def test_a_cross_section_has_the_area_of_the_disc_wherever_it_lies(radius, direction):
    """With an edge one voxel wide the area is pi (radius^2 + 1/12)."""
    filament = straight(11, direction, (20.3, 19.8, 20.1))
    longer = straight(31, direction, (20.3, 19.8, 20.1))
    volume, more = (render([each], (41, 41, 41), Params(radius=radius)) for each in (filament, longer))
    assert more.sum() - volume.sum() == pytest.approx(20 * np.pi * (radius**2 + 1 / 12), rel=0.02)


def test_a_filament_has_one_thickness_all_along():
    """Profiles across a bent filament fall to one half at its radius, everywhere and to either side."""
    directions = worm_like_chains(generator(3), np.array([[0.1, 0.6, 0.8]]) / np.sqrt(1.01), 60, 40)[0]
    middles = np.cumsum(directions, axis=0)
    middles += 15 - middles.min(axis=0)
    size = tuple(np.ceil(middles.max(axis=0)).astype(int) + 15)
    volume = render([Filament(middles, directions, 1.0)], size, Params(radius=2.5))
    assert directions[0] @ directions[-1] < 0.5  # it is bent
    across = np.cross(directions, [1, 0.2, 0.1])
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    offsets = np.linspace(-6, 6, 121)
    places = middles[5:-5, :, None] + across[5:-5, :, None] * offsets
    profiles = map_coordinates(volume, places.swapaxes(0, 1), order=1)
    widths = 0.1 * (profiles > 0.5).sum(axis=1)
    np.testing.assert_allclose(widths, 5, atol=0.45)
    assert widths.mean() == pytest.approx(5, abs=0.15)
    # Inside it is evenly bright, without beads where segments join.
    assert profiles[:, np.abs(offsets) < 0.9].min() > 0.99


def test_where_filaments_cross_the_brighter_one_counts():
    pair = [straight(31, (0, 0, 1), (15, 15, 15), 0.5), straight(31, (0, 1, 0), (15, 15, 15), 0.9)]
    both = render(pair, (31, 31, 31), Params())
    alone = [render([each], (31, 31, 31), Params()) for each in pair]
    np.testing.assert_array_equal(both, np.maximum(*alone))
    assert both[15, 15, 15] == np.float32(0.9)


def test_filaments_pass_the_faces_as_they_pass_the_middle():
    """A volume of filaments that pass through is a piece of the same drawn in a larger one."""
    filaments = draw_filaments(generator(2), (20, 40, 40), Params(fraction=0.04))
    moved = [Filament(each.middles + 4, each.directions, each.brightness) for each in filaments]
    larger = render(moved, (28, 48, 48), Params())
    np.testing.assert_allclose(larger[4:-4, 4:-4, 4:-4], render(filaments, (20, 40, 40), Params()), atol=1e-6)
    # And there is something right at each face.
    volume = np.mean(volumes(60, (16, 24, 24), fraction=0.05), axis=0)
    faces = [volume[0], volume[-1], volume[:, 0], volume[:, -1], volume[..., 0], volume[..., -1]]
    inside = volume[4:-4, 4:-4, 4:-4].mean()
    assert np.mean([face.mean() for face in faces]) == pytest.approx(inside, rel=0.15)


def test_filaments_run_along_the_long_axes():
    filaments = draw_filaments(generator(0), (16, 128, 64), Params(persistence_length=1e4))
    along = np.mean(np.concatenate([filament.directions for filament in filaments]) ** 2, axis=0)
    assert along[0] < 0.15
    assert along[2] < along[1]


@pytest.mark.parametrize(
    "params",
    [{"fraction": 0}, {"radius": 0.2}, {"persistence_length": 5}, {"length": 1}, {"variation": 1}, {"number": 3}],
)
def test_parameters_out_of_range_are_refused(params):
    with pytest.raises(ValidationError):
        Params(**params)


def test_a_size_that_is_not_three_numbers_is_refused():
    for draw in (simulate, draw_filaments):
        with pytest.raises(UserError, match=r"microtubules have a size \(z, y, x\), and \(64, 64\) was asked for"):
            draw(generator(0), (64, 64), Params())
    with pytest.raises(UserError, match=r"\(z, y, x\)"):
        render([], (64, 64), Params())
