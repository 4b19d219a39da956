"""Simulated annular dark-field STEM images of one atomic cluster: a bright dot for each column of atoms.

These are drawings, not physics. A column is a Gaussian as wide as the probe and its source make it, and its intensity
is a power of the number of its atoms; under the cluster lies a faint film, unevenly thick. No scattering is computed:
there is no channelling, no defocus, no cross-talk other than overlap, and numbers measured on these images say nothing
about a microscope. There is no noise.

A cluster is drawn first and rendered then, so that a sequence can move its columns and render them again. How many
columns there are, and how many atoms in each, is by default as in F. Wang et al., "Solving inverse problems with
multi-scale deep convolutional neural networks" (2018), Method, Dataset.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field

from reconbench.contracts import Parameters
from reconbench.errors import UserError


def _ordered(bounds: tuple) -> tuple:
    if bounds[1] < bounds[0]:
        raise ValueError("the upper bound must not be below the lower one")
    return bounds


_Count = Annotated[int, Field(ge=1, le=2000)]
_Spacing = Annotated[float, Field(ge=2, le=1000)]
_Width = Annotated[float, Field(ge=0.5, le=1000)]


class Params(Parameters):
    """What the images are like. Each image draws its own values; two numbers are the bounds to draw between."""

    columns: Annotated[tuple[_Count, _Count], AfterValidator(_ordered)] = (50, 300)
    """Number of atomic columns. A small image limits it further."""
    atoms: Annotated[tuple[_Count, _Count], AfterValidator(_ordered)] = (1, 10)
    """Number of atoms in a column."""
    spacing: Annotated[tuple[_Spacing, _Spacing], AfterValidator(_ordered)] = (4.0, 16.0)
    """Distance of neighbouring columns in pixels. A small image or many columns limit it further."""
    width: Annotated[tuple[_Width, _Width], AfterValidator(_ordered)] = (0.9, 4.0)
    """Standard deviation of a column's profile in pixels, within these bounds 0.18 to 0.4 of the spacing."""
    displacement: float = Field(0.04, ge=0, le=0.2)
    """Standard deviation of a column's displacement from the lattice along each axis, relative to the spacing."""
    hexagonal: float = Field(0.5, ge=0, le=1)
    """Share of clusters with a hexagonal lattice; the others have a square one."""
    exponent: float = Field(1.0, gt=0, le=2)
    """Power of the number of atoms that the intensity of a column grows with."""
    background: float = Field(0.05, ge=0, le=0.3)
    """Mean brightness of the film, relative to the column with the most atoms."""


@dataclass(frozen=True, eq=False)
class Cluster:
    """A cluster and the film under it. `dataclasses.replace` gives it other positions, which leaves the film there.

    Attributes
    ----------
    positions : ndarray
        Shape (columns, 2): y and x of each column in pixels, from the middle of the first pixel, the innermost first.
    atoms : ndarray of int
        Shape (columns,): number of atoms of each column.
    spacing : float
        Distance of neighbouring columns in pixels.
    width : float
        Standard deviation of a column's profile in pixels.
    film : ndarray
        Shape (6,): brightness of the film as factors of 1, y, x, y^2, yx and x^2, each axis from -0.5 to 0.5 over the
        image; its unit is the intensity of a column with one atom.
    """

    positions: np.ndarray
    atoms: np.ndarray
    spacing: float
    width: float
    film: np.ndarray


def simulate(generator: np.random.Generator, size: tuple[int, int], params: Params) -> np.ndarray:
    """Return one simulated image of a cluster, its brightest column about 1.

    Parameters
    ----------
    generator : numpy.random.Generator
    size : tuple of int
        Shape (y, x) in pixels.
    params : Params

    Returns
    -------
    ndarray of float32
        Shape `size`, from 0 to 1.

    Raises
    ------
    UserError
        If `size` is not (y, x), or too small for the fewest columns at the finest spacing.
    """
    cluster = draw_cluster(generator, size, params)
    return np.clip(render(cluster, size, params) / brightest(cluster, size, params), 0, 1)


