"""Simulated electron micrographs: particles on an amorphous film that is unevenly thick.

These are drawings, not physics: what a bright-field or annular dark-field micrograph of nanoparticles looks like to
a denoiser (edges, lattice fringes near the resolution limit, band-limited texture, slow shading), without noise. No
scattering is computed, and numbers measured on them say nothing about a microscope.
"""

import numpy as np
from pydantic import Field

from reconbench.contracts import Parameters
from reconbench.errors import UserError


class Params(Parameters):
    """What the images are like. Each image draws its own values around these."""

    coverage: float = Field(0.3, ge=0, le=2)
    """Mean area of all particles over the area of the image (they may overlap)."""
    smallest: float = Field(3.0, ge=1)
    """Radius of the smallest particles in pixels."""
    largest: float = Field(40.0, ge=1)
    """Radius of the largest particles in pixels."""
    crystalline: float = Field(0.6, ge=0, le=1)
    """Share of particles with lattice fringes inside."""
    finest_period: float = Field(3.2, ge=2)
    """Shortest period of lattice fringes in pixels."""
    texture: float = Field(0.05, ge=0, le=1)
    """Mean standard deviation of the amorphous texture, relative to the film's brightness."""
    unevenness: float = Field(0.25, ge=0, le=1)
    """Mean change of the film's brightness across the image, relative to it."""
    dark_field: float = Field(0.35, ge=0, le=1)
    """Share of images with bright particles on a dark film."""


def simulate(generator: np.random.Generator, size: tuple[int, int], params: Params) -> np.ndarray:
    """Return one simulated micrograph.

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
        If `size` is not (y, x).
    """
    if len(size) != 2:
        raise UserError(f"micrographs have a size (y, x), and {tuple(size)} was asked for")
    particles = _particles(generator, size, params)
    dark_field = generator.random() < params.dark_field
    film = _film(generator, size, params, vacuum=0.6 if dark_field else 1 + 0.5 * params.unevenness)
    if dark_field:
        image = 0.4 * film + generator.uniform(0.8, 2.0) * particles
    else:
        # Beer-Lambert; defocus leaves a thin bright rim where the thickness rises.
        image = film * np.exp(-generator.uniform(0.7, 1.6) * particles) - generator.uniform(0.1, 0.8) * _bend(particles)
    low, high = image.min(), image.max()
    return ((image - low) / max(high - low, 1e-12)).astype(np.float32)


def _film(generator: np.random.Generator, size: tuple[int, int], params: Params, vacuum: float) -> np.ndarray:
    """Return the brightness of the bare film, about 1: shading, clouds, texture, and sometimes a hole's edge."""
    shading = _shading(generator, size) * params.unevenness * generator.uniform(0.3, 1.5)
    clouds = _band_limited(generator, size, period=max(size) / generator.uniform(2, 6), width=0.6)
    period = generator.uniform(3, 9)
    texture = _band_limited(generator, size, period, width=generator.uniform(0.25, 0.6))
    strength = params.texture * generator.uniform(0.4, 1.6)
    film = 1 + shading + 0.15 * params.unevenness * clouds + strength * texture
    if generator.random() < 0.25:
        hole = _soft_step(_shading(generator, size) + generator.uniform(-0.3, 0.1), 0.01)
        film = film + hole * (vacuum - film)
    return film


def _shading(generator: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Return a slow change over the image, about -0.7 to 0.7: a slope in a random direction, bent."""
    y, x = _coordinates(size)
    angle, bend, twist = generator.uniform(0, 2 * np.pi), *generator.uniform(-0.6, 0.6, 2)
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    return along + bend * (across**2 - 0.08) + twist * along * across


def _coordinates(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return y and x from -0.5 to 0.5, for broadcasting."""
    return np.linspace(-0.5, 0.5, size[0])[:, None], np.linspace(-0.5, 0.5, size[1])[None, :]


def _band_limited(generator: np.random.Generator, size: tuple[int, int], period: float, width: float) -> np.ndarray:
    """Return Gaussian noise with periods around one value (in pixels), mean 0 and standard deviation 1."""
    spectrum = np.fft.rfft2(generator.standard_normal(size, dtype=np.float32))
    frequency = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1])[None, :])
    octaves = np.log2(np.maximum(frequency, 1e-6) * period)
    spectrum *= np.exp(-0.5 * (octaves / width) ** 2)
    noise = np.fft.irfft2(spectrum, s=size)
    return (noise - noise.mean()) / max(noise.std(), 1e-12)


