"""The splits of the film that is at hand: no scene is in two of them, and seconds lie between."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from reconbench.config.sources import merged
from reconbench.datasets.fetching import fetch
from reconbench.datasets.films import read_frames
from reconbench.datasets.frames import frames

HOME = Path(__file__).resolve().parents[2]
MIRROR = os.environ.get("RECONBENCH_MIRROR")
pytestmark = pytest.mark.skipif(
    not MIRROR, reason="the film is absent: RECONBENCH_MIRROR names no mirror that holds it"
)

NAME = "film_big_buck_bunny"
RATE, SECONDS = 24, 30
# Mean difference between neighbouring frames, in grey values: 78 and more at a cut, 18 and less within a scene.
CUT = 40
SPLITS = ("train", "validation", "test")


def datasets():
    """Give every dataset made of the film: those of the studies at each scale, and that of the documentation."""
    written = re.findall(r"```yaml\n(.*?)```", (HOME / "docs/data.md").read_text(encoding="utf-8"), re.DOTALL)
    parts = [yaml.safe_load(text) for text in written]
    for path in sorted((HOME / "workflow/studies").glob("*.yaml")):
        study = yaml.safe_load(path.read_text(encoding="utf-8"))
        parts += [merged(study, changes) for changes in (study.get("scales") or {}).values()]
    return [
        dataset for part in parts for dataset in (part.get("datasets") or {}).values() if dataset.get("name") == NAME
    ]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    folder = tmp_path_factory.mktemp("film")
    (path,) = fetch(NAME, folder / "files", folder / "partial", mirror=MIRROR)
    return path


@pytest.fixture(scope="module")
def small(film):
    """Every frame with fewer pixels."""
    return np.stack([frame[::6, ::6] for frame in read_frames(film, range(RATE * SECONDS), RATE)]).astype(np.int16)


@pytest.fixture(scope="module")
def cuts(small):
    """The times at which a scene begins, in seconds."""
    return (np.flatnonzero(np.abs(np.diff(small, axis=0)).mean(axis=(1, 2, 3)) > CUT) + 1) / RATE


def test_the_film_has_the_cuts_that_the_documentation_tells(cuts):
    assert cuts == pytest.approx([11.875, 15.750, 23.042], abs=0.001)
    assert "11.875, 15.750 and 23.042 seconds" in (HOME / "docs/data.md").read_text(encoding="utf-8")


def test_no_scene_is_in_two_splits_and_two_seconds_lie_between(cuts):
    found = datasets()
    assert found
    for dataset in found:
        times = {split: np.array(frames(dataset, split)) / dataset["film"]["frames_per_second"] for split in SPLITS}
        scenes = [set(np.searchsorted(cuts, times[split], side="right")) for split in SPLITS]
        assert sum(map(len, scenes)) == len(set.union(*scenes)), f"{dataset['splits']}: the scenes are {scenes}"
        for one, other in (("train", "validation"), ("validation", "test"), ("train", "test")):
            if len(times[one]) and len(times[other]):
                assert np.abs(times[one][:, None] - times[other]).min() >= 2


def test_every_frame_that_is_used_shows_something(small):
    for dataset in datasets():
        rate = dataset["film"]["frames_per_second"]
        for split in SPLITS:
            shown = small[[int(frame * RATE / rate) for frame in frames(dataset, split)]]
            assert all(frame.mean() > 50 and frame.std() > 20 for frame in shown)
