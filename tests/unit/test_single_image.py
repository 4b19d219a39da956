"""Patches of a single measurement: drawn by address, standardised, turned only as the blur allows, in part held out."""

import numpy as np
import pytest
import torch

from reconbench.errors import UserError
from reconbench.forward import ssi_blur
from reconbench.training.settings import SingleImageTraining
from reconbench.training.single_image import SingleImageSampler, Turns, mean_and_deviation


def image(*shape, seed=0):
    return np.random.default_rng(seed).normal(0.3, 0.2, shape).astype(np.float32)


def ramp(*shape):
    """An image in which every pixel says where it is; float32 holds each number as it is."""
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def sampler(measurement, kernel=None, augmentation=False, seed=0, address=("train", "low", "1"), **settings):
    given = SingleImageTraining(**{"patch": (16,) * measurement.ndim, "batch": 3, "normalise": "none", **settings})
    return SingleImageSampler("camera", measurement, given, kernel, seed, address, "cpu", augmentation)


def the_batch(source, step=0):
    (batch,) = source.batches(step, step + 1)
    return batch


def drawn(batch):
    """All that a step sees and draws."""
    numbers = torch.rand(4, generator=batch.generator)
    return [batch.measurement, batch.offset, batch.scale, batch.held_out, numbers]


def assert_same(one, other):
    for ours, theirs in zip(one, other, strict=True):
        assert torch.equal(ours, theirs)


def test_a_batch_belongs_to_its_step():
    settings = {"augmentation": True, "held_out": 0.1, "normalise": "patch"}
    measurement = image(40, 50)
    whole = [drawn(batch) for batch in sampler(measurement, **settings).batches(0, 5)]
    for step in (3, 1):
        batch = the_batch(sampler(measurement, **settings), step)
        assert batch.step == step
        assert_same(drawn(batch), whole[step])
    for one, other in zip(whole[0], whole[1], strict=True):
        assert not torch.equal(one, other)
    assert not torch.equal(whole[0][0][0], whole[0][0][1])


@pytest.mark.parametrize("other", [{"seed": 1}, {"address": ("train", "low", "2")}])
def test_another_seed_and_another_address_draw_something_else(other):
    one, another = (sampler(image(40, 50), held_out=0.1, **given) for given in ({}, other))
    assert not np.array_equal(one.held_out, another.held_out)
    ours, theirs = drawn(the_batch(one)), drawn(the_batch(another))
    assert not torch.equal(ours[0], theirs[0])
    assert not torch.equal(ours[4], theirs[4])


@pytest.mark.parametrize("shape", [(40, 50), (12, 20, 18)])
def test_patches_lie_everywhere_in_the_measurement(shape):
    measurement, side = ramp(*shape), 8
    corners = []
    for batch in sampler(measurement, patch=(side,) * len(shape)).batches(0, 150):
        assert batch.measurement.shape == (3, 1, *(side,) * len(shape))
        assert batch.target is batch.measurement
        for patch in batch.measurement[:, 0].numpy():
            corner = np.unravel_index(int(patch.flat[0]), shape)
            np.testing.assert_array_equal(patch, measurement[tuple(slice(start, start + side) for start in corner)])
            corners.append(corner)
    np.testing.assert_array_equal(np.min(corners, axis=0), 0)
    np.testing.assert_array_equal(np.max(corners, axis=0), np.subtract(shape, side))


@pytest.mark.parametrize("shape", [(40, 50), (12, 20, 18)])
def test_a_patch_is_standardised_by_its_own_statistics(shape):
    """With the divisor N - 1, as the code of Papkov et al. (2023)."""
    measurement = image(*shape)
    raw, batch = (the_batch(sampler(measurement, patch=(8,) * len(shape), normalise=how)) for how in ("none", "patch"))
    for patch in batch.measurement[:, 0].numpy():
        assert patch.mean() == pytest.approx(0, abs=1e-6)
        assert patch.std(ddof=1) == pytest.approx(1, abs=1e-6)
    assert_undone(batch, raw)
    assert batch.offset.unique().numel() == 3


@pytest.mark.parametrize("shape", [(40, 50), (12, 20, 18)])
def test_all_patches_are_standardised_by_the_statistics_of_the_image(shape):
    measurement = image(*shape)
    raw, batch = (the_batch(sampler(measurement, patch=(8,) * len(shape), normalise=how)) for how in ("none", "image"))
    expected = (raw.measurement - measurement.mean()) / measurement.std(ddof=1)
    torch.testing.assert_close(batch.measurement, expected, rtol=1e-5, atol=1e-5)
    assert_undone(batch, raw)


