"""Make one image (c, y, x) of the files of a through-focus series: divide by the reference, register, crop."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reconbench.datasets.reading import read_image
from reconbench.errors import UserError

# Spatial frequencies that shifts are found from, in cycles per pixel: above the uneven background, below the noise.
LOWEST, HIGHEST = 0.01, 0.15
# How far apart neighbouring planes may be along an axis, in pixels.
LARGEST_SHIFT = 12.0
# Steps of the search, in pixels: the first finds the highest peak, the others where its top is.
STEPS = 0.25, 0.03, 0.004


def read_series(series: Mapping[str, Any], folder: Path) -> tuple[np.ndarray, tuple[float, ...]]:
    """Read a series, its planes in the order of their distances.

    Each plane is divided by the reference, what is recorded without a specimen. Then the planes are registered to the
    one nearest to focus, and cropped. No other file than those named is opened, so that a plane which is left out of a
    series has no part in it.

    Parameters
    ----------
    series : mapping
        `planes` (from file to distance from focus in metres), `reference` (a file, or None), `rows` and `columns` (the
        first, and the one after the last, or None), `registered`.
    folder : Path
        That the files are in.

    Returns
    -------
    image : ndarray of float32
        Shape (c, y, x); (y, x) where there is one plane.
    distances : tuple of float
        Of the planes from focus, in metres.

    Raises
    ------
    UserError
        If a file is missing or bad, two have different shapes, the reference is dark somewhere, or the rows and
        columns do not lie in the planes.
    """
    distances, files = zip(*sorted((distance, file) for file, distance in series["planes"].items()), strict=True)
    planes = [_plane(folder / file) for file in files]
    if series["reference"] is not None:
        reference = _plane(folder / series["reference"])
        if reference.min() <= 0:
            raise UserError(f"{folder / series['reference']} is a reference that is dark at some pixels")
        planes = [plane / _alike(reference, plane, folder / series["reference"]) for plane in planes]
    planes = [_alike(plane, planes[0], folder / file) for plane, file in zip(planes, files, strict=True)]
    window = _window(series, planes[0].shape, folder)
    if series["registered"] and len(planes) > 1:
        planes = registered(planes, distances, window)
    image = np.stack([plane[window] for plane in planes])
    return (image if len(image) > 1 else image[0]).astype(np.float32), distances


def registered(
    planes: Sequence[np.ndarray], distances: Sequence[float], window: tuple[slice, slice] = (slice(None),) * 2
) -> list[np.ndarray]:
    """Shift planes so that they lie upon the one nearest to focus.

    Neighbours in z differ least, so each plane is held against the next, and their shifts are added up. At focus a
    phase makes no contrast, and what absorbs need not look like it. So the plane there is passed over, and is itself
    held against its two neighbours, registered and interpolated in z: their contrasts by the phase are opposite and
    cancel, and what absorbs is left.

    Parameters
    ----------
    planes : sequence of ndarray
        Shape (y, x) each, in the order of their distances.
    distances : sequence of float
        From focus, in metres.
    window : tuple of slice
        The part of the planes that shifts are found from.

    Returns
    -------
    list of ndarray
        The planes, moved by cubic splines; beyond an edge its pixels are repeated.
    """
    focus = int(np.argmin(np.abs(distances)))
    inner = 0 < focus < len(planes) - 1
    chain = [number for number in range(len(planes)) if not (inner and number == focus)]
    places = np.zeros((len(planes), 2))
    for near, far in zip(chain, chain[1:], strict=False):
        places[far] = places[near] + displacement(planes[near][window], planes[far][window])
    if inner:
        below, above = planes[focus - 1], moved(planes[focus + 1], places[focus - 1] - places[focus + 1])
        share = (distances[focus] - distances[focus - 1]) / (distances[focus + 1] - distances[focus - 1])
        between = below + share * (above - below)
        places[focus] = places[focus - 1] + displacement(between[window], planes[focus][window])
    return [moved(plane, places[focus] - place) for plane, place in zip(planes, places, strict=True)]


def moved(plane: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return a plane moved by so many pixels along y and x."""
    from scipy import ndimage

    return ndimage.shift(plane, shift, order=3, mode="nearest") if np.any(shift) else plane


def displacement(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return how far the second of two planes is shifted against the first, whatever their contrast.

    Between two planes a spatial frequency u may reverse its contrast, and phase correlation then finds a dark peak or
    none. To first order in the object, what the planes have of it differs by a real factor, so that their cross-power
    spectrum C(u) has the sign of that factor and the phase 2 pi u d of the shift d alone. Its square has no sign. So
    the sum

        sum over u of |C(u)| (C(u) / |C(u)|)^2 exp(4 pi i u d)

    is largest where d is the shift. Each plane first loses its mean, and its edges by a Hann window.

    A strong object bends light, so that its parts move from plane to plane as rays do. What is found then is a mean of
    these, which no registration by images alone can tell from a shift.

    Parameters
    ----------
    first, second : ndarray
        Shape (y, x).

    Returns
    -------
    ndarray
        Pixels along y and x: what is at r in the first is at r plus this in the second.
    """
    spectra = [np.fft.rfft2(_windowed(plane)) for plane in (first, second)]
    cross = spectra[0].conj() * spectra[1]
    height, width = first.shape
    along_y, along_x = np.fft.fftfreq(height), np.fft.rfftfreq(width)
    length = np.hypot(along_y[:, None], along_x)
    # Each frequency stands for its opposite too, but those of the first column have theirs in it.
    weights = np.where((length > LOWEST) & (length < HIGHEST), np.where(along_x > 0, 2.0, 1.0), 0.0)
    signless = weights * cross**2 / np.abs(cross).clip(min=np.finfo(float).tiny)
    place, reach = np.zeros(2), LARGEST_SHIFT
    for step in STEPS:
        offsets = np.arange(-round(reach / step), round(reach / step) + 1) * step
        y, x = place[0] + offsets, place[1] + offsets
        waves_y = np.exp(4j * np.pi * np.outer(y, along_y))
        waves_x = np.exp(4j * np.pi * np.outer(along_x, x))
        peak = np.argmax((waves_y @ signless @ waves_x).real)
        row, column = divmod(int(peak), len(offsets))
        place, reach = np.array([y[row], x[column]]), 2 * step
    return place


def _windowed(plane: np.ndarray) -> np.ndarray:
    """Return a plane relative to its mean, without its edges."""
    height, width = plane.shape
    contrast = plane / plane.mean(dtype=np.float64) - 1
    return contrast * np.outer(np.hanning(height), np.hanning(width))


def _plane(path: Path) -> np.ndarray:
    image, axes, _ = read_image(path)
    if axes != "YX":
        raise UserError(f"{path} is to be one plane of a series, and its axes are {axes}")
    return image


def _alike(plane: np.ndarray, other: np.ndarray, path: Path) -> np.ndarray:
    """Return a plane that has the shape of another one."""
    if plane.shape != other.shape:
        raise UserError(f"{path} has {plane.shape} pixels where other planes of its series have {other.shape}")
    return plane


def _window(series: Mapping[str, Any], shape: tuple[int, ...], folder: Path) -> tuple[slice, slice]:
    """Return the part of the planes that is kept."""
    window = []
    for key, size in zip(("rows", "columns"), shape, strict=True):
        first, last = series[key] or (0, size)
        if not 0 <= first < last <= size:
            raise UserError(f"the {key} {first} to {last} do not lie in the planes of {folder}, which have {size}")
        window.append(slice(first, last))
    return tuple(window)
