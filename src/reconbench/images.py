"""Images on disk: OME-TIFF files in a folder, and the index that says what should be in it."""

import csv
import hashlib
import math
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tifffile

from reconbench.errors import UserError

AXES = {1: "X", 2: "YX", 3: "ZYX"}
STRIP_BYTES = 1 << 18
COLUMNS = ("name", "file", "shape", "axes", "sha256")


@dataclass(frozen=True)
class ImageRecord:
    """One line of an index: an image, where it lies, and what was noted or drawn for it."""

    name: str
    path: Path
    shape: tuple[int, ...]
    axes: str
    sha256: str
    notes: dict[str, str] = field(default_factory=dict)

    def load(self) -> np.ndarray:
        """Read the image as float32, after checking that it is the one that was written.

        Raises
        ------
        UserError
            If the file is missing or its contents have changed.
        """
        if not self.path.is_file():
            raise UserError(
                f"{self.path} is missing, although the index beside it lists it; delete the index to remake it"
            )
        if sha256_of(self.path) != self.sha256:
            raise UserError(f"{self.path} was altered since it was made; delete the index beside it to remake it")
        return tifffile.imread(self.path).reshape(self.shape)

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        return math.prod(self.shape)

    @property
    def pixel_size(self) -> tuple[float, ...] | None:
        """The pixel size in nanometres, in the order of the spatial axes; None where it is not known."""
        noted = self.notes.get("pixel_size")
        return tuple(float(value) for value in noted.split("x")) if noted else None

    def number(self, key: str) -> float | None:
        """Return a noted number, None where nothing was noted."""
        value = self.notes.get(key, "")
        return float(value) if value else None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class ImageWriter:
    """Write images into the folder ``images`` beside an index, and the index at the end.

    Parameters
    ----------
    index : path-like
        The csv file to write, for instance ``.../test/index.csv``.
    folder : str
        Name of the folder beside it.

    Examples
    --------
    >>> with ImageWriter("results/small/data/demo/test/index.csv") as writer:  # doctest: +SKIP
    ...     writer.add("camera", image, dose=83.2)
    """

    def __init__(self, index: str | Path, folder: str = "images"):
        self.index = Path(index)
        self.folder = self.index.parent / folder
        self.lines: list[dict[str, str]] = []

    def __enter__(self) -> "ImageWriter":
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def add(
        self,
        name: str,
        image: np.ndarray,
        axes: str | None = None,
        pixel_size: tuple[float, ...] | None = None,
        **notes: float | str,
    ) -> None:
        """Write one image.

        Parameters
        ----------
        name : str
            Unique in its folder.
        image : ndarray
            Shape (y, x), (z, y, x), or with leading c or t; written as float32.
        axes : str, optional
            OME letters, for instance ``"CYX"``; by default YX or ZYX.
        pixel_size : tuple of float, optional
            Nanometres, for the trailing spatial axes.
        **notes
            Kept in the index, for instance the dose that was drawn.
        """
        image = np.ascontiguousarray(image, dtype=np.float32)
        axes = axes or AXES[image.ndim]
        path = self.folder / f"{name}.ome.tif"
        write_image(path, image, axes, pixel_size)
        size = {} if pixel_size is None else {"pixel_size": "x".join(f"{value:g}" for value in pixel_size)}
        self.lines.append(
            {
                "name": name,
                "file": f"{self.folder.name}/{path.name}",
                "shape": "x".join(map(str, image.shape)),
                "axes": axes,
                "sha256": sha256_of(path),
                **size,
                **{key: repr(float(value)) if isinstance(value, float) else str(value) for key, value in notes.items()},
            }
        )

    def __exit__(self, kind, error, traceback) -> None:
        if kind is None:
            columns = list(dict.fromkeys([*COLUMNS, *(key for line in self.lines for key in line)]))
            with open(self.index, "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
                writer.writeheader()
                writer.writerows(self.lines)


def write_image(path: Path, image: np.ndarray, axes: str, pixel_size: tuple[float, ...] | None = None) -> None:
    """Write one float32 OME-TIFF, compressed without predictor, with its axes and pixel size in nanometres."""
    # By default the identifier is drawn anew, and then the same pixels would never give the same file.
    identifier = uuid.uuid5(uuid.NAMESPACE_OID, hashlib.sha256(image.tobytes()).hexdigest())
    metadata: dict[str, object] = {"axes": axes, "UUID": f"urn:uuid:{identifier}"}
    for letter, size in zip(reversed(axes), reversed(pixel_size or ()), strict=False):
        metadata[f"PhysicalSize{letter}"] = size
        metadata[f"PhysicalSize{letter}Unit"] = "nm"
    height, width = image.shape[-2:]
    rows = max(1, STRIP_BYTES // (width * image.itemsize))
    tifffile.imwrite(
        path,
        (
            _compressed(page[row : row + rows])
            for page in image.reshape(-1, height, width)
            for row in range(0, height, rows)
        ),
        shape=image.shape,
        dtype=image.dtype,
        ome=True,
        photometric="minisblack",
        compression="zlib",
        predictor=False,
        rowsperstrip=rows,
        metadata=metadata,
    )


def _compressed(strip: np.ndarray) -> bytes:
    """Compress as zlib does, looking for runs alone.

    Longer matches are not found in floating-point images, and looking for them takes three times as long.
    """
    compressor = zlib.compressobj(level=1, strategy=zlib.Z_RLE)
    return compressor.compress(np.ascontiguousarray(strip)) + compressor.flush()


def read_index(index: str | Path) -> list[ImageRecord]:
    """Read an index.

    Raises
    ------
    UserError
        If the index is absent.
    """
    index = Path(index)
    if not index.is_file():
        raise UserError(f"{index} is missing: it lists the images of its folder and is made by the workflow")
    with open(index, newline="", encoding="utf-8") as file:
        return [_record(index.parent, line) for line in csv.DictReader(file)]


def _record(folder: Path, line: dict[str, str]) -> ImageRecord:
    shape = tuple(int(size) for size in line["shape"].split("x"))
    notes = {key: value for key, value in line.items() if key not in COLUMNS}
    return ImageRecord(line["name"], folder / line["file"], shape, line["axes"], line["sha256"], notes)


def shard(records: Sequence[ImageRecord], name: str) -> Sequence[ImageRecord]:
    """Return the images of a shard such as ``002-of-022``: every one is in exactly one, in order."""
    index, count = (int(part) for part in name.split("-of-"))
    bounds = [len(records) * i // count for i in range(count + 1)]
    return records[bounds[index - 1] : bounds[index]]
