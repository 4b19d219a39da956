"""Simulated fluorescent cells: nuclei with chromatin and nucleoli in a faint cytoplasm with bright puncta.

These are drawings of what adherent cells such as HeLa look like with a stain of DNA, in an image (one thin plane of
them) or in a volume. They stand for the nuclei and the volumes of HeLa cells that A. Moskalev, "Trainable
Regularization for Wiener Deconvolution" (2019), deconvolves, and are our own generator, not the data of that work.
There is no blur and no noise, and no light from outside the volume.

A nucleus is an ellipsoid whose surface is rippled by a few long waves, and its chromatin is a random field. Two cells
cannot be in one place: there the brighter one is seen.

All lengths are in nanometres.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from reconbench.contracts import Parameters
from reconbench.datasets.simulators._random_field import random_field
from reconbench.errors import UserError

ROUNDNESS = 2.4  # exponent of a nucleus's surface: 2 is an ellipsoid, more is flatter above and below
RIPPLES = 4  # waves on the surface of a nucleus
COARSEST = 0.18  # size of the largest clumps of chromatin, relative to the nucleus's radius
FINEST = 60.0  # nm: size of the finest grains of chromatin
ROUGHNESS = 1.8  # exponent by which the power of the chromatin falls along a line
TRIES = 30


class Params(Parameters):
    """What the cells are like. Each image and each cell draws its own values around these."""

    pixel_size: Annotated[tuple[Annotated[float, Field(ge=10, le=5000)], ...], Field(min_length=2, max_length=3)] = (
        250.0,
        100.0,
        100.0,
    )
    """Size of a voxel in nm, (z, y, x), or of a pixel, (y, x). An image uses the last two."""
    radius: float = Field(6000.0, ge=200, le=50_000)
    """Mean radius of a nucleus in its plane, in nm. All parts of a cell scale with it but the finest grains."""
    variation: float = Field(0.15, ge=0, le=0.5)
    """Standard deviation of the radius from cell to cell, relative to it."""
    flatness: float = Field(0.42, ge=0.1, le=1)
    """Height of a nucleus over its width."""
    cover: float = Field(0.22, gt=0, le=0.4)
    """Mean share of the field under nuclei. Each image has between half and one and a half of it."""
    brightness: float = Field(0.35, ge=0, le=1)
    """Standard deviation of the logarithm of the brightness from cell to cell."""
    chromatin: float = Field(0.35, ge=0, le=1)
    """Standard deviation of the logarithm of the brightness within a nucleus."""
    nucleoli: float = Field(3.0, ge=0, le=20)
    """Mean number of dark nucleoli in a nucleus."""
    mitotic: float = Field(0.04, ge=0, le=1)
    """Share of cells in division, whose chromatin is condensed to a bright plate."""
    cytoplasm: float = Field(0.07, ge=0, le=1)
    """Brightness of the cytoplasm, relative to that of the nucleus."""
    puncta: float = Field(25.0, ge=0, le=500)
    """Mean number of bright spots in the cytoplasm of a cell; those of an image lie in its plane."""


@dataclass(frozen=True)
class Cell:
    """Where a cell is and what it is like.

    Attributes
    ----------
    centre : tuple of float
        z, y and x of the middle of its nucleus in nm, from the middle of the image.
    radius : float
        Of its nucleus in its plane, in nm.
    height : float
        Half the height of its nucleus, in nm.
    turn : float
        Angle of its long axis, in radians.
    elongation : float
        Its long axis over its radius.
    brightness : float
        1 for a usual cell.
    mitotic : bool
    """

    centre: tuple[float, float, float]
    radius: float
    height: float
    turn: float
    elongation: float
    brightness: float
    mitotic: bool


@dataclass(frozen=True, eq=False)
class Region:
    """A part of the volume around a place.

    Attributes
    ----------
    place : tuple of slice
    z, y, x : ndarray of float32
        Coordinates in nm from that place, of shapes (z, 1, 1), (1, y, 1) and (1, 1, x).
    """

    place: tuple[slice, slice, slice]
    z: np.ndarray
    y: np.ndarray
    x: np.ndarray


def simulate(generator: np.random.Generator, size: tuple[int, ...], params: Params) -> np.ndarray:
    """Return one simulated image or volume of cells.

    Parameters
    ----------
    generator : numpy.random.Generator
    size : tuple of int
        Shape (y, x) in pixels or (z, y, x) in voxels.
    params : Params

    Returns
    -------
    ndarray of float32
        Shape `size`, from 0, where there is nothing, to 1, the brightest place.

    Raises
    ------
    UserError
        If `size` is neither (y, x) nor (z, y, x), a volume's `pixel_size` lacks that along z, or nuclei are so small
        that they lie between the voxels.
    """
    voxel = _voxel(size, params)
    shape = (1,) * (3 - len(size)) + tuple(size)
    volume = np.zeros(shape, dtype=np.float32)
    chromatin = random_field(generator, shape, voxel, (COARSEST * params.radius, FINEST), ROUGHNESS)
    for cell in draw_cells(generator, shape, voxel, params):
        _add_cytoplasm(generator, volume, chromatin, voxel, cell, params)
        _add_puncta(generator, volume, voxel, cell, params)
        _add_nucleus(generator, volume, chromatin, voxel, cell, params)
    if volume.max() == 0:
        raise UserError(f"nuclei with a radius of {params.radius:g} nm are too small for voxels of {voxel} nm")
    return (volume / volume.max()).reshape(size)


def draw_cells(
    generator: np.random.Generator, shape: tuple[int, ...], voxel: tuple[float, ...], params: Params
) -> list[Cell]:
    """Draw cells on a plane, in and around the field, whose nuclei hardly overlap. The first one is in it.

    Parameters
    ----------
    generator : numpy.random.Generator
    shape : tuple of int
        (z, y, x) in voxels.
    voxel : tuple of float
        Its size in nm.
    params : Params

    Returns
    -------
    list of Cell
    """
    field = np.multiply(shape[1:], voxel[1:])
    around = field + 5 * params.radius  # so far away a cell can be seen
    nucleus = np.pi * params.radius**2 * (1 + params.variation**2)
    number = generator.poisson(params.cover * generator.uniform(0.5, 1.5) * np.prod(around) / nucleus)
    cells: list[Cell] = []
    for index in range(max(number, 1)):
        radius = float(params.radius * max(1 + params.variation * generator.standard_normal(), 0.4))
        middle = _free_place(generator, field if index == 0 else around, radius, cells)
        if middle is None:
            continue
        height = params.flatness * radius * math.exp(0.1 * generator.standard_normal())
        cells.append(
            Cell(
                centre=(0.15 * height * float(generator.standard_normal()), *middle),
                radius=radius,
                height=height,
                turn=float(generator.uniform(0, np.pi)),
                elongation=math.exp(0.15 * abs(generator.standard_normal())),
                brightness=math.exp(params.brightness * generator.standard_normal()),
                mitotic=bool(generator.random() < params.mitotic),
            )
        )
    return cells


def _free_place(
    generator: np.random.Generator, extent: np.ndarray, radius: float, cells: list[Cell]
) -> tuple[float, float] | None:
    """Return a place that is not taken, None where the field is full."""
    for _ in range(TRIES):
        y, x = (float(value) for value in generator.uniform(-extent / 2, extent / 2))
        if all(math.hypot(y - cell.centre[1], x - cell.centre[2]) > 0.95 * (radius + cell.radius) for cell in cells):
            return y, x
    return None


def _add_nucleus(
    generator: np.random.Generator,
    volume: np.ndarray,
    chromatin: np.ndarray,
    voxel: tuple[float, ...],
    cell: Cell,
    params: Params,
) -> None:
    """Add the nucleus of a cell to the volume, in place; what is brighter stays."""
    radius = cell.radius
    # A plate of condensed chromosomes stands upright in a rounded cell.
    half_axes = (0.7, 0.85, 0.3) if cell.mitotic else (cell.height / radius, cell.elongation, 1 / cell.elongation)
    region = _region(volume.shape, voxel, cell.centre, 1.35 * radius * max(half_axes))
    if region is None:
        return
    up, along, across = _turned(region, cell.turn, [radius * axis for axis in half_axes])
    distance = ((along**2 + across**2) ** (ROUNDNESS / 2) + np.abs(up) ** ROUNDNESS) ** (1 / ROUNDNESS)
    depth = radius * min(half_axes[1:]) * (1 - distance + _ripples(generator, up, along, across, 0.08))
    texture = chromatin[region.place]
    contrast = params.chromatin * (0.5 if cell.mitotic else 1)
    nucleus = np.exp(contrast * texture) * (1 + 0.3 * np.exp(-np.maximum(depth, 0) / (0.06 * radius)))
    for _ in range(0 if cell.mitotic else generator.poisson(params.nucleoli)):
        nucleus *= _nucleolus(generator, region, texture, cell)
    nucleus *= _edge(depth, max(voxel[-1], 0.02 * radius)) * (2.5 if cell.mitotic else 1) * cell.brightness
    np.maximum(volume[region.place], nucleus, out=volume[region.place])


def _nucleolus(generator: np.random.Generator, region: Region, texture: np.ndarray, cell: Cell) -> np.ndarray:
    """Return what the brightness is multiplied by at a nucleolus: little inside, more than 1 in a thin shell around."""
    radius = cell.radius * generator.uniform(0.1, 0.24)
    middle = generator.standard_normal(3)
    middle *= 0.62 * generator.random() ** (1 / 3) / np.linalg.norm(middle)
    z, y, x = (float(value) for value in middle * (cell.height, cell.radius, cell.radius))
    distance = np.sqrt(((region.z - z) / 0.85) ** 2 + (region.y - y) ** 2 + (region.x - x) ** 2)
    depth = radius * (1 - 0.08 * texture) - distance  # it keeps away from dense chromatin
    shell = 1 + 0.35 * np.exp(-((depth / (0.04 * cell.radius)) ** 2))
    return shell * (1 - 0.75 * _edge(depth, 0.06 * cell.radius))


def _add_cytoplasm(
    generator: np.random.Generator,
    volume: np.ndarray,
    chromatin: np.ndarray,
    voxel: tuple[float, ...],
    cell: Cell,
    params: Params,
) -> None:
    """Add the cytoplasm of a cell to the volume, in place: a flat lens with a wavy outline, thicker at the nucleus."""
    radius = cell.radius * generator.uniform(1.6, 2.1)
    shift = generator.uniform(-0.3, 0.3, 2) * cell.radius
    centre = (cell.centre[0], cell.centre[1] + float(shift[0]), cell.centre[2] + float(shift[1]))
    region = _region(volume.shape, voxel, centre, 1.5 * radius * cell.elongation)
    if region is None or params.cytoplasm == 0:
        return
    up, along, across = _turned(
        region, cell.turn, [1.25 * cell.height, radius * cell.elongation, radius / cell.elongation]
    )
    plane = np.sqrt(along**2 + across**2) - _ripples(generator, 0 * up[:1], along, across, 0.12)
    depth = radius * (1 - np.sqrt(np.maximum(plane, 0) ** 2 + up**2))
    grains = np.exp(0.3 * chromatin[region.place])
    cytoplasm = params.cytoplasm * math.sqrt(cell.brightness) * (1.6 - np.clip(plane, 0, 1)) * grains
    cytoplasm *= _edge(depth, 0.15 * cell.radius)
    np.maximum(volume[region.place], cytoplasm, out=volume[region.place])


def _add_puncta(
    generator: np.random.Generator, volume: np.ndarray, voxel: tuple[float, ...], cell: Cell, params: Params
) -> None:
    """Add the bright spots around the nucleus of a cell to the volume, in place."""
    number = generator.poisson(params.puncta)
    angle = generator.uniform(0, 2 * np.pi, number)
    distance = cell.radius * (1.1 + 0.6 * generator.random(number) ** 2)
    height = generator.uniform(-0.6, 0.6, number) * cell.height
    middle = np.array(cell.centre)
    if volume.shape[0] == 1:
        height, middle[0] = np.zeros(number), 0
    centres = middle + np.stack([height, distance * np.sin(angle), distance * np.cos(angle)], axis=1)
    widths = np.maximum(cell.radius * generator.uniform(0.012, 0.035, number), 0.6 * voxel[-1])
    brightness = cell.brightness * generator.uniform(0.1, 0.7, number)
    seen = (np.abs(centres) < np.multiply(volume.shape, voxel) / 2 + 3 * widths[:, None]).all(axis=1)
    for index in np.flatnonzero(seen):
        region = _region(volume.shape, voxel, centres[index], 3 * widths[index])
        if region is not None:
            squared = (region.z**2 + region.y**2 + region.x**2) / np.float32(2 * widths[index] ** 2)
            spot = np.float32(brightness[index]) * np.exp(-squared)
            np.maximum(volume[region.place], spot, out=volume[region.place])


def _ripples(
    generator: np.random.Generator, z: np.ndarray, y: np.ndarray, x: np.ndarray, strength: float
) -> np.ndarray:
    """Return a sum of a few long waves, in coordinates where the surface to be rippled is about 1 away.

    It is nowhere more than 4 times the strength.
    """
    total = np.zeros(1, dtype=np.float32)
    for _ in range(RIPPLES):
        wave = generator.standard_normal(3)
        wave *= generator.uniform(1.5, 4) / np.linalg.norm(wave)
        amplitude, phase = strength * generator.uniform(0.5, 1), generator.uniform(0, 2 * np.pi)
        along = float(wave[0]) * z + (float(wave[1]) * y + float(wave[2]) * x + phase)
        total = total + float(amplitude) * np.cos(along)
    return total


def _turned(region: Region, turn: float, half_axes: list[float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return coordinates up, along and across the long axis, each relative to its half axis."""
    cosine, sine = math.cos(turn), math.sin(turn)
    up, along, across = half_axes
    return (
        region.z / up,
        (cosine * region.x + sine * region.y) / along,
        (cosine * region.y - sine * region.x) / across,
    )


