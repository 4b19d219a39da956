"""How a network that was trained on one image is applied to it, and what its parameters may not say."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from reconbench import catalogue
from reconbench.contracts import Problem
from reconbench.errors import UserError
from reconbench.forward import ssi_blur, ssi_blur_3d
from reconbench.training.weights import build_networks

SIAMESE = ["noise2self_deconvolution", "noise2same_deconvolution", "noise2same_deconvolution_d"]
SMALL = {**dict.fromkeys(SIAMESE, {"features": 8}), "ssi": {"width": 2}}


def problem(module=ssi_blur):
    return Problem(
        kind="deconvolution",
        forward_model=module.build(module.Params()),
        told=frozenset({"forward model"}),
    )


def made(name, **params):
    """Return a method, parameters, and networks that have learned nothing."""
    method = catalogue.get_method(name)
    given = method.Params(**SMALL[name], **params)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return method, given, build_networks(method, problem(), given).eval()


def measurement(*shape):
    return np.random.default_rng(0).normal(0.4, 0.3, shape).astype(np.float32)


@pytest.mark.parametrize("name", SIAMESE)
def test_an_estimate_follows_the_gain_and_the_offset_of_its_measurement(name):
    """The network sees a standardised image, by the statistics of the whole, and its output is brought back."""
    method, params, networks = made(name, clip=None)
    image = measurement(40, 52)
    estimate, scaled = (method.restore(seen, problem(), params, "cpu", networks) for seen in (image, 30 * image - 7))
    assert estimate.std() > 0.01
    np.testing.assert_allclose(scaled, 30 * estimate - 7, atol=1e-3)


@pytest.mark.parametrize("name", SMALL)
def test_an_estimate_is_what_the_network_says_and_not_blurred(name):
    """Of an image that is one tile, without the reflection that a margin would add."""
    method, params, networks = made(name, clip=None, tiling={"margin": 0, "blend": 0})
    image = measurement(48, 64)
    offset, scale = (image.mean(), image.std(ddof=1)) if name in SIAMESE else (0, 1)
    with torch.no_grad():
        expected = networks.network(torch.from_numpy((image - offset) / scale)[None, None])[0, 0].numpy()
    estimate = method.restore(image, problem(), params, "cpu", networks)
    np.testing.assert_allclose(estimate, expected * scale + offset, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_an_estimate_is_clipped_if_it_is_to_be(name):
    image = measurement(32, 32)
    method, params, networks = made(name, clip=None)
    estimate = method.restore(image, problem(), params, "cpu", networks)
    low, high = (float(value) for value in np.quantile(estimate, [0.2, 0.7]))
    method, params, networks = made(name, clip=(low, high))
    clipped = method.restore(image, problem(), params, "cpu", networks)
    assert clipped.std() > 0
    np.testing.assert_array_equal(clipped, estimate.clip(np.float32(low), np.float32(high)))


@pytest.mark.parametrize("name", SMALL)
def test_patches_and_blur_and_measurement_have_the_same_axes(name):
    method, params, networks = made(name)
    with pytest.raises(UserError, match=r"do not fit a blur with 3 axes"):
        method.network(problem(ssi_blur_3d), params)
    with pytest.raises(UserError, match=r"does not restore data of shape \(8, 16, 16\)"):
        method.restore(measurement(8, 16, 16), problem(), params, "cpu", networks)


@pytest.mark.parametrize(
    ("name", "normalise"), [*((name, "none") for name in SIAMESE), ("ssi", "patch"), ("ssi", "image")]
)
def test_a_network_cannot_be_trained_on_values_that_it_will_not_see(name, normalise):
    """Estimates are made of standardised images, or of images as they are; so training cannot have the other."""
    with pytest.raises(ValidationError, match="normalise"):
        catalogue.get_method(name).Params(training={"normalise": normalise})
