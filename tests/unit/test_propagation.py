"""Propagation from focus to planes before and behind it, against what is known of it in closed form."""

import numpy as np
import pytest
from pydantic import ValidationError

from reconbench.errors import UserError
from reconbench.forward import _wave, through_focus
from reconbench.forward.through_focus import Params

torch = pytest.importorskip("torch")
COARSE = {"pixel_size": 1e-6, "refractive_index": 1.33}  # no wave on this grid is evanescent


def model(**params):
    return through_focus.build(Params(**params))


def frequencies(shape, pixel_size):
    """Squared frequency on the grid of an FFT, in (radians per metre)^2."""
    q_y, q_x = (2 * np.pi * np.fft.fftfreq(size, pixel_size) for size in shape)
    return q_y[:, None] ** 2 + q_x**2


def propagated(wave, distance, optics):
    """The same in NumPy, from the formula: complex128, its kernel made on the spot."""
    squared = frequencies(wave.shape[-2:], optics.pixel_size)
    axial = np.sqrt(optics.wavenumber**2 - squared + 0j)
    kernel = np.where(squared <= optics.wavenumber**2, np.exp(1j * distance * (axial - optics.wavenumber)), 0)
    return np.fft.ifft2(np.fft.fft2(wave) * kernel)


def random_wave(shape, seed=0):
    source = np.random.default_rng(seed)
    return torch.from_numpy(source.standard_normal(shape) + 1j * source.standard_normal(shape))


def random_truth(shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).random(shape))


def blobs(shape, sigma):
    """A periodic, smooth image in [0, 1]."""
    source = np.random.default_rng(4)
    image = np.zeros(shape)
    for amplitude in (1, -1, 0.7, -0.6):
        places = [(np.arange(size) - source.uniform(0, size) + size / 2) % size - size / 2 for size in shape]
        along_y, along_x = (np.exp(-(place**2) / (2 * sigma**2)) for place in places)
        image += amplitude * along_y[:, None] * along_x
    return (image - image.min()) / np.ptp(image)


@pytest.mark.parametrize("distance", [-40e-6, 3e-6, 60e-6])
def test_energy_is_conserved_and_propagation_back_returns_the_wave(distance):
    wave, forward = random_wave((2, 64, 80)), model(**COARSE)
    behind = forward.propagate(wave, distance)
    assert float(behind.abs().square().sum() / wave.abs().square().sum()) == pytest.approx(1, rel=1e-12)
    assert float((behind - wave).abs().max()) > 0.5
    torch.testing.assert_close(forward.propagate(behind, -distance), wave, rtol=0, atol=1e-12)


def test_two_distances_one_after_the_other_are_their_sum():
    wave, forward = random_wave((64, 48)), model(**COARSE)
    step_by_step = forward.propagate(forward.propagate(wave, 21e-6), 13e-6)
    torch.testing.assert_close(step_by_step, forward.propagate(wave, 34e-6), rtol=0, atol=1e-11)


def test_no_distance_changes_nothing():
    wave = random_wave((24, 30))
    torch.testing.assert_close(model(**COARSE).propagate(wave, 0.0), wave, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.complex128, 1e-12), (torch.complex64, 2e-6)])
@pytest.mark.parametrize("pixel_size", [0.2e-6, 1e-6])
def test_agrees_with_a_propagation_in_numpy(dtype, tolerance, pixel_size):
    params = Params(pixel_size=pixel_size)
    wave = random_wave((64, 96))
    ours = through_focus.build(params).propagate(wave.to(dtype), 4e-6)
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours.numpy(), propagated(wave.numpy(), 4e-6, params), atol=5 * tolerance)


