"""A screen in front of a wall, of which a camera sees a part: imaging from diffuse reflection."""

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from reconbench.contracts import Description, Parameters
from reconbench.errors import UserError

FORWARD = Description(
    name="diffuse_wall",
    title="diffuse reflection at a wall",
    reference="F. Wang et al., Sci. Rep. 10, 5730 (2020), doi:10.1038/s41598-020-62484-z",
)

Pixels = tuple[Annotated[int, Field(ge=1, le=4096)], Annotated[int, Field(ge=1, le=4096)]]
Metres = tuple[Annotated[float, Field(gt=0, le=100)], Annotated[float, Field(gt=0, le=100)]]
Place = tuple[Annotated[float, Field(ge=-100, le=100)], Annotated[float, Field(ge=-100, le=100)]]
# Root-mean-square contrast of a pattern that is black in one half of its pixels and white in the other.
FULL_CONTRAST = 0.5
# A matrix of so many numbers takes 0.8 GB, and its decomposition several times that.
LARGEST_MATRIX = 10**8


class Params(Parameters):
    """Where screen, wall and camera are, and how the wall reflects.

    Wang et al. had a laptop 0.3 metres in front of a door, its screen 17.3 inches across, and cut half of the camera's
    image along each axis. Where the camera sits, which part of the door that half shows and how the door reflects they
    do not say, so that these defaults are assumptions: a camera in the frame above the screen; the part in which a
    mirror at the door would show the camera the whole screen; half of the light in a lobe of 5 degrees.

    Places are (down, right) from the middle of the screen, as somebody at the wall sees the screen.
    """

    screen_pixels: Pixels = (36, 64)
    """Pixels of the screen, (y, x): the truth's."""
    camera_pixels: Pixels = (18, 32)
    """Pixels of the camera's image, (y, x): the measurement's."""
    screen_size: Metres = (0.215, 0.383)
    """Height and width of the screen in metres."""
    wall_distance: float = Field(default=0.3, gt=0, le=100)
    """From the screen to the wall, which are parallel; metres."""
    camera_distance: float = Field(default=0.3, gt=0, le=100)
    """From the camera's pinhole to the wall; metres. An assumption: it is in the plane of the screen."""
    camera_place: Place = (-0.12, 0.0)
    """Where the pinhole is; metres. An assumption."""
    view_size: Metres = (0.1075, 0.1915)
    """Height and width of the part of the wall that the camera's image shows; metres. An assumption."""
    view_place: Place = (-0.06, 0.0)
    """Where the middle of that part is; metres. An assumption."""
    glossy_share: float = Field(default=0.5, ge=0, le=1)
    """Share of the reflected light that goes into the lobe about the mirror direction; the rest goes into all
    directions by Lambert's law. 0 is a pure diffuser. An assumption."""
    lobe_width: float = Field(default=5.0, ge=1, le=45)
    """Standard deviation of the lobe about the mirror direction, along either of the axes across it; degrees."""

    @model_validator(mode="after")
    def _fitting_in_memory(self) -> "Params":
        numbers = math.prod(self.screen_pixels) * math.prod(self.camera_pixels)
        if numbers > LARGEST_MATRIX:
            raise ValueError(
                f"the matrix from {list(self.screen_pixels)} screen pixels to {list(self.camera_pixels)} camera pixels "
                f"has {numbers:.1e} numbers; {LARGEST_MATRIX:.0e} are the most, so give fewer pixels"
            )
        return self


class Decomposition(NamedTuple):
    """A singular-value decomposition A = left diag(values) right, in double precision.

    Attributes
    ----------
    left : ndarray
        Shape (camera pixels, k), orthonormal columns.
    values : ndarray
        Shape (k,), from the largest on.
    right : ndarray
        Shape (k, screen pixels), orthonormal rows.
    """

    left: np.ndarray
    values: np.ndarray
    right: np.ndarray


