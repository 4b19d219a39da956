"""Simulated sequences of annular dark-field STEM images: one atomic cluster that slowly moves, frame by frame.

What moves are the columns of a cluster of `atomic_clusters`: all of them together drift, turn and breathe, and each
vibrates by itself. The film under them stays. As there, these are drawings: the columns keep their atoms, and nothing
diffuses over a surface or melts. There is no noise.
"""

from dataclasses import replace

import numpy as np
from pydantic import Field

from reconbench.datasets.simulators import atomic_clusters

AXES = "TYX"


class Params(atomic_clusters.Params):
    """What the sequences are like: the cluster, and how it moves.

    The defaults move the columns of a cluster of 100 pixels by 0.1 to 0.2 pixels from frame to frame.
    """

    frames: int = Field(100, ge=1, le=100_000)
    """Number of frames."""
    drift: float = Field(0.1, ge=0, le=10)
    """Speed of the cluster along each axis: root mean square, in pixels per frame."""
    rotation: float = Field(0.1, ge=0, le=10)
    """Speed of its rotation about its middle: root mean square, in degrees per frame."""
    breathing: float = Field(0.003, ge=0, le=0.1)
    """Standard deviation of how much larger or smaller the cluster becomes, relative to its size."""
    vibration: float = Field(0.1, ge=0, le=10)
    """Standard deviation of a column's own displacement along each axis in pixels."""
    persistence: float = Field(10.0, ge=1, le=10_000)
    """How long a speed or a displacement lasts, in frames: after twice that, 0.37 of its correlation is left."""


def simulate(generator: np.random.Generator, size: tuple[int, int], params: Params) -> np.ndarray:
    """Return one simulated sequence; the brightest column of its first frame is about 1.

    Parameters
    ----------
    generator : numpy.random.Generator
    size : tuple of int
        Shape (y, x) of a frame in pixels.
    params : Params

    Returns
    -------
    ndarray of float32
        Shape (t, y, x), from 0 to 1. The first frame is the image that `atomic_clusters` would make. In a long sequence
        the cluster may leave the image.

    Raises
    ------
    UserError
        If `size` is not (y, x), or too small for the fewest columns at the finest spacing.
    """
    cluster = atomic_clusters.draw_cluster(generator, size, params)
    scale = atomic_clusters.brightest(cluster, size, params)
    sequence = np.empty((params.frames, *size), np.float32)
    for frame, positions in zip(sequence, moved(generator, cluster.positions, params), strict=True):
        moment = replace(cluster, positions=positions)
        frame[...] = np.clip(atomic_clusters.render(moment, size, params) / scale, 0, 1)
    return sequence


def moved(generator: np.random.Generator, positions: np.ndarray, params: Params) -> np.ndarray:
    """Return where the columns are at each frame.

    With c the middle of the cluster at first,

        r_i(t) = c + d(t) + (1 + e(t)) R(t) (r_i(0) - c) + v_i(t).

    The drift d and the angle of the rotation R are sums of speeds. These, the breathing e and the vibration v are
    Gaussian random series, smoothed by a Gaussian in time.

    Parameters
    ----------
    generator : numpy.random.Generator
    positions : ndarray
        Shape (columns, 2): y and x at the first frame, in pixels.
    params : Params

    Returns
    -------
    ndarray
        Shape (t, columns, 2). The first frame is `positions`.
    """
    drift = _summed(params.drift * _smooth(generator, (2,), params))
    turn = _summed(np.deg2rad(params.rotation) * _smooth(generator, (), params))
    breathing = _from_first(params.breathing * _smooth(generator, (), params))
    vibration = _from_first(params.vibration * _smooth(generator, positions.shape, params))
    middle = positions.mean(axis=0)
    y, x = (positions - middle).T
    cosine, sine = np.cos(turn)[:, None], np.sin(turn)[:, None]
    turned = np.stack([cosine * y + sine * x, cosine * x - sine * y], axis=-1)
    return middle + drift[:, None] + (1 + breathing)[:, None, None] * turned + vibration


def _smooth(generator: np.random.Generator, shape: tuple[int, ...], params: Params) -> np.ndarray:
    """Return series of shape (t, *shape) with mean 0, variance 1 and the correlation exp(-(t / 2 persistence)^2)."""
    from scipy.ndimage import convolve1d

    reach = int(np.ceil(4 * params.persistence))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / params.persistence) ** 2)
    white = generator.standard_normal((params.frames + 2 * reach, *shape))
    smooth = convolve1d(white, weights / np.linalg.norm(weights), axis=0)
    return smooth[reach : reach + params.frames]


def _summed(speeds: np.ndarray) -> np.ndarray:
    """Return what speeds add up to, from 0 at the first frame."""
    return np.cumsum(speeds, axis=0) - speeds[0]


def _from_first(displacements: np.ndarray) -> np.ndarray:
    """Return displacements from that of the first frame."""
    return displacements - displacements[0]