@pytest.mark.parametrize("shape", [(24, 40), (31, 25)])
def test_a_measurement_is_the_intensity_over_the_object_and_its_mirror_images(shape):
    params = Params(distances=(-30e-6, 0, 80e-6), phase_range=2.0)
    truth = random_truth(shape)
    wave = np.exp(2j * np.pad(truth.numpy(), [(0, size) for size in shape], mode="symmetric"))
    expected = [np.abs(propagated(wave, z, params)[: shape[0], : shape[1]]) ** 2 for z in params.distances]
    measured = through_focus.build(params)(truth)
    assert measured.shape == through_focus.build(params).measurement_shape(shape) == (3, *shape)
    np.testing.assert_allclose(measured.numpy(), expected, atol=1e-11)
    np.testing.assert_allclose(measured[1], 1, atol=1e-12)  # in focus a phase is not seen
    single = through_focus.build(params)(truth.float())
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("index", [(0, 1), (3, 0), (-5, 7), (0, 20)])
def test_a_tilted_plane_wave_turns_its_phase(index):
    """exp(i q x) becomes exp(i q x) exp(i z (sqrt(k^2 - q^2) - k)); beyond k nothing travels."""
    forward, size, distance = model(pixel_size=0.2e-6), 48, 2e-6
    q = 2 * np.pi * np.array(index) / (size * forward.pixel_size)
    y, x = np.mgrid[:size, :size] * forward.pixel_size
    wave = np.exp(1j * (q[0] * y + q[1] * x))
    behind = forward.propagate(torch.from_numpy(wave), distance).numpy()
    squared = float(q @ q)
    if squared > forward.wavenumber**2:
        assert np.abs(behind).max() < 1e-12
    else:
        turned = distance * (np.sqrt(forward.wavenumber**2 - squared) - forward.wavenumber)
        np.testing.assert_allclose(behind, wave * np.exp(1j * turned), atol=1e-11)
    assert (squared > forward.wavenumber**2) == (index == (0, 20))


def test_a_gaussian_beam_widens_and_bends_as_in_its_closed_form():
    """psi_z = w^2 / (w^2 + 2 i z / k) exp(-r^2 / (w^2 + 2 i z / k)), to within the paraxial approximation."""
    forward, waist = model(pixel_size=2e-6), 12e-6
    rayleigh = forward.wavenumber * waist**2 / 2
    y, x = (np.mgrid[:256, :256] - 128) * 2e-6
    squared = y**2 + x**2
    wave = torch.from_numpy(np.exp(-squared / waist**2) + 0j)
    for distance in (-rayleigh / 2, 0.75 * rayleigh):
        width = waist**2 + 2j * distance / forward.wavenumber
        expected = waist**2 / width * np.exp(-squared / width)
        np.testing.assert_allclose(forward.propagate(wave, distance).numpy(), expected, atol=2e-4)
    assert abs(forward.propagate(wave, rayleigh)[128, 128]) == pytest.approx(0.5**0.5, rel=1e-3)


def test_the_paraxial_limit_is_fresnels():
    forward, distance = model(pixel_size=5e-6), 1e-3
    squared = frequencies((64, 64), 5e-6)
    difference = np.angle(
        forward.propagator((64, 64), distance, dtype=torch.complex128).numpy()
        * np.exp(1j * distance * squared / (2 * forward.wavenumber))
    )
    # The next term of the square root.
    np.testing.assert_allclose(difference, -distance * squared**2 / (8 * forward.wavenumber**3), rtol=5e-3, atol=1e-9)
    assert np.abs(difference).max() > 1e-2


@pytest.mark.parametrize("distance", [-50e-6, 20e-6, 90e-6])
def test_a_weak_phase_is_seen_through_the_sine_transfer_function(distance):
    """F[I - 1] = 2 sin(z q^2 / (2 k)) F[phase] to first order in the phase."""
    forward = model(pixel_size=3e-6)
    phase = 1e-5 * random_wave((64, 64)).real.numpy()
    wave = forward.propagate(torch.exp(1j * torch.from_numpy(phase)), distance)
    contrast = np.fft.fft2(wave.abs().square().numpy() - 1)
    squared = frequencies((64, 64), 3e-6)
    exact = distance * (forward.wavenumber - np.sqrt(forward.wavenumber**2 - squared))
    np.testing.assert_allclose(contrast, 2 * np.sin(exact) * np.fft.fft2(phase), atol=1e-3 * np.abs(contrast).max())
    np.testing.assert_allclose(exact, distance * squared / (2 * forward.wavenumber), rtol=5e-3)