def _region(shape: tuple[int, ...], voxel: tuple[float, ...], centre: tuple[float, ...], reach: float) -> Region | None:
    """Return the part of a volume that is no further along any axis from a place; None where there is none."""
    places, coordinates = [], []
    for length, step, middle in zip(shape, voxel, centre, strict=True):
        index = middle / step + (length - 1) / 2
        low, high = max(math.ceil(index - reach / step), 0), min(math.floor(index + reach / step) + 1, length)
        if high <= low:
            return None
        places.append(slice(low, high))
        coordinates.append(((np.arange(low, high) - index) * step).astype(np.float32))
    return Region(tuple(places), *np.ix_(*coordinates))


def _edge(depth: np.ndarray, width: float) -> np.ndarray:
    """Return 0 outside and 1 inside of a surface, and a slope of some width between."""
    return np.clip(depth / width + 0.5, 0, 1)


def _voxel(size: tuple[int, ...], params: Params) -> tuple[float, ...]:
    """Return the size of a voxel, z, y and x in nm."""
    if len(size) not in (2, 3):
        raise UserError(f"cells have a size (y, x) or (z, y, x), and {tuple(size)} was asked for")
    if len(params.pixel_size) < len(size):
        raise UserError(f"a volume of cells needs a pixel_size (z, y, x), and {params.pixel_size} was given")
    return (params.pixel_size[0], *params.pixel_size[-2:])
