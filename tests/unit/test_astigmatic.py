"""Images through a turning cylinder lens."""

import numpy as np
import pytest
from pydantic import ValidationError

from reconbench.errors import UserError
from reconbench.forward import astigmatic, through_focus
from reconbench.forward.astigmatic import Params

torch = pytest.importorskip("torch")


def model(**params):
    return astigmatic.build(Params(**params))


def random_wave(shape):
    source = np.random.default_rng(0)
    return torch.from_numpy(source.standard_normal(shape) + 1j * source.standard_normal(shape))


def random_truth(shape):
    return torch.from_numpy(np.random.default_rng(1).random(shape))


def frequencies(shape, pixel_size):
    q_y, q_x = (2 * np.pi * np.fft.fftfreq(size, pixel_size) for size in shape)
    return q_y[:, None], q_x[None, :]


def images(truth, exponents, phase_range):
    """|F^-1[F[exp(i range truth)] exp(exponent)]| over the object and its mirror images, in NumPy."""
    height, width = truth.shape
    spectrum = np.fft.fft2(np.exp(1j * phase_range * np.pad(truth, [(0, height), (0, width)], mode="symmetric")))
    return [np.abs(np.fft.ifft2(spectrum * np.exp(exponent)))[:height, :width] for exponent in exponents]


def test_the_rotations_are_those_of_the_paper():
    forward = model()
    np.testing.assert_allclose(forward.rotations, np.pi * np.arange(32) / 32)
    assert forward.positions == forward.rotations
    assert forward.planes == 32
    assert model(rotations=1).rotations == (0.0,)
    assert forward.phase_range == 2 * np.pi


def test_agrees_with_numpy():
    params = Params(rotations=5, phase_range=1.2)
    truth = random_truth((24, 30))
    q_y, q_x = frequencies((48, 60), params.pixel_size)
    exponents = [
        -1j * 108e-6 * ((q_x**2 - q_y**2) * np.cos(2 * a) + 2 * q_x * q_y * np.sin(2 * a)) / (4 * params.wavenumber)
        for a in np.pi * np.arange(5) / 5
    ]
    expected = np.square(images(truth.numpy(), exponents, 1.2))
    np.testing.assert_allclose(astigmatic.build(params)(truth).numpy(), expected, atol=1e-11)
    np.testing.assert_allclose(astigmatic.build(params)(truth.float()).numpy(), expected, atol=1e-5)


def test_rotations_differ_within_half_a_turn_and_not_beyond():
    forward, wave = model(), random_wave((32, 32))
    turned = [forward.propagate(wave, angle) for angle in forward.rotations]
    for index, image in enumerate(turned):
        torch.testing.assert_close(forward.propagate(wave, forward.rotations[index] + np.pi), image)
        others = [(image - other).abs().max() for other in turned[index + 1 :]]
        assert all(difference > 0.1 for difference in others)


def test_a_quarter_turn_is_the_way_back():
    forward, wave = model(pixel_size=5e-6), random_wave((32, 40))
    for angle in forward.rotations[:9]:
        behind = forward.propagate(wave, angle)
        assert float(behind.abs().square().sum() / wave.abs().square().sum()) == pytest.approx(1, rel=1e-12)
        torch.testing.assert_close(forward.propagate(behind, angle + np.pi / 2), wave, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("axis", "distance"), [(1, 54e-6), (0, -54e-6)])
def test_one_axis_is_ahead_of_focus_and_the_other_behind(axis, distance):
    """An object that varies along one axis only is out of focus by plus or minus half the distance."""
    profile = np.random.default_rng(0).random(40)
    truth = torch.from_numpy(np.tile(profile, (40, 1)) if axis == 1 else np.tile(profile[:, None], (1, 40)))
    optics = {"pixel_size": 10e-6, "phase_range": 1.0}  # paraxial
    through_lens = model(rotations=1, distance=108e-6, **optics)(truth)
    defocused = through_focus.build(through_focus.Params(distances=(distance,), **optics))(truth)
    torch.testing.assert_close(through_lens, defocused, rtol=0, atol=1e-4)
    assert defocused.std() > 0.05


def test_what_does_not_travel_is_cut():
    forward = model(pixel_size=0.2e-6, distance=1e-6)
    transfer = forward.propagator((64, 64), 0.3, dtype=torch.complex128).abs().numpy()
    q_y, q_x = frequencies((64, 64), 0.2e-6)
    np.testing.assert_allclose(transfer, q_y**2 + q_x**2 <= forward.wavenumber**2, atol=1e-12)


def test_as_published_is_the_formula_of_the_paper():
    """A real exponent, with a plus in the first bracket; the amplitude."""
    params = Params(rotations=4, distance=15e-6, reading="as_published")
    truth = random_truth((24, 30))
    q_y, q_x = frequencies((48, 60), params.pixel_size)
    exponents = [
        -15e-6 * ((q_x**2 + q_y**2) * np.cos(2 * a) + 2 * q_x * q_y * np.sin(2 * a)) / (4 * params.wavenumber)
        for a in np.pi * np.arange(4) / 4
    ]
    assert 1 < max(exponent.max() for exponent in exponents) <= 2
    forward = astigmatic.build(params)
    np.testing.assert_allclose(forward(truth).numpy(), images(truth.numpy(), exponents, 2 * np.pi), atol=1e-11)
    assert not forward.intensity


def test_as_published_an_exponent_beyond_2_is_refused():
    """441 at 108 micrometres and .31 micrometre pixels, for light of half a micrometre."""
    setting = {"reading": "as_published", "rotations": 1, "pixel_size": 0.31e-6, "wavelength": 0.5e-6}
    with pytest.raises(ValidationError, match=r"reaches 441 at a distance of 0.000108 m.* at most 4.89e-07 m away"):
        Params(distance=108e-6, **setting)
    assert Params(distance=4.89e-7, **setting).distance == 4.89e-7
    # Of 32 turns some have both terms of the bracket, which are root 2 larger together.
    with pytest.raises(ValidationError, match=r"reaches 624 at a distance of 0.000108 m.* at most 3.46e-07 m away"):
        Params(distance=108e-6, **{**setting, "rotations": 32})
    with pytest.raises(ValidationError, match="knows no object: wave"):
        Params(object="wave", distance=1e-7, **setting)


@pytest.mark.parametrize("settings", [{}, {"reading": "as_published", "distance": 15e-6}, {"object": "wave"}])
def test_gradient(settings):
    forward = model(rotations=3, **settings)
    truth = 0.2 + random_truth((2, 10, 11) if "object" in settings else (10, 11))
    assert torch.autograd.gradcheck(forward, truth.requires_grad_(), fast_mode=True)


def test_nothing_of_one_edge_is_seen_at_the_other():
    forward = model(phase_range=1.5)
    dark = torch.zeros(64, 64, dtype=torch.float64)
    y, x = torch.meshgrid(*[torch.arange(64.0, dtype=torch.float64)] * 2, indexing="ij")
    change = (forward(torch.exp(-((x - 2) ** 2 + (y - 32) ** 2) / 18)) - forward(dark)).abs()
    assert change[..., :8].max() > 0.2
    assert change[..., -16:].max() < 5e-3


def test_a_field_too_small_for_its_distance_is_refused():
    with pytest.raises(UserError, match=r"a field of 48 x 80 pixels .* too small for light to travel 0.000108 m"):
        model(pixel_size=0.31e-6)(torch.zeros(24, 40))
