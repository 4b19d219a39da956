"""Simulated volumes of microtubules: long, smoothly bent filaments of one thickness on a dark ground.

This is our own generator, and its volumes are not the volume of DeconvolutionLab2 that papers deconvolve; what they
share is a sparse network of thin filaments. A filament is a worm-like chain: a curve whose direction does a random
walk and is forgotten as exp(-distance / persistence length) (Kratky & Porod, Rec. Trav. Chim. Pays-Bas 68, 1106,
1949). There is no blur and no noise.

Filaments are drawn in a space larger than the volume, which is then cut out of it: they pass its faces as if these
were not there, and are as dense there as in the middle.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from reconbench.contracts import Parameters
from reconbench.errors import UserError

STEP = 1.0  # voxels: length of a segment
EDGE = 1.0  # voxels over which the brightness falls from 1 to 0
BATCH = 256  # filaments that are drawn at a time
BLOCK = 1 << 19  # distances that are computed at a time


class Params(Parameters):
    """What the volumes are like."""

    fraction: float = Field(0.015, gt=0, le=0.3)
    """Share of the volume inside filaments, those that cross counted twice."""
    radius: float = Field(1.5, ge=0.5, le=20)
    """Radius of a filament in voxels, to where its brightness is halved."""
    persistence_length: float = Field(300.0, ge=20, le=1e5)
    """Distance in voxels along a filament over which its direction is forgotten; longer is straighter."""
    length: float = Field(500.0, ge=10, le=5000)
    """Mean length of a filament in voxels, from half of it to one and a half. In a small volume filaments are no
    longer than twice its diagonal."""
    variation: float = Field(0.3, ge=0, le=0.9)
    """How much darker than the brightest filament one may be, relative to it."""


@dataclass(frozen=True, eq=False)
class Filament:
    """The part of a filament that is in or near the volume, as straight segments one voxel long.

    Attributes
    ----------
    middles : ndarray
        Shape (segments, 3): z, y and x of the middles of the segments in voxels, from the middle of the first voxel.
    directions : ndarray
        Shape (segments, 3): unit vectors along the segments.
    brightness : float
        Up to 1.
    """

    middles: np.ndarray
    directions: np.ndarray
    brightness: float


def simulate(generator: np.random.Generator, size: tuple[int, int, int], params: Params) -> np.ndarray:
    """Return one simulated volume.

    Parameters
    ----------
    generator : numpy.random.Generator
    size : tuple of int
        Shape (z, y, x) in voxels.
    params : Params

    Returns
    -------
    ndarray of float32
        Shape `size`, from 0 to 1.

    Raises
    ------
    UserError
        If `size` is not (z, y, x).
    """
    return render(draw_filaments(generator, size, params), size, params)


def draw_filaments(generator: np.random.Generator, size: tuple[int, int, int], params: Params) -> list[Filament]:
    """Draw filaments until they fill their share of the volume.

    Parameters
    ----------
    generator : numpy.random.Generator
    size : tuple of int
        Shape (z, y, x) in voxels.
    params : Params

    Returns
    -------
    list of Filament

    Raises
    ------
    UserError
        If `size` is not (z, y, x).
    """
    _check(size)
    filaments = []
    left = params.fraction * np.prod(size) / (np.pi * params.radius**2)
    while left > 0:
        for filament in _draw_batch(generator, size, params):
            filaments.append(filament)
            left -= STEP * np.count_nonzero(_within(size, filament.middles, 0))
            if left <= 0:
                break
    return filaments


def render(filaments: list[Filament], size: tuple[int, int, int], params: Params) -> np.ndarray:
    """Return the volume of some filaments.

    A voxel is as bright as the filament in it: its brightness within `radius` of its axis, 0 outside, with an edge one
    voxel wide. Where filaments touch, the brighter one counts, since two cannot be in one place.

    Parameters
    ----------
    filaments : list of Filament
    size : tuple of int
        Shape (z, y, x) in voxels.
    params : Params
        Of these, the radius is used.

    Returns
    -------
    ndarray of float32
        Shape `size`, from 0 to 1.

    Raises
    ------
    UserError
        If `size` is not (z, y, x).
    """
    _check(size)
    margin = _margin(params)
    # Room for the whole surroundings of a segment that lies at the edge itself.
    volume = np.zeros([length + 4 * margin for length in size], dtype=np.float32)
    number = max(BLOCK // (2 * margin + 1) ** 3, 1)
    for filament in filaments:
        for first in range(0, len(filament.middles), number):
            block = slice(first, first + number)
            middles = filament.middles[block] + 2 * margin
            values, places = _lit_voxels(volume, middles, filament.directions[block], params)
            np.maximum.at(volume.reshape(-1), places, filament.brightness * values)
    return volume[(slice(2 * margin, -2 * margin),) * 3].copy()


def worm_like_chains(
    generator: np.random.Generator, directions: np.ndarray, segments: int, persistence_length: float
) -> np.ndarray:
    """Return the directions of the segments of some chains, each a random walk on the sphere.

    From one segment to the next the direction turns about a random axis, by the length of a two-dimensional Gaussian
    vector with the variance STEP / persistence_length along either axis. The mean cosine of directions a distance s
    apart is then exp(-s / persistence_length), within 1 per cent of the exponent.

    Parameters
    ----------
    generator : numpy.random.Generator
    directions : ndarray
        Shape (chains, 3): unit vectors to begin with.
    segments : int
    persistence_length : float
        In voxels.

    Returns
    -------
    ndarray
        Shape (chains, segments, 3), unit vectors.
    """
    turns = np.sqrt(STEP / persistence_length) * generator.standard_normal((segments, *directions.shape))
    walk = np.empty_like(turns)
    for step, turn in enumerate(turns):
        walk[step] = directions
        turn -= (turn * directions).sum(axis=1, keepdims=True) * directions
        angle = np.sqrt((turn**2).sum(axis=1, keepdims=True))
        directions = np.cos(angle) * directions + np.sinc(angle / np.pi) * turn
    return walk.swapaxes(0, 1)


def _draw_batch(generator: np.random.Generator, size: tuple[int, int, int], params: Params) -> Iterator[Filament]:
    """Draw filaments anywhere in and around the volume, and give those that touch it."""
    longest = min(1.5 * params.length, 2 * np.linalg.norm(size))
    segments = int(np.ceil(longest / 2 / STEP))  # to either side of a filament's middle
    # However a filament bends, from further away it does not get here.
    around = STEP * segments + _margin(params)
    start = generator.uniform(-around, np.array(size) + around, (BATCH, 3))
    length = np.minimum(params.length * generator.uniform(0.5, 1.5, BATCH), longest)
    brightness = 1 - params.variation * generator.random(BATCH)
    # Cells are flat: the longer an axis of the volume, the more filaments run along it.
    directions = generator.standard_normal((BATCH, 3)) * size
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    arms = worm_like_chains(generator, np.concatenate([directions, -directions]), segments, params.persistence_length)
    middles = np.tile(start, (2, 1))[:, None] + STEP * (arms.cumsum(axis=1) - arms / 2)
    present = STEP * np.arange(segments) < np.tile(length, 2)[:, None] / 2
    present &= _within(size, middles, _margin(params))
    for one, other in zip(range(BATCH), range(BATCH, 2 * BATCH), strict=True):
        if present[one].any() or present[other].any():
            yield Filament(
                np.concatenate([middles[other, present[other]][::-1], middles[one, present[one]]]),
                np.concatenate([-arms[other, present[other]][::-1], arms[one, present[one]]]),
                float(brightness[one]),
            )


def _lit_voxels(
    volume: np.ndarray, middles: np.ndarray, directions: np.ndarray, params: Params
) -> tuple[np.ndarray, np.ndarray]:
    """Return the brightness of the voxels around some segments, those that are not dark, and their flat places."""
    box = np.arange(-_margin(params), _margin(params) + 1)
    voxels = np.rint(middles).astype(np.intp)[:, :, None] + box  # (segment, axis, place in the box)
    offsets = voxels - middles[:, :, None]
    along = _add_axes(offsets * directions[:, :, None])
    nearest = along.clip(-STEP / 2, STEP / 2)  # to the voxel, of all points of the segment
    distance = np.sqrt((_add_axes(offsets**2) - nearest * (2 * along - nearest)).clip(min=0))
    values = ((params.radius - distance) / EDGE + 0.5).clip(0, 1)
    strides = np.array(volume.strides) // volume.itemsize
    lit = values > 0
    return values[lit].astype(np.float32), _add_axes(voxels * strides[:, None])[lit]


def _add_axes(terms: np.ndarray) -> np.ndarray:
    """Add what belongs to z, y and x, of shape (segment, axis, place), for each voxel of a box."""
    z, y, x = terms.swapaxes(0, 1)
    return z[:, :, None, None] + y[:, None, :, None] + x[:, None, None, :]


def _margin(params: Params) -> int:
    """Return how many voxels away from its middle a segment is seen."""
    return int(np.ceil(params.radius + EDGE / 2 + STEP / 2))


def _within(size: tuple[int, int, int], points: np.ndarray, margin: float) -> np.ndarray:
    """Return which points, of shape (..., axis), lie in the volume or at most a margin beyond its voxels."""
    return ((points > -0.5 - margin) & (points < np.array(size) - 0.5 + margin)).all(axis=-1)


def _check(size: tuple[int, ...]) -> None:
    if len(size) != 3:
        raise UserError(f"volumes of microtubules have a size (z, y, x), and {tuple(size)} was asked for")
