"""Simulated scenes: opaque things of all sizes that hide one another, as photographs show them.

This is the dead leaves model of G. Matheron (1968), with radii drawn from r^-3: A. B. Lee, D. Mumford and J. Huang,
"Occlusion models for natural images", Int. J. Comput. Vis. 41, 35 (2001), find in it what photographs have in common:
edges, a spectrum that falls as a power, and no scale of its own. The scenes are drawings and show nothing. They stand
where a network is to see more photographs than there are.

Leaves are drawn from the front to the back, each only where none is before it, until the field is full: so a scene in
focus is an exact draw of the model, but for the last thousandth of the field (W. S. Kendall and E. Thonnes, "Perfect
simulation in stochastic geometry", Pattern Recognition 32, 1569 (1999)).
"""

import math
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from reconbench.contracts import Parameters
from reconbench.datasets.simulators._places import around
from reconbench.datasets.simulators._random_field import random_field
from reconbench.errors import UserError

OPEN = 1e-3  # a field of which no more than this is seen through is full
AT_ONCE = 128  # leaves drawn at once
REACH = 1.4  # how far the corners of a leaf may reach, relative to its radius
LOBES = (2, 3, 4, 5)  # waves along an outline
WAVY = 8.0  # pixels: radius of the smallest leaves whose outline is wavy
EDGE = 1.0  # pixels: width of an edge in focus, which stands for the area of a pixel
TEXTURES = ((0.02, 1.0), (0.1, 2.0), (0.4, 2.5))  # clumps relative to the image, and how fast their power falls
CONTRAST = 0.4  # standard deviation of the light over many scenes, where leaves have no brightness of their own


class Params(Parameters):
    """What the scenes are like. Each image and each leaf draws its own values around these.

    With the defaults, scenes of 512 x 512 pixels have about the spectrum and the distribution of differences between
    neighbouring pixels that photographs have, those of the CID22 set.
    """

    smallest: float = Field(4.0, ge=0.5)
    """Radius of the smallest leaves in pixels."""
    largest: float = Field(1.0, gt=0, le=4)
    """Radius of the largest leaves, relative to the longer side of the image."""
    angular: float = Field(0.4, ge=0, le=1)
    """Share of leaves with straight sides and corners; the others are round."""
    waviness: float = Field(0.15, ge=0, le=0.5)
    """How far the outline of round leaves is from a circle, relative to their radius."""
    variety: float = Field(0.35, ge=0, le=1)
    """How much the brightness of a leaf differs from that of others around: 0 is not at all, 1 is wholly its own."""
    shading: float = Field(0.2, ge=0, le=2)
    """Standard deviation of the change of brightness from the middle of a leaf to its edge."""
    texture: float = Field(0.06, ge=0, le=1)
    """Mean standard deviation of the textures, of which leaves show pieces. Of coarse ones small pieces vary less."""
    striped: float = Field(0.1, ge=0, le=1)
    """Share of leaves with stripes."""
    out_of_focus: float = Field(0.3, ge=0, le=1)
    """Share of images in which the edges of what lies behind are blurred."""
    gamma: float = Field(0.4, ge=0, le=1)
    """Standard deviation of the logarithm of an image's gamma, the power that its brightness is taken to."""


@dataclass(frozen=True)
class Leaf:
    """Where a leaf is and what it is like.

    Attributes
    ----------
    centre : tuple of float
        y and x in pixels, from the middle of the image.
    radius : float
        In pixels.
    angular : bool
    edge : float
        Width of its edge in pixels.
    """

    centre: tuple[float, float]
    radius: float
    angular: bool
    edge: float

    @property
    def reach(self) -> float:
        """How far from its centre it may reach, in pixels."""
        return REACH * self.radius + self.edge / 2


@dataclass(frozen=True)
class Surroundings:
    """What all leaves of a scene share.

    Attributes
    ----------
    light : ndarray
        Brightness that leaves at a place have in common, of the shape of the image.
    textures : tuple of ndarray
        Of which leaves show pieces, each of the shape of the image.
    """

    light: np.ndarray
    textures: tuple[np.ndarray, ...]


def simulate(generator: np.random.Generator, size: tuple[int, int], params: Params) -> np.ndarray:
    """Return one simulated scene.

    Parameters
    ----------
    generator : numpy.random.Generator
    size : tuple of int
        Shape (y, x) in pixels.
    params : Params

    Returns
    -------
    ndarray of float32
        Shape `size`, between 0 and 1.

    Raises
    ------
    UserError
        If `size` is not (y, x), or the smallest leaves would be larger than the largest.
    """
    if len(size) != 2:
        raise UserError(f"scenes have a size (y, x), and {tuple(size)} was asked for")
    if params.smallest >= params.largest * max(size):
        raise UserError(
            f"the largest leaves of an image {max(size)} pixels wide have a radius of {params.largest * max(size):g} "
            f"pixels and the smallest {params.smallest:g}; make `smallest` smaller or `largest` larger"
        )
    surroundings = _surroundings(generator, size, params)
    # Once less than a part of the field is open, edges are blurred: those behind.
    sharp = generator.uniform(0.2, 0.8) if generator.random() < params.out_of_focus else 0.0
    blur = max(EDGE, max(size) * generator.uniform(0.01, 0.05))
    image, unseen = np.zeros(size), np.ones(size)
    while (part := unseen.mean()) > OPEN:
        for leaf in _draw_leaves(generator, size, EDGE if part > sharp else blur, params):
            _add_leaf(generator, image, unseen, leaf, surroundings, params)
    # What is still seen through shows one more leaf, behind all.
    image += unseen * generator.random()
    gamma = math.exp(params.gamma * generator.standard_normal())
    return (image.clip(0, 1) ** gamma).astype(np.float32)


