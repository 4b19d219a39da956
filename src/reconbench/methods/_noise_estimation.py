"""Gain, offset and deviation of a detector with Poisson and Gaussian noise, estimated from its frames."""

from dataclasses import dataclass

import numpy as np

SMALLEST_BLOCK = 8  # pixels
LEVEL = 0.025  # of the test: how often a block without structure is taken for one that has some
MAD_TO_DEVIATION = 1.4826
HUBER = 1.345  # deviations; beyond, a pixel counts less
ITERATIONS = 10
# A pixel less the mean of its four neighbours keeps the variance of white noise after this factor. The residuals
# of neighbours are correlated: their squared autocorrelation sums to 1.69, the pixels that one independent one takes.
RESIDUAL_SCALE = 1 / np.sqrt(20)
PIXELS_PER_RESIDUAL = 1.69


@dataclass(frozen=True)
class PoissonGaussian:
    """The noise of y = gain Poisson(x / gain) + N(offset, deviation^2), all three in units of y, at least 0."""

    gain: float
    offset: float
    deviation: float


@dataclass(frozen=True)
class Blocks:
    """Square blocks of frames, with the robust mean and the variance of the noise of each, and its pixels."""

    means: np.ndarray
    variances: np.ndarray
    pixels: np.ndarray


def estimate_noise(frames: np.ndarray) -> PoissonGaussian:
    """Estimate the noise of frames from how the variance of homogeneous blocks grows with their mean.

    A straight line variance = gain mean + b is fitted through all blocks. The offset is the smallest mean, as if the
    darkest block held no signal, and the deviation sqrt(b + gain offset), the noise of that block.

    Parameters
    ----------
    frames : ndarray
        Shape (t, y, x), at least 8 x 8 pixels, with noise that is independent from pixel to pixel.

    Returns
    -------
    PoissonGaussian
        The gain is 0 where the variance does not grow with the mean; all but the offset are 0 without noise.

    Notes
    -----
    What a background adds to the darkest block counts as offset. That leaves the variance at each level as it is, and
    moves the zero of the signal only.

    References
    ----------
    J. Boulanger et al., IEEE Trans. Med. Imaging 29, 442 (2010), doi:10.1109/TMI.2009.2033991 (blocks, then a line);
    T. Furnival, R. K. Leary and P. A. Midgley, Ultramicroscopy 178, 112 (2017), doi:10.1016/j.ultramic.2016.05.005.
    """
    blocks = homogeneous_blocks(frames)
    gain, intercept = _line(blocks)
    offset = float(blocks.means.min())
    # The published root is of the absolute value; where the line falls below 0, there is no more noise than none.
    return PoissonGaussian(gain, offset, float(np.sqrt(max(intercept + gain * offset, 0.0))))


def homogeneous_blocks(frames: np.ndarray) -> Blocks:
    """Divide frames into square blocks in which the signal does not vary, as far as the noise lets one see.

    A block is divided into four while its variance is larger than that of its noise, by an F-test, down to 8 x 8
    pixels. The noise is what is left of a pixel without the mean of its neighbours.

    Parameters
    ----------
    frames : ndarray
        Shape (t, y, x), of any size: the first block is the smallest square of 2^n pixels that holds the frame, and
        blocks that reach beyond the frame are divided untested. Of the last 7 rows and columns at most, those that fill
        no block of 8 pixels are left out.
    """
    frames = np.asarray(frames, dtype=np.float64)
    residuals = _residuals(frames)
    side = SMALLEST_BLOCK
    while side < max(frames.shape[1:]):
        side *= 2
    waiting = np.ones((len(frames), 1, 1), dtype=bool)
    found = []
    while True:
        values, noise = _blocks_of(frames, side), _blocks_of(residuals, side)
        rows, columns = values.shape[1:3]
        whole = waiting[:, :rows, :columns]
        accepted = whole & (side == SMALLEST_BLOCK or _is_homogeneous(values, noise))
        found.append((_huber_mean(values[accepted]), _variance(noise[accepted]), np.full(accepted.sum(), side**2)))
        if side == SMALLEST_BLOCK:
            return Blocks(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
        waiting[:, :rows, :columns] &= ~accepted
        waiting = waiting.repeat(2, axis=1).repeat(2, axis=2)
        side //= 2


def _residuals(frames: np.ndarray) -> np.ndarray:
    """Four times each pixel less its four neighbours, mirrored at the borders, with the variance of the noise."""
    padded = np.pad(frames, ((0, 0), (1, 1), (1, 1)), mode="reflect")
    neighbours = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    return RESIDUAL_SCALE * (4 * frames - neighbours)


def _blocks_of(frames: np.ndarray, side: int) -> np.ndarray:
    """Return the whole blocks of frames, shape (t, row, column, pixel)."""
    count, rows, columns = frames.shape[0], frames.shape[1] // side, frames.shape[2] // side
    blocks = frames[:, : rows * side, : columns * side].reshape(count, rows, side, columns, side)
    return blocks.swapaxes(2, 3).reshape(count, rows, columns, side**2)


def _is_homogeneous(values: np.ndarray, noise: np.ndarray) -> np.ndarray:
    from scipy.special import fdtri

    pixels = values.shape[-1]
    largest_ratio = fdtri(pixels - 1, pixels / PIXELS_PER_RESIDUAL, 1 - LEVEL)
    return values.var(axis=-1, ddof=1) <= largest_ratio * (noise**2).mean(axis=-1)


def _deviation(values: np.ndarray) -> np.ndarray:
    """Return the deviation by the median of absolute deviations, over the last axis, which is kept."""
    centred = values - np.median(values, axis=-1, keepdims=True)
    return MAD_TO_DEVIATION * np.median(np.abs(centred), axis=-1, keepdims=True)


def _variance(noise: np.ndarray) -> np.ndarray:
    return _deviation(noise)[..., 0] ** 2


def _huber_mean(values: np.ndarray) -> np.ndarray:
    """Return Huber's mean over the last axis: pixels further off than 1.345 deviations count less."""
    mean = np.median(values, axis=-1, keepdims=True)
    limit = HUBER * _deviation(values)
    for _ in range(ITERATIONS):
        distance = np.abs(values - mean)
        weights = np.where(distance > limit, limit / np.where(distance > 0, distance, 1), 1)
        mean = (weights * values).sum(axis=-1, keepdims=True) / weights.sum(axis=-1, keepdims=True)
    return mean[..., 0]


def _line(blocks: Blocks) -> tuple[float, float]:
    """Fit variance = slope mean + intercept; the variance of a block scatters like itself over root of its pixels."""
    smallest = 1e-3 * blocks.variances.max()
    if smallest == 0:
        return 0.0, 0.0
    fitted = np.full_like(blocks.variances, blocks.variances.mean())
    slope = 0.0
    if np.ptp(blocks.means) > 0:
        for _ in range(ITERATIONS):
            weights = np.sqrt(blocks.pixels) / np.maximum(fitted, smallest)
            slope, intercept = np.polyfit(blocks.means, blocks.variances, 1, w=weights)
            fitted = slope * blocks.means + intercept
    if slope <= 0:
        return 0.0, float(np.average(blocks.variances, weights=blocks.pixels))
    return float(slope), float(intercept)
