"""Simulated phase objects: flat, transparent cells with nucleus and organelles, as light passes through them.

These are drawings, not optics of tissue. What an image holds is the thickness that light crosses times how much denser
it is than water, so that what lies above each other adds up; nothing absorbs, and 0 is the bare medium. They stand for
the cells of which F. Wang et al., "Solving inverse problems with multi-scale deep convolutional neural networks"
(2018), show the phase, cells of the cheek and HeLa, and are our own generator, not the data of that work. There is no
noise, and no diffraction.

A cell is a flat sheet with a wavy outline and a rim that folds up here and there, thicker towards its nucleus. All
lengths are in metres. What is finer than a pixel fades, as its mean over the pixel does.
"""

import math
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from reconbench.contracts import Parameters
from reconbench.datasets.simulators._places import around
from reconbench.datasets.simulators._random_field import random_field
from reconbench.errors import UserError

LOBES = 7  # waves along the outline of a cell
EDGE = 0.08  # width of the slope at the edge of a cell, relative to its radius
PLACES = 5  # of so many, a cell takes the place with the most room
SMALLEST = 4  # pixels: radius of the smallest cells
GRAIN = 0.5  # pixels: standard deviation of the Gaussian that stands for the area of a pixel


class Params(Parameters):
    """What the objects are like; lengths in metres. Each image and each cell draws its own values around these."""

    pixel_size: float = Field(2.48e-6, ge=1e-9, le=1e-3)
    """Width of a pixel in metres."""
    radius: float = Field(25e-6, ge=1e-7, le=1e-2)
    """Mean radius of a cell in metres. All parts of a cell scale with it."""
    variation: float = Field(0.2, ge=0, le=0.5)
    """Standard deviation of the radius from cell to cell, relative to it."""
    cover: float = Field(0.7, gt=0, le=2)
    """Mean area of all cells over that of the field; they may overlap. Each image has between a half and one and a
    half of it, and at least one cell."""
    nucleus: float = Field(0.6, ge=0, le=3)
    """Height of a nucleus over that of the cell around it."""
    organelles: float = Field(60.0, ge=0, le=1000)
    """Mean number of granules and vacuoles in a cell."""
    texture: float = Field(0.15, ge=0, le=1)
    """Standard deviation of the unevenness of the cytoplasm, relative to its height."""
    folds: float = Field(1.0, ge=0, le=10)
    """Mean number of folds in a cell."""
    debris: float = Field(0.5, ge=0, le=100)
    """Mean number of small particles in as much of the field as a cell covers."""


@dataclass(frozen=True)
class Cell:
    """Where a cell is and what it is like.

    Attributes
    ----------
    centre : tuple of float
        y and x of its middle in metres, from the middle of the image.
    radius : float
        In metres.
    turn : float
        Angle of its long axis, in radians.
    elongation : float
        Its long axis over its radius.
    height : float
        1 for a usual cell.
    """

    centre: tuple[float, float]
    radius: float
    turn: float
    elongation: float
    height: float


def simulate(generator: np.random.Generator, size: tuple[int, int], params: Params) -> np.ndarray:
    """Return one simulated phase object.

    Parameters
    ----------
    generator : numpy.random.Generator
    size : tuple of int
        Shape (y, x) in pixels.
    params : Params

    Returns
    -------
    ndarray of float32
        Shape `size`, from 0, the bare medium, to 1, the largest phase of the image.

    Raises
    ------
    UserError
        If `size` is not (y, x), or the cells are too small for the pixels.
    """
    if len(size) != 2:
        raise UserError(f"phase objects have a size (y, x), and {tuple(size)} was asked for")
    if params.radius < SMALLEST * params.pixel_size:
        raise UserError(
            f"cells with a radius of {params.radius:g} m are too small for pixels of {params.pixel_size:g} m; it takes "
            f"at least {SMALLEST} pixels"
        )
    phase = np.zeros(size)
    clumps = (0.5 * params.radius, max(0.02 * params.radius, params.pixel_size))
    # How much is drawn for the texture depends on the number of pixels; of all else it does not, so that the same cells
    # can be had with other pixels.
    texture = random_field(generator.spawn(1)[0], tuple(size), (params.pixel_size,) * 2, clumps, 2.0)
    cells = draw_cells(generator, size, params)
    for cell in cells:
        _add_cell(generator, phase, texture, cell, params)
    grains = [_draw_organelles(generator, cell, params) for cell in cells]
    _add_grains(phase, np.hstack([_draw_debris(generator, size, params), *grains]), params.pixel_size)
    return (phase / phase.max()).clip(0, 1).astype(np.float32)


