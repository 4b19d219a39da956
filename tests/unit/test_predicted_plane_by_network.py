"""A plane predicted by a network: what it is given, what it learns from, and what is made of its phase."""

import numpy as np
import pytest

from reconbench.contracts import Batch, Problem
from reconbench.errors import NotApplicableError, UserError
from reconbench.forward import left_out_plane, through_focus
from reconbench.methods import predicted_plane_by_network as method

torch = pytest.importorskip("torch")
from through_focus_planes import OPTICS, intensities  # noqa: E402

SIZE = 128
PHASE_RANGE = 2.0
DISTANCES = (-36e-6, -12e-6, 0.0, 12e-6, 20e-6)
TARGET = 24e-6
TOLD = frozenset({"forward model"})
OPTICS_HERE = {**OPTICS, "phase_range": PHASE_RANGE, "distances": DISTANCES}


def specimen():
    """Absorbing blobs in the middle, shape (2, y, x)."""
    y, x = (np.mgrid[:SIZE, :SIZE] + 0.5 - SIZE / 2) / 8
    phase = np.exp(-(y**2) - x**2) + 0.5 * np.exp(-((y - 3) ** 2) - (x + 2) ** 2)
    return np.stack([1 - 0.1 * phase, phase / phase.max()])


@pytest.fixture(scope="module")
def truth():
    return specimen()


@pytest.fixture(scope="module")
def stack(truth):
    return intensities(truth, DISTANCES, PHASE_RANGE).astype(np.float32)


def learning():
    """The problem that is trained on."""
    forward = through_focus.build(through_focus.Params(**OPTICS_HERE))
    return Problem(kind="phase_retrieval", forward_model=forward, told=TOLD)


def predicting(**others):
    forward = left_out_plane.build(left_out_plane.Params(**{**OPTICS_HERE, "target": TARGET, **others}))
    return Problem(kind="plane_prediction", forward_model=forward, told=TOLD)


class Finding(torch.nn.Module):
    """Finds one phase whatever it is given, and notes what that was."""

    def __init__(self, phase):
        super().__init__()
        self.phase = torch.as_tensor(phase, dtype=torch.float32)[None, None]
        self.given = []

    def forward(self, planes):
        self.given.append(planes)
        return self.phase

    def at_all_scales(self, planes):
        return (self(planes), torch.nn.functional.avg_pool2d(self.phase, 2))


def batch(truth, stack):
    planes, wave = (torch.from_numpy(part.astype(np.float32))[None] for part in (stack, truth))
    return Batch(measurement=planes, target=wave)


def test_the_true_phase_predicts_the_plane(truth, stack):
    expected = intensities(truth, (TARGET,), PHASE_RANGE)[0]
    estimate = method.restore(stack, predicting(), method.Params(), "cpu", Finding(truth[1]))
    assert (estimate.dtype, estimate.shape) == (np.float32, (SIZE, SIZE))
    np.testing.assert_allclose(estimate, expected, atol=1e-3)
    flat = method.restore(stack, predicting(), method.Params(), "cpu", Finding(np.zeros_like(truth[1])))
    assert np.abs(flat - expected).max() > 0.1


def test_the_network_is_given_the_contrast_of_its_planes_in_their_order(truth, stack):
    chosen = method.Params(planes=(12e-6, -12e-6))
    finding = Finding(truth[1])
    method.restore(stack, predicting(), chosen, "cpu", finding)
    planes = stack[[3, 1]].astype(np.float64)
    expected = planes / planes.mean((1, 2), keepdims=True) - 1
    np.testing.assert_allclose(finding.given[0][0], expected, atol=1e-5)
    # The same of a stack that holds other planes besides.
    others = (-36e-6, -12e-6, -6e-6, 0.0, 12e-6)
    more = intensities(truth, others, PHASE_RANGE).astype(np.float32)
    method.restore(more, predicting(distances=others), chosen, "cpu", finding)
    np.testing.assert_allclose(finding.given[1], finding.given[0], atol=1e-5)


def test_the_exposure_of_a_plane_does_not_matter(truth, stack):
    finding = Finding(truth[1])
    exposures = np.array([0.7, 1.2, 1.0, 0.9, 1.3], np.float32)[:, None, None]
    for planes in (stack, exposures * stack):
        method.restore(planes, predicting(), method.Params(), "cpu", finding)
    np.testing.assert_allclose(finding.given[1], finding.given[0], atol=1e-5)


def test_the_network_has_a_channel_for_each_plane_that_it_gets():
    for chosen, channels in ((None, 5), ((0.0, 12e-6), 2)):
        small = {"widths": (4,) * 8, "outer_kernel": 3}
        network = method.network(learning(), method.Params(planes=chosen, **small))
        assert (network.channels_in, network.channels_out) == (channels, 1)


def test_the_true_phase_has_no_loss_and_a_smooth_one_has_more_with_the_plane(truth, stack):
    seen = batch(truth, stack)
    weights = {weight: method.Params(plane_weight=weight) for weight in (0.0, 1.0, 2.0)}
    for params in weights.values():
        assert float(method.loss(Finding(truth[1]), seen, learning(), params)) == pytest.approx(0, abs=1e-6)
    wrong = Finding(0.5 * truth[1])
    losses = [float(method.loss(wrong, seen, learning(), params)) for params in weights.values()]
    # At both scales, as means over blocks leave the mean of what is positive.
    assert losses[0] == pytest.approx(2 * 0.5 * truth[1].mean(), rel=1e-4)
    halved = np.stack([truth[0], 0.5 * truth[1]])
    planes = [intensities(wave, (-36e-6,), PHASE_RANGE)[0] for wave in (halved, truth)]
    assert losses[1] - losses[0] == pytest.approx(np.abs(planes[0] - planes[1]).mean(), rel=1e-3)
    assert losses[2] - losses[0] == pytest.approx(2 * (losses[1] - losses[0]), rel=1e-4)
    assert float(method.validate(wrong, seen, learning(), weights[1.0])) == pytest.approx(losses[0] / 2, rel=1e-4)


def test_what_cannot_be_predicted_is_said(truth, stack):
    with pytest.raises(NotApplicableError, match="leaves out none"):
        method.restore(stack, learning(), method.Params(), "cpu", Finding(truth[1]))
    with pytest.raises(UserError, match="no plane is measured at 1e-06 m"):
        method.restore(stack, predicting(), method.Params(planes=(1e-6,)), "cpu", Finding(truth[1]))
