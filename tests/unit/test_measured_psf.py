"""A measured point-spread function: what is in the file becomes the kernel, and what cannot be one is refused."""

import numpy as np
import pytest
import tifffile

torch = pytest.importorskip("torch")

from reconbench.errors import UserError  # noqa: E402
from reconbench.forward.measured_psf import Params, build, files  # noqa: E402
from reconbench.images import write_image  # noqa: E402

BACKGROUND = 100


def stack(shape, place, background=BACKGROUND):
    """A bead as a camera sees it: unsigned integers above an offset. Its axes have different widths."""
    places = np.indices(shape) - np.reshape(place, (-1,) + (1,) * len(shape))
    widths = np.reshape([3.0, 1.5, 2.0][-len(shape) :], (-1,) + (1,) * len(shape))
    return (background + 5000 * np.exp(-((places / widths) ** 2).sum(axis=0) / 2)).round().astype(np.uint16)


@pytest.fixture
def written(tmp_path):
    def write(image, **params):
        path = tmp_path / "bead.tif"
        tifffile.imwrite(path, image)
        return Params(path=str(path), **params)

    return write


@pytest.mark.parametrize("shape", [(9, 13), (5, 9, 13)])
def test_a_file_of_odd_sizes_is_the_kernel(written, shape):
    image = stack(shape, [size // 2 for size in shape])
    params = written(image)
    np.testing.assert_allclose(build(params).kernel, image / image.sum(), rtol=1e-12)
    without = image.astype(float) - BACKGROUND
    np.testing.assert_allclose(build(written(image, background=BACKGROUND)).kernel, without / without.sum(), rtol=1e-12)
    assert files(params) == (params.path,)


def test_what_the_workflow_writes_can_be_read(tmp_path):
    image = stack((5, 9, 13), (2, 4, 6)).astype(np.float32)
    write_image(tmp_path / "bead.ome.tif", image, "ZYX", (250.0, 100.0, 100.0))
    kernel = build(Params(path=str(tmp_path / "bead.ome.tif"))).kernel
    np.testing.assert_allclose(kernel, image / image.sum(dtype=float), rtol=1e-6)


@pytest.mark.parametrize("centre", ["brightest", "centroid"])
def test_the_bead_of_a_camera_is_found_and_cut_out(written, centre):
    """In a noisy stack of even sizes, off its middle."""
    image = stack((24, 48, 64), (10, 25, 30)) + np.random.default_rng(0).integers(-9, 10, (24, 48, 64))
    given = {"background": BACKGROUND, "negative": "clip", "centre": centre, "size": (9, 7, 11)}
    kernel = build(written(image.astype(np.uint16), **given)).kernel
    assert kernel.shape == (9, 7, 11)
    assert kernel.sum() == pytest.approx(1, abs=1e-12)
    ideal = stack((9, 7, 11), (4, 3, 5), background=0).astype(float)
    assert np.abs(kernel - ideal / ideal.sum()).max() < 0.005 * kernel.max()
    assert np.unravel_index(kernel.argmax(), kernel.shape) == (4, 3, 5)


def test_centroid_and_brightest_pixel_of_a_lopsided_bead(written):
    image = np.zeros((12, 14), dtype=np.uint16)
    image[5, 3:11] = 10
    image[5, 3] = 11
    found = {centre: build(written(image, centre=centre)).kernel for centre in ("brightest", "centroid")}
    assert found["brightest"].shape == (11, 7)  # about (5, 3)
    assert found["centroid"].shape == (11, 13)  # about (5, 6.46)
    np.testing.assert_allclose(found["centroid"][5], image[5, :13] / image[5, :13].sum())


def test_by_default_the_kernel_is_the_largest_about_the_bead(written):
    image = stack((20, 30), (8, 20))
    kernel = build(written(image, centre="brightest")).kernel
    np.testing.assert_allclose(kernel, image[:17, 11:] / image[:17, 11:].sum())


def test_it_blurs_a_point_to_the_image_of_the_bead(written):
    image = stack((9, 13), (3, 6))
    blur = build(written(image, background=BACKGROUND))
    point = torch.zeros((21, 25), dtype=torch.float64)
    point[10, 12] = 2
    blurred = blur(point).numpy()[6:15, 6:19]
    np.testing.assert_allclose(blurred, 2 * (image - 100.0) / (image - 100.0).sum(), atol=1e-12)


def dark(image):
    image = image.copy()
    image[0, :2] = 90
    return image


ODD, EVEN = stack((9, 13), (4, 6)), stack((8, 13), (4, 6))


@pytest.mark.parametrize(
    ("image", "params", "sentence"),
    [
        (EVEN, {}, r"bead.tif has the even sizes \(8, 13\) and so no middle; set centre: brightest or centroid"),
        (dark(ODD), {"background": 100}, "has 2 of 117 values below the background of 100, down to 90; give a lower"),
        (-ODD.astype(np.float32), {}, "has 117 of 117 values below the background of 0"),
        (ODD, {"background": 9999, "negative": "clip"}, "holds no light above a background of 9999"),
        (ODD, {"background": 9999, "negative": "clip", "centre": "centroid"}, "holds no light"),
        (
            ODD,
            {"size": (11, 11)},
            r"room for a kernel of size \(9, 13\) about its centre \(4, 6\), and not for \(11, 11\)",
        ),
        (ODD, {"size": (3, 9, 9)}, r"and not for \(3, 9, 9\)"),
        (np.stack([[ODD] * 2] * 3), {}, r"one image \(y, x\) or one stack \(z, y, x\) is needed|axes that do not fit"),
        (np.full((5, 5), 7, np.uint8), {}, "bead.tif is constant"),
    ],
)
def test_what_is_no_kernel_is_refused_in_one_sentence(written, image, params, sentence):
    with pytest.raises(UserError, match=sentence):
        build(written(image, **params))


def test_a_series_is_refused(tmp_path):
    write_image(tmp_path / "bead.ome.tif", np.stack([ODD] * 3), "TYX")
    with pytest.raises(UserError, match="has the axes TYX; one image"):
        build(Params(path=str(tmp_path / "bead.ome.tif")))


def test_clipped_values_are_dark(written):
    image = dark(ODD)
    kernel = build(written(image, background=100, negative="clip")).kernel
    light = np.maximum(image.astype(float) - 100, 0)
    np.testing.assert_allclose(kernel, light / light.sum())
    assert not kernel[0, :2].any()
