"""Images on disk: what is written is what is read, and what was altered is named."""

import numpy as np
import pytest
import tifffile

from reconbench.errors import UserError
from reconbench.images import ImageWriter, read_index


@pytest.fixture
def folder(tmp_path):
    generator = np.random.default_rng(0)
    with ImageWriter(tmp_path / "index.csv") as writer:
        writer.add("flat", generator.random((20, 30)), pixel_size=(100.0, 50.0), dose=83.25, source="a")
        writer.add("volume", generator.random((4, 20, 30)))
        writer.add("channels", generator.random((3, 20, 30)), axes="CYX", dose=1 / 3)
    return tmp_path


def test_images_come_back_with_axes_sizes_and_notes(folder):
    flat, volume, channels = read_index(folder / "index.csv")
    assert (flat.shape, flat.axes, flat.pixel_size, flat.notes["source"]) == ((20, 30), "YX", (100.0, 50.0), "a")
    assert flat.number("dose") == 83.25
    assert channels.number("dose") == 1 / 3
    assert volume.number("dose") is None
    assert (volume.axes, volume.pixels, channels.axes) == ("ZYX", 2400, "CYX")
    expected = np.random.default_rng(0).random((20, 30)).astype(np.float32)
    assert np.array_equal(flat.load(), expected)


def test_other_programs_read_them(folder):
    with tifffile.TiffFile(folder / "images" / "channels.ome.tif") as file:
        assert file.is_ome
        assert file.series[0].axes == "CYX"
        assert file.asarray().dtype == np.float32
    with tifffile.TiffFile(folder / "images" / "flat.ome.tif") as file:
        assert 'PhysicalSizeX="50.0"' in file.ome_metadata
        assert 'PhysicalSizeY="100.0"' in file.ome_metadata


def test_the_same_image_is_the_same_file(folder, tmp_path):
    with ImageWriter(tmp_path / "again.csv", "again") as writer:
        writer.add("flat", np.random.default_rng(0).random((20, 30)), pixel_size=(100.0, 50.0))
    assert (tmp_path / "again/flat.ome.tif").read_bytes() == (folder / "images/flat.ome.tif").read_bytes()


def test_a_missing_image_is_named(folder):
    (folder / "images/volume.ome.tif").unlink()
    with pytest.raises(UserError, match=r"volume\.ome\.tif is missing"):
        read_index(folder / "index.csv")[1].load()


def test_an_altered_image_is_named(folder):
    tifffile.imwrite(folder / "images/flat.ome.tif", np.zeros((20, 30), np.float32))
    with pytest.raises(UserError, match=r"flat\.ome\.tif was altered"):
        read_index(folder / "index.csv")[0].load()


def test_an_absent_index_is_named(tmp_path):
    with pytest.raises(UserError, match=r"index\.csv is missing"):
        read_index(tmp_path / "index.csv")


def test_no_index_is_written_where_writing_failed(tmp_path):
    with pytest.raises(RuntimeError), ImageWriter(tmp_path / "index.csv") as writer:
        writer.add("a", np.ones((4, 4)))
        raise RuntimeError
    assert not (tmp_path / "index.csv").exists()
