"""The generalised Anscombe transform, which gives counts a variance of 1, and its exact unbiased inverse."""

import numpy as np


def transform(image: np.ndarray, slope: float, offset: float) -> np.ndarray:
    """Give an image whose noise has the variance slope * signal + offset a noise of variance 1.

    Parameters
    ----------
    image : ndarray
    slope : float
        Signal of one count, above 0.
    offset : float
        Variance at a signal of 0. Negative where a constant was added to the counts; Mäkitalo and Foi (2013) show that
        such a constant and a read-out noise enter in the same way.

    Returns
    -------
    ndarray
        f = 2 sqrt(image / slope + 3 / 8 + offset / slope^2), 0 where that has no root.
    """
    return 2 * np.sqrt(np.clip(image / slope + 3 / 8 + offset / slope**2, 0, None))


def inverse_transform(stable: np.ndarray, slope: float, offset: float) -> np.ndarray:
    """Return the signal whose transform has the expectation `stable`.

    The algebraic inverse underestimates low counts, because the transform of a mean is not the mean of a transform.
    This is the closed form of the inverse that does not (Mäkitalo and Foi 2011, equation 4; with offset: 2013).

    Parameters
    ----------
    stable : ndarray
        What `transform` gave, after denoising.
    slope, offset : float
        As given to `transform`.
    """
    of_zero = 2 * np.sqrt(3 / 8)  # The transform of no counts: below it there is nothing to invert.
    f = np.maximum(stable, of_zero)
    root = np.sqrt(3 / 2)
    counts = f**2 / 4 + root / 4 / f - 11 / 8 / f**2 + 5 / 8 * root / f**3 - 1 / 8
    return slope * (counts - offset / slope**2)