def assert_undone(batch, raw):
    """Offset and scale give the values back."""
    torch.testing.assert_close(batch.measurement * batch.scale + batch.offset, raw.measurement)
    assert torch.equal(raw.measurement * raw.scale + raw.offset, raw.measurement)


@pytest.mark.parametrize("normalise", ["none", "patch", "image"])
def test_a_constant_measurement_stays_finite(normalise):
    batch = the_batch(sampler(np.full((20, 20), 0.25, np.float32), normalise=normalise))
    assert torch.allclose(batch.measurement, torch.tensor(0.25 if normalise == "none" else 0.0))
    assert torch.allclose(batch.measurement * batch.scale + batch.offset, torch.tensor(0.25))


def test_mean_and_deviation_are_those_of_numpy_in_double_precision():
    measurement = (1000 + image(300, 400)).astype(np.float32)
    exact = measurement.astype(np.float64)
    assert mean_and_deviation(measurement) == pytest.approx((exact.mean(), exact.std(ddof=1)), rel=1e-12)
    assert mean_and_deviation(np.ones((4, 4), np.float32)) == (1, 1)


PLACES = {
    # The place, the largest patch, the shape of the measurement, and the piece that is taken.
    "the whole": ("corner", (1024, 1024), (40, 50), (40, 50)),
    "as large as asked for": ("corner", (32, 1024), (40, 50), (32, 50)),
    "the first square": ("corner_square", (1024, 1024), (40, 50), (40, 40)),
    "a smaller square": ("corner_square", (1024, 24), (40, 50), (24, 24)),
    "a volume": ("corner", (64, 16, 64), (12, 20, 18), (12, 16, 18)),
    "the first cube": ("corner_square", (64, 64, 64), (12, 20, 18), (12, 12, 12)),
}


@pytest.mark.parametrize(("place", "patch", "shape", "taken"), PLACES.values(), ids=PLACES)
def test_a_piece_at_the_corner_is_always_the_same(place, patch, shape, taken):
    measurement = ramp(*shape)
    source = sampler(measurement, place=place, patch=patch, batch=2)
    source.check()
    for batch in source.batches(0, 3):
        for piece in batch.measurement[:, 0]:
            np.testing.assert_array_equal(piece.numpy(), measurement[tuple(map(slice, taken))])


def test_held_out_pixels_are_drawn_with_replacement_and_stay():
    """Of n pixels, 0.1 n draws leave out 1 - exp(-0.1) of them, with a standard deviation of 0.0007 for 10^4."""
    source = sampler(image(100, 100), place="corner", patch=(100, 100), held_out=0.1, batch=1)
    found = [batch.held_out for batch in source.batches(0, 3)]
    assert (found[0].dtype, found[0].shape) == (torch.bool, (1, 1, 100, 100))
    assert float(found[0].float().mean()) == pytest.approx(1 - np.exp(-0.1), abs=0.003)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    rows = found[0][0, 0].sum(dim=1)
    assert rows.min() > 0
    assert not the_batch(sampler(image(40, 50))).held_out.any()


def test_the_same_pixels_are_held_out_of_training_and_for_validation():
    training, validation = (
        sampler(image(40, 50), augmentation=augmentation, place="corner", patch=(40, 50), held_out=0.2)
        for augmentation in (True, False)
    )
    np.testing.assert_array_equal(training.held_out, validation.held_out)
    assert torch.equal(the_batch(validation, 0).held_out, the_batch(validation, 7).held_out)


def test_held_out_pixels_are_turned_with_their_patch():
    measurement = ramp(40, 50)
    source = sampler(measurement, augmentation=True, held_out=0.3)
    turned = 0
    for batch in source.batches(0, 10):
        for patch, held_out in zip(batch.measurement[:, 0], batch.held_out[:, 0], strict=True):
            rows, columns = np.unravel_index(patch.numpy().astype(int), measurement.shape)
            np.testing.assert_array_equal(held_out.numpy(), source.held_out[rows, columns])
            turned += int(patch[0, 0] > patch[0, 1] or patch[0, 0] > patch[1, 0] or patch[0, 1] - patch[0, 0] > 1)
    assert turned > 10


