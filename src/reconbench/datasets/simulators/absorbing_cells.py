"""Simulated cells as the wave of light behind them: what they absorb, and how much they delay it.

The cells are those of `phase_objects`. Where the phase is larger there is more that absorbs, and all absorbs alike;
or some of what absorbs, or all of it, has a place of its own.
"""

import numpy as np
from pydantic import Field

from reconbench.datasets.simulators import phase_objects


class Params(phase_objects.Params):
    """What the cells are like."""

    absorption: float = Field(0.1, ge=0, lt=1)
    """Share of the amplitude that is lost where most absorbs, which is where the phase is largest."""
    unrelated: float = Field(0.0, ge=0, le=1)
    """Share of what absorbs that is not the cells themselves: it lies where other cells would. 1 makes amplitude and
    phase two unrelated images, as those of F. Wang et al. (2018) are, so that neither tells the other."""


def simulate(generator: np.random.Generator, size: tuple[int, int], params: Params) -> np.ndarray:
    """Return the wave behind simulated cells.

    Parameters
    ----------
    generator : numpy.random.Generator
    size : tuple of int
        Shape (y, x) in pixels.
    params : Params

    Returns
    -------
    ndarray of float32
        Shape (2, y, x): the amplitude, 1 where nothing absorbs, and the phase from 0, the bare medium, to 1, the
        largest of the image.

    Raises
    ------
    UserError
        As `phase_objects.simulate` does.
    """
    phase = phase_objects.simulate(generator, size, params)
    absorber = phase
    if params.unrelated:
        other = phase_objects.simulate(generator.spawn(1)[0], size, params)
        absorber = (1 - np.float32(params.unrelated)) * phase + np.float32(params.unrelated) * other
    return np.stack([1 - np.float32(params.absorption) * absorber, phase])
