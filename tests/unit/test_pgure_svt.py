"""PGURE-SVT as a method: sequences and frames, told and untold, and what it does at the ends of its range."""

import numpy as np
import pytest
from pydantic import ValidationError

from reconbench import catalogue
from reconbench.contracts import Problem
from reconbench.errors import UserError

pytest.importorskip("torch")

GAIN, OFFSET, DEVIATION = 0.05, 0.1, 0.05
SIZE, FRAMES = 40, 7
TOLD = {"gain": GAIN, "offset": OFFSET, "deviation": DEVIATION}


def restore(measurement, **params):
    module = catalogue.get_method("pgure_svt")
    problem = Problem(kind="denoising", told=module.METHOD.told)
    return module.restore(measurement, problem, module.Params(**{"patch_step": 2, **params}), "cpu")


def spots(frames=FRAMES):
    """Bright spots on a dark ground that move by (0.5, 0.25) pixels a frame."""
    y, x = np.mgrid[:SIZE, :SIZE]
    moved = [((y - 0.5 * frame) * np.pi / 10, (x - 0.25 * frame) * np.pi / 10) for frame in range(frames)]
    return np.stack([0.1 + 0.9 * (np.sin(row) * np.sin(column)) ** 2 for row, column in moved])


def noisy(clean, seed=0):
    generator = np.random.default_rng(seed)
    measured = GAIN * generator.poisson(clean / GAIN) + generator.normal(OFFSET, DEVIATION, clean.shape)
    return measured.astype(np.float32)


def error(estimate, clean):
    return np.mean((estimate - clean) ** 2)


def test_a_sequence_is_denoised_frame_by_frame():
    clean = spots()
    measurement = noisy(clean)
    estimate = restore(measurement, **TOLD)
    assert estimate.shape == clean.shape
    assert estimate.dtype == np.float32
    noise = error(measurement - OFFSET, clean)
    for frame in range(FRAMES):  # The first and last too, whose trajectories are one-sided.
        assert error(estimate[frame], clean[frame]) < 0.35 * noise


def test_frames_help_each_other():
    clean = spots()
    measurement = noisy(clean)
    alone = np.stack([restore(frame, **TOLD) for frame in measurement[2:5]])
    assert error(restore(measurement, **TOLD)[2:5], clean[2:5]) < error(alone, clean[2:5])


def test_a_single_frame_is_denoised():
    clean = spots()[0]
    measurement = noisy(clean)
    estimate = restore(measurement, **TOLD)
    assert estimate.shape == clean.shape
    assert error(estimate, clean) < 0.5 * error(measurement - OFFSET, clean)
    np.testing.assert_array_equal(restore(measurement[None], **TOLD)[0], estimate)


def test_an_untold_noise_is_estimated():
    clean = spots()
    measurement = noisy(clean)
    told, untold = restore(measurement, **TOLD) + OFFSET, restore(measurement)
    assert error(untold, clean + OFFSET) < 1.5 * error(told, clean + OFFSET)


def test_an_offset_is_taken_off_only_where_it_is_told():
    measurement = noisy(spots())
    without = restore(measurement, gain=GAIN, deviation=DEVIATION)
    assert without.mean() == pytest.approx(measurement.mean(), abs=0.02)
    assert restore(measurement, **TOLD).mean() == pytest.approx(measurement.mean() - OFFSET, abs=0.02)


def test_following_the_motion_helps():
    y, x = np.mgrid[:SIZE, :SIZE]
    clean = np.stack(
        [0.1 + 0.9 * (np.sin((y - 3 * frame) / 4) * np.sin((x - 2 * frame) / 4)) ** 2 for frame in range(FRAMES)]
    )
    measurement = noisy(clean)
    followed, still = restore(measurement, **TOLD), restore(measurement, **TOLD, motion_estimation=False)
    assert error(followed, clean) < 0.8 * error(still, clean)


@pytest.mark.parametrize("shape", [(SIZE, SIZE), (3, 16, 24)])
@pytest.mark.parametrize("value", [0.0, 0.3])
def test_a_constant_stays_constant(shape, value):
    constant = np.full(shape, value, dtype=np.float32)
    np.testing.assert_allclose(restore(constant), value, atol=1e-6)
    told = restore(constant, gain=0.01, offset=0.0, deviation=0.01)
    np.testing.assert_allclose(told, value, atol=0.01)


