"""A method on images of one's own."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from reconbench import catalogue
from reconbench.apply import ImageRestorer
from reconbench.contracts import Problem
from reconbench.errors import UserError

SCRIPT = Path(__file__).resolve().parents[2] / "workflow" / "scripts" / "restore_image.py"


@pytest.fixture
def counts():
    return np.random.default_rng(0).poisson(90, (40, 53)).astype(np.uint16)


@pytest.fixture
def weights(tmp_path):
    torch = pytest.importorskip("torch")
    from reconbench.training.weights import write_weights

    dncnn = catalogue.get_method("dncnn")
    params = dncnn.Params(features=4, depth=3)
    torch.manual_seed(0)
    networks = dncnn.network(Problem(kind="denoising"), params)
    about = {"method": "dncnn", "params": params.model_dump(mode="json"), "kind": "denoising", "forward": None}
    write_weights(tmp_path / "weights.pt", networks, about)
    return tmp_path / "weights.pt"


def test_an_image_keeps_its_range_and_is_not_changed(counts):
    before = counts.copy()
    restored = ImageRestorer("median")(counts)
    np.testing.assert_array_equal(counts, before)
    assert restored.dtype == np.float32
    assert abs(restored.mean() - counts.mean()) < 2
    low, high = counts.min(), counts.max()
    median = catalogue.get_method("median")
    scaled = ((counts - float(low)) / float(high - low)).astype(np.float32)
    direct = median.restore(scaled, Problem(kind="denoising"), median.Params(), "cpu")
    np.testing.assert_allclose(restored, direct * float(high - low) + low, rtol=1e-6)


def test_trained_weights_need_no_more_words(counts, weights):
    denoiser = ImageRestorer(weights=weights)
    first, second = denoiser(counts), denoiser(counts)
    np.testing.assert_array_equal(first, second)
    assert first.shape == counts.shape


def test_scaling_can_be_left_out(counts):
    identity = ImageRestorer("identity", scaling="none")
    np.testing.assert_array_equal(identity(counts), counts.astype(np.float32))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "name a method, or the weights"),
        ({"method": "gausian"}, "did you mean 'gaussian'"),
        ({"method": "dncnn"}, "'dncnn' is trained; name the file with its weights"),
        ({"method": "gaussian", "params": {"sgima": 1}}, "parameter 'sgima' of method 'gaussian'"),
    ],
)
def test_what_does_not_fit_is_one_sentence(given, sentence):
    with pytest.raises(UserError, match=sentence):
        ImageRestorer(**given)


@pytest.mark.parametrize("image", [np.zeros(3), np.full((8, 8), np.nan), np.zeros((8, 8), complex), np.ones((8, 8))])
def test_what_is_no_image_is_one_sentence(image):
    with pytest.raises(UserError, match="image is"):
        ImageRestorer("identity")(image)


def test_a_method_that_must_be_told_more_says_so(counts):
    with pytest.raises(UserError, match="needs the gain.*take a method that estimates it"):
        ImageRestorer("bm3d_anscombe")(counts)


def test_the_script_writes_an_image_beside_the_input(counts, weights, tmp_path):
    tifffile.imwrite(tmp_path / "mine.tif", counts)
    command = [sys.executable, str(SCRIPT), "--weights", str(weights), str(tmp_path / "mine.tif")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = tifffile.imread(tmp_path / "mine_restored.ome.tif")
    np.testing.assert_array_equal(written, ImageRestorer(weights=weights)(counts))


def test_the_script_writes_over_another_estimate_only_where_it_is_named(counts, tmp_path):
    tifffile.imwrite(tmp_path / "my.first.ome.tif", counts)
    kept = tmp_path / "my.first_restored.ome.tif"
    kept.write_bytes(b"another")
    command = [sys.executable, str(SCRIPT), "--method", "gaussian", str(tmp_path / "my.first.ome.tif")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {kept} is there already; say where to write with --output")
    assert kept.read_bytes() == b"another"
    subprocess.run([*command, "--output", str(kept)], capture_output=True, check=True)
    assert tifffile.imread(kept).shape == counts.shape


def test_the_script_says_what_is_wrong_without_a_traceback(tmp_path):
    command = [sys.executable, str(SCRIPT), "--method", "gaussian", str(tmp_path / "absent.tif")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == f"error: {tmp_path / 'absent.tif'} is not there"