def draw_cluster(generator: np.random.Generator, size: tuple[int, int], params: Params) -> Cluster:
    """Return a cluster that lies within the image, a spacing from its edge where there is room.

    Parameters
    ----------
    generator : numpy.random.Generator
    size : tuple of int
        Shape (y, x) of the image in pixels.
    params : Params

    Returns
    -------
    Cluster

    Raises
    ------
    UserError
        If `size` is not (y, x), or too small for the fewest columns at the finest spacing.
    """
    field = _field(size, params)
    number, spacing = _number_and_spacing(generator, field, params)
    hexagonal = generator.random() < params.hexagonal
    lattice, places = _places(generator, field / spacing, hexagonal)
    distance = _distance(generator, lattice, hexagonal)
    # A rough edge: columns are missing from a layer or begin a new one.
    rough = distance + generator.uniform(0, 0.35) * generator.standard_normal(len(places))
    chosen = np.argsort(rough, kind="stable")[:number]
    chosen = chosen[np.argsort(distance[chosen], kind="stable")]
    atoms = _atoms(generator, distance[chosen], params.atoms)
    positions = spacing * places[chosen]
    low, high = positions.min(axis=0), positions.max(axis=0)
    last = np.array(size) - 1
    slack = np.maximum(last - 2 * spacing - (high - low), 0)
    positions += 0.5 * (last - low - high) + generator.uniform(-0.5, 0.5, 2) * slack
    positions += params.displacement * spacing * generator.standard_normal((number, 2))
    width = float(np.clip(generator.uniform(0.18, 0.4) * spacing, *params.width))
    film = params.background * generator.uniform(0.4, 1.6) * float(atoms.max()) ** params.exponent
    # Slopes and bends that together stay below 1, so that the film is nowhere negative.
    shading = generator.uniform(-1, 1, 5) * (0.7, 0.7, 0.4, 0.4, 0.4)
    return Cluster(positions, atoms, spacing, width, film * np.array([1, *shading]))


def render(cluster: Cluster, size: tuple[int, int], params: Params) -> np.ndarray:
    """Return the image of a cluster and its film; the peak of a lone column with one atom is 1.

    The intensity at r is sum_i N_i^exponent exp(-|r - r_i|^2 / (2 width^2)) plus the film, sampled at the pixels'
    middles. Columns may lie outside the image.

    Parameters
    ----------
    cluster : Cluster
    size : tuple of int
        Shape (y, x) in pixels.
    params : Params
        Of these, the exponent is used.

    Returns
    -------
    ndarray of float32
        Shape `size`, at least 0.

    Raises
    ------
    UserError
        If `size` is not (y, x).
    """
    _check(size)
    y, x = np.arange(size[0])[:, None], np.arange(size[1])
    # A Gaussian is a product of one along each axis, and the sum over columns so a product of matrices.
    along_y = _profile(y - cluster.positions[:, 0], cluster)
    along_x = _profile(x - cluster.positions[:, 1, None], cluster)
    columns = (along_y * _intensities(cluster, params)) @ along_x
    return (columns + _film(cluster, y, x, size)).astype(np.float32)


def brightest(cluster: Cluster, size: tuple[int, int], params: Params) -> float:
    """Return the largest intensity at the middle of a column, overlap and film included, in the unit of `render`.

    It does not depend on where the columns lie between the pixels. Where displaced columns merge, pixels exceed it by
    up to a few per cent. Divide all images of a sequence by that of its first.
    """
    y, x = cluster.positions.T
    overlap = _profile(y[:, None] - y, cluster) * _profile(x[:, None] - x, cluster)
    return float((overlap @ _intensities(cluster, params) + _film(cluster, y, x, size)).max())


def _check(size: tuple[int, int]) -> None:
    if len(size) != 2:
        raise UserError(f"images of clusters have a size (y, x), and {tuple(size)} was asked for")


