"""How noise grows with the signal, estimated from one noisy image."""

import numpy as np

from reconbench.errors import UserError

BLOCK = 8  # pixels
BLOCKS_A_LEVEL = 24
# A block's variance scatters like chi-squared divided by its degrees of freedom. Neighbouring residuals are correlated:
# the squared autocorrelation of the mask sums to 3.78, so that 64 pixels are worth 17 independent ones.
DEGREES_OF_FREEDOM = BLOCK**2 / 3.78


def estimate_noise_model(image: np.ndarray) -> tuple[float, float]:
    """Fit variance = slope * signal + offset to the local statistics of an image.

    The residual of Immerkær's mask, blind to structure that is linear in y or in x, gives the variance of each small
    block. Blocks are sorted by their mean into levels of equal number; the median over a level is proof against a
    minority of blocks with edges. A straight line is fitted through the levels, weighted by the inverse of the
    variance, to which the scatter is proportional.

    Parameters
    ----------
    image : ndarray
        Shape (y, x), at least 3 x 3, with noise that is independent from pixel to pixel.

    Returns
    -------
    slope, offset : float
        In units of the image and of its square. Where there are too few levels to tell them apart, or the noise does
        not grow with the signal, the offset is 0 and the slope the ratio of variance and mean. Both are 0 for an image
        without noise.

    Raises
    ------
    UserError
        If the noise does not grow with the signal and the signal's mean is not above 0.

    References
    ----------
    J. Immerkær, Comput. Vis. Image Underst. 64, 300 (1996), doi:10.1006/cviu.1996.0060 (the mask);
    A. Foi et al., IEEE Trans. Image Process. 17, 1737 (2008), doi:10.1109/TIP.2008.2001399 (levels, then a line).
    """
    image = image.astype(np.float64)
    means, variances = _block_means(image[1:-1, 1:-1]), _block_means(_residual(image) ** 2)
    levels = np.array_split(np.argsort(means, kind="stable"), max(1, means.size // BLOCKS_A_LEVEL))
    level_mean = np.array([means[level].mean() for level in levels])
    level_variance = np.array([np.median(variances[level]) for level in levels]) / _median_of_scatter()
    if not level_variance.any():
        return 0.0, 0.0
    if len(levels) > 1:
        slope, offset = _line(level_mean, level_variance)
        if slope > 0:
            return slope, offset
    if means.mean() <= 0:
        raise UserError("no gain is to be found: the noise does not grow with the signal, whose mean is not above 0")
    return float(level_variance.mean() / means.mean()), 0.0


def _residual(image: np.ndarray) -> np.ndarray:
    """Second difference along y of the second difference along x, scaled to keep the variance of white noise."""
    return np.diff(np.diff(image, 2, axis=0), 2, axis=1) / 6


def _block_means(image: np.ndarray) -> np.ndarray:
    side = min(BLOCK, *image.shape)
    rows, columns = image.shape[0] // side, image.shape[1] // side
    return image[: rows * side, : columns * side].reshape(rows, side, columns, side).mean(axis=(1, 3)).ravel()


def _median_of_scatter() -> float:
    """Median of chi-squared over its degrees of freedom (Wilson and Hilferty's approximation)."""
    return (1 - 2 / (9 * DEGREES_OF_FREEDOM)) ** 3


def _line(mean: np.ndarray, variance: np.ndarray) -> tuple[float, float]:
    smallest = 1e-3 * variance.max()
    fitted = np.maximum(variance, smallest)
    for _ in range(5):  # The weights follow the fit; it settles at once.
        slope, offset = np.polyfit(mean, variance, 1, w=1 / fitted)
        fitted = np.maximum(slope * mean + offset, smallest)
    return float(slope), float(offset)
