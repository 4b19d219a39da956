"""Preparing a split: read, scale down, crop, normalise, in this order and with addressed draws."""

import cv2
import numpy as np
import pytest
from prepared_images import SIMULATED, fault, folder, prepared, random_image, values

from reconbench.datasets.preparing import normalised
from reconbench.datasets.reading import read_image
from reconbench.datasets.simulators import micrographs, microtubules
from reconbench.datasets.splits import skimage_folder
from reconbench.randomness import generator


def test_a_whole_image_is_normalised_in_float32(tmp_path):
    definition = {"source": "skimage", "splits": {"test": ["camera"]}}
    image = prepared(tmp_path, definition)["camera"].load()
    raw = read_image(skimage_folder() / "camera.png")[0]
    np.testing.assert_array_equal(image, (raw - raw.min()) / (raw.max() - raw.min()))
    assert image.dtype == np.float32


def test_values_are_left_alone_when_asked(tmp_path):
    raw = random_image(9, 11)
    definition = folder(tmp_path, a=raw) | {"normalise": "none"}
    np.testing.assert_array_equal(prepared(tmp_path, definition)["a"].load(), raw)


def test_simulated_images_come_from_their_address(tmp_path):
    records = prepared(tmp_path, SIMULATED, seed=7)
    assert list(records) == ["micrographs_test_0000", "micrographs_test_0001", "micrographs_test_0002"]
    name = "micrographs_test_0001"
    draw = generator(7, "prepare", "micrographs", "test", name)
    expected = micrographs.simulate(draw, (32, 40), micrographs.Params())
    np.testing.assert_array_equal(records[name].load(), normalised(expected))
    assert records[name].notes["source"] == name


def test_splits_and_seeds_give_other_images(tmp_path):
    test = values(prepared(tmp_path, SIMULATED))
    validation = values(prepared(tmp_path, SIMULATED, "validation"))
    other = values(prepared(tmp_path, SIMULATED, seed=1))
    assert len({image.tobytes() for image in [*test, *validation, *other]}) == 8


def test_parameters_reach_the_simulator(tmp_path):
    bright = values(prepared(tmp_path, SIMULATED | {"parameters": {"dark_field": 0}}))
    dark = values(prepared(tmp_path, SIMULATED | {"parameters": {"dark_field": 1}}))
    assert np.mean(bright) > np.mean(dark) + 0.2


def test_scaling_down_averages_areas_before_anything_is_cropped_or_normalised(tmp_path):
    raw = random_image(9, 12)
    definition = folder(tmp_path, a=raw) | {"downscale": 2, "normalise": "none", "pixel_size": [3, 5]}
    record = prepared(tmp_path, definition)["a"]
    expected = (raw[0:8:2, 0::2] + raw[1:8:2, 0::2] + raw[0:8:2, 1::2] + raw[1:8:2, 1::2]) / 4
    np.testing.assert_allclose(record.load(), expected, rtol=1e-6)
    assert record.notes["pixel_size"] == "6x10"


def test_a_crop_is_a_piece_of_its_image_normalised_by_itself(tmp_path):
    raw = np.arange(20 * 30, dtype=np.float32).reshape(20, 30)
    crops = {"crop": {"size": [8, 9], "number": None}}
    piece = prepared(tmp_path, folder(tmp_path, a=raw) | crops | {"normalise": "none"})["a"].load()
    y, x = divmod(int(piece[0, 0]), 30)
    np.testing.assert_array_equal(piece, raw[y : y + 8, x : x + 9])
    scaled = prepared(tmp_path, folder(tmp_path, a=raw) | crops)["a"].load()
    np.testing.assert_array_equal(scaled, normalised(piece))
    assert (scaled.min(), scaled.max()) == (0, 1)


def test_more_crops_than_images_go_round_and_are_numbered(tmp_path):
    definition = folder(tmp_path, a=random_image(20, 20), b=random_image(20, 20, seed=1))
    records = prepared(tmp_path, definition | {"crop": {"size": [8, 8], "number": 5}})
    assert list(records) == ["a_000", "a_001", "a_002", "b_000", "b_001"]
    assert [record.notes["source"] for record in records.values()] == ["a", "a", "a", "b", "b"]
    assert len({image.tobytes() for image in values(records)}) == 5


def test_fewer_crops_than_images_take_the_first(tmp_path):
    definition = folder(tmp_path, a=random_image(20, 20), b=random_image(20, 20), c=random_image(20, 20))
    assert list(prepared(tmp_path, definition | {"crop": {"size": [8, 8], "number": 2}})) == ["a", "b"]


def test_crops_do_not_depend_on_the_other_images(tmp_path):
    crops = {"crop": {"size": [8, 8], "number": None}}
    both = prepared(tmp_path, folder(tmp_path, a=random_image(20, 20), b=random_image(20, 20)) | crops)
    expected = both["b"].load()
    alone = prepared(tmp_path, folder(tmp_path, splits={"test": ["b"]}) | crops)
    np.testing.assert_array_equal(alone["b"].load(), expected)


