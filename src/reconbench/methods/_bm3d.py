"""The call of the bm3d package, plain and between a variance-stabilising transform and its inverse."""

from typing import Literal

import numpy as np

from reconbench.errors import UserError

Profile = Literal["normal", "low_complexity"]

SMALLEST_SIDE = 9  # The package ends the process with a segmentation fault at 8, the size of its blocks.


def check(image: np.ndarray, method: str) -> None:
    """Raise a UserError, with the method's name in it, for an image that the package cannot take."""
    if image.ndim != 2:
        raise UserError(f"{method} restores images (y, x), not data of shape {image.shape}")
    if min(image.shape) < SMALLEST_SIDE:
        raise UserError(f"{method} needs at least {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels, not {image.shape}")


def denoise(image: np.ndarray, noise_level: float, profile: Profile, method: str) -> np.ndarray:
    """Remove white Gaussian noise of a known level by block matching and 3D filtering.

    Parameters
    ----------
    image : ndarray
        Shape (y, x), about [0, 1]: the package's thresholds of similarity assume that.
    noise_level : float
        Standard deviation of the noise, in units of the signal.
    profile : {"normal", "low_complexity"}
        `normal` is the package's own default, with coefficient variances that are exact where blocks overlap and for
        correlated noise too. `low_complexity` takes all of them as equal, as in Dabov et al. (2007), and visits
        fewer and smaller groups of blocks: a tenth of the time.
    method : str
        Who asks; named in errors.

    Returns
    -------
    ndarray
        float64, same shape.

    Raises
    ------
    UserError
        If the package is not installed, or the image is not 2D or too small.
    """
    try:
        import bm3d
    except ModuleNotFoundError as error:
        raise UserError(
            f"{method} needs the package bm3d, which is not installed: `pip install bm3d` (its licence is for "
            "non-commercial use), or leave this method out"
        ) from error
    check(image, method)
    settings = bm3d.BM3DProfile() if profile == "normal" else bm3d.BM3DProfileLC()
    settings.num_threads = 1  # More threads add in another order, so bits would differ from run to run.
    if profile == "low_complexity":
        settings.nf = 0
    return bm3d.bm3d(image, noise_level, settings)


def denoise_counts(
    image: np.ndarray, slope: float, offset: float, strength: float, profile: Profile, method: str
) -> np.ndarray:
    """Denoise where the noise's variance is slope * signal + offset, through the Anscombe transform.

    Parameters
    ----------
    image : ndarray
        Shape (y, x).
    slope, offset : float
        Of the variance; slope in units of the signal, offset in its square.
    strength : float
        Factor on the level of the noise, which the transform makes 1.
    profile, method
        As in `denoise`.

    Returns
    -------
    ndarray
        float64, same shape, in units of `image`.
    """
    from reconbench.methods._anscombe import inverse_transform, transform

    stable = transform(image, slope, offset)
    low, height = stable.min(), np.ptp(stable) or 1.0
    smooth = denoise((stable - low) / height, strength / height, profile, method)
    return inverse_transform(low + height * smooth, slope, offset)
