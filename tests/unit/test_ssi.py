"""Self-Supervised Inversion: its loss and its validation in NumPy, the schedule of its masks, and the wider blur."""

import numpy as np
import pytest
import scipy.ndimage
import torch

from reconbench.contracts import Batch, Problem
from reconbench.forward import ssi_blur, ssi_blur_3d
from reconbench.methods import ssi
from reconbench.networks.deconvolver import Deconvolver
from reconbench.training.masking import independent_mask


class Network(torch.nn.Module):
    """Twice what it sees minus a half, so that it leaves [0, 1] on both sides; keeps what it saw."""

    multiple, reach = 1, 0

    def __init__(self):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(2.0))
        self.seen = []

    def forward(self, image):
        self.seen.append(image.detach().numpy())
        return self.factor * image - 0.5


KERNEL = np.array([[1.0, 2.0, 1.0], [3.0, 5.0, 2.0], [1.0, 2.0, 0.0]]) / 17


def step_of(step=0, size=40):
    """The networks and the batch of one step, with a generator of its own."""
    draws = torch.Generator().manual_seed(3)
    x = torch.rand(1, 1, size, size, generator=draws)
    held_out = torch.rand(x.shape, generator=draws) < 0.1
    batch = Batch(measurement=x, target=x, step=step, held_out=held_out, generator=torch.Generator().manual_seed(4))
    return Deconvolver(Network(), KERNEL, "reflect", "direct"), batch


def loss_of(networks, batch, **params):
    return float(ssi.loss(networks, batch, Problem(kind="deconvolution"), ssi.Params(**params)).detach())


def blurred(image):
    """A convolution; the image is reflected at its edge pixels."""
    return scipy.ndimage.convolve(image[0, 0].astype(np.float64), KERNEL, mode="mirror")[None, None]


@pytest.mark.parametrize("weight", [0, 0.1, 5])
def test_the_loss_is_that_of_the_docstring(weight):
    """The mean over ALL pixels of the squared error at masked ones that are not held out, and the bounds."""
    networks, batch = step_of(step=1000)
    value = loss_of(networks, batch, bounds_weight=weight)
    (seen,) = networks.network.seen
    x, deconvolved = batch.measurement.numpy(), 2 * seen - 0.5
    share = 0.05 + 0.45 * 0.995**1000
    mask = independent_mask(x.shape, share, torch.Generator().manual_seed(4)).numpy()
    assert (mask & batch.held_out.numpy()).any()
    error = (blurred(np.clip(deconvolved, 0, 1)) - x) ** 2 * mask * ~batch.held_out.numpy()
    beyond = np.maximum(-deconvolved, 0) + np.maximum(deconvolved - 1, 0)
    assert value == pytest.approx(error.mean() + weight * beyond.mean() ** 2, rel=1e-5)


def test_masked_pixels_are_zero_and_the_others_carry_a_noise_that_vanishes():
    """Its standard deviation is 0.1 / (1 + 10 000 step / steps)."""
    for step, deviation in ((0, 0.1), (3, 0.1 / 11), (1500, 0.1 / 5001)):
        networks, batch = step_of(step, size=200)
        loss_of(networks, batch, masked=0.2, mask_decay=0.5)
        (seen,) = networks.network.seen
        noise = (seen - batch.measurement.numpy())[seen != 0]
        assert noise.std() == pytest.approx(deviation, rel=0.02)
        assert noise.mean() == pytest.approx(0, abs=0.02 * deviation)


@pytest.mark.parametrize(("masked", "decay"), [(0.05, 0.995), (0.2, 0.5)])
def test_the_share_of_masked_pixels_goes_from_a_half_to_what_is_asked_for(masked, decay):
    """As by d <- 0.995 d + 0.005 d_target after each step, in the authors' code."""
    share = 0.5
    shares = [share := share if not step else decay * share + (1 - decay) * masked for step in range(1001)]
    for step in (0, 1, 2, 200, 1000):
        networks, batch = step_of(step, size=300)
        loss_of(networks, batch, masked=masked, mask_decay=decay)
        assert (networks.network.seen[0] == 0).mean() == pytest.approx(shares[step], abs=0.004)


def test_validation_is_the_error_at_held_out_pixels_which_are_masked():
    networks, batch = step_of()
    value = float(ssi.validate(networks, batch, Problem(kind="deconvolution"), ssi.Params()).detach())
    x, held_out = batch.measurement.numpy(), batch.held_out.numpy()
    (seen,) = networks.network.seen
    np.testing.assert_array_equal(seen, np.where(held_out, 0, x))
    error = (blurred(np.clip(2 * seen - 0.5, 0, 1)) - x)[held_out]
    assert value == pytest.approx((error**2).mean(), rel=1e-5)


def test_the_blur_is_broadened_as_in_the_authors_code():
    """By [.095 .14 .095; .14 .2 .14; .095 .14 .095] / 1.14, where nothing is cut off; in 3D by its analogue."""
    kernel = ssi_blur.build(ssi_blur.Params()).kernel
    narrow = np.array([[0.095, 0.14, 0.095], [0.14, 0.2, 0.14], [0.095, 0.14, 0.095]]) / 1.14
    expected = scipy.ndimage.convolve(np.pad(kernel, 1), narrow, mode="constant")
    wide = built(ssi_blur).point_spread
    np.testing.assert_allclose(wide.kernel, expected / expected.sum(), rtol=1e-10)
    assert (wide.kernel.shape, wide.boundary) == ((19, 19), "reflect")
    np.testing.assert_array_equal(built(ssi_blur, broadened=False).point_spread.kernel, kernel)


def test_the_blur_of_volumes_is_broadened_alike_in_all_directions():
    small = ssi_blur_3d.Params(size=3)
    wide = built(ssi_blur_3d, small, training={"patch": (16, 16, 16)}).point_spread
    assert (wide.kernel.shape, wide.boundary) == ((5, 5, 5), "replicate")
    assert wide.kernel.sum() == pytest.approx(1)
    kernel = ssi_blur_3d.build(small).kernel
    # The corner of the wider kernel is that of the kernel by one weight alone, the same at all eight.
    corners = np.ix_(*[[0, -1]] * 3)
    ratio = wide.kernel[corners] / kernel[corners]
    np.testing.assert_allclose(ratio, ratio[0, 0, 0], rtol=1e-10)


def built(module, blur=None, **params):
    problem = Problem(
        kind="deconvolution",
        forward_model=module.build(blur or module.Params()),
        told=frozenset({"forward model"}),
    )
    return ssi.network(problem, ssi.Params(**params))