def test_black_frames_stay_black():
    measurement = noisy(spots(3), seed=1)
    measurement[:] = GAIN * np.round(measurement / GAIN)
    measurement[1] = 0
    told = {"gain": GAIN, "offset": 0.0, "deviation": 0.0}
    assert not restore(np.zeros_like(measurement), **told).any()
    assert np.isfinite(restore(measurement, **told)).all()


def test_without_noise_nothing_is_changed():
    clean = spots(3).astype(np.float32)
    estimate = restore(clean, gain=0.0, offset=0.0, deviation=0.0)
    np.testing.assert_array_equal(estimate, clean)
    assert not np.shares_memory(estimate, clean)


@pytest.mark.parametrize("shape", [(8, 8), (2, 9, 20), (4, 12, 8)])
def test_small_frames_and_short_sequences_keep_their_shape(shape):
    measurement = noisy(np.full(shape, 0.5))
    estimate = restore(measurement, **TOLD)
    assert estimate.shape == shape
    assert np.isfinite(estimate).all()


def test_scaling_the_signal_scales_the_estimate():
    """Nothing in it knows the unit of the signal: neither steps nor weights nor stopping."""
    measurement = noisy(spots(3))
    estimate = restore(measurement)
    np.testing.assert_allclose(restore(measurement * 128) / 128, estimate, atol=1e-4)


def test_more_patches_than_are_sampled_give_the_whole_frame():
    """Frames of more than 128 x 128 patches choose their weight by some of them, and are restored from all."""
    clean = np.tile(spots(1)[0], (2, 5))[:70, :190]
    measurement = noisy(clean)
    estimate = restore(measurement, **{**TOLD, "patch_step": 1})
    assert error(estimate, clean) < 0.5 * error(measurement - OFFSET, clean)
    assert error(estimate[:, 60:70], clean[:, 60:70]) < 0.5 * error(measurement - OFFSET, clean)


def test_hot_pixels_are_removed_on_request():
    clean = spots(3)
    measurement = noisy(clean)
    measurement[1, 20, 20] = 30.0
    assert restore(measurement, **TOLD)[1, 20, 20] > 5
    estimate = restore(measurement, **TOLD, hot_pixels=10)
    assert estimate[1, 20, 20] == pytest.approx(clean[1, 20, 20], abs=0.3)


def test_only_hot_pixels_are_touched():
    module = catalogue.get_method("pgure_svt")
    frames = noisy(spots(2)).astype(np.float64)
    frames[0, 5, 5] = 30.0
    changed = module.without_hot_pixels(frames, 10.0) != frames
    assert changed[0, 5, 5]
    assert changed.sum() <= 3


def test_shapes_that_make_no_sense_are_refused():
    with pytest.raises(
        UserError, match=r"restores frames \(y, x\) and sequences \(t, y, x\), not data of shape \(2, 2"
    ):
        restore(np.ones((2, 2, 16, 16), dtype=np.float32))
    with pytest.raises(UserError, match=r"needs frames of at least 8 x 8 pixels, not \(3, 7, 16\)"):
        restore(np.ones((3, 7, 16), dtype=np.float32))
    with pytest.raises(UserError, match="at least 12 x 12 pixels"):
        restore(np.ones((3, 10, 16), dtype=np.float32), patch_size=12)


def test_parameters_that_make_no_sense_are_refused():
    params = catalogue.get_method("pgure_svt").Params
    with pytest.raises(ValidationError, match="must be odd"):
        params(trajectory_length=14)
    with pytest.raises(ValidationError, match="patch_step 5 leaves gaps between patches of 4 pixels"):
        params(patch_step=5)


def test_trajectories_are_no_longer_than_a_patch_has_pixels():
    measurement = noisy(spots(6))
    np.testing.assert_array_equal(
        restore(measurement, **TOLD, patch_size=2, trajectory_length=3),
        restore(measurement, **TOLD, patch_size=2, trajectory_length=15),
    )


def test_it_takes_sequences_and_is_told_nothing():
    record = catalogue.get_method("pgure_svt").METHOD
    assert record.sequences
    assert record.told == frozenset()
