"""What solves for a phase by Fourier transforms: the grids, transport of intensity, and the peers of one plane."""

import numpy as np
import pytest
import scipy.fft
from phase_problems import PIXEL, blobs, error, instrument, intensities, problem

torch = pytest.importorskip("torch")

from reconbench.errors import NotApplicableError, UserError  # noqa: E402
from reconbench.forward import astigmatic, intensity_gradient, through_focus  # noqa: E402
from reconbench.methods import ctf_single, gptie, inverse_laplacian, mftie, tie  # noqa: E402
from reconbench.methods._phase import coherence, focal_stack  # noqa: E402
from reconbench.methods._phase_grids import EvenGrid, PeriodicGrid, folded, mirrored  # noqa: E402

TRANSPORT = [tie, gptie, mftie]
SHAPES = [(8, 8), (7, 10), (12, 9), (5, 5)]


def image(shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).random(shape, dtype=np.float32))


def measured(forward, truth):
    return forward(torch.from_numpy(np.asarray(truth, np.float32))).numpy()


def even_object(size=64):
    """What a forward model that mirrors beyond the edges can be asked about: nothing special happens at them."""
    y, x = np.mgrid[:size, :size] / size
    return (0.4 + 0.3 * x * y + 0.3 * np.exp(-((x - 0.3) ** 2 + (y - 0.6) ** 2) / 0.02)).astype(np.float32)


# The grids


@pytest.mark.parametrize("shape", SHAPES)
def test_the_coefficients_of_the_even_grid_are_the_cosine_transform_of_scipy(shape):
    expected = scipy.fft.dctn(image(shape).numpy().astype(float), type=2) / 4
    found = EvenGrid(shape).transform(image(shape)).numpy()
    half = shape[1] // 2 + 1
    np.testing.assert_allclose(found[..., 0], expected[:, :half], atol=1e-5)
    np.testing.assert_allclose(-found[:, 1:, 1], expected[:, ::-1][:, : half - 1], atol=1e-5)
    np.testing.assert_allclose(found[:, 0, 1], 0, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [EvenGrid, PeriodicGrid])
