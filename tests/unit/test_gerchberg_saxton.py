"""Gerchberg-Saxton: what never rises, what stays, and what comes out."""

from itertools import islice

import numpy as np
import pytest
from phase_problems import blobs, error, instrument, intensities, problem, transfer

torch = pytest.importorskip("torch")

from reconbench.errors import NotApplicableError, UserError  # noqa: E402
from reconbench.forward import astigmatic, intensity_gradient, through_focus  # noqa: E402
from reconbench.methods import gerchberg_saxton, mftie  # noqa: E402

SMOOTH = through_focus.Params(distances=(-40e-6, 0.0, 60e-6))
MODELS = {
    "defocus": through_focus.build(SMOOTH),
    "one plane": through_focus.build(SMOOTH.model_copy(update={"distances": (60e-6,)})),
    "absorbing": through_focus.build(SMOOTH.model_copy(update={"object": "wave"})),
    "aperture": through_focus.build(SMOOTH.model_copy(update={"object": "wave", "numerical_aperture": 0.05})),
    "astigmatic": astigmatic.build(astigmatic.Params(rotations=5)),
    "one astigmatic": astigmatic.build(astigmatic.Params(rotations=1)),
    "astigmatic, absorbing": astigmatic.build(astigmatic.Params(rotations=4, object="wave")),
}


def truth_for(forward, size=32):
    y, x = np.mgrid[:size, :size] / size
    phase = 0.4 + 0.3 * x * y + 0.3 * np.exp(-((x - 0.3) ** 2 + (y - 0.6) ** 2) / 0.02)
    truth = phase if forward.object == "phase" else np.stack([1 - 0.5 * blobs(size, 4), phase])
    return torch.from_numpy(truth.astype(np.float32))


def start_of(forward, measurement):
    params = gerchberg_saxton.Params()
    amplitudes = np.sqrt(measurement)
    return amplitudes, gerchberg_saxton.first_wave(measurement, amplitudes, problem(forward), params, "cpu")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_residual_never_rises(name, noise):
    forward = MODELS[name]
    measurement = forward(truth_for(forward)).numpy()
    measurement = (measurement + np.random.default_rng(0).normal(0, noise, measurement.shape)).clip(min=0)
    amplitudes, start = start_of(forward, measurement.astype(np.float32))
    residuals = [r for _, r in islice(gerchberg_saxton.iterates(forward, amplitudes, start, "symmetric"), 60)]
    assert all(after <= before * (1 + 1e-6) for before, after in zip(residuals, residuals[1:], strict=False))
    assert residuals[-1] < 0.9 * residuals[0]


@pytest.mark.parametrize("name", MODELS)
def test_the_true_wave_stays(name):
    forward = MODELS[name]
    truth = truth_for(forward)
    amplitudes = np.sqrt(forward(truth).numpy())
    wave = forward.wave(truth)
    after, residual = next(gerchberg_saxton.iterates(forward, amplitudes, wave, "symmetric"))
    assert residual < 1e-8
    assert float((after - wave).abs().max()) < 1e-5


def test_the_true_wave_stays_where_light_is_partially_coherent():
    forward = through_focus.build(SMOOTH.model_copy(update={"convergence": 0.1}))
    truth = truth_for(forward)
    measurement = forward(truth).numpy()
    coherent = MODELS["defocus"](truth).numpy()
    assert np.abs(measurement - coherent).max() > 0.01
    wave = forward.wave(truth)
    found = [
        next(gerchberg_saxton.iterates(forward, np.sqrt(planes), wave, "symmetric"))[1]
        for planes in (measurement, coherent)
    ]
    assert found[0] < 1e-8 < 1e-3 < found[1]


@pytest.mark.parametrize("kind", ["phase", "wave"])
def test_an_iteration_is_the_mean_of_the_waves_with_their_amplitudes_replaced(kind):
    source = np.random.default_rng(0)
    wave = source.random((32, 32)) + 1j * source.random((32, 32))
    distances = (-10e-6, 20e-6)
    amplitudes = source.random((2, 32, 32)).astype(np.float32)
    replaced = [wave / np.abs(wave)] if kind == "phase" else []
    for distance, amplitude in zip(distances, amplitudes, strict=True):
        there = np.fft.ifft2(np.fft.fft2(wave) * transfer(wave.shape, distance, 1.5))
        replaced.append(
            np.fft.ifft2(np.fft.fft2(amplitude * there / np.abs(there)) * transfer(wave.shape, -distance, 1.5))
        )
    start = torch.from_numpy(wave.astype(np.complex64))
    forward = instrument(distances, kind, index=1.5)  # An index at which none of the waves is cut.
    after, _ = next(gerchberg_saxton.iterates(forward, amplitudes, start, "circular"))
    np.testing.assert_allclose(after.numpy(), np.mean(replaced, 0), atol=1e-5)