@pytest.mark.parametrize("index", [1.0, 1.5])
def test_near_focus_the_transport_of_intensity_holds_with_its_prefactor(index):
    """I(z) - I(-z) = -(z wavelength / (pi n)) div(I grad phase) + O(z^3), where the intensity varies too."""
    forward = model(pixel_size=1e-6, refractive_index=index, object="wave", phase_range=1.0)
    size, sigma = 96, 10
    intensity, phase = 0.6 + 0.4 * blobs((size, size), sigma), blobs((size, size), sigma)[::-1].copy()
    wave = torch.from_numpy(np.sqrt(intensity) * np.exp(1j * phase))
    q = 2 * np.pi * np.fft.fftfreq(size, 1e-6)

    def derivative(image, axis):
        along = q.reshape(-1, 1) if axis == 0 else q
        return np.fft.ifft2(1j * along * np.fft.fft2(image)).real

    divergence = sum(derivative(intensity * derivative(phase, axis), axis) for axis in (0, 1))
    errors = []
    for distance in (60e-6, 120e-6):
        ahead, back = (forward.propagate(wave, z).abs().square().numpy() for z in (distance, -distance))
        expected = -distance * forward.wavelength / (np.pi * index) * divergence
        errors.append(np.linalg.norm(ahead - back - expected) / np.linalg.norm(expected))
    assert errors[0] < 3e-3
    assert errors[1] / errors[0] == pytest.approx(4, rel=0.1)


def test_partial_coherence_keeps_the_mean_and_damps_a_grating_as_it_should():
    """A fringe of frequency q loses the factor exp(-(q z alpha / 2)^2)."""
    size, period, distance, angle = 64, 16, 100e-6, 0.05
    phase = 0.3 + 0.3 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / period)
    truth = torch.from_numpy(np.tile(phase, (size, 1)))
    coherent = model(distances=(distance,))(truth)[0].numpy()
    partial = model(distances=(distance,), convergence=angle)(truth)[0].numpy()
    assert partial.mean() == pytest.approx(coherent.mean(), rel=1e-12)
    for harmonic in (1, 2):
        line = harmonic * size // period
        ratio = np.fft.rfft(partial[0])[line] / np.fft.rfft(coherent[0])[line]
        q = 2 * np.pi * harmonic / (period * 2.48e-6)
        assert ratio == pytest.approx(np.exp(-((q * distance * angle / 2) ** 2)), rel=1e-9)
    assert np.std(partial) < 0.9 * np.std(coherent)


def test_partial_coherence_does_nothing_at_focus():
    truth = random_truth((2, 24, 40))
    planes = model(distances=(0.0,), object="wave", convergence=0.2)(truth)
    torch.testing.assert_close(planes[0], truth[0] ** 2)


def test_the_aperture_falls_as_a_cosine_of_the_squared_frequency():
    forward = model(numerical_aperture=0.5, refractive_index=1.5, pixel_size=0.2e-6)
    transmission = forward.propagator((256, 256), 0.0, dtype=torch.complex128).abs().numpy()
    squared = frequencies((256, 256), 0.2e-6) / (2 * np.pi * 0.5 / 0.525e-6) ** 2
    assert (transmission[squared <= 1] == 1).all()
    assert (transmission[squared > 3] < 1e-15).all()
    np.testing.assert_allclose(transmission[np.abs(squared - 2) < 0.02], 0.5, atol=0.02)
    between = (squared > 1) & (squared < 3)
    order = np.argsort(squared[between])
    assert (np.diff(transmission[between][order]) <= 1e-12).all()


