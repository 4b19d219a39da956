"""Patches are found again where they went, and the singular values of their matrices are shrunk as numpy's would be."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from reconbench.methods._block_matching import motion, similar_patches
from reconbench.methods._patch_trajectories import PatchGrid, Trajectories, casorati


def texture(size, seed=0, width=3.0):
    """Smooth random values that repeat beyond the border, between 0 and 1."""
    field = gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), width, mode="wrap")
    return (field - field.min()) / np.ptp(field)


# Motion


@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (3, -2), (-4, 5)])
def test_motion_estimation_finds_a_known_shift(shift):
    source = texture(64).astype(np.float32)
    field = motion(source[None], np.roll(source, shift, axis=(0, 1))[None], patch=8, window=7)
    assert field.shape == (1, 2, 57, 57)
    inside = field[0, :, 8:-8, 8:-8]
    found = (inside == np.array(shift)[:, None, None]).all(axis=0)
    assert found.mean() > 0.97


def test_motion_estimation_bears_noise():
    clean = texture(64)
    pair = np.stack([clean, np.roll(clean, (2, 1), axis=(0, 1))])
    pair = (pair + np.random.default_rng(1).normal(0, 0.02, pair.shape)).astype(np.float32)
    inside = motion(pair[:1], pair[1:], patch=8, window=7)[0, :, 8:-8, 8:-8]
    assert np.abs(inside[0] - 2).mean() < 0.3
    assert np.abs(inside[1] - 1).mean() < 0.3


def test_motion_stays_in_the_window_and_in_the_frame():
    frames = np.random.default_rng(0).random((3, 20, 24)).astype(np.float32)
    field = motion(frames[:-1], frames[1:], patch=4, window=2).astype(int)
    assert np.abs(field).max() == 2
    rows, columns = np.mgrid[:17, :21]
    assert (rows + field[:, 0]).min() == 0
    assert (rows + field[:, 0]).max() == 16
    assert (columns + field[:, 1]).min() == 0
    assert (columns + field[:, 1]).max() == 20


def test_motion_never_fits_worse_than_rest():
    frames = np.random.default_rng(0).random((2, 20, 20)).astype(np.float32)
    field = motion(frames[:1], frames[1:], patch=4, window=7)[0].astype(int)
    for row, column in np.ndindex(17, 17):
        y, x = field[:, row, column]
        wanted = frames[0, row : row + 4, column : column + 4]
        found = frames[1, row + y : row + y + 4, column + x : column + x + 4]
        at_rest = frames[1, row : row + 4, column : column + 4]
        assert np.abs(found - wanted).sum() <= np.abs(at_rest - wanted).sum() + 1e-5


# Similar patches of one frame


@pytest.mark.parametrize("width", [12, 19])
def test_similar_patches_are_the_nearest_ones(width):
    frame = np.random.default_rng(0).random((80, width)).astype(np.float32)  # Two bands of rows.
    patch, window, count = 3, 2, 5
    found = similar_patches(frame, patch, window, count)
    rows, columns = 78, width - 2
    assert found.shape == (rows, columns, count)
    patches = np.lib.stride_tricks.sliding_window_view(frame, (patch, patch))
    for row, column in [(0, 0), (1, columns - 1), (40, 4), (63, 3), (64, 5), (77, 0)]:
        near = [
            (((patches[y, x] - patches[row, column]) ** 2).sum(), y * width + x)
            for y in range(max(row - window, 0), min(row + window + 1, rows))
            for x in range(max(column - window, 0), min(column + window + 1, columns))
        ]
        assert list(found[row, column]) == [place for _, place in sorted(near)[:count]]
        assert found[row, column, 0] == row * width + column


def test_there_are_no_more_similar_patches_than_a_corner_has():
    frame = np.random.default_rng(0).random((8, 9)).astype(np.float32)
    assert similar_patches(frame, patch=4, window=1, count=15).shape == (5, 6, 4)
    assert similar_patches(frame, patch=8, window=7, count=15).shape == (1, 2, 2)


# Trajectories and grids


def shifted_frames(count, shift):
    return np.stack([np.roll(texture(48), np.multiply(shift, frame), axis=(0, 1)) for frame in range(count)])


@pytest.mark.parametrize(("frame", "first"), [(0, 0), (1, 0), (4, 2), (8, 4)])
def test_trajectories_follow_a_moving_frame_and_stay_in_the_sequence(frame, first):
    trajectories = Trajectories(shifted_frames(9, (1, -2)), patch=8, window=7, length=5)
    assert trajectories.frames(frame) == slice(first, first + 5)
    assert trajectories.own(frame) == frame - first
    corner = 20 * 48 + 20
    times, corners = np.divmod(trajectories.places(frame, np.array([corner]))[0], 48 * 48)
    np.testing.assert_array_equal(times, np.arange(5))
    expected = [(20 + time - frame, 20 - 2 * (time - frame)) for time in range(first, first + 5)]
    assert [divmod(place, 48) for place in corners] == expected


def test_still_patches_stay():
    trajectories = Trajectories(shifted_frames(3, (1, 1)), patch=8, window=7, length=15, still=True)
    places = trajectories.places(1, np.array([0, 100]))
    np.testing.assert_array_equal(places % 48**2, [[0] * 3, [100] * 3])


def test_casorati_matrices_have_the_patches_as_columns():
    torch = pytest.importorskip("torch")
    frames = np.random.default_rng(0).random((3, 10, 11))
    trajectories = Trajectories(frames, patch=4, window=7, length=3)
    grid = PatchGrid((10, 11), patch=4, step=1)
    places = trajectories.places(1, grid.corners)
    matrices = casorati(torch.from_numpy(frames.ravel()), torch.from_numpy(places), torch.from_numpy(grid.inside))
    assert matrices.shape == (7 * 8, 16, 3)
    for patch, place in [(0, 0), (13, 1), (55, 2)]:
        time, row, column = np.unravel_index(places[patch, place], frames.shape)
        expected = frames[time, row : row + 4, column : column + 4].ravel()
        np.testing.assert_array_equal(matrices[patch, :, place], expected)


@pytest.mark.parametrize("step", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(8, 8), (13, 18)])
def test_a_grid_covers_every_pixel_and_stays_in_the_frame(shape, step):
    grid = PatchGrid(shape, patch=4, step=step)
    cover = grid.cover(grid.corners).reshape(shape)
    assert cover.min() >= 1
    assert cover.sum() == 16 * grid.corners.size
    assert cover[0, 0] == cover[-1, -1] == 1
    if step == 1:
        assert cover[4, 4] == 16


def test_a_sample_is_all_of_a_small_frame_and_part_of_a_large_one():
    assert PatchGrid((131, 131), patch=4, step=1).sample.all()
    large = PatchGrid((300, 140), patch=4, step=1)
    rows = large.sample.reshape(297, 137).any(axis=1)
    assert large.sample.sum() <= 128**2
    assert rows.sum() == 128
    assert rows[0]
    assert rows[-1]
    complete = large.cover(large.corners[large.sample]) == large.cover(large.corners)
    assert complete.sum() > 10_000


# Shrinkage


def shrunk_by_numpy(matrix, weights_of):
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    return left @ np.diag(np.maximum(values - weights_of(values), 0)) @ right


@pytest.mark.parametrize("shape", [(16, 15), (16, 16), (16, 2), (64, 15)])
def test_shrinkage_agrees_with_numpys_decomposition(shape):
    torch = pytest.importorskip("torch")
    from reconbench.methods._singular_values import Decompositions, exponential_weights

    matrices = np.random.default_rng(0).normal(size=(20, *shape)) + 1.0
    column = shape[1] // 2
    decompositions = Decompositions(torch.from_numpy(matrices), column)
    decay = 0.1
    plain = decompositions.shrunk(2.0)
    exponential = decompositions.shrunk(exponential_weights(decompositions.values, decay))
    for matrix, one, other in zip(matrices, plain, exponential, strict=True):
        np.testing.assert_allclose(one, shrunk_by_numpy(matrix, lambda values: 2.0)[:, column], atol=1e-10)
        weighted = shrunk_by_numpy(matrix, lambda values: values[0] * np.exp(-0.5 * decay * values**2))
        np.testing.assert_allclose(other, weighted[:, column], atol=1e-10)


def test_no_weight_returns_the_patches_and_matrices_of_low_rank_do_no_harm():
    torch = pytest.importorskip("torch")
    from reconbench.methods._singular_values import Decompositions, exponential_weights

    matrices = torch.zeros(3, 16, 5, dtype=torch.float64)
    matrices[1] = 0.7
    matrices[2] = torch.arange(80, dtype=torch.float64).reshape(16, 5)
    decompositions = Decompositions(matrices, 4)
    np.testing.assert_allclose(decompositions.shrunk(0.0), matrices[:, :, 4], atol=1e-9)
    assert torch.isfinite(decompositions.shrunk(exponential_weights(decompositions.values, 1.0))).all()
    assert not decompositions.shrunk(exponential_weights(decompositions.values, 0.0)).any()
