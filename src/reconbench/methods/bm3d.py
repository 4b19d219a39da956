"""BM3D with a noise level that it estimates, by the bm3d package."""

from typing import Literal

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters, Problem


class Params(Parameters):
    """Parameters of BM3D."""

    strength: float = Field(1.0, gt=0, le=100)
    """Factor on the estimated level of the noise; larger is smoother."""
    profile: Literal["normal", "low_complexity"] = "normal"
    """`normal` is the package's default; `low_complexity` takes a tenth of the time for a few % more error."""


METHOD = Method(
    name="bm3d",
    title="BM3D",
    reference="K. Dabov et al., IEEE Trans. Image Process. 16, 2080 (2007); Y. Mäkinen et al., ibid. 29, 8339 (2020)",
    doi="10.1109/TIP.2007.901238",
    kinds=frozenset({"denoising"}),
    grid={"strength": (0.8, 1.0, 1.3, 1.6)},
)


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Denoise an image of shape (y, x), at least 9 x 9, with noise of one level everywhere.

    The level is scikit-image's `estimate_sigma`, from the median absolute finest diagonal wavelet coefficient.
    """
    from skimage.restoration import estimate_sigma

    from reconbench.methods._bm3d import denoise

    noise_level = float(np.nan_to_num(estimate_sigma(measurement)))  # NaN where there is no detail at all.
    return denoise(measurement, params.strength * noise_level, params.profile, METHOD.name).astype(np.float32)