def test_a_sharp_aperture_lets_through_all_or_nothing():
    forward = model(numerical_aperture=0.5, aperture_smoothing=0, pixel_size=0.2e-6)
    transmission = forward.propagator((128, 128), 3e-6, dtype=torch.complex128).abs().numpy()
    inside = frequencies((128, 128), 0.2e-6) <= (2 * np.pi * 0.5 / 0.525e-6) ** 2
    np.testing.assert_allclose(transmission, inside, atol=1e-12)


def test_nothing_of_one_edge_is_seen_at_the_other():
    """An object at the left edge leaves the right one as it is where light cannot get there."""
    forward = model(distances=(-108e-6, 108e-6))
    dark = torch.zeros(64, 64, dtype=torch.float64)
    lit = dark.clone()
    y, x = torch.meshgrid(*[torch.arange(64.0, dtype=torch.float64)] * 2, indexing="ij")
    lit += torch.exp(-((x - 2) ** 2 + (y - 32) ** 2) / 18)
    change = (forward(lit) - forward(dark)).abs()
    assert change[..., :8].max() > 0.5
    assert change[..., -16:].max() < 1e-4
    # Without its mirror image the same object does.
    alone = [forward.propagate(forward.wave(image), 108e-6).abs().square() for image in (lit, dark)]
    assert (alone[0] - alone[1]).abs()[..., -8:].max() > 0.1


def test_the_image_is_that_of_an_object_mirrored_further_and_further():
    """So that a still larger field would not change it."""
    params = Params(distances=(90e-6,))
    truth = random_truth((20, 28))
    wider = np.pad(truth.numpy(), [(40, 40), (56, 56)], mode="symmetric")
    wide = through_focus.build(params)(torch.from_numpy(wider))[0, 40:60, 56:84]
    torch.testing.assert_close(through_focus.build(params)(truth)[0], wide)


def test_without_an_object_it_is_light_everywhere():
    planes = model(convergence=0.03, numerical_aperture=0.3)(torch.full((24, 40), 0.7, dtype=torch.float64))
    torch.testing.assert_close(planes, torch.ones(2, 24, 40, dtype=torch.float64))


def test_a_wave_has_an_amplitude_and_a_phase():
    truth = random_truth((3, 2, 24, 40))
    forward = model(object="wave", phase_range=0.7)
    wave = forward.wave(truth)
    torch.testing.assert_close(wave.abs(), truth[:, 0])
    torch.testing.assert_close(wave.angle(), 0.7 * truth[:, 1])
    assert forward.measurement_shape((3, 2, 24, 40)) == tuple(forward(truth).shape) == (3, 2, 24, 40)
    pure = torch.stack([torch.ones(24, 40, dtype=torch.float64), truth[0, 1]])
    torch.testing.assert_close(forward(pure), model(phase_range=0.7)(truth[0, 1]))


def test_as_published_cannot_tell_one_side_of_focus_from_the_other():
    """Section 3.1 of the facts: a sine is odd, and its sign goes with the modulus."""
    distances = (-108e-6, 108e-6, 52e-6)
    truth = random_truth((40, 34))
    printed = model(distances=distances, reading="as_published")
    planes = printed(truth)
    torch.testing.assert_close(planes[0], planes[1], rtol=0, atol=1e-12)
    assert (planes[0] - planes[2]).abs().max() > 0.1
    corrected = model(distances=distances)(truth)
    assert (corrected[0] - corrected[1]).abs().max() > 0.1
    assert not printed.intensity
    assert model().intensity


def test_as_published_is_the_formula_of_the_paper():
    """|F^-1[F[exp(i 1.5 truth)] sin(pi wavelength (q_x^2 + q_y^2) z)]| with q in cycles; all dark without an object."""
    truth = random_truth((24, 30))
    wave = np.exp(1.5j * np.pad(truth.numpy(), [(0, 24), (0, 30)], mode="symmetric"))
    cycles = frequencies(wave.shape, 2.48e-6) / (2 * np.pi) ** 2
    expected = np.abs(np.fft.ifft2(np.fft.fft2(wave) * np.sin(np.pi * 0.525e-6 * cycles * 108e-6)))[:24, :30]
    printed = model(distances=(108e-6,), reading="as_published")
    np.testing.assert_allclose(printed(truth)[0].numpy(), expected, atol=1e-12)
    assert printed(torch.full((24, 30), 0.4, dtype=torch.float64)).abs().max() < 1e-12