def _surroundings(generator: np.random.Generator, size: tuple[int, int], params: Params) -> Surroundings:
    light = random_field(generator, size, (1.0, 1.0), (0.5 * max(size), 2.0), 2.5)
    textures = (random_field(generator, size, (1.0, 1.0), (part * max(size), 0.5), fall) for part, fall in TEXTURES)
    return Surroundings(0.5 + CONTRAST * (1 - params.variety) * light, tuple(textures))


def _draw_leaves(generator: np.random.Generator, size: tuple[int, int], edge: float, params: Params) -> list[Leaf]:
    """Draw leaves of which a part may lie in the field, with edges of some width in pixels."""
    area = np.array(size) + edge
    radii = _draw_radii(generator, *area.tolist(), params.smallest, params.largest * max(size))
    beyond = REACH * radii[:, None]
    centres = (area + 2 * beyond) * (generator.random((AT_ONCE, 2)) - 0.5)
    angular = generator.random(AT_ONCE) < params.angular
    return [Leaf(*leaf, edge) for leaf in zip(centres.tolist(), radii.tolist(), angular.tolist(), strict=True)]


def _draw_radii(generator: np.random.Generator, height: float, width: float, low: float, high: float) -> np.ndarray:
    """Draw radii, from low to high, of leaves that may reach into a field of some height and width.

    All over the plane their density is r^-3. The places from which a leaf may reach into a field of h x w pixels have
    the area (h + 2 R r) (w + 2 R r), so that these have a density that is a sum of r^-3, r^-2 and r^-1.
    """
    shares = np.array(
        [
            height * width * (low**-2 - high**-2) / 2,
            2 * REACH * (height + width) * (1 / low - 1 / high),
            4 * REACH**2 * math.log(high / low),
        ]
    )
    part = generator.random(AT_ONCE)
    powers = [
        (low**-2 - part * (low**-2 - high**-2)) ** -0.5,
        1 / (1 / low - part * (1 / low - 1 / high)),
        low * (high / low) ** part,
    ]
    return np.choose(generator.choice(3, AT_ONCE, p=shares / shares.sum()), powers)


def _add_leaf(
    generator: np.random.Generator,
    image: np.ndarray,
    unseen: np.ndarray,
    leaf: Leaf,
    surroundings: Surroundings,
    params: Params,
) -> None:
    """Add what is seen of a leaf to the image, and take it from what is unseen, both in place."""
    place, y, x = around(image.shape, 1.0, leaf.centre, leaf.reach)
    # Most of the last leaves are hidden.
    if not unseen[place].size or unseen[place].max() < OPEN:
        return
    seen = unseen[place] * (_depth(generator, leaf, y, x, params) / leaf.edge + 0.5).clip(0, 1)
    image[place] += seen * _brightness(generator, leaf, y, x, surroundings, params)
    unseen[place] -= seen


def _depth(generator: np.random.Generator, leaf: Leaf, y: np.ndarray, x: np.ndarray, params: Params) -> np.ndarray:
    """Return how far inside of a leaf's outline places are in pixels, negative beyond it."""
    distance = np.hypot(y, x)
    if leaf.angular:
        sides = int(generator.integers(4, 7))
        turns = 2 * np.pi * (generator.random() + (np.arange(sides) + generator.uniform(-0.2, 0.2, sides)) / sides)
        depth = REACH * leaf.radius - distance
        for turn, side in zip(turns, generator.uniform(0.6, 1.0, sides) * leaf.radius, strict=True):
            depth = np.minimum(depth, side - math.cos(turn) * x - math.sin(turn) * y)
        return depth
    if not params.waviness or leaf.radius < WAVY:
        return leaf.radius - distance
    angle = np.arctan2(y, x)
    outline = 1.0
    for order in LOBES:
        turn = generator.uniform(0, 2 * np.pi)
        outline = outline + generator.normal(0, params.waviness / order) * np.cos(order * angle + turn)
    return leaf.radius * outline.clip(0.5, REACH) - distance


def _brightness(
    generator: np.random.Generator,
    leaf: Leaf,
    y: np.ndarray,
    x: np.ndarray,
    surroundings: Surroundings,
    params: Params,
) -> np.ndarray:
    """Return the brightness of a leaf: that of its surroundings, its own, a slope, texture, and stripes on some."""
    nearest = [
        min(max(round(middle + (length - 1) / 2), 0), length - 1)
        for middle, length in zip(leaf.centre, surroundings.light.shape, strict=True)
    ]
    slope_y, slope_x = params.shading / leaf.radius * generator.standard_normal(2)
    own = params.variety * (generator.random() - 0.5)
    brightness = surroundings.light[tuple(nearest)] + own + slope_y * y + slope_x * x
    texture = surroundings.textures[int(generator.integers(len(TEXTURES)))]
    brightness += params.texture * generator.exponential() * _piece(generator, texture, brightness.shape)
    if generator.random() < params.striped:
        turn, start = generator.uniform(0, 2 * np.pi, 2)
        period = min(generator.uniform(3, 24), leaf.radius)
        wave = np.sin(2 * np.pi / period * (math.cos(turn) * x + math.sin(turn) * y) + start)
        brightness += params.texture * generator.exponential() * wave
    return brightness


def _piece(generator: np.random.Generator, texture: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a piece of a texture from a random place."""
    y, x = (int(generator.integers(whole - part + 1)) for whole, part in zip(texture.shape, shape, strict=True))
    return texture[y : y + shape[0], x : x + shape[1]]