def draw_cells(generator: np.random.Generator, size: tuple[int, int], params: Params) -> list[Cell]:
    """Draw cells in and around the field. The first one is in it.

    Parameters
    ----------
    generator : numpy.random.Generator
    size : tuple of int
        Shape (y, x) in pixels.
    params : Params

    Returns
    -------
    list of Cell
    """
    field = params.pixel_size * np.array(size)
    around = field + 2 * params.radius
    area = np.pi * params.radius**2 * (1 + params.variation**2)
    number = generator.poisson(params.cover * generator.uniform(0.5, 1.5) * np.prod(around) / area)
    cells = []
    for index in range(max(number, 1)):
        radius = float(params.radius * max(1 + params.variation * generator.standard_normal(), 0.4))
        extent = field if index == 0 else around
        places = generator.uniform(-extent / 2, extent / 2, (PLACES, 2))
        cells.append(
            Cell(
                centre=max(map(tuple, places.tolist()), key=lambda place: _clearance(place, radius, cells)),
                radius=radius,
                turn=float(generator.uniform(0, np.pi)),
                elongation=math.exp(0.2 * abs(generator.standard_normal())),
                height=math.exp(0.15 * generator.standard_normal()),
            )
        )
    return cells


def _clearance(place: tuple[float, float], radius: float, cells: list[Cell]) -> float:
    """Return how far a new cell would be from the nearest of others in metres, negative where they overlap."""
    return min((math.dist(place, cell.centre) - cell.radius - radius for cell in cells), default=0.0)


def _add_cell(
    generator: np.random.Generator, phase: np.ndarray, texture: np.ndarray, cell: Cell, params: Params
) -> None:
    """Add a cell to the phase, in place."""
    place, y, x = around(phase.shape, params.pixel_size, cell.centre, 1.6 * cell.radius * cell.elongation)
    cosine, sine = math.cos(cell.turn), math.sin(cell.turn)
    along = (cosine * x + sine * y) / (cell.radius * cell.elongation)
    across = (cosine * y - sine * x) / (cell.radius / cell.elongation)
    pixel = params.pixel_size / cell.radius
    depth = _depth(generator, along, across)
    sheet = _step(depth, max(EDGE, pixel))
    bulge = 0.5 + 0.8 * depth.clip(0) ** generator.uniform(1, 2)
    rim = 0.3 * generator.random() * _bump(depth - EDGE, 0.03, pixel)
    uneven = (1 + params.texture * texture[place]).clip(0)
    height = sheet * (bulge + rim) * uneven + params.nucleus * _nucleus(generator, along, across, texture[place], pixel)
    for _ in range(generator.poisson(params.folds)):
        height += sheet * _fold(generator, along, across, pixel)
    phase[place] += cell.height * height


