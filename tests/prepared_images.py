"""Images that are prepared in a temporary folder, and made-up ones to prepare."""

import numpy as np
import pytest

from reconbench.datasets.preparing import prepare
from reconbench.datasets.splits import number_of_images
from reconbench.errors import UserError
from reconbench.images import ImageWriter, read_index

SIMULATED = {"source": "simulated", "name": "micrographs", "size": [32, 40], "splits": {"validation": 2, "test": 3}}


def prepared(tmp_path, definition, split="test", seed=0, downloads=None):
    """Prepare a split and return its records by name, after checking that as many came as were announced."""
    index = tmp_path / "data" / "demo" / split / "index.csv"
    with ImageWriter(index) as writer:
        prepare(definition, split, seed, downloads, writer)
    records = read_index(index)
    assert len(records) == number_of_images(definition, split)
    return {record.name: record for record in records}


def values(records):
    return [record.load() for record in records.values()]


def folder(tmp_path, splits=None, **images):
    place = tmp_path / "mine"
    place.mkdir(exist_ok=True)
    for name, image in images.items():
        np.save(place / f"{name}.npy", image)
    return {"source": "folder", "path": str(place), "splits": splits or {"test": ["*"]}}


def random_image(*shape, seed=0):
    return np.random.default_rng(seed).random(shape).astype(np.float32) * 100 + 5


def fault(tmp_path, definition, message, **options):
    with pytest.raises(UserError, match=message) as raised:
        prepared(tmp_path, definition, **options)
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.rglob("index.csv"))