def steps_of(piece):
    """By how much the values of a piece of a ramp grow along each axis."""
    first = (0,) * piece.ndim
    return tuple(
        int(piece[tuple(int(axis == other) for other in range(piece.ndim))] - piece[first])
        for axis in range(piece.ndim)
    )


def orientations(kernel, shape=(6, 6), patch=None):
    """All the ways in which 300 draws turn a ramp."""
    turns, draws = Turns(kernel, patch or shape), np.random.default_rng(0)
    pieces = [turns((ramp(*shape), ramp(*shape)), draws) for _ in range(300)]
    for one, other in pieces:
        np.testing.assert_array_equal(one, other)
    return {steps_of(one) for one, _ in pieces}


SYMMETRIC = np.outer([1, 2, 1], [1, 2, 1])
EIGHT = {(a * 6, b) for a in (1, -1) for b in (1, -1)} | {(a, b * 6) for a in (1, -1) for b in (1, -1)}
KERNELS = {
    "none": (None, EIGHT),
    "all symmetries": (SYMMETRIC, EIGHT),
    "no symmetry": (np.array([[1, 2, 3], [4, 5, 7], [0, 1, 4]]), {(6, 1)}),
    "symmetric along y": (np.array([[1, 2, 3], [4, 5, 7], [1, 2, 3]]), {(6, 1), (-6, 1)}),
    "symmetric along x": (np.array([[1, 4, 1], [2, 5, 2], [3, 7, 3]]), {(6, 1), (6, -1)}),
    "symmetric about the diagonal": (np.array([[1, 2, 3], [2, 5, 7], [3, 7, 4]]), {(6, 1), (1, 6)}),
    # It is longer along y than along x.
    "not square": (np.outer([1, 2, 3, 2, 1], [1, 2, 1]), {(a * 6, b) for a in (1, -1) for b in (1, -1)}),
    "another width along y": (np.outer([1, 5, 1], [1, 2, 1]), {(a * 6, b) for a in (1, -1) for b in (1, -1)}),
}


@pytest.mark.parametrize(("kernel", "expected"), KERNELS.values(), ids=KERNELS)
def test_patches_are_turned_in_all_ways_that_leave_the_kernel_as_it_is(kernel, expected):
    assert orientations(kernel) == expected


def test_the_blur_of_the_benchmark_allows_all_eight():
    assert orientations(ssi_blur.build(ssi_blur.Params()).kernel) == EIGHT


def test_patches_that_are_not_square_keep_their_shape():
    assert orientations(SYMMETRIC, (4, 6)) == {(a * 6, b) for a in (1, -1) for b in (1, -1)}


@pytest.mark.parametrize("kernel", [None, np.ones((3, 3, 3))])
def test_volumes_are_never_turned_along_z(kernel):
    found = orientations(kernel, (5, 6, 6))
    assert {z for z, _, _ in found} == {36}
    assert {(y, x) for _, y, x in found} == EIGHT


def test_patches_of_a_blurred_measurement_are_turned_as_the_kernel_allows():
    measurement = ramp(40, 50)
    lopsided = np.array([[1, 2, 3], [4, 5, 7], [0, 1, 4]])
    for kernel, augmentation, ways in ((SYMMETRIC, True, 8), (lopsided, True, 1), (SYMMETRIC, False, 1)):
        batches = sampler(measurement, kernel, augmentation).batches(0, 40)
        assert len({steps_of(patch.numpy()) for batch in batches for patch in batch.measurement[:, 0]}) == ways


@pytest.mark.parametrize(
    ("shape", "settings", "sentence"),
    [
        ((12, 50), {}, r"image 'camera' of shape \(12, 50\) is smaller than the training patches of \(16, 16\)"),
        ((20, 20, 20), {"patch": (16, 16)}, r"of shape \(20, 20, 20\) has not the axes of the training patches"),
        ((20, 20), {"patch": (16, 16, 16)}, r"of shape \(20, 20\) has not the axes of the training patches"),
        ((20, 20), {"patch": (16, 16, 16), "place": "corner"}, r"has not the axes of the training patches"),
        ((20, 20, 20), {"patch": (16, 16), "place": "corner_square"}, r"has not the axes of the training patches"),
    ],
)
def test_a_measurement_that_is_too_small_or_has_other_axes_is_refused(shape, settings, sentence):
    with pytest.raises(UserError, match=sentence):
        sampler(image(*shape), **settings).check()
