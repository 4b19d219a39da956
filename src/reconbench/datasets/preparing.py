"""Make one split of a dataset: read or simulate, scale down, resize, crop, normalise, write."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from reconbench.catalogue import get_simulator
from reconbench.datasets.complex_fields import read_complex_field
from reconbench.datasets.films import read_frames
from reconbench.datasets.frames import frames, name_of_frame
from reconbench.datasets.raw_blocks import read_raw_block
from reconbench.datasets.reading import Colour, checked, read_image
from reconbench.datasets.resampling import averaged, resized
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
        series are, ``seconds`` when a frame of a film is shown.

    Raises
    ------
    UserError
        If an image is missing or bad; the message names its file.
    """
    if split == "train":
        # Training draws its own patches, anew at each step.
        definition = {**definition, "crop": None}
    folder = None if definition["source"] == "simulated" else _folder(definition, downloads, writer)
    address = (seed, "prepare", definition.get("name") or definition["source"], split)
    number, sources = _sources(definition, split, folder, address)
    pieces = number_of_pieces(definition, split, number)
    wanted = progress(range(min(number, pieces)), f"prepare {split}")
    for index, source in zip(wanted, sources, strict=False):
        source = _scaled_down(source, definition.get("downscale") or 1)
        source = _resized(source, definition.get("resize"))
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


def _sources(definition: dict, split: str, folder: Path | None, address: tuple) -> tuple[int, Iterator[Source]]:
    """Return how many images a split is made of, and give them one after the other."""
    if folder is None:
        number = simulated_number(definition, split)
        return number, (_simulated(definition, split, index, address) for index in range(number))
    if definition.get("film"):
        shown = frames(definition, split)
        return len(shown), _frames(definition, folder, shown)
    files = members(definition, candidates(definition))[split]
    return len(files), (_read(definition, folder, file) for file in files)


def _frames(definition: dict, folder: Path, shown: list[int]) -> Iterator[Source]:
    file, rate = definition["film"]["file"], definition["film"]["frames_per_second"]
    for frame, raw in zip(shown, read_frames(folder / file, shown, rate), strict=True):
        place = f"{folder / file} at {frame / rate:g} s"
        image, axes = checked(place, raw, "YXS", *_values(definition))
        source = Source(name_of_frame(file, frame), place, image, axes, None, {"seconds": f"{frame / rate:g}"})
        yield _with_pixel_size(source, definition.get("pixel_size"))


def _values(definition: dict) -> tuple[Colour, bool]:
    """Return what is done with colour, and whether values are set against the range of their type."""
    return definition.get("colour", "refuse"), definition.get("normalise") == "full_range"


def _read(definition: dict, folder: Path, file: str) -> Source:
    if definition.get("series"):
        image, distances = read_series(definition["series"], folder)
        notes = {"distances": " ".join(f"{distance:g}" for distance in distances)}
        source = Source(file, str(folder), image, "CYX"[-image.ndim :], None, notes)
        return _with_pixel_size(source, definition.get("pixel_size"))
    if definition.get("field"):
        source = Source(file, str(folder), read_complex_field(definition["field"], folder), "CYX", None)
        return _with_pixel_size(source, definition.get("pixel_size"))
    if definition.get("raw"):
        place = f"'{file}' in {folder / definition['raw']['file']}"
        block = read_raw_block(definition["raw"], file, folder)
        image, axes = checked(place, block, "ZYX"[-block.ndim :], *_values(definition))
        return _with_pixel_size(Source(file, place, image, axes, None), definition.get("pixel_size"))
    image, axes, pixel_size = read_image(folder / file, *_values(definition))
    source = Source(name_of(file, definition.get("files")), str(folder / file), image, axes, pixel_size)
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
    axes = getattr(simulator, "AXES", "C" * (image.ndim - spatial) + "ZYX"[-spatial:])
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
    """Average blocks of factor x factor pixels in y and x."""
    if factor == 1:
        return source
    if min(source.image.shape[-2:]) < factor:
        raise UserError(f"{source.place} has {source.image.shape[-2:]} pixels, too few to scale it down by {factor}")
    return _with_wider_pixels(source, averaged(source.image, factor), factor)


def _resized(source: Source, size: list[int] | None) -> Source:
    """Average the largest centred part that has the aspect of a size, (y, x), down to that size."""
    if size is None:
        return source
    shape = source.image.shape[-2:]
    if any(old < new for old, new in zip(shape, size, strict=True)):
        raise UserError(f"{source.place} has {shape} pixels, too few to resize it to {tuple(size)}")
    return _with_wider_pixels(source, *resized(source.image, size))


def _with_wider_pixels(source: Source, image: np.ndarray, factor: float) -> Source:
    pixel_size = source.pixel_size
    if pixel_size is not None:
        pixel_size = (*pixel_size[:-2], pixel_size[-2] * factor, pixel_size[-1] * factor)
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
