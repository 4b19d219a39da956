"""Wavelet shrinkage with BayesShrink thresholds, by scikit-image."""

from typing import Literal

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters, Problem


class Params(Parameters):
    """Parameters of the wavelet shrinkage. The defaults are the call of Ede and Beanland (2019)."""

    wavelet: Literal["db1", "db2", "db4", "sym4", "sym8", "coif2"] = "db1"
    """Wavelet, by its name in PyWavelets; db1 is Haar's."""
    strength: float = Field(1.0, gt=0, le=100)
    """Factor on the estimated level of the noise; larger is smoother."""


METHOD = Method(
    name="wavelet",
    title="Wavelet",
    reference="S. G. Chang, B. Yu and M. Vetterli, IEEE Trans. Image Process. 9, 1532 (2000)",
    doi="10.1109/83.862633",
    kinds=frozenset({"denoising"}),
    grid={"wavelet": ("db1", "sym4"), "strength": (0.7, 1.0, 1.4)},
)


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Shrink the coefficients of an image (y, x) or a volume (z, y, x).

    The standard deviation of the noise is the median absolute finest diagonal coefficient over 0.6745, zeros left
    out: what scikit-image takes by itself, done here to apply `strength`.
    """
    import pywt
    from scipy.stats import norm
    from skimage.restoration import denoise_wavelet

    image = measurement.astype(np.float32)
    finest = pywt.dwtn(image, params.wavelet)["d" * image.ndim]
    if not finest.any():
        return image  # Without any finest detail, as in a constant image, there is no noise to be seen.
    noise_level = np.median(np.abs(finest[finest != 0])) / norm.ppf(0.75)
    return denoise_wavelet(image, sigma=params.strength * noise_level, wavelet=params.wavelet)
