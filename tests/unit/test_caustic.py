"""A lensless camera: convolution with a caustic from a file, of which the sensor records the middle."""

import numpy as np
import pytest
import tifffile
from scipy.signal import convolve2d

torch = pytest.importorskip("torch")

from reconbench.contracts import Problem  # noqa: E402
from reconbench.errors import UserError  # noqa: E402
from reconbench.forward import caustic  # noqa: E402
from reconbench.methods import tikhonov_deconvolution  # noqa: E402

PATTERN = np.random.default_rng(0).integers(0, 1000, (7, 5)).astype(np.uint16)


def written(folder, values=PATTERN):
    path = folder / "caustic.tif"
    tifffile.imwrite(path, values + np.uint16(100))
    return str(path)


def camera(folder, **params):
    return caustic.build(caustic.Params(path=written(folder), background=100, **params))


def scene(*shape):
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_each_colour_is_convolved_and_the_middle_recorded(tmp_path):
    """As scipy does it, without the background of the file and with zeros beyond the edge."""
    truth = scene(3, 20, 24)
    recorded = camera(tmp_path, beyond=(3, 4))(truth).numpy()
    expected = [convolve2d(colour, PATTERN / PATTERN.sum(), mode="same")[3:-3, 4:-4] for colour in truth.numpy()]
    np.testing.assert_allclose(recorded, expected, atol=1e-12)
    assert recorded.shape == camera(tmp_path, beyond=(3, 4)).measurement_shape((3, 20, 24))


def test_adjoint_of_a_cut_recording(tmp_path):
    model = camera(tmp_path, beyond=(2, 5))
    truth, recorded = scene(3, 20, 24), scene(3, 16, 14)
    torch.testing.assert_close((model(truth) * recorded).sum(), (truth * model.adjoint(recorded)).sum())


def test_a_point_in_the_middle_gives_the_caustic(tmp_path):
    truth = torch.zeros(9, 9, dtype=torch.float64)
    truth[4, 4] = 1
    recorded = camera(tmp_path, beyond=(1, 2))(truth).numpy()
    np.testing.assert_allclose(recorded, PATTERN / PATTERN.sum(), atol=1e-12)


def test_without_margins_it_is_a_blur_that_can_be_undone(tmp_path):
    """Solvers that take a kernel take it: Tikhonov's, nearly without regularisation, finds the scene."""
    model = camera(tmp_path, size=(5, 3))
    truth = torch.zeros(24, 28, dtype=torch.float64)
    truth[6:18, 6:22] = scene(12, 16)
    recorded = model(truth).numpy().astype(np.float32)
    problem = Problem(kind="deconvolution", forward_model=model, told=tikhonov_deconvolution.METHOD.told)
    params = tikhonov_deconvolution.Params(weight=1e-7, boundary="zero")
    estimate = tikhonov_deconvolution.restore(recorded, problem, params, "cpu")
    assert model.measurement_shape((24, 28)) == recorded.shape == (24, 28)
    np.testing.assert_allclose(estimate, truth.numpy(), atol=0.02)


def test_bad_scenes_and_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="make the forward model's `beyond` smaller"):
        camera(tmp_path, beyond=(0, 4))(scene(8, 8))
    stack = written(tmp_path, np.stack(5 * [PATTERN]))
    with pytest.raises(UserError, match="is a stack"):
        caustic.build(caustic.Params(path=stack))
