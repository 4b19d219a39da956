"""Checks of what a dataset says of the files that its images are in."""

from collections.abc import Iterator

from reconbench.config.datasets import Dataset
from reconbench.config.messages import unknown
from reconbench.config.sources import Fault, Location
from reconbench.datasets.raw_blocks import require_inside
from reconbench.datasets.registry import registry
from reconbench.errors import UserError


def of_files(at: Location, dataset: Dataset) -> Iterator[Fault]:
    """Find files where the source has none or not these, and two keys that each say what the images are made of."""
    said = [key for key in ("files", "film", "series", "field", "raw") if getattr(dataset, key) is not None]
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
    if dataset.raw is not None:
        yield from _of_one_file((*at, "raw"), dataset, "block of numbers", "file", dataset.raw.file)
        yield from _of_blocks((*at, "raw"), dataset)


def _of_one_file(at: Location, dataset: Dataset, what: str, key: str, file: str) -> Iterator[Fault]:
    """Find a file that the source cannot have."""
    if dataset.source not in ("registry", "folder"):
        yield at, f"a {what} is in a file, and the source '{dataset.source}' has none; take registry or folder"
    elif dataset.source == "registry":
        known = [entry.file for entry in registry().get(dataset.name or "", ())]
        if file not in known:
            yield (*at, key), unknown(f"file of '{dataset.name}' named", file, known)


def _of_blocks(at: Location, dataset: Dataset) -> Iterator[Fault]:
    """Find blocks that reach beyond the end of a file whose size the registry knows."""
    raw = dataset.raw.model_dump()
    known = registry().get(dataset.name or "", ()) if dataset.source == "registry" else ()
    for size in (entry.bytes for entry in known if entry.file == raw["file"]):
        for image in raw["images"]:
            try:
                require_inside(raw, image, raw["file"], size)
            except UserError as error:
                yield (*at, "images", image), str(error)
