"""Read a user's image, and refuse a bad one in one sentence that names its file."""

import logging
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np

from reconbench.datasets.splits import SUFFIXES
from reconbench.errors import UserError

Colour = Literal["refuse", "grey", "keep"]

# CCIR 709, as skimage.color.rgb2gray
LUMINANCE = np.array([0.2125, 0.7154, 0.0721])
NANOMETRES = {"pm": 1e-3, "Å": 0.1, "angstrom": 0.1, "nm": 1.0, "µm": 1e3, "um": 1e3, "micron": 1e3}
NANOMETRES |= {"microns": 1e3, "mm": 1e6, "cm": 1e7, "m": 1e9}
# What the readers raise on files that are damaged, cut off or something else than their name says.
DAMAGED = (OSError, ValueError, LookupError, TypeError, RuntimeError, EOFError, struct.error, zlib.error)


def read_image(
    path: str | Path, colour: Colour = "refuse", full_range: bool = False
) -> tuple[np.ndarray, str, tuple[float, ...] | None]:
    """Read an image and check it.

    Of a TIFF file the first series is read, with the axes that OME or ImageJ metadata give; without such, a third
    axis is z, and pages of one shape are its planes. The last axis of a NumPy array of three is colour where it has 3
    or 4 entries. Axes of length 1 are dropped, and so is an alpha channel. Three equal colour channels become one, and
    one becomes three where colour is kept.

    Parameters
    ----------
    path : path-like
        A .tif, .tiff, .png, .jpg, .jpeg or .npy file.
    colour : {"refuse", "grey", "keep"}
        What is done with an image whose colour channels differ: an error, luminance (as in scikit-image), or three
        channels, which every image then has.
    full_range : bool
        Divide integers by the largest value of their type, 255 or 65535 for instance. Other values stay as they are.

    Returns
    -------
    image : ndarray of float32
        Shape (y, x) or (z, y, x), with t or c in front where the file says so; (c, y, x) where colour is kept.
    axes : str
        OME letters, for instance ``"ZYX"``.
    pixel_size : tuple of float or None
        Nanometres, for the spatial axes in their order, where the file says it.

    Raises
    ------
    UserError
        If it cannot be read or used.
    """
    path = Path(path)
    raw, axes, sizes = _read(path)
    image, axes = checked(str(path), raw, axes, colour, full_range)
    spatial = [letter for letter in axes if letter in "ZYX"]
    known = all(letter in sizes for letter in spatial)
    return image, axes, tuple(sizes[letter] for letter in spatial) if known else None


def checked(place: str, raw: np.ndarray, axes: str, colour: Colour, full_range: bool) -> tuple[np.ndarray, str]:
    """Check what a file holds, and settle its colour, its axes and its values.

    Parameters
    ----------
    place : str
        What a message calls it.
    raw : ndarray
    axes : str
        OME letters, S for colour channels, Q for unknown.
    colour, full_range
        As for `read_image`.

    Returns
    -------
    image : ndarray of float32
    axes : str
        OME letters.

    Raises
    ------
    UserError
        If it cannot be used.
    """
    if 0 in raw.shape:
        raise UserError(f"{place} is zero-sized: its shape is {raw.shape}")
    if raw.dtype.kind not in "buif":
        raise UserError(f"{place} holds values of type {raw.dtype}; real numbers are needed")
    image, axes = _settled(place, *_without_colour(place, raw, axes, colour))
    if colour == "keep":
        image, axes = _with_three_channels(place, image, axes)
    if full_range and raw.dtype.kind in "iu":
        image = image / np.iinfo(raw.dtype).max
    image = np.ascontiguousarray(image, dtype=np.float32)
    if not np.isfinite(image).all():
        count = int(image.size - np.isfinite(image).sum())
        raise UserError(f"{place} has NaN or infinite values: {count} of its {image.size}")
    if image.min() == image.max():
        raise UserError(f"{place} is constant: each of its pixels is {image.min():g}")
    return image, axes


