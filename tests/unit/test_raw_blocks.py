"""Images at known places of a file whose format is not read: pixels come back, a place beyond the end is named."""

import os
from pathlib import Path

import numpy as np
import pytest
from prepared_images import fault, prepared

from reconbench.config.loading import load
from reconbench.datasets.fetching import fetch
from reconbench.datasets.preparing import normalised
from reconbench.datasets.raw_blocks import read_raw_block
from reconbench.errors import UserError

HOME = Path(__file__).resolve().parents[2]
MIRROR = os.environ.get("RECONBENCH_MIRROR")
ORDERS = {"little": "<", "big": ">"}
TYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]
RANDOM = np.random.default_rng(0)


def numbers(type_, *shape):
    """Return random numbers: of integers, every byte is."""
    if "float" in type_:
        return RANDOM.normal(size=shape).astype(type_)
    limits = np.iinfo(type_)
    return RANDOM.integers(limits.min, limits.max, shape, dtype=type_, endpoint=True)


def raw(shape, type_="uint16", byte_order="little", **images):
    return {"file": "maps.bin", "shape": list(shape), "type": type_, "byte_order": byte_order, "images": images}


@pytest.mark.parametrize("byte_order", ["little", "big"])
@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("shape", [(5, 7), (3, 5, 7)])
def test_numbers_of_every_type_come_back(tmp_path, shape, type_, byte_order):
    """Two images with a header, a gap of odd length between them, and something behind."""
    first, second = numbers(type_, *shape), numbers(type_, *shape)
    stored = [image.astype(image.dtype.newbyteorder(ORDERS[byte_order])) for image in (first, second)]
    (tmp_path / "maps.bin").write_bytes(b"a head" + stored[0].tobytes() + b"gap" + stored[1].tobytes() + b"end")
    places = {"one": 6, "two": 9 + first.nbytes}
    for name, image in (("one", first), ("two", second)):
        np.testing.assert_array_equal(read_raw_block(raw(shape, type_, byte_order, **places), name, tmp_path), image)


def test_the_last_byte_of_a_file_may_be_the_last_of_an_image_and_no_further_one(tmp_path):
    image = numbers("uint16", 4, 6)
    (tmp_path / "maps.bin").write_bytes(b"head" + image.tobytes())
    np.testing.assert_array_equal(read_raw_block(raw((4, 6), a=4), "a", tmp_path), image)
    with pytest.raises(UserError) as raised:
        read_raw_block(raw((4, 6), a=4, b=5), "b", tmp_path)
    said = str(raised.value)
    assert f"the image 'b' in {tmp_path / 'maps.bin'} would take 48 bytes from byte 5 on, and the file has 52" in said
    assert "\n" not in said


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="maps.bin is not there"):
        read_raw_block(raw((4, 6), a=0), "a", tmp_path)


# As images of a dataset.


def of_folder(tmp_path, images, splits, **others):
    """Write images one behind the other, and return the dataset that they make."""
    (tmp_path / "mine").mkdir(exist_ok=True)
    (tmp_path / "mine" / "maps.bin").write_bytes(b"".join(image.tobytes() for image in images.values()))
    (first, *_) = images.values()
    places = {name: number * first.nbytes for number, name in enumerate(images)}
    return {
        "source": "folder",
        "path": str(tmp_path / "mine"),
        "splits": splits,
        "raw": raw(first.shape, str(first.dtype), **places),
        **others,
    }


def test_images_have_their_names_and_lie_in_the_splits_that_name_them(tmp_path):
    images = {name: numbers("uint16", 9, 11) for name in ("iron", "cobalt", "oxygen")}
    definition = of_folder(tmp_path, images, {"validation": ["oxygen"], "test": ["iron", "c*"]}, pixel_size=[2, 3])
    records = prepared(tmp_path, definition)
    assert list(records) == ["cobalt", "iron"]
    for name, record in records.items():
        assert (record.axes, record.pixel_size, record.notes["source"]) == ("YX", (2, 3), name)
        np.testing.assert_array_equal(record.load(), normalised(images[name]))
    assert list(prepared(tmp_path, definition, "validation")) == ["oxygen"]


def test_a_volume_is_one(tmp_path):
    images = {"a": numbers("uint8", 3, 9, 11)}
    record = prepared(tmp_path, of_folder(tmp_path, images, {"test": 1}, normalise="full_range"))["a"]
    assert record.axes == "ZYX"
    np.testing.assert_allclose(record.load(), images["a"] / 255, rtol=1e-6)


def test_files_of_the_registry_are_read_from_where_they_were_fetched(tmp_path):
    image = numbers("uint16", 9, 11)
    (tmp_path / "fused").mkdir()
    (tmp_path / "fused" / "Co3O4_Mn3O4.h5").write_bytes(image.tobytes())
    blocks = raw((9, 11), Co=0) | {"file": "fused/Co3O4_Mn3O4.h5"}
    definition = {"source": "registry", "name": "em_stem_atomic", "splits": {"test": ["Co"]}, "raw": blocks}
    np.testing.assert_array_equal(prepared(tmp_path, definition, downloads=tmp_path)["Co"].load(), normalised(image))


@pytest.mark.parametrize(
    "value, said", [(np.nan, "has NaN or infinite values: 99 of its 99"), (3.0, "is constant: each of its pixels is 3")]
)
def test_numbers_that_make_no_image_are_named(tmp_path, value, said):
    definition = of_folder(tmp_path, {"a": np.full((9, 11), value)}, {"test": ["a"]})
    fault(tmp_path, definition, f"'a' in .*maps.bin {said}")


# The elemental maps of the registry, as h5py 3.16 reads them: pixels that are not 0, the sum and the largest value.

NOT_EMPTY = {"HAADF": 160000, "Co": 8440, "Mn": 13378, "O": 10300}
SUMS_AND_LARGEST = {
    "HAADF": (3030216111352.0, 56363348.0),
    "Co": (47.97228255, 0.0370450243),
    "Mn": (90.83285886, 0.0458909161),
    "O": (228.5697976, 0.1281514615),
}


def elemental_maps():
    study = load({"scale": "paper", "studies": ["stem_denoising"]}, HOME, [HOME / "config.yaml"])
    return study.part("datasets")["stem_maps"]


@pytest.mark.skipif(not MIRROR, reason="the maps are absent: RECONBENCH_MIRROR names no mirror that holds them")
def test_the_maps_are_those_that_hdf5_finds_in_the_file(tmp_path):
    files = fetch("em_stem_atomic", tmp_path / "files", tmp_path / "partial", mirror=MIRROR)
    assert tmp_path / "files" / "fused" / "Co3O4_Mn3O4.h5" in files
    blocks = elemental_maps().raw.model_dump()
    found = {name: read_raw_block(blocks, name, tmp_path / "files") for name in blocks["images"]}
    assert {name: np.count_nonzero(image) for name, image in found.items()} == NOT_EMPTY
    for name, image in found.items():
        assert (image.sum(dtype=np.float64), image.max()) == pytest.approx(SUMS_AND_LARGEST[name], rel=1e-6)
