"""Splits: a source lies in one of them, and how many images each has is known without opening one."""

import subprocess
import sys
from pathlib import Path

import pytest

from reconbench.datasets.splits import (
    candidates,
    check_splits,
    image_files,
    members,
    name_of,
    number_of_images,
    own_files,
    skimage_folder,
)
from reconbench.errors import UserError

FILES = ["e.png", "b.tif", "day/a.png", "day/c.png", "d.ome.tif"]


def divided(candidates=FILES, **splits):
    found = members({"splits": splits}, candidates)
    return [found["train"], found["validation"], found["test"]]


def test_a_name_is_the_stem_with_the_folders_in_front():
    assert [name_of(file) for file in ("a.png", "d.ome.tif", "x/y/a.tif", "v1.5.png")] == ["a", "d", "x_y_a", "v1.5"]


def test_numbers_take_the_next_of_the_sorted_names():
    assert divided(train=2, validation=1, test=1) == [["b.tif", "d.ome.tif"], ["day/a.png"], ["day/c.png"]]


def test_a_list_takes_names_stems_files_paths_and_patterns():
    assert divided(train=["day/*"], validation=["d"], test=["b.tif", "e"]) == [
        ["day/a.png", "day/c.png"],
        ["d.ome.tif"],
        ["b.tif", "e.png"],
    ]
    assert divided(test=["a", "day_c"]) == [[], [], ["day/a.png", "day/c.png"]]


def test_numbers_take_only_what_no_list_takes():
    assert divided(train=2, validation=["b"], test=[]) == [["d.ome.tif", "day/a.png"], ["b.tif"], []]


def test_a_name_with_brackets_is_itself():
    assert divided(["plot[1].png", "plot1.png"], test=["plot[1]"])[2] == ["plot1.png", "plot[1].png"]


def test_a_source_in_two_splits_is_refused():
    with pytest.raises(UserError, match="'b' is in two splits, train and test: a source may lie in one split only"):
        divided(train=["b*"], test=["b.tif"])


def test_a_pattern_that_matches_nothing_gets_the_nearest_name():
    with pytest.raises(UserError, match="'day_aa' of the split 'test' matches no image; the nearest name is 'day_a'"):
        divided(test=["day_aa"])
    with pytest.raises(UserError, match="matches no image; there is none at all"):
        divided([], test=["*"])


def test_more_images_than_there_are_is_refused():
    with pytest.raises(UserError, match="the split 'test' wants 4 images, and 3 of 5 are left"):
        divided(train=2, test=4)


def test_two_files_of_one_name_are_refused():
    with pytest.raises(UserError, match="a.tif and a.png have one name, 'a': rename or remove one of them"):
        divided(["a.tif", "a.png"], test=1)
    with pytest.raises(UserError, match="day_a.png and day/a.png have one name, 'day_a'"):
        divided(["day_a.png", "day/a.png"], test=1)


def folder_of(tmp_path, *files):
    for file in files:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return {"source": "folder", "path": str(tmp_path)}


def test_a_folder_is_listed_without_hidden_and_other_files(tmp_path):
    files = ("b.PNG", "a/x.tif", ".hidden.png", ".cache/y.png", "notes.txt", "c.npy")
    definition = folder_of(tmp_path, *files) | {"splits": {"train": 1, "test": ["x", "c"]}}
    assert image_files(tmp_path) == ["a/x.tif", "b.PNG", "c.npy"]
    assert [number_of_images(definition, split) for split in ("train", "validation", "test")] == [1, 0, 2]


def test_estimates_beside_images_are_none_of_them(tmp_path):
    folder_of(tmp_path, "a.tif", "a_restored.ome.tif", "b_restored.tif")
    assert image_files(tmp_path) == ["a.tif", "b_restored.tif"]


def test_own_files_are_those_that_images_come_from(tmp_path):
    plain = folder_of(tmp_path, "a.tif", "b/c.png", "film.mp4", "reference.png", "waves.zip", "notes.txt")
    assert [str(file.relative_to(tmp_path)) for file in own_files(plain)] == ["a.tif", "b/c.png", "reference.png"]
    for definition, expected in (
        ({"film": {"file": "film.mp4"}}, ["film.mp4"]),
        ({"raw": {"file": "notes.txt", "images": {"x": 0}}}, ["notes.txt"]),
        ({"field": {"archive": "waves.zip"}}, ["waves.zip"]),
        ({"series": {"planes": {"a.tif": 0.0, "no.tif": 1.0}, "reference": "b/c.png"}}, ["a.tif", "b/c.png"]),
        ({"files": "b/{name}.png"}, ["b/c.png"]),
    ):
        assert own_files({**plain, **definition}) == [tmp_path / file for file in expected]
    assert own_files({"source": "folder", "path": "not/there"}) == []
    assert own_files({"source": "skimage"}) == own_files({"source": "registry", "name": "ssi_benchmark_2d"}) == []


def test_of_an_absent_folder_nothing_is_known_and_that_is_no_fault():
    definition = {"source": "folder", "path": "not/there", "splits": {"test": 3}}
    assert candidates(definition) is None
    assert number_of_images(definition, "test") is None
    check_splits(definition)


