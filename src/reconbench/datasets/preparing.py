"""Make one split of a dataset: read or simulate, scale down, crop, normalise, write."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from reconbench.catalogue import get_simulator
from reconbench.datasets.reading import read_image
from reconbench.datasets.series import read_series
from reconbench.datasets.splits import (
    candidates,
    members,
    name_of,
    number_of_pieces,
    simulated_number,
    skimage_folder,
)
from reconbench.errors import UserError
from reconbench.images import ImageWriter
from reconbench.progress import progress
from reconbench.randomness import generator

TRIES = 50


@dataclass(frozen=True)
class Source:
    """An image that a split is made of.

    Attributes
    ----------
    name : str
    place : str
        What a message calls it: its file.
    image : ndarray of float32
        Shape as `axes` says.
    axes : str
        OME letters.
    pixel_size : tuple of float or None
        Nanometres, of the spatial axes.
    notes : dict
        What the index is to say of it.
    """

    name: str
    place: str
    image: np.ndarray
    axes: str
    pixel_size: tuple[float, ...] | None
    notes: dict[str, str] = field(default_factory=dict)


def prepare(definition: dict, split: str, seed: int, downloads: Path | None, writer: ImageWriter) -> None:
    """Write the images of one split.

    Parameters
    ----------
    definition : dict
        The dataset, as the configuration has it.
    split : {"train", "validation", "test"}
    seed : int
        Of the whole run.
    downloads : Path or None
        The folder with the files of the registry's dataset, as `fetch` left it; None for other sources.
    writer : ImageWriter
        Takes the images; the column ``source`` names what each was made from, ``distances`` where the planes of a
        series are.

    Raises
    ------
    UserError
        If an image is missing or bad; the message names its file.
    """
    if split == "train":
        # Training draws its own patches, anew at each step.
        definition = {**definition, "crop": None}
    folder = None if definition["source"] == "simulated" else _folder(definition, downloads, writer)
    files = [] if folder is None else members(definition, candidates(definition))[split]
    number = simulated_number(definition, split) if folder is None else len(files)
    pieces = number_of_pieces(definition, split, number)
    address = (seed, "prepare", definition.get("name") or definition["source"], split)
    for index in progress(range(min(number, pieces)), f"prepare {split}"):
        if folder is None:
            source = _simulated(definition, split, index, address)
        else:
            source = _read(definition, folder, files[index])
        source = _scaled_down(source, definition.get("downscale") or 1)
        for crop in range(index, pieces, number):
            name = source.name if pieces <= number else f"{source.name}_{crop // number:03d}"
            image = _cropped(source, definition, (*address, name))
            if image.min() == image.max():
                raise UserError(
                    f"{source.place} is constant: each of its pixels is {image.min():g} once it is prepared"
                )
            if definition.get("normalise", "min_max") == "min_max":
                image = normalised(image)
            writer.add(name, image, source.axes, source.pixel_size, source=source.name, **source.notes)


def normalised(image: np.ndarray) -> np.ndarray:
    """Return (g - min) / (max - min) in float32, for an image of any shape that is not constant."""
    image = np.asarray(image, dtype=np.float32)
    low, high = image.min(), image.max()
    return (image - low) / (high - low)


def _folder(definition: dict, downloads: Path | None, writer: ImageWriter) -> Path:
    """Return the folder that the files of a dataset are in."""
    if definition["source"] == "skimage":
        return skimage_folder()
    if definition["source"] == "registry":
        if downloads is None or not downloads.is_dir():
            raise UserError(f"the files of '{definition['name']}' are not fetched yet: there is no folder {downloads}")
        return downloads
    folder = Path(definition["path"])
    if not folder.is_dir():
        raise UserError(
            f"{writer.index.parent} is made from the folder {folder}, which is absent; "
            "docs/data.md says where data come from that no program can fetch"
        )
    return folder


def _read(definition: dict, folder: Path, file: str) -> Source:
    if definition.get("series"):
        image, distances = read_series(definition["series"], folder)
        notes = {"distances": " ".join(f"{distance:g}" for distance in distances)}
        source = Source(file, str(folder), image, "CYX"[-image.ndim :], None, notes)
        return _with_pixel_size(source, definition.get("pixel_size"))
    image, axes, pixel_size = read_image(folder / file, definition.get("colour", "refuse"))
    source = Source(name_of(file), str(folder / file), image, axes, pixel_size)
    return _with_pixel_size(source, definition.get("pixel_size"))


def _simulated(definition: dict, split: str, index: int, address: tuple) -> Source:
    simulator = get_simulator(definition["name"])
    try:
        params = simulator.Params.model_validate(definition.get("parameters") or {})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise UserError(
            f"the simulator '{definition['name']}' refuses its parameter '{key}': {first['msg']}"
        ) from error
    name = f"{definition['name']}_{split}_{index:04d}"
    image = simulator.simulate(generator(*address, name), tuple(definition["size"]), params)
    spatial = len(definition["size"])
    axes = "C" * (image.ndim - spatial) + "ZYX"[-spatial:]
    source = Source(name, name, image, axes, None)
    return _with_pixel_size(source, definition.get("pixel_size"))


def _with_pixel_size(source: Source, pixel_size: list[float] | None) -> Source:
    """Give an image the pixel size that the definition states, which overrides the file's."""
    if pixel_size is None:
        return source
    spatial = sum(letter in "ZYX" for letter in source.axes)
    if len(pixel_size) != spatial:
        raise UserError(f"{source.place} has {spatial} spatial axes, and pixel_size has {len(pixel_size)} values")
    return replace(source, pixel_size=tuple(float(size) for size in pixel_size))


def _scaled_down(source: Source, factor: int) -> Source:
    """Average blocks of factor x factor pixels in y and x; a remainder at the far edges is cut off."""
    if factor == 1:
        return source
    height, width = (size // factor for size in source.image.shape[-2:])
    if height == 0 or width == 0:
        raise UserError(f"{source.place} has {source.image.shape[-2:]} pixels, too few to scale it down by {factor}")
    even = source.image[..., : height * factor, : width * factor]
    blocks = even.reshape(*even.shape[:-2], height, factor, width, factor)
    pixel_size = source.pixel_size
    if pixel_size is not None:
        pixel_size = (*pixel_size[:-2], pixel_size[-2] * factor, pixel_size[-1] * factor)
    image = blocks.mean(axis=(-3, -1), dtype=np.float32)
    return replace(source, image=image, pixel_size=pixel_size)


def _cropped(source: Source, definition: dict, address: tuple) -> np.ndarray:
    """Cut a piece at a random place, the whole image where no crop is asked for."""
    if not definition.get("crop"):
        return source.image
    size = definition["crop"]["size"]
    shape = source.image.shape[-len(size) :]
    if len(shape) < len(size) or any(asked > there for asked, there in zip(size, shape, strict=True)):
        raise UserError(f"{source.place} is too small: its shape is {source.image.shape}, and crops are {tuple(size)}")
    for piece in _pieces(source.image, size, address):
        if piece.min() < piece.max():
            return piece
    raise UserError(f"{source.place} gave no crop of {tuple(size)} that is not constant, in {TRIES} tries")


def _pieces(image: np.ndarray, size: list[int], address: tuple) -> Iterator[np.ndarray]:
    """Draw pieces of the trailing axes, each from its own address."""
    room = np.subtract(image.shape[-len(size) :], size)
    for attempt in range(TRIES):
        corner = generator(*address, attempt).integers(0, room, endpoint=True)
        yield image[(..., *(slice(low, low + length) for low, length in zip(corner, size, strict=True)))]