def _read(path: Path) -> tuple[np.ndarray, str, dict[str, float]]:
    """Return array, axes (S for colour channels, Q for unknown) and pixel sizes by axis."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"{path} is of an unknown type; known are {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise UserError(f"{path} is not there")
    try:
        if path.stat().st_size == 0:
            raise ValueError("it has 0 bytes")
        if suffix in (".tif", ".tiff"):
            return _read_tiff(path)
        array = _read_numpy(path) if suffix == ".npy" else _decode(path)[0]
    except DAMAGED as error:
        raise UserError(f"{path} cannot be read as an image: {error}") from error
    colour = array.ndim == 3 and (suffix != ".npy" or array.shape[2] in (3, 4))
    return array, "YXS" if colour else "Q" * max(array.ndim - 2, 0) + "YX"[: array.ndim], {}


def _read_numpy(path: Path) -> np.ndarray:
    array = np.load(path, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise ValueError("it is an archive of several arrays")
    return array


def _decode(path: Path) -> list[np.ndarray]:
    """Read the pages of a file by OpenCV: (y, x) or (y, x, channel) in the order red, green, blue, alpha."""
    import cv2

    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # its messages name no file
    try:
        _, pages = cv2.imdecodemulti(np.fromfile(path, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ValueError("it is damaged") from error
    finally:
        cv2.utils.logging.setLogLevel(level)
    if not pages:
        raise ValueError("it is damaged, cut off or of another type than its name says")
    return [page if page.ndim == 2 else page[..., [2, 1, 0, *range(3, page.shape[2])]] for page in pages]


def _read_tiff(path: Path) -> tuple[np.ndarray, str, dict[str, float]]:
    import tifffile

    with _complaints("tifffile") as complaints, tifffile.TiffFile(path) as file:
        # Of a file that is cut off between pages tifffile reads the first ones, and only logs it.
        if not file.series or any("page offset" in complaint for complaint in complaints):
            raise ValueError("it is damaged or cut off")
        return *_tiff_image(path, file), _pixel_sizes(file)


def _tiff_image(path: Path, file) -> tuple[np.ndarray, str]:
    """Return what a TIFF file shows, and its axes."""
    series = _planes(file.series) or file.series[:1]
    shape, axes = series[0].shape, series[0].axes
    if len(series) > 1:
        shape, axes = (len(series), *shape), f"Q{axes}"
    try:
        array = np.stack([one.asarray() for one in series])
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        # LZW and the like, which tifffile leaves to another package
        array = np.stack(_decode(path)[: sum(len(one) for one in series)])
    return array.reshape(shape), axes


def _planes(series: list) -> list:
    """Return all series where each is one plane of a volume, none where they are something else.

    What was written plane by plane through tifffile has a description for each page, and so as many series.
    """
    alike = {(one.kind, one.axes, one.shape, one.dtype) for one in series}
    return series if len(alike) == 1 and (series[0].kind, series[0].axes) == ("shaped", "YX") else []


@contextmanager
def _complaints(logger: str) -> Iterator[list[str]]:
    """Collect what a library logs, in place of showing it."""
    complaints: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: complaints.append(record.getMessage())
    logging.getLogger(logger).addHandler(handler)
    try:
        yield complaints
    finally:
        logging.getLogger(logger).removeHandler(handler)


def _pixel_sizes(file) -> dict[str, float]:
    """Return the pixel size in nanometres for each axis that OME or ImageJ metadata give one."""
    if file.is_ome:
        sizes = _ome_sizes(file.ome_metadata)
    elif file.is_imagej:
        sizes = _imagej_sizes(file)
    else:
        sizes = {}
    return {letter: size for letter, size in sizes.items() if math.isfinite(size) and size > 0}


def _ome_sizes(metadata: str) -> dict[str, float]:
    import tifffile

    image = tifffile.xml2dict(metadata)["OME"]["Image"]
    pixels = (image[0] if isinstance(image, list) else image)["Pixels"]
    units = {letter: _nanometres(pixels.get(f"PhysicalSize{letter}Unit", "µm")) for letter in "ZYX"}
    return {letter: pixels.get(f"PhysicalSize{letter}", 0) * unit for letter, unit in units.items()}


def _imagej_sizes(file) -> dict[str, float]:
    metadata, tags = file.imagej_metadata or {}, file.pages[0].tags
    unit = _nanometres(metadata.get("unit", ""))
    sizes = {"Z": metadata.get("spacing", 0) * unit}
    for letter, tag in (("Y", "YResolution"), ("X", "XResolution")):
        pixels, units = tags[tag].value if tag in tags else (0, 1)
        sizes[letter] = unit * units / pixels if pixels else 0
    return sizes


def _nanometres(unit: str) -> float:
    """Return a unit in nanometres, 0 for what is no length."""
    # ImageJ escapes the micro sign; some programs write the Greek letter in its place.
    return NANOMETRES.get(str(unit).replace("\\u00B5", "µ").replace("μ", "µ"), 0.0)


def _without_colour(place: str, image: np.ndarray, axes: str, colour: Colour) -> tuple[np.ndarray, str]:
    """Reduce colour channels to one, or put those that are kept in front."""
    if "S" not in axes:
        return image, axes
    channels = np.moveaxis(image, axes.index("S"), -1)
    axes = axes.replace("S", "")
    if channels.shape[-1] in (2, 4):
        channels = channels[..., :-1]
    if colour == "keep":
        return np.moveaxis(channels, -1, 0), f"C{axes}"
    if all(np.array_equal(channels[..., 0], channels[..., i]) for i in range(1, channels.shape[-1])):
        return channels[..., 0], axes
    if colour == "refuse":
        raise UserError(f"{place} is a colour image where a grey one is needed; convert it, or set colour: grey")
    return channels @ LUMINANCE, axes


def _settled(place: str, image: np.ndarray, axes: str) -> tuple[np.ndarray, str]:
    """Drop axes of length 1 and give the unknown third axis its letter."""
    kept = [i for i, letter in enumerate(axes) if letter in "YX" or image.shape[i] > 1]
    image, axes = image.reshape([image.shape[i] for i in kept]), "".join(axes[i] for i in kept)
    if len(axes) == 3 and axes[0] not in "TCZ":
        axes = "Z" + axes[1:]
    if not axes.endswith("YX") or any(letter not in "TCZ" for letter in axes[:-2]) or len(set(axes)) < len(axes):
        raise UserError(
            f"{place} has axes that do not fit: its shape is {image.shape}, and (y, x) or (z, y, x) is needed"
        )
    return image, axes


def _with_three_channels(place: str, image: np.ndarray, axes: str) -> tuple[np.ndarray, str]:
    """Return red, green and blue of an image: equal ones of a grey image."""
    if axes == "YX":
        return np.stack([image] * 3), "CYX"
    if axes != "CYX" or len(image) != 3:
        raise UserError(f"{place} has the axes {axes} and the shape {image.shape}; `colour: keep` is for single images")
    return image, axes