def test_the_registry_tells_how_many_images_there_are():
    definition = {"source": "registry", "name": "ssi_benchmark_2d", "splits": {"validation": 4, "test": ["*ce*"]}}
    assert [number_of_images(definition, split) for split in ("validation", "test")] == [4, 2]
    # The registry's elemental maps are HDF5, which is no image file.
    assert len(candidates({"source": "registry", "name": "em_stem_atomic"})) == 3


def test_scikit_image_is_listed_and_what_it_would_have_to_download_is_refused():
    assert (skimage_folder() / "camera.png").is_file()
    definition = {"source": "skimage", "splits": {"test": ["camera.png", "moon"]}}
    assert number_of_images(definition, "test") == 2
    with pytest.raises(
        UserError, match="'cells3d' of the split 'test' matches no image; .* there are .*camera, .*moon"
    ):
        number_of_images({"source": "skimage", "splits": {"test": ["cells3d"]}}, "test")


def test_simulated_images_are_as_many_as_asked_for():
    definition = {"source": "simulated", "name": "micrographs", "splits": {"test": 24}}
    assert [number_of_images(definition, split) for split in ("train", "test")] == [0, 24]
    with pytest.raises(UserError, match="the split 'test' of simulated images lists names; give a number"):
        check_splits(definition | {"splits": {"test": ["a"]}})


def test_crops_of_the_test_split_are_as_many_as_asked_for():
    definition = {"source": "skimage", "splits": {"validation": ["coins"], "test": ["camera", "moon"]}}
    crop = {"size": [64, 64], "number": 5}
    assert number_of_images(definition | {"crop": crop}, "test") == 5
    assert number_of_images(definition | {"crop": crop}, "validation") == 1
    assert number_of_images(definition | {"crop": crop | {"number": None}}, "test") == 2
    assert number_of_images(definition | {"crop": crop}, "train") == 0


def test_nothing_heavy_is_imported():
    program = "import sys, reconbench.datasets.splits; print({'numpy', 'skimage', 'pooch', 'cv2'} & set(sys.modules))"
    source = Path(__file__).parents[2] / "src"
    run = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(source)}, capture_output=True, text=True
    )
    assert run.stdout.strip() == "set()", run.stderr


# Some of the files, and films.

PAIRS = ["1/001_screen.png", "1/001_seen.png", "1/002_screen.png", "2/001_screen.png", "notes_screen.tif"]


def test_a_form_of_files_gives_their_names():
    assert name_of("lensed/im43.npy", "lensed/{name}.npy") == "im43"
    assert name_of("1/001_screen.png", "{name}_screen.png") == "1_001"
    assert name_of("cell.ome.tif", "{name}") == "cell.ome.tif"


def test_only_files_of_the_form_take_part(tmp_path):
    for file in [*PAIRS, "_screen.png"]:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    definition = {
        "source": "folder",
        "path": str(tmp_path),
        "files": "{name}_screen.png",
        "splits": {"test": ["1_001", "1_002"]},
    }
    files = candidates(definition)
    assert files == ["1/001_screen.png", "1/002_screen.png", "2/001_screen.png"]
    assert members(definition, files)["test"] == ["1/001_screen.png", "1/002_screen.png"]
    assert number_of_images(definition, "test") == 2


def test_truths_and_measurements_of_the_registry_have_the_same_names():
    pairs = {
        kind: {
            "source": "registry",
            "name": "diffuse_lensless_pairs",
            "files": f"{kind}/{{name}}.npy",
            "splits": {"train": 3, "validation": ["im43"], "test": ["im65"]},
        }
        for kind in ("lensed", "diffuser")
    }
    found = {kind: members(definition, candidates(definition)) for kind, definition in pairs.items()}
    assert found["lensed"] == {
        "train": ["lensed/im157.npy", "lensed/im189.npy", "lensed/im326.npy"],
        "validation": ["lensed/im43.npy"],
        "test": ["lensed/im65.npy"],
    }
    for split, files in found["diffuser"].items():
        assert [file.replace("diffuser", "lensed") for file in files] == found["lensed"][split]


def test_a_form_that_no_file_has_leaves_none():
    definition = {"source": "registry", "name": "diffuse_lensless_pairs", "files": "raw/{name}.npy"}
    with pytest.raises(UserError, match="wants 1 images, and 0 of 0 are left"):
        number_of_images({**definition, "splits": {"test": 1}}, "test")


def test_the_number_of_frames_is_known_without_the_film():
    film = {"file": "absent.mp4", "frames_per_second": 2}
    definition = {
        "source": "folder",
        "path": "not/there",
        "film": film,
        "splits": {"train": ["2-11.8"], "test": ["15-20"]},
    }
    assert [number_of_images(definition, split) for split in ("train", "validation", "test")] == [20, 0, 10]
    assert number_of_images({**definition, "crop": {"size": [8, 8], "number": 7}}, "test") == 7
    with pytest.raises(UserError, match="less than 2 seconds apart"):
        check_splits({**definition, "splits": {"train": ["2-14"], "test": ["15-20"]}})
