"""Checks of what a dataset says of the files that its images are in."""

from collections.abc import Iterator

from reconbench.config.datasets import Dataset
from reconbench.config.messages import unknown
from reconbench.config.sources import Fault, Location
from reconbench.datasets.registry import registry


def of_files(at: Location, dataset: Dataset) -> Iterator[Fault]:
    """Find files where the source has none or not these, and two keys that each say what the images are made of."""
    said = [key for key in ("files", "film", "series", "field") if getattr(dataset, key) is not None]
    if len(said) > 1:
        yield (*at, said[0]), f"`{'` and `'.join(said)}` each say what the images are made of; keep one of them"
    if dataset.files is not None and dataset.source == "simulated":
        yield (*at, "files"), "simulated images are made of no files; leave this out"
    if dataset.film is not None:
        yield from _of_one_file((*at, "film"), dataset, "film", "file", dataset.film.file)
    if dataset.field is not None:
        yield from _of_one_file((*at, "field"), dataset, "complex field", "archive", dataset.field.archive)
        if dataset.normalise != "none":
            yield (*at, "field"), "a complex field has its own range; say `normalise: none`"


def _of_one_file(at: Location, dataset: Dataset, what: str, key: str, file: str) -> Iterator[Fault]:
    """Find a file that the source cannot have."""
    if dataset.source not in ("registry", "folder"):
        yield at, f"a {what} is in a file, and the source '{dataset.source}' has none; take registry or folder"
    elif dataset.source == "registry":
        known = [entry.file for entry in registry().get(dataset.name or "", ())]
        if file not in known:
            yield (*at, key), unknown(f"file of '{dataset.name}' named", file, known)
