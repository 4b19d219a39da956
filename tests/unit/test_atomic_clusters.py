"""Simulated images of atomic clusters: seeded, in range, drawn as asked, and rendered as the formula says."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from reconbench.datasets.simulators.atomic_clusters import (
    Cluster,
    Params,
    brightest,
    draw_cluster,
    render,
    simulate,
)
from reconbench.errors import UserError
from reconbench.randomness import generator

SIZES = [(64, 64), (48, 96), (33, 65)]
BARE = {"background": 0}


def images(number, size=(96, 96), **params):
    return [simulate(generator(0, "test", index), size, Params(**params)) for index in range(number)]


def clusters(number, size=(96, 96), **params):
    return [draw_cluster(generator(0, "test", index), size, Params(**params)) for index in range(number)]


def distances(cluster):
    """Return the distances of each column from the others, the nearest first."""
    between = np.linalg.norm(cluster.positions[:, None] - cluster.positions, axis=-1)
    return np.sort(between, axis=1)[:, 1:]


def one_column(position, atoms=1, width=1.5):
    return Cluster(np.array([position], dtype=float), np.array([atoms]), 5.0, width, np.zeros(6))


@pytest.mark.parametrize("size", SIZES)
def test_shape_type_and_range(size):
    for image in images(20, size):
        assert image.shape == size
        assert image.dtype == np.float32
        assert image.min() >= 0
        assert 0.8 < image.max() <= 1


def test_the_same_address_gives_the_same_image_and_another_another():
    first, second = images(2)
    np.testing.assert_array_equal(first, images(1)[0])
    assert np.abs(first - second).mean() > 0.02


def test_an_image_is_its_cluster_rendered_and_scaled():
    (image,), (cluster,) = images(1), clusters(1)
    expected = render(cluster, (96, 96), Params()) / brightest(cluster, (96, 96), Params())
    np.testing.assert_array_equal(image, expected.clip(0, 1))


@pytest.mark.parametrize("size", SIZES)
def test_columns_are_as_many_and_as_thick_as_asked_and_in_the_image(size):
    for cluster in clusters(20, size, columns=(20, 40), atoms=(2, 5)):
        assert 20 <= len(cluster.positions) == len(cluster.atoms) <= 40
        assert set(cluster.atoms) <= {2, 3, 4, 5}
        assert (cluster.positions > 0).all()
        assert (cluster.positions < np.array(size) - 1).all()


def test_numbers_spacings_and_widths_vary_within_their_bounds():
    drawn = clusters(40, (200, 200), spacing=(5, 10), width=(1, 3))
    for values, low, high in (
        ([len(cluster.atoms) for cluster in drawn], 50, 300),
        ([cluster.spacing for cluster in drawn], 5, 10),
        ([cluster.width for cluster in drawn], 1, 3),
    ):
        assert low <= min(values) < low + 0.2 * (high - low)
        assert high - 0.3 * (high - low) < max(values) <= high


@pytest.mark.parametrize(("hexagonal", "second"), [(0, np.sqrt(2)), (1, np.sqrt(3))])
def test_neighbours_are_a_spacing_apart_on_either_lattice(hexagonal, second):
    neighbours = 6 if hexagonal else 4
    for cluster in clusters(5, (128, 128), hexagonal=hexagonal, displacement=0, spacing=(6.5, 6.5)):
        apart = distances(cluster) / 6.5
        # At the rough edge a column may stand alone.
        np.testing.assert_allclose(apart[: int(0.9 * len(apart)), 0], 1)
        # The innermost column, around which the lattice is complete.
        np.testing.assert_allclose(apart[0, :neighbours], 1)
        np.testing.assert_allclose(apart[0, neighbours], second)


def test_the_image_repeats_at_the_spacing():
    for index in range(5):
        params = Params(hexagonal=1, spacing=(6, 9), columns=(150, 200), **BARE)
        cluster = draw_cluster(generator(1, index), (160, 160), params)
        image = render(cluster, (160, 160), params)
        power = np.abs(np.fft.fft2(image)) ** 2
        frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(160), np.fft.fftfreq(160), indexing="ij"))
        power[frequency < 0.07] = 0  # the outline of the cluster
        # Rows of a hexagonal lattice are sqrt(3) / 2 spacings apart.
        period = np.sqrt(0.75) * cluster.spacing
        assert 1 / frequency.flat[power.argmax()] == pytest.approx(period, rel=0.06)


def test_displacement_has_the_standard_deviation_asked_for():
    same = {"spacing": (8, 8), "columns": (100, 100)}
    still, moved = (clusters(8, (200, 200), displacement=amount, **same) for amount in (0, 0.1))
    steps = [after.positions - before.positions for before, after in zip(still, moved, strict=True)]
    assert np.std(steps) == pytest.approx(0.8, rel=0.1)


def test_columns_hold_more_atoms_towards_the_middle():
    for cluster in clusters(10, atoms=(1, 20)):
        third = len(cluster.atoms) // 3
        middle = cluster.positions[:third].mean(axis=0)
        reach = np.linalg.norm(cluster.positions - middle, axis=1)
        assert reach[:third].mean() < 0.75 * reach[-third:].mean()
        assert cluster.atoms[:third].mean() > 2 * cluster.atoms[-third:].mean()


def test_orientations_differ():
    turns = []
    for cluster in clusters(12, hexagonal=0, displacement=0):
        steps = cluster.positions - cluster.positions[0]
        nearest = steps[np.linalg.norm(steps, axis=1).argsort()[1]]
        turns.append(np.arctan2(*nearest) % (np.pi / 2))
    assert np.ptp(turns) > 0.8


def test_a_lone_column_is_a_gaussian_with_its_atoms_as_peak():
    y, x = np.mgrid[:21, :30]
    expected = 7 * np.exp(-((y - 9.3) ** 2 + (x - 14.6) ** 2) / (2 * 1.5**2))
    image = render(one_column((9.3, 14.6), atoms=7), (21, 30), Params())
    np.testing.assert_allclose(image, expected, atol=1e-5)


def test_the_exponent_is_a_power_of_the_atoms():
    one, four = (one_column((10, 10), atoms) for atoms in (1, 4))
    params = Params(exponent=1.5)
    np.testing.assert_allclose(render(four, (21, 21), params), 8 * render(one, (21, 21), params), rtol=1e-6)


def test_rendering_is_linear_in_the_atoms():
    (cluster,) = clusters(1, **BARE)
    others = np.arange(len(cluster.atoms))
    parts = [replace(cluster, atoms=atoms) for atoms in (cluster.atoms, others, cluster.atoms + 3 * others)]
    first, second, both = (render(part, (96, 96), Params()) for part in parts)
    np.testing.assert_allclose(both, first + 3 * second, rtol=1e-5, atol=1e-4)


def test_moving_the_cluster_by_whole_pixels_moves_the_image():
    (cluster,) = clusters(1, **BARE)
    moved = replace(cluster, positions=cluster.positions + (5, -7))
    before, after = (render(each, (96, 96), Params()) for each in (cluster, moved))
    np.testing.assert_allclose(after[5:, :-7], before[:-5, 7:], atol=1e-5)
    assert np.abs(after - before).max() > 1


def test_the_film_stays_where_the_cluster_moves_and_is_faint_and_slow():
    for cluster in clusters(10, background=0.1):
        away = replace(cluster, positions=cluster.positions + 1000)
        film = render(away, (96, 96), Params()) / cluster.atoms.max()
        assert 0 <= film.min() < film.max() < 0.32
        assert 0.03 < film.mean() < 0.18
        assert np.abs(np.diff(film, axis=0)).max() < 0.01
        under = render(cluster, (96, 96), Params()) - render(replace(cluster, film=np.zeros(6)), (96, 96), Params())
        np.testing.assert_allclose(under / cluster.atoms.max(), film, atol=1e-5)


def test_the_scale_of_a_cluster_does_not_depend_on_its_place_between_pixels():
    (cluster,) = clusters(1, **BARE)
    moved = replace(cluster, positions=cluster.positions + (0.4, 0.3))
    scales = [brightest(each, (96, 96), Params()) for each in (cluster, moved)]
    assert scales[0] == pytest.approx(scales[1])
    assert scales[0] >= cluster.atoms.max()


@pytest.mark.parametrize(
    "params",
    [
        {"columns": (0, 10)},
        {"columns": (20, 10)},
        {"atoms": (1, 2.5)},
        {"spacing": (9, 6)},
        {"spacing": (1, 6)},
        {"width": (2, 1)},
        {"displacement": -0.1},
        {"exponent": 0},
        {"background": 0.5},
        {"noise": 1},
    ],
)
def test_parameters_out_of_range_are_refused(params):
    with pytest.raises(ValidationError):
        Params(**params)


def test_bounds_in_the_wrong_order_are_named():
    with pytest.raises(ValidationError, match="the upper bound must not be below the lower one"):
        Params(spacing=(9, 6))


def test_a_size_that_is_not_two_numbers_is_refused():
    with pytest.raises(UserError, match=r"clusters have a size \(y, x\), and \(4, 64, 64\) was asked for"):
        images(1, (4, 64, 64))
    with pytest.raises(UserError, match=r"clusters have a size \(y, x\), and \(64,\) was asked for"):
        render(one_column((3, 3)), (64,), Params())


@pytest.mark.parametrize("size", [(24, 24), (8, 200), (3, 3)])
def test_an_image_too_small_for_the_fewest_columns_is_refused(size):
    with pytest.raises(UserError, match=rf"50 columns that are 4 pixels apart do not fit .* \({size[0]}, {size[1]}\)"):
        images(1, size)