def test_a_grid_gives_back_what_it_transformed(kind, shape):
    grid = kind(shape)
    torch.testing.assert_close(grid.inverse(grid.transform(image(shape))), image(shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_even_grid_is_the_periodic_one_of_the_image_with_its_reflections(shape):
    even, periodic = EvenGrid(shape), PeriodicGrid((2 * shape[0], 2 * shape[1]))
    here = (slice(shape[0]), slice(shape[1]))
    slopes = even.gradient(even.transform(image(shape)))
    expected = periodic.gradient(periodic.transform(mirrored(image(shape))))
    for slope, wide in zip(slopes, expected, strict=True):
        torch.testing.assert_close(slope, wide[here], atol=1e-5, rtol=1e-5)
    weight = 1 + image(shape, 1)
    spectrum = even.divergence([weight * slope for slope in slopes])
    assert not spectrum[:, 0, 1].any()
    divergence = even.inverse(spectrum)
    wide = periodic.inverse(periodic.divergence([mirrored(weight) * slope for slope in expected]))
    torch.testing.assert_close(divergence, wide[here], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", [EvenGrid, PeriodicGrid])
def test_the_divergence_of_the_gradient_is_the_laplacian(kind):
    grid = kind((32, 32))
    spectrum = grid.transform(grid.tensor(blobs(32, 3)))
    laplacian = grid.inverse(grid.tensor(-4 * np.pi**2 * grid.squared_frequency) * spectrum)
    twice = grid.inverse(grid.divergence(grid.gradient(spectrum)))
    torch.testing.assert_close(twice, laplacian, atol=1e-4, rtol=0)


def test_folding_is_the_transpose_of_mirroring():
    small, large = image((5, 6)), image((10, 12), 1)
    assert float((mirrored(small) * large).sum()) == pytest.approx(float((small * folded(large)).sum()), rel=1e-5)


# Transport of intensity


@pytest.mark.parametrize("size", [128, 256])
def test_two_planes_at_50_micrometres_give_the_phase_to_1_percent(size):
    phase, distances = blobs(size), (-50e-6, 50e-6)
    planes = intensities(np.exp(1j * phase), distances)
    estimate = tie.restore(planes, problem(instrument(distances)), tie.Params(boundary="circular"), "cpu")
    assert estimate.shape == (size, size)
    assert error(estimate, phase) < 0.004
    assert abs(estimate.mean()) < 1e-5


def test_the_estimate_is_in_the_unit_of_the_truth_whatever_medium_and_brightness():
    truth, distances = blobs(), (-20e-6, 0.0, 30e-6)
    planes = 500 * intensities(np.exp(0.5j * truth), distances, index=1.5)
    forward = instrument(distances, phase_range=0.5, index=1.5)
    for method in (tie, gptie):
        params = method.Params(boundary="circular", regularisation=0, uniform=True)
        assert error(method.restore(planes, problem(forward), params, "cpu"), truth) < 0.01
    # An index left out would scale the phase by 1.5.
    assert (
        error(tie.restore(planes, problem(instrument(distances, phase_range=0.5)), params_of_tie(), "cpu"), truth) > 0.3
    )


def params_of_tie(**given):
    return tie.Params(boundary="circular", **given)


def test_the_sign_of_the_distances_is_that_of_the_phase():
    phase, distances = blobs(), (-20e-6, 20e-6)
    planes = intensities(np.exp(1j * phase), distances)
    turned = tie.restore(planes, problem(instrument(distances[::-1])), params_of_tie(), "cpu")
    assert error(-turned, phase) < 0.004


@pytest.mark.parametrize("method", TRANSPORT)
def test_an_object_that_absorbs_takes_the_auxiliary_function_of_teague(method):
    phase, amplitude = blobs(), np.sqrt(1 - 0.7 * blobs(sigma=15, seed=1))
    distances = (-4e-6, 0.0, 4e-6)
    planes = intensities(amplitude * np.exp(1j * phase), distances)
    given = {"low_cut": 1e3} if method is mftie else {"regularisation": 0}
    errors = {}
    for uniform in (False, True):
        params = method.Params(boundary="circular", uniform=uniform, **given)
        estimate = method.restore(planes, problem(instrument(distances, "wave")), params, "cpu")
        assert estimate.shape == (2, 128, 128)
        np.testing.assert_allclose(estimate[0], amplitude, atol=1e-5)
        errors[uniform] = error(estimate[1], phase)
    assert errors[False] < 0.02 < 0.06 < errors[True]


def test_teagues_equations_are_exact_where_their_field_has_no_curl():
    """Intensity and phase that vary along one axis only."""
    x = 2 * np.pi * np.arange(128) / 128
    phase = np.tile(0.5 * np.cos(x), (128, 1))
    amplitude = np.tile(np.sqrt(1 + 0.8 * np.sin(2 * x)), (128, 1))
    distances = (-2e-6, 0.0, 2e-6)
    planes = intensities(amplitude * np.exp(1j * phase), distances)
    estimate = tie.restore(planes, problem(instrument(distances, "wave")), params_of_tie(), "cpu")
    assert error(estimate[1], phase) < 1e-3


@pytest.mark.parametrize("method", [tie, gptie])
def test_planes_mirrored_beyond_the_edges_have_no_edge_to_the_solver(method):
    truth, forward = even_object(), through_focus.build(through_focus.Params(distances=(-50e-6, 50e-6)))
    planes = measured(forward, truth)
    errors = {
        boundary: error(
            method.restore(planes, problem(forward), method.Params(boundary=boundary, regularisation=0), "cpu"), truth
        )
        for boundary in ("symmetric", "circular")
    }
    assert errors["symmetric"] < 0.01 < 0.1 < errors["circular"]


def test_the_intensity_at_focus_counts_as_uniform_for_a_phase_object_only():
    distances = (-10e-6, 0.0, 10e-6)
    planes = intensities((1 - 0.3 * blobs(seed=1)) * np.exp(1j * blobs()), distances)

    def phase(truth, uniform):
        estimate = tie.restore(planes, problem(instrument(distances, truth)), params_of_tie(uniform=uniform), "cpu")
        return estimate if truth == "phase" else estimate[1]

    np.testing.assert_array_equal(phase("phase", None), phase("phase", True))
    np.testing.assert_array_equal(phase("wave", None), phase("wave", False))
    assert error(phase("wave", False), phase("wave", True)) > 0.01


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_weights_differentiate_polynomials_of_their_degree_exactly(degree):
    distances = np.array([-3e-6, -1e-6, 0, 0.5e-6, 2e-6, 4e-6])
    weights = tie.derivative_weights(distances, degree)
    for power in range(degree + 1):
        assert weights @ (distances / 1e-6) ** power == pytest.approx(1e6 if power == 1 else 0, abs=1e-6)


def test_weights_are_the_textbook_differences():
    np.testing.assert_allclose(tie.derivative_weights(np.array([-2.0, 2.0]), 1), [-0.25, 0.25])
    np.testing.assert_allclose(
        tie.derivative_weights(np.array([-2.0, -1, 0, 1, 2]), 9) * 12, [1, -8, 0, 8, -1], atol=1e-12
    )
    np.testing.assert_allclose(tie.derivative_weights(np.array([-1.0, 0, 1]), 1), [-0.5, 0, 0.5], atol=1e-15)


def test_a_higher_degree_is_more_exact_and_a_lower_one_less_noisy():
    phase, distances = blobs(sigma=10), tuple(20e-6 * np.arange(-4, 5))
    planes = intensities(np.exp(1j * phase), distances)
    noisy = (planes + np.random.default_rng(0).normal(0, 0.1, planes.shape)).astype(np.float32)

    def reached(stack, degree):
        return error(tie.restore(stack, problem(instrument(distances)), params_of_tie(degree=degree), "cpu"), phase)

    assert reached(planes, 7) < 0.1 * reached(planes, 3) < 0.1 * reached(planes, 1)
    assert reached(noisy, 1) < reached(noisy, 5)


def test_planes_beyond_the_largest_distance_are_left_out():
    phase, distances = blobs(sigma=10), (-200e-6, -10e-6, 0.0, 10e-6, 200e-6)
    planes = intensities(np.exp(1j * phase), distances)
    near = tie.restore(planes, problem(instrument(distances)), params_of_tie(largest_distance=10e-6), "cpu")
    alone = tie.restore(planes[1:4], problem(instrument(distances[1:4])), params_of_tie(), "cpu")
    assert error(near, alone) < 1e-3
    assert (
        error(near, phase)
        < 0.01
        < 0.3
        < error(tie.restore(planes, problem(instrument(distances)), params_of_tie(), "cpu"), phase)
    )
    with pytest.raises(UserError, match="take 1e-05 m at least"):
        tie.restore(planes, problem(instrument(distances)), params_of_tie(largest_distance=9e-6), "cpu")


def test_regularisation_divides_by_the_squared_frequency_and_itself():
    distances = (-10e-6, 10e-6)
    x = 2 * np.pi * 4 * np.arange(64) / 64
    planes = intensities(np.exp(0.1j * np.tile(np.cos(x), (64, 1))), distances)
    free, held = (
        tie.restore(planes, problem(instrument(distances)), params_of_tie(regularisation=value), "cpu")
        for value in (0.0, (4 / 64) ** 2)
    )
    assert np.std(held) == pytest.approx(np.std(free) / 2, rel=1e-3)


def test_the_intensity_at_focus_is_interpolated_between_the_planes_next_to_it():
    planes = np.stack([np.full((4, 4), value, np.float32) for value in (1, 2, 4, 8)])
    for distances, expected in (((-3, -1, 3, 9), 2.5), ((9, 3, -1, -3), 3.5), ((0, 1, 2, 3), 1), ((1, 2, 3, 4), 1)):
        stack = focal_stack(planes, problem(instrument(distances)))
        np.testing.assert_allclose(stack.at_focus(), expected)
        assert stack.at_focus().dtype == np.float32


def test_partial_coherence_damps_as_the_forward_model_says():
    size, position = 32, 40e-6
    coherent, partial = (
        through_focus.build(through_focus.Params(distances=(position,), convergence=angle)) for angle in (0.0, 0.05)
    )
    truth = even_object(size)
    grid = EvenGrid((size, size))
    spectrum = grid.transform(torch.from_numpy(measured(coherent, truth)[0]))
    damped = grid.inverse(grid.tensor(coherence(partial, position, grid.squared_frequency)) * spectrum)
    np.testing.assert_allclose(damped.numpy(), measured(partial, truth)[0], atol=1e-5)
    assert np.abs(measured(partial, truth) - measured(coherent, truth)).max() > 1e-3


# One plane, and the Laplacian


def test_a_weak_phase_comes_from_one_plane_where_its_contrast_passes():
    weak, distance = 2e-4, 30e-6
    x = 2 * np.pi * np.arange(128) / 128
    phase = weak * np.add.outer(np.cos(8 * x), np.sin(5 * x))
    planes = intensities(np.exp(1j * phase), (distance,))
    params = ctf_single.Params(boundary="circular", weight=1e-4)
    estimate = ctf_single.restore(planes, problem(instrument((distance,))), params, "cpu")
    assert error(estimate, phase) < 0.01


def test_the_weight_of_one_plane_is_that_of_tikhonov():
    distance, weak = 30e-6, 1e-3
    x = 2 * np.pi * 8 * np.arange(128) / 128
    planes = intensities(np.exp(1j * weak * np.tile(np.cos(x), (128, 1))), (distance,))
    squared = (2 * np.pi * 8 / 128 / PIXEL) ** 2
    contrast = 2 * np.sin(distance * squared * 0.525e-6 / (4 * np.pi))
    for weight in (1e-3, 0.1, 10.0):
        params = ctf_single.Params(boundary="circular", weight=weight)
        estimate = ctf_single.restore(planes, problem(instrument((distance,))), params, "cpu")
        assert np.std(estimate) * np.sqrt(2) / weak == pytest.approx(contrast**2 / (contrast**2 + weight), rel=0.01)


@pytest.mark.parametrize(
    "forward",
    [
        through_focus.build(through_focus.Params(distances=(60e-6,), phase_range=0.01, pixel_size=1e-6)),
        through_focus.build(
            through_focus.Params(distances=(60e-6,), phase_range=0.01, pixel_size=1e-6, numerical_aperture=0.2)
        ),
        through_focus.build(
            through_focus.Params(distances=(60e-6,), phase_range=0.01, pixel_size=1e-6, convergence=0.04)
        ),
        astigmatic.build(astigmatic.Params(rotations=1, phase_range=0.01, pixel_size=1e-6, distance=120e-6)),
    ],
    ids=["defocus", "aperture", "partial coherence", "astigmatic"],
)
def test_one_plane_of_a_forward_model_gives_back_what_is_not_too_smooth(forward):
    source = np.random.default_rng(0)
    truth = source.random((128, 128), dtype=np.float32)
    params = ctf_single.Params(weight=1e-4)
    estimate = ctf_single.restore(measured(forward, truth), problem(forward), params, "cpu")
    grid = EvenGrid(truth.shape)
    waves = [grid.transform(torch.from_numpy(one)).numpy() for one in (estimate, truth)]
    frequencies = np.broadcast_to(np.stack(np.broadcast_arrays(*grid.frequencies)), (2, *waves[0].shape))
    # One axis has no contrast where the other has, if a lens is turned: a band along x alone.
    band = (np.abs(frequencies[1] - 0.08) < 0.02) & (frequencies[0] < 0.02)
    assert np.linalg.norm((waves[0] - waves[1])[band]) < 0.1 * np.linalg.norm(waves[1][band])


def test_the_inverse_of_the_laplacian_is_exact_without_noise():
    truth = np.random.default_rng(0).random((48, 36), dtype=np.float32)
    forward = intensity_gradient.build(intensity_gradient.Params())
    params = inverse_laplacian.Params(regularisation=0)
    estimate = inverse_laplacian.restore(measured(forward, truth), problem(forward), params, "cpu")
    assert error(estimate, truth) < 1e-5


def test_the_regularised_laplacian_is_the_wiener_filter_of_its_prior():
    """Truths of the power c / S and white noise: the regularisation noise^2 / c beats those around it."""
    source, noise, grid = np.random.default_rng(0), 0.1, EvenGrid((64, 64))
    symbol = sum(4 * np.sin(np.pi * along) ** 2 for along in grid.frequencies)
    symbol[0, 0] = np.inf
    forward = intensity_gradient.build(intensity_gradient.Params())
    errors = dict.fromkeys((0.1 * noise**2, noise**2, 10 * noise**2), 0.0)
    for _ in range(5):
        white = grid.transform(grid.tensor(source.standard_normal((64, 64))))
        truth = grid.inverse(grid.tensor(1 / np.sqrt(symbol)) * white).numpy()
        laplacian = measured(forward, truth) + noise * source.standard_normal((1, 64, 64))
        for value in errors:
            params = inverse_laplacian.Params(regularisation=value)
            estimate = inverse_laplacian.restore(laplacian.astype(np.float32), problem(forward), params, "cpu")
            errors[value] += np.square(estimate - truth).sum()
    assert min(errors, key=errors.get) == noise**2


# What cannot be used


@pytest.mark.parametrize("method", TRANSPORT)
@pytest.mark.parametrize(
    ("forward", "words"),
    [
        (instrument((50e-6,)), "at 1 distance"),
        (astigmatic.build(astigmatic.Params(rotations=4)), "at no distances"),
        (intensity_gradient.build(intensity_gradient.Params()), "at no distances"),
        (through_focus.build(through_focus.Params(reading="as_published")), "records amplitudes"),
    ],
    ids=["one plane", "astigmatic", "laplacian", "as published"],
)
def test_transport_of_intensity_needs_intensities_in_planes_through_focus(method, forward, words):
    planes = np.ones((forward.planes, 16, 16), np.float32)
    with pytest.raises(NotApplicableError, match=words):
        method.restore(planes, problem(forward), method.Params(), "cpu")


@pytest.mark.parametrize(
    "forward",
    [
        instrument((-1e-6, 1e-6)),
        instrument((1e-6,), truth="wave"),
        instrument((1e-6,), intensity=False),
        intensity_gradient.build(intensity_gradient.Params()),
    ],
    ids=["two planes", "absorbing", "amplitude", "laplacian"],
)
def test_the_method_of_one_plane_takes_one_intensity_of_a_phase_object(forward):
    with pytest.raises(NotApplicableError):
        ctf_single.restore(np.ones((forward.planes, 16, 16), np.float32), problem(forward), ctf_single.Params(), "cpu")


def test_the_inverse_of_the_laplacian_takes_no_focal_stack():
    forward = instrument((-1e-6, 1e-6))
    with pytest.raises(NotApplicableError, match="records planes"):
        inverse_laplacian.restore(np.ones((2, 8, 8), np.float32), problem(forward), inverse_laplacian.Params(), "cpu")


def test_one_plane_must_be_one():
    for method, forward in (
        (ctf_single, instrument((1e-6,))),
        (inverse_laplacian, intensity_gradient.build(intensity_gradient.Params())),
    ):
        with pytest.raises(UserError, match=r"shape \(1, y, x\); it has \(2, 8, 8\)"):
            method.restore(np.ones((2, 8, 8), np.float32), problem(forward), method.Params(), "cpu")


def test_planes_must_be_as_many_as_the_distances_and_these_must_differ():
    with pytest.raises(UserError, match=r"shape \(2, y, x\); it has \(3, 8, 8\)"):
        tie.restore(np.ones((3, 8, 8), np.float32), problem(instrument((0, 1e-6))), tie.Params(), "cpu")
    with pytest.raises(UserError, match="must differ"):
        tie.restore(np.ones((2, 8, 8), np.float32), problem(instrument((1e-6, 1e-6))), tie.Params(), "cpu")