@pytest.mark.parametrize("kind", ["phase", "wave"])
def test_it_finds_a_wave_with_fine_detail(kind):
    """Periodic, on the grid as it is: a phase of some 12 pixels a period, seen in five planes."""
    source = np.random.default_rng(0)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64)))
    ring = (frequency > 0.06) & (frequency < 0.11)
    phase = np.fft.ifft2(np.where(ring, np.fft.fft2(source.standard_normal((64, 64))), 0)).real
    phase *= 0.5 / np.abs(phase).max()
    amplitude = np.ones((64, 64)) if kind == "phase" else 1 - 0.4 * blobs(64, 6)
    distances = (-20e-6, -10e-6, 0.0, 10e-6, 20e-6)
    planes = intensities(amplitude * np.exp(1j * phase), distances)
    forward = instrument(distances, kind, phase_range=0.5)
    errors = []
    for iterations in (1, 100):
        params = gerchberg_saxton.Params(iterations=iterations, boundary="circular")
        estimate = gerchberg_saxton.restore(planes, problem(forward), params, "cpu")
        assert estimate.dtype == np.float32
        errors.append(error(estimate if kind == "phase" else estimate[1], phase / 0.5))
    assert errors[1] < 0.02 < 0.4 < errors[0]
    if kind == "wave":
        assert error(estimate[0], amplitude) < 0.02


def test_one_plane_and_the_amplitude_of_a_phase_object_are_enough():
    forward = through_focus.build(through_focus.Params(distances=(60e-6,), phase_range=0.5))
    fine = np.random.default_rng(0).random((64, 64), dtype=np.float32)
    measurement = forward(torch.from_numpy(fine)).numpy()
    params = gerchberg_saxton.Params(iterations=100)
    estimate = gerchberg_saxton.restore(measurement, problem(forward), params, "cpu")
    assert np.corrcoef(estimate.ravel(), fine.ravel())[0, 1] > 0.9


def test_mftie_gives_the_start_if_asked():
    phase, distances = blobs(64, 8), (-10e-6, 0.0, 10e-6)
    planes = intensities((1 - 0.3 * blobs(64, 8, seed=1)) * np.exp(1j * phase), distances)
    forward = instrument(distances, "wave", phase_range=2.0)
    params = gerchberg_saxton.Params(start="mftie", boundary="circular")
    start = gerchberg_saxton.first_wave(planes, np.sqrt(planes), problem(forward), params, "cpu")
    expected = mftie.restore(planes, problem(forward), mftie.Params(boundary="circular"), "cpu")
    np.testing.assert_allclose(start.angle().numpy(), 2.0 * expected[1], atol=1e-5)
    np.testing.assert_allclose(start.abs().numpy(), np.sqrt(planes[1]), atol=1e-5)
    truths = {
        begun: error(
            gerchberg_saxton.restore(
                planes, problem(forward), gerchberg_saxton.Params(start=begun, boundary="circular"), "cpu"
            )[1],
            phase,
        )
        for begun in ("flat", "mftie")
    }
    assert truths["mftie"] < 0.85 * truths["flat"]


def test_the_phase_does_not_depend_on_a_phase_that_all_of_the_wave_has():
    forward = MODELS["defocus"]
    measurement = forward(truth_for(forward)).numpy()
    first = gerchberg_saxton.restore(measurement, problem(forward), gerchberg_saxton.Params(iterations=3), "cpu")
    assert abs(np.angle(np.exp(1j * forward.phase_range * first).mean())) < 1e-3


def test_what_propagates_no_wave_or_too_few_planes_cannot_be_used():
    absorbing = through_focus.build(SMOOTH.model_copy(update={"distances": (60e-6,), "object": "wave"}))
    for forward, words in (
        (intensity_gradient.build(intensity_gradient.Params()), "records none"),
        (absorbing, "2 planes at least of an object that has a wave"),
        (through_focus.build(through_focus.Params(distances=(60e-6,), reading="as_published")), "as published"),
    ):
        with pytest.raises(NotApplicableError, match=words):
            gerchberg_saxton.restore(
                np.ones((1, 16, 16), np.float32), problem(forward), gerchberg_saxton.Params(), "cpu"
            )
    with pytest.raises(NotApplicableError, match="opposite distances"):
        forward = MODELS["defocus"]
        gerchberg_saxton.restore(
            np.ones((3, 32, 32), np.float32), problem(forward), gerchberg_saxton.Params(start="mftie"), "cpu"
        )
    with pytest.raises(UserError, match=r"shape \(3, y, x\)"):
        gerchberg_saxton.restore(
            np.ones((2, 32, 32), np.float32), problem(MODELS["defocus"]), gerchberg_saxton.Params(), "cpu"
        )