def _particles(generator: np.random.Generator, size: tuple[int, int], params: Params) -> np.ndarray:
    """Return the projected thickness of all particles, about 1 at the middle of one."""
    thickness = np.zeros(size)
    largest = min(params.largest, 0.45 * min(size))
    # Each image has its own typical size, as if at its own magnification.
    typical = np.exp(generator.uniform(np.log(params.smallest), np.log(max(largest, params.smallest))))
    spread = generator.uniform(0.1, 0.5)
    left = params.coverage * generator.uniform(0.4, 1.8) * size[0] * size[1]
    faceted = generator.random() < 0.5
    clustered = generator.random() < 0.35
    middle = generator.uniform(0.25, 0.75, 2) * size
    for _ in range(1000):
        if left <= 0:
            break
        radius = float(np.clip(typical * np.exp(spread * generator.standard_normal()), params.smallest, largest))
        if clustered:
            centre = middle + 0.18 * min(size) * generator.standard_normal(2)
        else:
            centre = generator.uniform(-0.05, 1.05, 2) * size
        _add_particle(generator, thickness, centre, radius, faceted, params)
        left -= np.pi * radius**2
    return thickness


def _add_particle(
    generator: np.random.Generator,
    thickness: np.ndarray,
    centre: np.ndarray,
    radius: float,
    faceted: bool,
    params: Params,
) -> None:
    """Add one particle to the thickness, in place."""
    reach = int(np.ceil(1.6 * radius)) + 2
    low = np.maximum(np.floor(centre).astype(int) - reach, 0)
    high = np.minimum(np.floor(centre).astype(int) + reach + 1, thickness.shape)
    if np.any(high <= low):
        return
    y = np.arange(low[0], high[0])[:, None] - centre[0]
    x = np.arange(low[1], high[1])[None, :] - centre[1]
    depth = _polygon(generator, y, x, radius) if faceted else _blob(generator, y, x, radius)
    # An edge one pixel wide, then round like a sphere or flat like a platelet.
    profile = np.clip(depth / radius, 0, 1)
    roundness = generator.uniform(0.25, 0.6)
    particle = generator.uniform(0.4, 1.0) * _soft_step(depth, 0.9) * (0.15 + 0.85 * profile**roundness)
    if generator.random() < params.crystalline:
        particle = particle * (1 + generator.uniform(0.08, 0.32) * _lattice(generator, y, x, params.finest_period))
    thickness[low[0] : high[0], low[1] : high[1]] += particle


def _blob(generator: np.random.Generator, y: np.ndarray, x: np.ndarray, radius: float) -> np.ndarray:
    """Return the depth below the outline, in pixels, of an ellipse with a wavy edge."""
    turn, elongation = generator.uniform(0, np.pi), np.exp(generator.uniform(0, 0.25))
    along, across = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    distance = np.hypot(along / elongation, across * elongation)
    angle = np.arctan2(across, along)
    outline = np.ones_like(distance)
    for order in (2, 3, 4, 5):
        outline += generator.normal(0, 0.09 / order) * np.cos(order * angle + generator.uniform(0, 2 * np.pi))
    return radius * outline - distance


def _polygon(generator: np.random.Generator, y: np.ndarray, x: np.ndarray, radius: float) -> np.ndarray:
    """Return the depth below the outline, in pixels, of a convex polygon with four to eight facets."""
    sides = int(generator.integers(4, 9))
    angles = 2 * np.pi * (np.arange(sides) + generator.uniform(-0.15, 0.15, sides)) / sides + generator.uniform(0, 7)
    depth = np.full(np.broadcast_shapes(y.shape, x.shape), np.inf)
    for angle, distance in zip(angles, radius * generator.uniform(0.8, 1.05, sides), strict=True):
        np.minimum(depth, distance - np.cos(angle) * x - np.sin(angle) * y, out=depth)
    return depth


def _lattice(generator: np.random.Generator, y: np.ndarray, x: np.ndarray, finest_period: float) -> np.ndarray:
    """Return one or two sets of lattice fringes, from -1 to 1; a twin boundary mirrors some."""
    turn = generator.uniform(0, np.pi)
    along, across = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    if generator.random() < 0.2:
        along = np.abs(along)
    period = finest_period * np.exp(generator.uniform(0, 0.9))
    slant = generator.uniform(0.3, 1.2)
    fringes = np.cos(2 * np.pi * (np.cos(slant) * along + np.sin(slant) * across) / period)
    if generator.random() < 0.5:
        other = np.cos(2 * np.pi * (np.cos(slant) * along - np.sin(slant) * across) / period)
        fringes = 0.5 * (fringes + other)
    return fringes


def _soft_step(depth: np.ndarray, width: float) -> np.ndarray:
    """Return 0 outside and 1 inside, with a smooth edge of a width in the units of `depth`."""
    return 0.5 * (1 + np.tanh(depth / width))


def _bend(thickness: np.ndarray) -> np.ndarray:
    """Return minus the upward curvature of the thickness, which is what a little defocus adds to the contrast."""
    padded = np.pad(thickness, 1, mode="edge")
    curvature = padded[2:, 1:-1] + padded[:-2, 1:-1] + padded[1:-1, 2:] + padded[1:-1, :-2] - 4 * thickness
    return np.clip(-curvature, -0.2, 0.2)