@pytest.mark.parametrize("params", [{}, {"object": "wave", "convergence": 0.05, "numerical_aperture": 0.1}])
def test_gradient(params):
    forward = model(distances=(-40e-6, 60e-6), **params)
    truth = 0.2 + random_truth((2, 8, 9) if "object" in params else (8, 9))
    assert torch.autograd.gradcheck(forward, truth.requires_grad_(), fast_mode=True)


def test_gradient_as_published():
    forward = model(distances=(60e-6,), reading="as_published")
    assert torch.autograd.gradcheck(forward, random_truth((8, 9)).requires_grad_(), fast_mode=True)


def test_kept_transfer_functions_are_those_of_the_grid_and_the_precision(monkeypatch):
    forward, truth = model(), random_truth((24, 40))
    first = forward(truth)
    assert forward(truth.float()).dtype == torch.float32
    forward(truth[:, :30])
    torch.testing.assert_close(forward(truth), first, rtol=0, atol=0)
    assert forward.propagator((48, 80), 52e-6) is forward.propagator((48, 80), 52e-6)
    monkeypatch.setattr(_wave, "KEPT_BYTES", 0)
    unkept = model()
    torch.testing.assert_close(unkept(truth), first, rtol=0, atol=0)
    assert unkept.propagator((48, 80), 52e-6) is not unkept.propagator((48, 80), 52e-6)


def test_after_inference_it_can_be_trained_through():
    forward, truth = model(), random_truth((24, 40))
    with torch.inference_mode():
        forward(truth)
    truth = truth.clone().requires_grad_()
    forward(truth).square().sum().backward()
    assert truth.grad.abs().max() > 0


def test_a_field_too_small_for_its_distance_is_refused_in_one_sentence():
    """128 pixels of .31 micrometres do not hold 108 micrometres, 512 do."""
    forward = model(pixel_size=0.31e-6, distances=(0.0, -108e-6))
    message = r"a field of 256 x 256 pixels of 3.1e-07 m is too small for light to travel 0.000108 m; .* = 591 pixels"
    with pytest.raises(UserError, match=message):
        forward(torch.zeros(128, 128))
    with pytest.raises(UserError, match="a field of 1024 x 590 pixels"):
        forward.propagator((1024, 590), 108e-6)
    assert forward.propagator((591, 591), 108e-6).shape == (591, 591)
    in_glass = model(pixel_size=0.31e-6, refractive_index=1.5)
    assert in_glass.propagator((394, 394), 108e-6).shape == (394, 394)


def test_a_truth_without_two_channels_is_no_wave():
    with pytest.raises(UserError, match=r"has the shape \(2, y, x\), amplitude and phase; this one has \(3, 24, 40\)"):
        model(object="wave")(torch.zeros(3, 24, 40))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"numerical_aperture": 1.35, "refractive_index": 1.33}, "must be below refractive_index 1.33"),
        ({"reading": "as_published", "convergence": 0.1}, "knows no convergence; leave it out"),
        ({"reading": "as_published", "numerical_aperture": 0.1}, "knows no numerical_aperture"),
        ({"reading": "as_published", "object": "wave"}, "knows no object: wave"),
        ({"distances": ()}, "at least 1 item"),
        ({"distances": (0, float("inf"))}, "less than or equal to 1"),
        ({"wavelength": 525}, "less than or equal to 0.001"),
    ],
)
def test_impossible_parameters_are_refused(params, message):
    with pytest.raises(ValidationError, match=message):
        Params(**params)
