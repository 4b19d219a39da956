"""The trainable Wiener block: against dense matrices, its gradients against the slides, its limits, its training."""

import copy

import numpy as np
import pytest
import scipy.ndimage
import torch
from torch.func import functional_call

from reconbench.convolution import Convolution, transfer_function
from reconbench.errors import UserError
from reconbench.networks.wiener import PredictedLogWeight, TrainableWiener, power_spectrum, summed_autocorrelation
from reconbench.training.weights import number_of_weights

BOUNDARIES = ["fade", "edge_taper", "circular"]
# Learned kernels, point-spread function and image; even and odd grids.
CASES = [((3, 3), (3, 5), (7, 8)), ((5, 3), (5, 3), (9, 9)), ((3, 3, 1), (3, 1, 3), (4, 5, 6))]


def draws(seed=0):
    return np.random.default_rng(seed)


def block(kernel_size, number=3, dtype=torch.float64, **more):
    """Return a block whose every parameter is drawn anew, so that no initial value hides a fault."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        built = TrainableWiener(kernel_size, number, "xavier", **more).to(dtype)
        with torch.no_grad():
            for parameter in built.parameters():
                parameter.copy_(torch.randn_like(parameter))
    return built


def random_kernel(shape, seed=1):
    kernel = draws(seed).uniform(size=shape) ** 3
    return kernel / kernel.sum()


def images(number, sizes, dtype=torch.float64, seed=2):
    return torch.from_numpy(draws(seed).normal(0.5, 1, (number, 1, *sizes))).to(dtype)


def circulant(kernel, sizes):
    """Return the matrix of a periodic convolution, column by column."""
    units = np.eye(int(np.prod(sizes))).reshape(-1, *sizes)
    return np.stack([scipy.ndimage.convolve(unit, kernel, mode="wrap").ravel() for unit in units], axis=1)


@pytest.mark.parametrize(("number", "parameters"), [(15, 1141), (45, 3421)])
def test_number_of_parameters(number, parameters):
    """The slides give 3421 for a network whose kernels they do not count; that these are 45 of 5 x 5 x 3 is inferred.

    3421 = 45 (75 + 1) + 1: kernels, scales, and one weight.
    """
    assert number_of_weights(TrainableWiener((3, 5, 5), number)) == parameters


def test_predicting_the_weight_takes_a_few_hundred_more():
    for size, more in (((3, 3), 160), ((3, 3, 3), 448)):
        learned, predicted = (TrainableWiener(size, 8, weight=weight) for weight in ("learned", "predicted"))
        assert number_of_weights(predicted) - number_of_weights(learned) == more


def test_the_weights_have_the_names_that_figures_read():
    state = TrainableWiener((3, 5, 5), 4).state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == {
        "direction": (4, 3, 5, 5),
        "scale": (4,),
        "log_weight": (),
    }


@pytest.mark.parametrize("shape", [(3, 5), (5, 5, 3)])
def test_kernels_have_mean_zero_and_the_norm_of_their_scale(shape):
    built = block(shape)
    kernels = built.kernels.detach()
    torch.testing.assert_close(kernels.flatten(1).sum(1), torch.zeros(3, dtype=torch.float64), atol=1e-12, rtol=0)
    torch.testing.assert_close(kernels.flatten(1).norm(dim=1), built.scale.detach().abs())
    with torch.no_grad():
        built.direction.mul_(3).add_(7)
    torch.testing.assert_close(built.kernels.detach(), kernels)


@pytest.mark.parametrize("initialisation", ["xavier", "dct", "gabor"])
def test_the_regulariser_begins_with_the_mean_one_over_all_frequencies(initialisation):
    for number in (1, 15):
        built = TrainableWiener((3, 5, 5), number, initialisation).double()
        spectrum = np.abs(np.fft.fftn(built.kernels.detach().numpy(), s=(8, 12, 10), axes=(1, 2, 3))) ** 2
        assert spectrum.sum(axis=0).mean() == pytest.approx(1)
        assert float(built.log_weight.detach()) == -3


@pytest.mark.parametrize(("shape", "grid"), [((3, 5), (12, 16)), ((5, 5), (15, 9)), ((3, 5, 5), (4, 7, 6))])
def test_power_spectra_are_summed_through_the_autocorrelation(shape, grid):
    kernels = torch.from_numpy(draws().normal(size=(4, *shape)))
    spectrum = power_spectrum(summed_autocorrelation(kernels), grid)
    expected = sum(transfer_function(kernel, grid, torch.float64).abs().square() for kernel in kernels.numpy())
    torch.testing.assert_close(spectrum, expected)


@pytest.mark.parametrize(("kernel_size", "spread", "sizes"), CASES)
def test_the_closed_form_is_the_solution_of_the_normal_equations(kernel_size, spread, sizes):
    built, y = block(kernel_size, boundary="circular"), images(1, sizes)
    k = circulant(random_kernel(spread), sizes)
    g = [circulant(kernel, sizes) for kernel in built.kernels.detach().numpy()]
    weight = np.exp(float(built.log_weight.detach()))
    expected = np.linalg.solve(k.T @ k + weight * sum(each.T @ each for each in g), k.T @ y.numpy().ravel())
    estimate = built(y, [random_kernel(spread)]).detach().numpy()
    np.testing.assert_allclose(estimate.ravel(), expected, atol=1e-10)


@pytest.mark.parametrize("weight", ["learned", "predicted"])
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_each_image_of_a_batch_has_its_own_point_spread_function(boundary, weight):
    built, y = block((3, 5), boundary=boundary, weight=weight), images(4, (20, 23))
    narrow, wide = random_kernel((3, 5)), random_kernel((9, 7))
    spreads = [wide, narrow, wide, random_kernel((5, 5))]
    together = built(y, spreads)
    alone = [built(y[[place]], [spread]) for place, spread in enumerate(spreads)]
    torch.testing.assert_close(together, torch.cat(alone))
    assert not torch.allclose(alone[0], built(y[:1], [narrow]))


def by_the_slides(built, spread, y, p):
    """Return the estimate and the gradients of <p, estimate>, written out in NumPy: "Gradients" of Moskalev 2019.

    Where the slides print Real(D_K^* F y / Lambda^2 . F p), one of the two factors has to be conjugated.
    """
    f, inverse = np.fft.fftn, lambda spectrum: np.fft.ifftn(spectrum).real

    def transfer(kernel):
        """D_G = F S P g: pad, shift the middle to the origin, transform."""
        padded = np.zeros(y.shape)
        padded[tuple(map(slice, kernel.shape))] = kernel
        return f(np.roll(padded, [-(size // 2) for size in kernel.shape], axis=range(y.ndim)))

    def crop(periodic, shape):
        """P^T S^T."""
        shifted = np.roll(periodic, [size // 2 for size in shape], axis=range(y.ndim))
        return shifted[tuple(map(slice, shape))]

    s, v = built.scale.detach().numpy(), built.direction.detach().numpy()
    u = [each - each.mean() for each in v]
    g = [scale * each / np.linalg.norm(each) for scale, each in zip(s, u, strict=True)]
    weight = np.exp(float(built.log_weight.detach()))
    dk, dg = transfer(spread), [transfer(kernel) for kernel in g]
    power = sum(np.abs(each) ** 2 for each in dg)
    wiener = np.abs(dk) ** 2 + weight * power
    filtered = dk.conj() * f(y)
    estimate = inverse(filtered / wiener)
    d_alpha = (p * inverse(-weight * power * filtered / wiener**2)).sum()
    d_y = inverse(dk * f(p) / wiener)
    shared = ((filtered / wiener**2).conj() * f(p)).real
    d_g = [-2 * weight * crop(inverse(each * shared), kernel.shape) for each, kernel in zip(dg, g, strict=True)]
    d_s = [(kernel / scale * gradient).sum() for kernel, scale, gradient in zip(g, s, d_g, strict=True)]
    d_v = []
    for scale, each, gradient in zip(s, u, d_g, strict=True):
        one, unit = np.ones((each.size, 1)), each.reshape(-1, 1) / np.linalg.norm(each)
        away = np.eye(each.size) - one @ one.T / each.size, np.eye(each.size) - unit @ unit.T
        d_v.append((scale / np.linalg.norm(each) * away[0] @ away[1] @ gradient.ravel()).reshape(each.shape))
    as_printed = -2 * weight * crop(inverse(dg[0] * (filtered / wiener**2 * f(p)).real), g[0].shape)
    return estimate, {"alpha": d_alpha, "y": d_y, "g": d_g, "s": d_s, "v": d_v, "g as printed": as_printed}


@pytest.mark.parametrize(("kernel_size", "spread", "sizes"), CASES)
def test_gradients_are_those_of_the_slides_with_their_conjugates_put_right(kernel_size, spread, sizes, monkeypatch):
    built, y = block(kernel_size, boundary="circular"), images(1, sizes).requires_grad_()
    spread, p = random_kernel(spread), images(1, sizes, seed=3)
    kernels = built.kernels.detach().requires_grad_()
    estimate = built(y, [spread])
    found = torch.autograd.grad(estimate, [built.log_weight, y, built.scale, built.direction], p)
    expected, gradients = by_the_slides(built, spread, y.detach().numpy()[0, 0], p.numpy()[0, 0])
    np.testing.assert_allclose(estimate.detach()[0, 0], expected, atol=1e-10)
    for name, gradient in zip(("alpha", "y", "s", "v"), found, strict=True):
        np.testing.assert_allclose(gradient.squeeze(), np.squeeze(gradients[name]), atol=1e-9, err_msg=name)
    monkeypatch.setattr(TrainableWiener, "kernels", kernels)
    (by_kernel,) = torch.autograd.grad(built(y, [spread]), kernels, p)
    np.testing.assert_allclose(by_kernel, gradients["g"], atol=1e-9)
    assert not np.allclose(by_kernel[0], gradients["g as printed"], rtol=0.1)


@pytest.mark.parametrize("weight", ["learned", "predicted"])
@pytest.mark.parametrize(("boundary", "sizes"), [("edge_taper", (6, 5)), ("fade", (5, 4)), ("circular", (3, 4, 5))])
def test_gradients_are_those_of_finite_differences(boundary, sizes, weight):
    built = block((3,) * len(sizes), number=2, boundary=boundary, weight=weight)
    spreads = [random_kernel((3,) * len(sizes)), random_kernel((1, 3, 3)[-len(sizes) :], seed=6)]
    names = [name for name, _ in built.named_parameters()]
    inputs = [value.detach().clone().requires_grad_() for value in (*built.parameters(), images(2, sizes))]

    def estimates(*values):
        return functional_call(built, dict(zip(names, values[:-1], strict=True)), (values[-1], spreads))

    assert torch.autograd.gradcheck(estimates, inputs, fast_mode=True)


def set_log_weight(built, value):
    with torch.no_grad():
        built.log_weight.fill_(value)
    return built


def point(*shape):
    kernel = np.zeros(shape)
    kernel[tuple(size // 2 for size in shape)] = 1
    return kernel


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_without_blur_and_with_a_tiny_weight_the_image_comes_back(boundary):
    built, image = set_log_weight(block((3, 3), boundary=boundary), -40), images(1, (20, 30))
    torch.testing.assert_close(built(image, [point(5, 5)]).detach(), image)


def test_without_noise_and_with_a_tiny_weight_a_periodic_blur_is_undone():
    built, truth, spread = (
        set_log_weight(block((3, 3, 3), boundary="circular"), -40),
        images(1, (6, 8, 9)),
        point(3, 3, 3),
    )
    spread = 0.7 * spread + 0.3 * random_kernel((3, 3, 3))  # Its transfer function is 0.4 at least.
    blurred = Convolution(spread, "circular")(truth)
    torch.testing.assert_close(built(blurred, [spread]).detach(), truth)


@pytest.mark.parametrize("log_weight", [-5.0, 0.0, 20.0])
def test_the_mean_is_kept_whatever_the_weight(log_weight):
    built, y = set_log_weight(block((3, 5), boundary="circular"), log_weight), images(2, (12, 15))
    estimate = built(y, [random_kernel((5, 5))] * 2).detach()
    torch.testing.assert_close(estimate.mean((1, 2, 3)), y.mean((1, 2, 3)), rtol=1e-6, atol=0)
    if log_weight > 10:
        torch.testing.assert_close(estimate, y.mean((2, 3), keepdim=True).expand_as(y), atol=1e-5, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_where_blur_and_regulariser_vanish_estimate_and_gradients_stay_finite(dtype):
    box = np.full((3, 3), 1 / 9)  # Its transfer function is 0 at a third of the sampling frequency.
    built, y = block((3, 3), boundary="circular", dtype=dtype), images(1, (9, 12), dtype)
    with torch.no_grad():
        built.scale.zero_()
        built.direction[0].fill_(2.0)  # A kernel that is constant has no direction.
    estimate = built(y, [box])
    gradients = torch.autograd.grad(estimate.square().sum(), list(built.parameters()))
    assert all(torch.isfinite(each).all() for each in (estimate, *gradients))
    # What is lost stays lost: that frequency is not divided by the rounding error that is left of it.
    assert torch.fft.rfftn(estimate.detach()[0, 0])[3].abs().max() < 1e-2


def test_boundaries_agree_away_from_the_edge_and_differ_at_it():
    # What is measured is cut out of a larger image, brighter from side to side.
    position = np.linspace(0, 1, 120)
    whole = 0.1 + 0.7 * position[:, None] * position + 0.1 * np.sin(40 * position)
    spread = np.outer(*[np.exp(-(np.linspace(-2, 2, 9) ** 2))] * 2)
    blurred = scipy.ndimage.convolve(whole, spread / spread.sum())[20:-20, 20:-20]
    truth, y = (torch.from_numpy(each.astype(np.float32))[None, None] for each in (whole[20:-20, 20:-20], blurred))
    found = {
        boundary: set_log_weight(TrainableWiener((5, 5), 24, boundary=boundary), -7.0)(y, [spread / spread.sum()])
        for boundary in BOUNDARIES
    }
    for boundary, estimate in found.items():
        torch.testing.assert_close(
            estimate[..., 25:-25, 25:-25], truth[..., 25:-25, 25:-25], atol=0.01, rtol=0, msg=boundary
        )
    errors = {boundary: float((estimate - truth).square().mean().detach()) for boundary, estimate in found.items()}
    assert max(errors["fade"], errors["edge_taper"]) < 0.3 * errors["circular"]


def test_a_predicted_weight_begins_with_the_learned_one_s_value_for_every_image():
    learned, predicted = (TrainableWiener((3, 3), 4, "dct", weight) for weight in ("learned", "predicted"))
    y = images(3, (16, 20), torch.float32)
    torch.testing.assert_close(predicted.log_weights(y), learned.log_weights(y))
    spreads = [random_kernel((3, 3))] * 3
    torch.testing.assert_close(predicted(y, spreads), learned(y, spreads))


def test_a_predicted_weight_is_that_of_the_image_alone_and_of_no_size():
    built = block((3, 3), weight="predicted")
    y = images(3, (16, 20))
    weights = built.log_weights(y)
    assert len(set(weights.tolist())) == 3
    torch.testing.assert_close(built.log_weights(y[[2, 0]]), weights[[2, 0]])
    # A pattern that repeats has the same power behind a filter on any whole number of periods.
    pattern = images(1, (6, 5))
    small, large = (pattern.repeat(1, 1, times, times)[..., :-4, :-3] for times in (2, 7))
    torch.testing.assert_close(built.log_weights(small), built.log_weights(large))


def test_a_predicted_weight_can_follow_the_power_of_the_noise():
    predict = PredictedLogWeight(2, -1.0).double()
    with torch.no_grad():
        predict.filters.weight.zero_()
        predict.filters.weight[:, :, 1, 1], predict.filters.weight[:, :, 1, 2] = 1, -1  # Neighbours' difference.
        predict.slope.fill_(1)
        noise = images(1, (40, 40)) - 0.5
        weaker, stronger = predict(0.01 * noise), predict(0.1 * noise)
    assert float(stronger - weaker) == pytest.approx(np.log(100), abs=1e-3)
    assert float(weaker) == pytest.approx(-1 + np.log(2 * 0.01**2), abs=0.2)


@pytest.mark.parametrize("weight", ["learned", "predicted"])
def test_what_is_made_without_gradients_serves_training_and_is_no_weight(weight):
    built, y, spread = (
        block((3, 3), weight=weight, dtype=torch.float32),
        images(1, (12, 12), torch.float32),
        point(3, 3),
    )
    with torch.inference_mode():
        first = built(y, [spread])
    second = built(y.requires_grad_(), [spread])
    second.sum().backward()
    y = y.detach()
    torch.testing.assert_close(first.clone(), second.detach())
    torch.testing.assert_close(copy.deepcopy(built)(y, [spread]), second)
    assert not [name for name in built.state_dict() if "transfer" in name]
    with torch.autocast("cpu", torch.bfloat16):
        again = built(y, [spread])
    assert again.dtype == torch.float32
    torch.testing.assert_close(again, second)


def test_what_does_not_fit_is_refused():
    built, spread = TrainableWiener((3, 3), 2), point(3, 3)
    with pytest.raises(UserError, match=r"kernels of 2 axes .* not of shape \(1, 1, 4, 8, 8\)"):
        built(torch.zeros(1, 1, 4, 8, 8), [spread])
    with pytest.raises(UserError, match=r"one channel, not of shape \(1, 3, 8, 8\)"):
        built(torch.zeros(1, 3, 8, 8), [spread])
    with pytest.raises(UserError, match="2 measurements need as many point-spread functions, not 1"):
        built(torch.zeros(2, 1, 8, 8), [spread])
    with pytest.raises(UserError, match="of 3 axes does not fit"):
        built(torch.zeros(1, 1, 8, 8), [point(3, 3, 3)])
    with pytest.raises(UserError, match="'fixed' is unknown; it is learned or predicted"):
        TrainableWiener((3, 3), 2, weight="fixed")
    with pytest.raises(UserError, match=r"three pixels along each axis at least, not from \(2, 8\)"):
        TrainableWiener((3, 3), 2, weight="predicted")(torch.zeros(1, 1, 2, 8), [spread])
