"""Simulated cells as a microscope records them in some planes through focus, in coherent light.

A twin of the measured through-focus stack of a cell, with its light and its aperture. Cells and noise belong to the
image and the plane, whichever other planes are recorded: two sets that differ in their distances alone show the same
cells, so that one can hold the plane that the other leaves out.
"""

from typing import Annotated

import numpy as np
from pydantic import Field

from reconbench.datasets.simulators import absorbing_cells
from reconbench.forward import through_focus

# The noise of a plane is addressed by its distance in nanometres, from here on.
ADDRESS_OF_FOCUS = 10**9


class Params(absorbing_cells.Params):
    """What the cells are like, and how they are recorded; lengths in metres, angles in radians."""

    pixel_size: float = Field(0.64e-6, ge=1e-9, le=1e-3)
    """Width of a pixel in metres."""
    distances: Annotated[tuple[Annotated[float, Field(ge=-1, le=1)], ...], Field(min_length=1)] = (-10e-6, 0.0, 10e-6)
    """Distance of each plane from focus, in metres."""
    wavelength: float = Field(532e-9, gt=0, le=1e-3)
    """Wavelength of the light in vacuum, in metres."""
    numerical_aperture: float = Field(0.5, gt=0, lt=1)
    """Numerical aperture of the objective, in air."""
    phase_range: float = Field(4.0, gt=0, le=100)
    """Largest phase of each image, in radians."""
    noise: float = Field(0.02, ge=0, le=1)
    """Standard deviation of the white noise, over the intensity of the bare light."""


def simulate(generator: np.random.Generator, size: tuple[int, int], params: Params) -> np.ndarray:
    """Return simulated planes through focus.

    The field of cells is twice as wide and high as the planes, and their middle is what is recorded: as in a
    microscope, light comes in from beyond the edges, of which the planes tell nothing.

    Parameters
    ----------
    generator : numpy.random.Generator
    size : tuple of int
        Shape (y, x) of the planes in pixels.
    params : Params

    Returns
    -------
    ndarray of float32
        Intensities, 1 where there is no cell, of shape (c, y, x); (y, x) where there is one plane.

    Raises
    ------
    UserError
        As `phase_objects.simulate` does, or if the field is too small for the distances.
    """
    import torch

    height, width = size
    wave = absorbing_cells.simulate(generator, (2 * height, 2 * width), params)
    words = generator.integers(2**32, size=4)
    optics = params.model_dump(include={"distances", "wavelength", "pixel_size", "numerical_aperture", "phase_range"})
    microscope = through_focus.build(through_focus.Params(object="wave", aperture_smoothing=0, **optics))
    recorded = microscope(torch.from_numpy(wave.astype(np.float64))).numpy()
    top, left = height // 2, width // 2
    planes = [
        plane[top : top + height, left : left + width] + params.noise * _noise(words, distance, size)
        for plane, distance in zip(recorded, params.distances, strict=True)
    ]
    return (np.stack(planes) if len(planes) > 1 else planes[0]).astype(np.float32)


def _noise(words: np.ndarray, distance: float, size: tuple[int, int]) -> np.ndarray:
    """Return white noise of the deviation 1, drawn for a plane whatever other planes there are."""
    return np.random.default_rng([*words, ADDRESS_OF_FOCUS + round(distance * 1e9)]).normal(size=size)