def _field(size: tuple[int, int], params: Params) -> np.ndarray:
    """Return the height and width of the rectangle that columns may lie in."""
    _check(size)
    finest, fewest = params.spacing[0], params.columns[0]
    field = np.array(size) - 1 - 2 * finest
    # Every point lies within 1 / sqrt(2) spacings of a column, so that the field without such a rim, divided by the
    # area of a column, is a number that fits in any orientation.
    if np.prod(np.maximum(field - np.sqrt(2) * finest, 0)) / finest**2 < fewest:
        raise UserError(
            f"{fewest} columns that are {finest:g} pixels apart do not fit into an image of {tuple(size)} pixels; "
            "ask for fewer columns, a finer spacing or a larger image"
        )
    return field


def _number_and_spacing(generator: np.random.Generator, field: np.ndarray, params: Params) -> tuple[int, float]:
    """Return how many columns there are and how far apart, such that most clusters lie free in the field."""
    room = 0.48 * field.min() ** 2
    fewest, most = params.columns
    finest, widest = params.spacing
    number = int(generator.integers(fewest, int(np.clip(room / finest**2, fewest, most)) + 1))
    widest = np.clip(np.sqrt(room / number), finest, widest)
    return number, float(finest * (widest / finest) ** generator.random())


def _places(generator: np.random.Generator, field: np.ndarray, hexagonal: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of a lattice in its own frame, and turned as they lie in the field, both in spacings."""
    reach = int(np.ceil(np.hypot(*field) / np.sqrt(3))) + 1
    steps = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    basis = np.array([[np.sqrt(0.75), 0.5], [0, 1]]) if hexagonal else np.eye(2)
    lattice = steps @ basis
    turn = generator.uniform(0, 2 * np.pi)
    places = lattice @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    inside = (np.abs(places) <= field / 2).all(axis=1)
    return lattice[inside], places[inside]


def _distance(generator: np.random.Generator, lattice: np.ndarray, hexagonal: bool) -> np.ndarray:
    """Return how far out each point lies, in about spacings: equal along a polygon with facets along dense rows."""
    facets = 6 if hexagonal else 8
    angles = 2 * np.pi * np.arange(facets) / facets
    normals = np.stack([np.sin(angles), np.cos(angles)])
    if hexagonal:
        normals = normals[::-1]
    distance = (lattice @ normals / generator.uniform(0.75, 1.25, facets)).max(axis=1)
    angle = np.arctan2(*lattice.T)
    for order in (2, 3, 4):
        distance = distance * (1 + generator.normal(0, 0.12 / order) * np.cos(order * angle + generator.uniform(0, 7)))
    return distance


def _atoms(generator: np.random.Generator, distance: np.ndarray, bounds: tuple[int, int]) -> np.ndarray:
    """Return the number of atoms of each column: few at the edge, most at the middle, not quite even."""
    fewest, most = bounds
    thickest = generator.integers((fewest + most + 1) // 2, most + 1)
    # From a pyramid to a flat-topped island.
    profile = 1 - (distance / max(distance.max(), 1e-12)) ** generator.uniform(1, 3)
    thickness = fewest + (thickest - fewest) * profile + 0.4 * generator.standard_normal(len(distance))
    return np.clip(np.rint(thickness), fewest, most).astype(int)


def _intensities(cluster: Cluster, params: Params) -> np.ndarray:
    return cluster.atoms.astype(float) ** params.exponent


def _profile(distance: np.ndarray, cluster: Cluster) -> np.ndarray:
    """Return the profile of a column along one axis at distances in pixels."""
    return np.exp(-0.5 * (distance / cluster.width) ** 2)


def _film(cluster: Cluster, y: np.ndarray, x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the brightness of the film at positions in pixels."""
    y, x = ((at + 0.5) / number - 0.5 for at, number in zip((y, x), size, strict=True))
    level, slope_y, slope_x, bend_y, twist, bend_x = cluster.film
    return level + slope_y * y + slope_x * x + bend_y * y**2 + twist * y * x + bend_x * x**2
