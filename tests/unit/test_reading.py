"""Reading: what is in a file comes out, and a bad image gives one sentence with its name."""

import zipfile

import cv2
import numpy as np
import pytest
import tifffile

from reconbench.datasets.reading import read_image
from reconbench.errors import UserError
from reconbench.images import write_image

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (12, 17), dtype=np.uint8)
RGB = RANDOM.integers(0, 256, (12, 17, 3), dtype=np.uint8)
VOLUME = RANDOM.random((5, 12, 17)).astype(np.float32)


def bgr(image):
    return np.ascontiguousarray(image[..., [2, 1, 0, *range(3, image.shape[2])]])


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".npy"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_values_are_kept(tmp_path, suffix, dtype):
    image = (GREY.astype(dtype) * (257 if dtype == np.uint16 else 1)).astype(dtype)
    path = tmp_path / f"a{suffix}"
    np.save(path, image) if suffix == ".npy" else cv2.imwrite(str(path), image)
    read, axes, pixel_size = read_image(path)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, image)
    assert (axes, pixel_size) == ("YX", None)


def test_jpeg_is_read(tmp_path):
    smooth = np.add.outer(np.arange(32), np.arange(48)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "a.JPG"), smooth)
    np.testing.assert_allclose(read_image(tmp_path / "a.JPG")[0], smooth, atol=4)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy"])
def test_equal_colour_channels_become_one_and_alpha_is_dropped(tmp_path, suffix, channels):
    image = np.stack([GREY] * 3 + [np.full_like(GREY, 255)] * (channels - 3), axis=-1)
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, image)
    elif suffix == ".tif":
        tifffile.imwrite(path, image, photometric="rgb")
    else:
        cv2.imwrite(str(path), image)
    read, axes, _ = read_image(path)
    np.testing.assert_array_equal(read, GREY)
    assert axes == "YX"


@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy"])
def test_grey_is_made_of_colour_with_the_weights_of_scikit_image(tmp_path, suffix):
    from skimage.color import rgb2gray

    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, RGB)
    elif suffix == ".tif":
        tifffile.imwrite(path, RGB, photometric="rgb")
    else:
        cv2.imwrite(str(path), bgr(RGB))
    np.testing.assert_allclose(read_image(path, colour="grey")[0], 255 * rgb2gray(RGB), rtol=1e-5)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy"])
def test_colour_that_is_kept_is_red_green_and_blue_in_front(tmp_path, suffix, channels):
    image = np.concatenate([RGB, np.full((12, 17, channels - 3), 200, dtype=np.uint8)], axis=-1)
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, image)
    elif suffix == ".tif":
        tifffile.imwrite(path, image, photometric="rgb")
    else:
        cv2.imwrite(str(path), bgr(image))
    read, axes, _ = read_image(path, colour="keep")
    assert (axes, read.dtype, read.flags.c_contiguous) == ("CYX", np.float32, True)
    np.testing.assert_array_equal(read, np.moveaxis(RGB, -1, 0))


def test_kept_colours_of_a_file_of_numbers_are_not_rounded(tmp_path):
    image = RANDOM.random((12, 17, 3)).astype(np.float32)
    np.save(tmp_path / "a.npy", image)
    np.testing.assert_array_equal(read_image(tmp_path / "a.npy", colour="keep")[0], np.moveaxis(image, -1, 0))


@pytest.mark.parametrize("image", [GREY, np.stack([GREY] * 3, axis=-1)], ids=["one channel", "equal channels"])
def test_a_grey_image_has_three_equal_channels_where_colour_is_kept(tmp_path, image):
    cv2.imwrite(str(tmp_path / "a.png"), image)
    read, axes, _ = read_image(tmp_path / "a.png", colour="keep")
    assert axes == "CYX"
    np.testing.assert_array_equal(read, [GREY] * 3)


def test_three_channels_of_an_ome_file_are_the_colours_that_are_kept(tmp_path):
    image = VOLUME[:3]
    write_image(tmp_path / "a.ome.tif", image, "CYX", (30.0, 31.5))
    read, axes, pixel_size = read_image(tmp_path / "a.ome.tif", colour="keep")
    np.testing.assert_array_equal(read, image)
    assert (axes, pixel_size) == ("CYX", (30, 31.5))


@pytest.mark.parametrize(("image", "axes"), [(VOLUME, "ZYX"), (VOLUME[:3], "TYX"), (VOLUME[:2], "CYX")])
def test_only_single_images_have_colours_to_keep(tmp_path, image, axes):
    write_image(tmp_path / "a.ome.tif", image, axes)
    with pytest.raises(UserError, match=rf"a.ome.tif has the axes {axes} .* `colour: keep` is for single images"):
        read_image(tmp_path / "a.ome.tif", colour="keep")


