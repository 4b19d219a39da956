"""Sequences of a moving cluster: the first frame is the still one, and what follows moves smoothly and slowly."""

import numpy as np
import pytest
from pydantic import ValidationError

from reconbench.datasets.simulators import atomic_clusters, moving_cluster
from reconbench.datasets.simulators.moving_cluster import Params, moved, simulate
from reconbench.errors import UserError
from reconbench.randomness import generator

STILL = {"drift": 0, "rotation": 0, "breathing": 0, "vibration": 0}
# Columns on a ring of 40 pixels, whose mean is its middle.
ANGLES = 2 * np.pi * np.arange(60) / 60
RING = 50 + 40 * np.stack([np.sin(ANGLES), np.cos(ANGLES)], axis=1)


def sequence(index=0, size=(64, 64), **params):
    return simulate(generator(0, "test", index), size, Params(**{"frames": 12, **params}))


def motion(index=0, **params):
    """Return the places of the ring's columns: by default for so many frames that statistics are sharp."""
    return moved(generator(0, "motion", index), RING, Params(**{"frames": 20_000, **STILL, **params}))


def root_mean_square(values):
    return np.sqrt(np.mean(np.square(values)))


@pytest.mark.parametrize("size", [(64, 64), (48, 96)])
def test_shape_type_range_and_axes(size):
    frames = sequence(size=size)
    assert moving_cluster.AXES == "TYX"
    assert frames.shape == (12, *size)
    assert frames.dtype == np.float32
    assert 0 <= frames.min() < frames.max() <= 1
    assert Params().frames == 100


def test_the_first_frame_is_the_still_image():
    for index in range(3):
        still = atomic_clusters.simulate(generator(0, "test", index), (64, 64), atomic_clusters.Params())
        np.testing.assert_array_equal(sequence(index)[0], still)


def test_the_same_address_gives_the_same_sequence_and_another_another():
    np.testing.assert_array_equal(sequence(), sequence())
    assert np.abs(sequence(0) - sequence(1)).mean() > 0.02


def test_a_cluster_that_does_not_move_gives_equal_frames():
    frames = sequence(**STILL)
    np.testing.assert_array_equal(frames, np.broadcast_to(frames[0], frames.shape))


def test_all_frames_are_divided_by_the_brightness_of_the_first():
    """The sum over a frame is that of its columns, which keep their atoms, as long as they stay in the image."""
    for index in range(3):
        sums = sequence(index, (96, 96), frames=60, background=0, breathing=0).sum(axis=(1, 2))
        np.testing.assert_allclose(sums, sums[0], rtol=0.005)


def test_the_default_is_slow_and_smooth():
    for index in range(5):
        source = generator(0, "default", index)
        cluster = atomic_clusters.draw_cluster(source, (128, 128), Params())
        places = moved(source, cluster.positions, Params())
        steps = np.linalg.norm(np.diff(places, axis=0), axis=-1)
        assert 0.03 < root_mean_square(steps) < 0.3
        assert steps.max() < 0.6
        # A step is nearly the one before it, and all of them lead somewhere.
        assert root_mean_square(np.diff(places, 2, axis=0)) < 0.15 * root_mean_square(np.diff(places, axis=0))
        assert np.linalg.norm(places[-1] - places[0], axis=-1).max() > 1


def test_consecutive_images_differ_little_and_distant_ones_much():
    frames = sequence(0, (96, 96), frames=60).astype(np.float64)
    near = np.mean(np.diff(frames, axis=0) ** 2)
    assert 0 < near < 0.1 * np.mean((frames[0] - frames[-1]) ** 2)


def test_drift_has_the_speed_asked_for_and_moves_all_columns_alike():
    steps = np.diff(motion(drift=0.3), axis=0)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[:, :1], steps.shape), atol=1e-9)
    for along in steps[:, 0].T:
        assert root_mean_square(along) == pytest.approx(0.3, rel=0.1)


def test_rotation_has_the_speed_asked_for_and_keeps_the_ring():
    places = motion(rotation=0.2) - 50
    np.testing.assert_allclose(np.linalg.norm(places, axis=-1), 40)
    angle = np.unwrap(np.arctan2(places[:, 0, 0], places[:, 0, 1]))
    assert np.rad2deg(root_mean_square(np.diff(angle))) == pytest.approx(0.2, rel=0.1)


def test_breathing_makes_the_cluster_larger_and_smaller_by_what_was_asked():
    places = motion(breathing=0.02) - 50
    growth = np.linalg.norm(places, axis=-1) / 40
    np.testing.assert_allclose(growth, np.broadcast_to(growth[:, :1], growth.shape))
    assert growth[:, 0].std() == pytest.approx(0.02, rel=0.1)


def test_vibration_moves_each_column_by_itself():
    away = motion(vibration=0.5)[:, :, 0]
    assert away.std(axis=0).mean() == pytest.approx(0.5, rel=0.05)
    correlation = np.corrcoef(away.T) - np.eye(60)
    assert np.abs(correlation).mean() < 0.05


@pytest.mark.parametrize("persistence", [3.0, 12.0])
def test_persistence_is_how_long_it_lasts(persistence):
    away = motion(vibration=0.5, persistence=persistence)[:, :, 0]
    away = away - away.mean(axis=0)
    lag = int(2 * persistence)
    left = np.mean(away[lag:] * away[:-lag]) / np.mean(away**2)
    assert left == pytest.approx(np.exp(-1), abs=0.03)


def test_one_frame_is_a_sequence_too():
    assert sequence(frames=1).shape == (1, 64, 64)


@pytest.mark.parametrize("params", [{"frames": 0}, {"drift": -1}, {"persistence": 0}, {"speed": 1}, {"atoms": (0, 3)}])
def test_parameters_out_of_range_are_refused(params):
    with pytest.raises(ValidationError):
        Params(**params)


def test_a_size_that_is_not_two_numbers_is_refused():
    with pytest.raises(UserError, match=r"clusters have a size \(y, x\), and \(4, 64, 64\) was asked for"):
        sequence(size=(4, 64, 64))