def test_a_crop_as_large_as_the_image_is_the_image(tmp_path):
    raw = random_image(8, 8)
    record = prepared(tmp_path, folder(tmp_path, a=raw) | {"crop": {"size": [8, 8], "number": None}})["a"]
    np.testing.assert_array_equal(record.load(), normalised(raw))


def test_a_constant_crop_is_drawn_again(tmp_path):
    raw = np.zeros((40, 40), np.float32)
    raw[:14, :14] = random_image(14, 14)
    definition = folder(tmp_path, a=raw) | {"crop": {"size": [8, 8], "number": 10}}
    assert all(record.load().max() == 1 for record in prepared(tmp_path, definition).values())


def test_volumes_are_cropped_in_two_or_three_axes(tmp_path):
    raw = random_image(6, 20, 20)
    flat = folder(tmp_path, a=raw) | {"crop": {"size": [8, 9], "number": None}}
    assert prepared(tmp_path, flat)["a"].shape == (6, 8, 9)
    record = prepared(tmp_path, flat | {"crop": {"size": [4, 8, 9], "number": None}})["a"]
    assert (record.shape, record.axes) == ((4, 8, 9), "ZYX")


def test_volumes_are_simulated_with_their_three_sizes_and_pixel_sizes(tmp_path):
    definition = {"source": "simulated", "name": "microtubules", "size": [16, 40, 48], "splits": {"test": 2}}
    records = prepared(tmp_path, definition | {"pixel_size": [406, 100, 101]}, seed=3)
    name = "microtubules_test_0001"
    draw = generator(3, "prepare", "microtubules", "test", name)
    expected = normalised(microtubules.simulate(draw, (16, 40, 48), microtubules.Params()))
    np.testing.assert_array_equal(records[name].load(), expected)
    assert (records[name].axes, records[name].pixel_size) == ("ZYX", (406, 100, 101))


def test_crops_of_a_simulated_volume_are_pieces_of_it(tmp_path):
    definition = {"source": "simulated", "name": "microtubules", "size": [16, 40, 48], "splits": {"test": 1}}
    whole = prepared(tmp_path, definition | {"normalise": "none"})["microtubules_test_0000"].load()
    crops = {"crop": {"size": [8, 16, 20], "number": 3}, "normalise": "none"}
    windows = np.lib.stride_tricks.sliding_window_view(whole, (8, 16, 20))
    found = set()
    for piece in values(prepared(tmp_path, definition | crops)):
        places = np.argwhere((windows == piece).all(axis=(3, 4, 5)))
        assert len(places) == 1
        found.add(tuple(places[0]))
    assert len(found) == 3
    assert len({z for z, _, _ in found}) > 1


def test_scaling_a_volume_down_leaves_its_planes(tmp_path):
    raw = random_image(5, 6, 9)
    definition = folder(tmp_path, a=raw) | {"downscale": 3, "normalise": "none", "pixel_size": [300, 50, 60]}
    record = prepared(tmp_path, definition)["a"]
    assert (record.shape, record.pixel_size) == ((5, 2, 3), (300, 150, 180))
    assert record.load()[4, 1, 2] == pytest.approx(raw[4, 3:6, 6:9].mean(), rel=1e-6)


def test_registered_images_are_read_from_where_they_were_fetched(tmp_path):
    definition = {"source": "registry", "name": "em_tem_lowdose", "splits": {"test": ["katsuno/0001.tif"]}}
    raw = (random_image(12, 12) * 100).astype(np.uint16)
    (tmp_path / "katsuno").mkdir()
    cv2.imwrite(str(tmp_path / "katsuno" / "0001.tif"), raw)
    record = prepared(tmp_path, definition, downloads=tmp_path)["katsuno_0001"]
    np.testing.assert_array_equal(record.load(), normalised(raw))
    assert record.notes["source"] == "katsuno_0001"


def test_an_image_is_resized_after_it_is_scaled_down_and_before_it_is_cropped(tmp_path):
    raw = random_image(40, 60)
    definition = folder(tmp_path, a=raw) | {
        "downscale": 2,
        "resize": [8, 16],
        "normalise": "none",
        "pixel_size": [4, 4],
    }
    record = prepared(tmp_path, definition)["a"]
    assert (record.shape, record.pixel_size) == ((8, 16), (15, 15))
    # 15 rows of the 20 that are left, from the middle of the third on.
    rows = raw.mean(axis=1).reshape(20, 2).mean(axis=1)
    expected = (rows[3:17].sum() + (rows[2] + rows[17]) / 2) / 15
    assert record.load().mean() == pytest.approx(expected, rel=1e-6)
    assert prepared(tmp_path, definition | {"crop": {"size": [8, 9], "number": None}})["a"].shape == (8, 9)