@pytest.mark.parametrize(("dtype", "largest"), [(np.uint8, 255), (np.uint16, 65535), (np.int16, 32767)])
def test_integers_are_set_against_the_largest_value_of_their_type(tmp_path, dtype, largest):
    image = GREY.astype(dtype)
    image[0, 0] = largest
    np.save(tmp_path / "a.npy", image)
    read, _, _ = read_image(tmp_path / "a.npy", full_range=True)
    np.testing.assert_allclose(read, image / largest, rtol=1e-6)
    assert read.max() == 1


@pytest.mark.parametrize("image", [VOLUME[0] * 7, GREY > 100])
def test_values_of_no_integer_type_have_no_full_range(tmp_path, image):
    np.save(tmp_path / "a.npy", image)
    np.testing.assert_array_equal(read_image(tmp_path / "a.npy", full_range=True)[0], image)


def test_the_luminance_of_a_photograph_is_set_against_the_range_of_its_colours(tmp_path):
    from skimage.color import rgb2gray

    cv2.imwrite(str(tmp_path / "a.png"), bgr(RGB))
    read, _, _ = read_image(tmp_path / "a.png", colour="grey", full_range=True)
    np.testing.assert_allclose(read, rgb2gray(RGB), rtol=1e-5)


@pytest.mark.parametrize("axes", ["TYX", "CYX"])
def test_sequences_and_channels_that_the_workflow_writes_are_read_as_such(tmp_path, axes):
    write_image(tmp_path / "a.ome.tif", VOLUME, axes, (30.0, 31.5))
    read, found, pixel_size = read_image(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(read, VOLUME)
    assert (found, pixel_size) == (axes, (30, 31.5))


def test_what_the_workflow_writes_is_read_with_axes_and_pixel_size(tmp_path):
    write_image(tmp_path / "a.ome.tif", VOLUME, "ZYX", (120.0, 30.0, 31.5))
    read, axes, pixel_size = read_image(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(read, VOLUME)
    assert axes == "ZYX"
    assert pixel_size == pytest.approx((120, 30, 31.5))


def test_channels_of_an_ome_file_stay(tmp_path):
    write_image(tmp_path / "a.ome.tif", VOLUME, "CYX", (30.0, 30.0))
    _, axes, pixel_size = read_image(tmp_path / "a.ome.tif")
    assert (axes, pixel_size) == ("CYX", (30.0, 30.0))


@pytest.mark.parametrize(("unit", "nanometres"), [("\\u00B5m", 1000), ("micron", 1000), ("nm", 1)])
def test_the_pixel_size_of_an_imagej_file_is_read(tmp_path, unit, nanometres):
    metadata = {"axes": "ZYX", "unit": unit, "spacing": 0.5}
    tifffile.imwrite(tmp_path / "a.tif", VOLUME, imagej=True, resolution=(10, 20), metadata=metadata)
    _, axes, pixel_size = read_image(tmp_path / "a.tif")
    assert axes == "ZYX"
    assert pixel_size == pytest.approx((0.5 * nanometres, 0.05 * nanometres, 0.1 * nanometres))


def test_dots_an_inch_are_no_pixel_size(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, resolution=(72, 72), resolutionunit="INCH")
    assert read_image(tmp_path / "a.tif")[2] is None


def test_a_third_axis_without_a_name_is_z_and_axes_of_length_one_are_dropped(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", VOLUME, photometric="minisblack")
    np.save(tmp_path / "b.npy", VOLUME[None])
    for name in ("a.tif", "b.npy"):
        read, axes, _ = read_image(tmp_path / name)
        assert (read.shape, axes) == ((5, 12, 17), "ZYX")


def test_pages_of_16_bits_without_any_metadata_are_the_planes_of_a_volume(tmp_path):
    planes = RANDOM.integers(0, 65536, (6, 12, 17), dtype=np.uint16)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for plane in planes:
            file.write(plane, metadata=None, resolution=(72, 72), resolutionunit="INCH")
    read, axes, pixel_size = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(read, planes)
    assert (read.dtype, axes, pixel_size) == (np.float32, "ZYX", None)


@pytest.mark.parametrize("number", [13, 27])
def test_planes_written_one_by_one_are_a_volume(tmp_path, number):
    """tifffile describes each of them, and reads them as so many images."""
    planes = RANDOM.integers(0, 65536, (number, 12, 17), dtype=np.uint16)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for plane in planes:
            file.write(plane)
    read, axes, _ = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(read, planes)
    assert axes == "ZYX"


def test_a_smaller_image_behind_the_first_is_not_looked_at(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(GREY)
        file.write(GREY[::2, ::2])
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[0], GREY)


def test_an_lzw_volume_is_read_with_all_its_planes(tmp_path):
    planes = RANDOM.integers(0, 65536, (6, 12, 17), dtype=np.uint16)
    cv2.imwritemulti(str(tmp_path / "a.tif"), list(planes), [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    read, axes, _ = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(read, planes)
    assert axes == "ZYX"


def test_lzw_is_read_although_tifffile_alone_does_not(tmp_path):
    cv2.imwrite(str(tmp_path / "a.tif"), GREY, [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    cv2.imwrite(str(tmp_path / "b.tif"), bgr(RGB), [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[0], GREY)
    expected = RGB @ np.array([0.2125, 0.7154, 0.0721])
    np.testing.assert_allclose(read_image(tmp_path / "b.tif", colour="grey")[0], expected, rtol=1e-5)


# Bad images: each is a file, and the words that its one sentence has after the file's name.


def empty_file(path):
    path.write_bytes(b"")


def text(path):
    path.write_text("this is not an image")


def cut_png(path):
    path.write_bytes(cv2.imencode(".png", RANDOM.integers(0, 256, (64, 64), dtype=np.uint8))[1].tobytes()[:900])


def damaged_png(path):
    data = bytearray(cv2.imencode(".png", RANDOM.integers(0, 256, (64, 64), dtype=np.uint8))[1].tobytes())
    data[2000] ^= 0xFF
    path.write_bytes(data)


def cut_tiff(path):
    tifffile.imwrite(path, VOLUME, compression="zlib")
    path.write_bytes(path.read_bytes()[:1500])


def cut_plain_tiff(path):
    tifffile.imwrite(path, VOLUME)
    path.write_bytes(path.read_bytes()[:-900])


def cut_numpy(path):
    np.save(path, VOLUME)
    path.write_bytes(path.read_bytes()[:-100])


def pickled_numpy(path):
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


def numpy_archive(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.npy", b"")


def save(array):
    return lambda path: np.save(path, array)


def with_value(value):
    image = GREY.astype(np.float32)
    image[3, 4] = value
    return image


BAD = {
    "empty.png": (empty_file, "cannot be read as an image: it has 0 bytes"),
    "empty.tif": (empty_file, "cannot be read as an image: it has 0 bytes"),
    "text.png": (text, "cannot be read as an image: it is damaged, cut off or of another type"),
    "text.jpg": (text, "cannot be read as an image: it is damaged, cut off or of another type"),
    "text.tif": (text, "cannot be read as an image: not a TIFF file"),
    "text.npy": (text, "cannot be read as an image: "),
    "cut.png": (cut_png, "cannot be read as an image: it is damaged, cut off"),
    "damaged.png": (damaged_png, "cannot be read as an image: it is damaged"),
    "cut.tif": (cut_tiff, "cannot be read as an image: "),
    "cut_plain.tif": (cut_plain_tiff, "cannot be read as an image: "),
    "cut.npy": (cut_numpy, "cannot be read as an image: "),
    "pickled.npy": (pickled_numpy, "cannot be read as an image: Object arrays cannot be loaded"),
    "archive.npy": (numpy_archive, "cannot be read as an image: it is an archive of several arrays"),
    "notes.txt": (text, "is of an unknown type; known are .jpeg, .jpg, .npy, .png, .tif, .tiff"),
    "colour.png": (lambda path: cv2.imwrite(str(path), RGB), "is a colour image where a grey one is needed"),
    "colour.tif": (lambda path: tifffile.imwrite(path, RGB, photometric="rgb"), "is a colour image where a grey"),
    "nan.npy": (save(with_value(np.nan)), "has NaN or infinite values: 1 of its 204"),
    "infinite.npy": (save(with_value(-np.inf)), "has NaN or infinite values: 1 of its 204"),
    "nan.tif": (lambda path: tifffile.imwrite(path, with_value(np.nan)), "has NaN or infinite values: 1 of its 204"),
    "constant.png": (lambda path: cv2.imwrite(str(path), np.full((9, 9), 7, np.uint8)), "is constant: each .* is 7"),
    "zero.npy": (save(np.zeros((0, 12))), r"is zero-sized: its shape is \(0, 12\)"),
    "line.npy": (save(np.arange(9.0)), r"has axes that do not fit: its shape is \(9,\)"),
    "four.npy": (save(RANDOM.random((2, 3, 5, 7))), r"has axes that do not fit: its shape is \(2, 3, 5, 7\)"),
    "four.tif": (
        lambda path: tifffile.imwrite(path, RANDOM.random((2, 3, 5, 7)), photometric="minisblack"),
        r"has axes that do not fit: its shape is \(2, 3, 5, 7\)",
    ),
    "complex.npy": (save(GREY * 1j), "holds values of type complex128; real numbers are needed"),
    "words.npy": (save(np.array([["a", "b"]])), "holds values of type <U1; real numbers are needed"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_image_gives_one_sentence_with_its_name(tmp_path, name):
    make, message = BAD[name]
    path = tmp_path / name
    make(path)
    with pytest.raises(UserError, match=f"{name} {message}") as raised:
        read_image(path)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="absent.png is not there"):
        read_image(tmp_path / "absent.png")
