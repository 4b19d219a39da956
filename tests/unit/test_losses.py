"""Losses: against numpy, against the metric, and their derivatives where those could break."""

import numpy as np
import pytest
import torch

from reconbench.errors import UserError
from reconbench.metrics import psnr, ssim
from reconbench.training.losses import huberised, mean_squared_error, negative_psnr, structural_dissimilarity


@pytest.fixture
def random():
    return np.random.default_rng(7)


def pair(random, shape):
    """Return a smooth target and an estimate with some noise."""
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    target = 0.5 + 0.4 * np.sin(y / 5) * np.cos(x / 7) + random.uniform(0, 0.05, shape)
    return target + random.normal(0, 0.1, shape), target


@pytest.mark.parametrize("shape", [(3, 1, 8, 9), (2, 3, 4, 5, 6)])
def test_squared_error_is_a_mean_over_each_image(random, shape):
    estimate, target = random.normal(size=shape), random.normal(size=shape)
    expected = ((estimate - target) ** 2).mean(axis=tuple(range(1, len(shape))))
    error = mean_squared_error(torch.from_numpy(estimate), torch.from_numpy(target))
    np.testing.assert_allclose(error.numpy(), expected)


def test_an_estimate_in_half_precision_is_compared_in_single_precision():
    estimate, target = torch.ones(1, 1, 8, 8, dtype=torch.bfloat16), torch.full((1, 1, 8, 8), 1.001)
    error = mean_squared_error(estimate, target)
    assert error.dtype == torch.float32
    assert float(error) == pytest.approx(1e-6, rel=1e-3)
    assert structural_dissimilarity(estimate, target, 1.0).dtype == torch.float32


@pytest.mark.parametrize(("shape", "margins"), [((2, 1, 12, 15), [(2, 3), (0, 5)]), ((2, 1, 5, 9, 8), [(1, 4, 0)] * 2)])
def test_negative_psnr_is_the_metric_for_a_peak_of_one_within_each_image_s_margin(random, shape, margins):
    estimates, targets = pair(random, shape)
    values = negative_psnr(torch.from_numpy(estimates), torch.from_numpy(targets), margins)
    for value, estimate, target, margin in zip(values, estimates[:, 0], targets[:, 0], margins, strict=True):
        inside = tuple(slice(width, size - width) for width, size in zip(margin, target.shape, strict=True))
        expected = psnr.metric(estimate[inside], target[inside], psnr.Params(data_range=1.0))
        assert float(value) == pytest.approx(-expected)
        assert float(value) != pytest.approx(-psnr.metric(estimate, target, psnr.Params(data_range=1.0)), rel=1e-3)


def test_negative_psnr_of_equals_is_finite_and_does_not_spoil_the_gradient():
    target = torch.rand(2, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    estimate = target.clone()
    estimate[1] += 0.1
    estimate.requires_grad_()
    values = negative_psnr(estimate, target, [(1, 1)] * 2)
    values.sum().backward()
    assert values.isfinite().all()
    assert values[0] < -300
    assert float(values[1].detach()) == pytest.approx(-20, abs=1e-4)
    assert not estimate.grad[0].any()
    assert estimate.grad.isfinite().all()
    assert estimate.grad[1, :, 1:-1, 1:-1].all()


def test_a_margin_that_leaves_nothing_is_refused():
    images = torch.zeros(2, 1, 4, 8, 9)
    message = r"left of images of \(4, 8, 9\) pixels without the \(2, 1, 1\) .* make `patch` larger than \(4, 2, 2\)"
    with pytest.raises(UserError, match=message):
        negative_psnr(images, images, [(1, 3, 4), (2, 1, 1)])
    with pytest.raises(UserError, match="a batch of 2 images needs as many margins, not 1"):
        negative_psnr(images, images, [(1, 1, 1)])


def test_huberised_errors_are_linear_below_one_and_roots_above():
    errors = torch.tensor([0.0, 4e-4, 9.99e-4, 1e-3, 4e-3, 9e-2], dtype=torch.float64, requires_grad=True)
    values = huberised(errors)
    torch.testing.assert_close(values.detach(), torch.tensor([0, 0.4, 0.999, 1, 2, 90**0.5], dtype=torch.float64))
    values.sum().backward()
    slopes = torch.tensor([1000, 1000, 1000, 500, 250, 1000 / 2 / 90**0.5], dtype=torch.float64)
    torch.testing.assert_close(errors.grad, slopes)


def test_huberised_errors_are_continuous_and_scale():
    around = torch.tensor([1 - 1e-9, 1, 1 + 1e-9], dtype=torch.float64)
    torch.testing.assert_close(huberised(around, scale=1.0), torch.ones(3, dtype=torch.float64), rtol=0, atol=2e-9)
    assert float(huberised(torch.tensor(4.0), scale=4.0)) == 4


@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("shape", [(7, 7), (33, 71), (100, 20)])
def test_dissimilarity_agrees_with_the_metric(random, shape, precision, tolerance):
    estimates, targets = pair(random, (3, 1, *shape))
    tensors = [torch.from_numpy(images.astype(precision)) for images in (estimates, targets)]
    for data_range in (1.0, 0.3):
        dissimilarity = structural_dissimilarity(*tensors, data_range)
        assert dissimilarity.shape == (3,)
        params = ssim.Params(data_range=data_range)
        expected = [1 - ssim.metric(e[0], t[0], params) for e, t in zip(estimates, targets, strict=True)]
        assert max(expected) > 0.1
        np.testing.assert_allclose(dissimilarity.numpy(), expected, rtol=0, atol=tolerance)


def test_dissimilarity_of_equals_is_zero_and_of_channels_is_their_mean(random):
    estimate, target = (torch.from_numpy(images) for images in pair(random, (2, 3, 12, 12)))
    assert structural_dissimilarity(target, target, 1.0).abs().max() < 1e-12
    by_channel = [structural_dissimilarity(estimate[:, [c]], target[:, [c]], 1.0) for c in range(3)]
    torch.testing.assert_close(structural_dissimilarity(estimate, target, 1.0), sum(by_channel) / 3)


def test_dissimilarity_is_differentiable(random):
    estimate, target = (torch.from_numpy(images) for images in pair(random, (1, 1, 8, 9)))
    assert torch.autograd.gradcheck(
        lambda image: structural_dissimilarity(image, target, 1.0), estimate.requires_grad_()
    )
    constant = torch.zeros(1, 1, 8, 8, requires_grad=True)
    structural_dissimilarity(constant, torch.zeros(1, 1, 8, 8), 1.0).sum().backward()
    assert constant.grad.isfinite().all()


def test_dissimilarity_of_an_image_below_the_window_is_refused():
    small = torch.zeros(2, 1, 6, 30)
    with pytest.raises(UserError, match=r"SSIM needs 7 pixels along each axis; the images have shape \(2, 1, 6, 30\)"):
        structural_dissimilarity(small, small, 1.0)