class DiffuseWall:
    """The light that a camera sees of a wall in front of a screen, linear in the light of each of its pixels.

    A camera pixel records the radiance of the point of the wall that its middle sees. With theta the angle between the
    direction to a screen pixel and the normal of screen and wall alike, r the distance to it, a its area and delta the
    angle between its direction and the camera's mirror direction, the pixel's share is

        a cos(theta) / r^2 [(1 - g) cos(theta) / pi + g p(delta)]

    where g is `glossy_share` and p(delta) ~ exp(cos(delta) / w^2) the density of von Mises and Fisher on the sphere,
    which for a small width w is a Gaussian. So a white screen all around would give 1 whatever g is. The lens
    is taken to be corrected for its own fall-off, and the screen to shine as Lambert's law has it. Each colour is by
    itself, with the same matrix. The camera looks against the screen's direction of view, which reverses left and
    right: the left column of its image shows the right of the screen.

    Parameters
    ----------
    params : Params

    Attributes
    ----------
    screen_pixels, camera_pixels : tuple of int
        (y, x) of truth and measurement.
    matrix : ndarray
        Shape (camera pixels, screen pixels), float64, in the order of the images' pixels. Divided by what makes the
        mean of the camera's image of a white screen 1.
    """

    def __init__(self, params: Params):
        self.screen_pixels = params.screen_pixels
        self.camera_pixels = params.camera_pixels
        self.matrix = _matrix(params)
        self._kept: tuple = (None, None)

    def __call__(self, truth):
        """Return the camera's images of screens (..., y, x).

        Raises
        ------
        UserError
            If the screens have another number of pixels than this one.
        """
        self.measurement_shape(tuple(truth.shape))
        return (truth.flatten(-2) @ self._on(truth).mT).unflatten(-1, self.camera_pixels)

    def adjoint(self, measurement):
        """Return the transpose applied to camera images (..., y, x)."""
        return (measurement.flatten(-2) @ self._on(measurement)).unflatten(-1, self.screen_pixels)

    def measurement_shape(self, truth_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the measurement of a truth of this shape."""
        if tuple(truth_shape[-2:]) != self.screen_pixels:
            raise UserError(
                f"the screen has {self.screen_pixels[0]} x {self.screen_pixels[1]} pixels and not those of a truth of "
                f"shape {tuple(truth_shape)}; set the forward model's screen_pixels to the size of the truths"
            )
        return (*truth_shape[:-2], *self.camera_pixels)

    @cached_property
    def decomposition(self) -> Decomposition:
        """The singular-value decomposition of the matrix, computed when it is first asked for."""
        return Decomposition(*np.linalg.svd(self.matrix, full_matrices=False))

    def _on(self, images):
        """Return the matrix as a tensor of the images' type, on their device."""
        import torch

        key = (images.dtype, images.device)
        if self._kept[0] != key:
            self._kept = (key, torch.from_numpy(self.matrix).to(device=images.device, dtype=images.dtype))
        return self._kept[1]


def build(params: Params) -> DiffuseWall:
    """Return the screen in front of the wall."""
    return DiffuseWall(params)


def note(params: Params, noise: Mapping[str, Any]) -> str:
    """Return a sentence for tables: how many singular values of the matrix lie above the noise.

    One lies above it where its pattern on the screen, at the largest contrast that values from 0 to 1 can have, changes
    the camera's pixels by more than the deviation of their noise, both as root mean squares.

    Parameters
    ----------
    params : Params
    noise : mapping
        Its `params`, in which `deviation` is what white noise has, where it is of that kind.
    """
    values = np.linalg.svd(_matrix(params), compute_uv=False)
    hundredth = int((values > 0.01 * values[0]).sum())
    text = f"Of the {len(values)} singular values of the forward model {hundredth} are above a hundredth of the largest"
    deviation = noise["params"].get("deviation")
    if deviation is None:
        return f"{text}."
    return f"{text}, and {above_noise(values, deviation, params)} lie above the noise."


def above_noise(values: np.ndarray, deviation: float, params: Params) -> int:
    """Return how many singular values lie above white noise, as `note` has it."""
    contrast = FULL_CONTRAST * math.sqrt(math.prod(params.screen_pixels) / math.prod(params.camera_pixels))
    return int((values * contrast > deviation).sum())


def _matrix(params: Params) -> np.ndarray:
    """Return the share of each screen pixel in each camera pixel."""
    screen = _middles(params.screen_pixels, params.screen_size, (0.0, 0.0), params.wall_distance)
    seen = _middles(params.camera_pixels, params.view_size, params.view_place, 0.0)
    seen = seen.reshape(*params.camera_pixels, 3)[:, ::-1].reshape(-1, 3)
    camera = np.array([*params.camera_place, params.camera_distance])
    area = math.prod(params.screen_size) / math.prod(params.screen_pixels)
    matrix = np.stack([_shares(point, screen, area, camera, params) for point in seen])
    return matrix / matrix.sum(axis=1).mean()


def _middles(pixels: Pixels, size: Metres, place: Place, height: float) -> np.ndarray:
    """Return the middles of the pixels of a rectangle as (down, right, from the wall), shape (pixels, 3)."""
    down, right = (
        middle + length * ((np.arange(number) + 0.5) / number - 0.5)
        for number, length, middle in zip(pixels, size, place, strict=True)
    )
    return np.stack([axis.ravel() for axis in np.meshgrid(down, right, height, indexing="ij")], axis=-1)


def _shares(point: np.ndarray, screen: np.ndarray, area: float, camera: np.ndarray, params: Params) -> np.ndarray:
    """Return the share of each screen pixel in the radiance of a point of the wall towards the camera."""
    towards = screen - point
    distance = np.linalg.norm(towards, axis=-1)
    cosine = towards[:, 2] / distance
    solid_angle = area * cosine / distance**2
    mirrored = (point - camera) * (1, 1, -1)
    from_mirror = towards @ mirrored / (distance * np.linalg.norm(mirrored))
    return solid_angle * (
        (1 - params.glossy_share) * cosine / np.pi + params.glossy_share * _lobe(from_mirror, params.lobe_width)
    )


def _lobe(cosine: np.ndarray, width: float) -> np.ndarray:
    """Return the density of von Mises and Fisher per solid angle, at angles of these cosines from its middle."""
    concentration = np.radians(width) ** -2
    return concentration / (2 * np.pi * -np.expm1(-2 * concentration)) * np.exp(concentration * (cosine - 1))