def test_an_image_is_not_enlarged(tmp_path):
    definition = folder(tmp_path, small=random_image(20, 63)) | {"resize": [16, 64]}
    fault(tmp_path, definition, r"small.npy has \(20, 63\) pixels, too few to resize it to \(16, 64\)")


def test_files_of_a_form_are_named_by_it(tmp_path):
    truths, seen = random_image(9, 9), random_image(9, 9, seed=1)
    definition = folder(tmp_path, one_truth=truths, one_seen=seen) | {"normalise": "none"}
    for kind, image in (("truth", truths), ("seen", seen)):
        record = prepared(tmp_path, definition | {"files": f"{{name}}_{kind}.npy"})["one"]
        np.testing.assert_array_equal(record.load(), image)


# What goes wrong.


def test_an_absent_folder_is_named_with_its_dataset(tmp_path):
    definition = {"source": "folder", "path": "not/there", "splits": {"test": 3}}
    fault(tmp_path, definition, "data/demo/test is made from the folder not/there, which is absent; docs/data.md")


def test_files_that_are_not_fetched_are_named(tmp_path):
    definition = {"source": "registry", "name": "em_sem_clean", "splits": {"test": 1}}
    fault(tmp_path, definition, "the files of 'em_sem_clean' are not fetched yet", downloads=tmp_path / "none")
    fault(tmp_path, definition, "axons_sem_1.png is not there", downloads=tmp_path)


def test_a_bad_image_is_named(tmp_path):
    raw = random_image(9, 9)
    raw[2, 2] = np.nan
    fault(tmp_path, folder(tmp_path, good=random_image(9, 9), wrong=raw), "wrong.npy has NaN or infinite values")


def test_colour_is_refused_or_made_grey(tmp_path):
    definition = {"source": "skimage", "splits": {"test": ["coffee"]}}
    fault(tmp_path, definition, "coffee.png is a colour image where a grey one is needed; .* set colour: grey")
    assert prepared(tmp_path, definition | {"colour": "grey"})["coffee"].shape == (400, 600)


def test_an_image_smaller_than_the_crop_is_named(tmp_path):
    definition = folder(tmp_path, small=random_image(9, 20)) | {"crop": {"size": [16, 16], "number": None}}
    fault(tmp_path, definition, r"small.npy is too small: its shape is \(9, 20\), and crops are \(16, 16\)")
    volume = definition | {"crop": {"size": [4, 8, 8], "number": None}}
    fault(tmp_path, volume, r"small.npy is too small: its shape is \(9, 20\), and crops are \(4, 8, 8\)")


def test_an_image_without_a_usable_crop_is_named(tmp_path):
    raw = np.zeros((400, 400), np.float32)
    raw[0, 0] = 1
    definition = folder(tmp_path, dot=raw) | {"crop": {"size": [8, 8], "number": None}}
    fault(tmp_path, definition, r"dot.npy gave no crop of \(8, 8\) that is not constant, in 50 tries")


def test_an_image_too_small_to_be_scaled_down_is_named(tmp_path):
    definition = folder(tmp_path, small=random_image(3, 20)) | {"downscale": 4}
    fault(tmp_path, definition, r"small.npy has \(3, 20\) pixels, too few to scale it down by 4")


def test_an_image_that_scaling_down_makes_constant_is_named(tmp_path):
    board = np.indices((8, 8)).sum(axis=0) % 2
    fault(tmp_path, folder(tmp_path, board=board) | {"downscale": 2}, "board.npy is constant: each .* is 0.5")


def test_a_pixel_size_with_another_number_of_axes_is_named(tmp_path):
    definition = folder(tmp_path, a=random_image(9, 9)) | {"pixel_size": [10, 10, 10]}
    fault(tmp_path, definition, "a.npy has 2 spatial axes, and pixel_size has 3 values")
    volume = folder(tmp_path, a=random_image(9, 9, 9)) | {"pixel_size": [10, 10]}
    fault(tmp_path, volume, "a.npy has 3 spatial axes, and pixel_size has 2 values")


def test_a_simulator_of_images_asked_for_volumes_says_so_and_the_reverse(tmp_path):
    fault(tmp_path, SIMULATED | {"size": [16, 64, 64]}, r"micrographs have a size \(y, x\)")
    fault(tmp_path, SIMULATED | {"name": "microtubules"}, r"microtubules have a size \(z, y, x\)")


def test_a_wrong_parameter_of_a_simulator_is_named(tmp_path):
    fault(tmp_path, SIMULATED | {"parameters": {"texture": 7}}, "'micrographs' refuses its parameter 'texture'")


def test_a_simulator_that_does_not_exist_gets_the_nearest_name(tmp_path):
    fault(tmp_path, SIMULATED | {"name": "micrograph"}, "there is no simulator 'micrograph'; .*'micrographs'")