def _depth(generator: np.random.Generator, along: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Return how far inside of a cell's wavy outline places are: 1 in the middle, 0 at the outline, negative beyond."""
    angle = np.arctan2(across, along)
    outline = np.ones_like(angle)
    for order in range(2, LOBES + 1):
        turn = generator.uniform(0, 2 * np.pi)
        outline += generator.normal(0, 0.12 / order) * np.cos(order * angle + turn)
    return 1 - np.hypot(along, across) / outline.clip(0.5)


def _nucleus(
    generator: np.random.Generator, along: np.ndarray, across: np.ndarray, texture: np.ndarray, pixel: float
) -> np.ndarray:
    """Return the height of a nucleus with its nucleoli: about that of an ellipsoid, 1 in the middle."""
    radius = generator.uniform(0.18, 0.34)
    y, x = generator.uniform(-0.2, 0.2, 2)
    along, across = (along - x) / radius, (across - y) / (radius * generator.uniform(0.75, 1))
    depth = 1 - np.hypot(along, across)
    height = _step(depth, max(0.15, pixel / radius)) * (0.5 + 0.5 * depth.clip(0) ** 0.7) * (1 + 0.1 * texture)
    for _ in range(1 + generator.poisson(1)):
        distance, turn, width = generator.uniform((0, 0, 0.07), (0.6, 2 * np.pi, 0.14))
        nucleolus = _bump(along - distance * math.cos(turn), width, pixel / radius)
        nucleolus = nucleolus * _bump(across - distance * math.sin(turn), width, pixel / radius)
        height += generator.uniform(0.2, 0.5) * nucleolus
    return height


def _fold(generator: np.random.Generator, along: np.ndarray, across: np.ndarray, pixel: float) -> np.ndarray:
    """Return the height of a fold of the sheet: a ridge along a part of a parabola."""
    turn, bend, shift, length = generator.uniform((0, -0.6, 0.2, 0.15), (2 * np.pi, 0.6, 0.8, 0.4))
    forth = math.cos(turn) * along + math.sin(turn) * across
    aside = math.cos(turn) * across - math.sin(turn) * along
    ridge = _bump(forth - shift - bend * aside**2, generator.uniform(0.01, 0.03), pixel)
    return generator.uniform(0.15, 0.5) * ridge * np.exp(-((aside / length) ** 2))


def _draw_organelles(generator: np.random.Generator, cell: Cell, params: Params) -> np.ndarray:
    """Draw granules that are denser than the cytoplasm, and vacuoles that are less dense.

    Returns
    -------
    ndarray
        Shape (4, organelles): y, x and width in metres, height.
    """
    number = generator.poisson(params.organelles)
    # Most lie around the nucleus.
    distance, angle = 0.75 * generator.random(number) ** 0.7, generator.uniform(0, 2 * np.pi, number)
    along = distance * np.cos(angle) * cell.radius * cell.elongation
    across = distance * np.sin(angle) * cell.radius / cell.elongation
    cosine, sine = math.cos(cell.turn), math.sin(cell.turn)
    dense = generator.random(number) < 0.8
    width = np.where(dense, generator.uniform(0.008, 0.025, number), generator.uniform(0.02, 0.045, number))
    height = np.where(dense, generator.uniform(0.1, 0.5, number), -generator.uniform(0.05, 0.25, number))
    y, x = cell.centre[0] + sine * along + cosine * across, cell.centre[1] + cosine * along - sine * across
    return np.stack([y, x, cell.radius * width, cell.height * height])


def _draw_debris(generator: np.random.Generator, size: tuple[int, int], params: Params) -> np.ndarray:
    """Draw small particles in the field, as `_draw_organelles` does."""
    field = params.pixel_size * np.array(size)
    number = generator.poisson(params.debris * np.prod(field) / (np.pi * params.radius**2))
    y, x = generator.uniform(-field / 2, field / 2, (number, 2)).T
    width = params.radius * generator.uniform(0.01, 0.04, number)
    return np.stack([y, x, width, generator.uniform(0.1, 0.6, number)])


def _add_grains(phase: np.ndarray, grains: np.ndarray, pixel_size: float) -> None:
    """Add round Gaussians to the phase, in place."""
    y, x, width, height = grains
    rows, columns = (pixel_size * (np.arange(number) - (number - 1) / 2) for number in phase.shape)
    # A Gaussian is a product of one along each axis, and the sum over grains so a product of matrices.
    along_y = height * _bump(rows[:, None] - y, width, pixel_size)
    along_x = _bump(columns - x[:, None], width[:, None], pixel_size)
    phase += along_y @ along_x


def _bump(distance: np.ndarray, width: float | np.ndarray, pixel: float) -> np.ndarray:
    """Return a Gaussian of some standard deviation and height 1, blurred by a pixel."""
    blurred = np.hypot(width, GRAIN * pixel)
    return width / blurred * np.exp(-0.5 * (distance / blurred) ** 2)


def _step(depth: np.ndarray, width: float) -> np.ndarray:
    """Return 0 outside and 1 inside of an outline, and a smooth slope of some width from the outline inwards."""
    part = (depth / width).clip(0, 1)
    return part**2 * (3 - 2 * part)
