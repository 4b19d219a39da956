"""BM3D between the Anscombe transform and its inverse, with the gain and offset estimated from the image."""

from typing import Literal

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters, Problem


class Params(Parameters):
    """Parameters of BM3D for counts."""

    strength: float = Field(1.0, gt=0, le=100)
    """Factor on the level of the noise, which the transform makes 1; larger is smoother."""
    profile: Literal["normal", "low_complexity"] = "normal"
    """`normal` is the package's default; `low_complexity` takes a tenth of the time for a few % more error."""


METHOD = Method(
    name="bm3d_anscombe_blind",
    title="BM3D with Anscombe transform, dose estimated",
    reference="M. Mäkitalo and A. Foi, IEEE Trans. Image Process. 22, 91 (2013)",
    doi="10.1109/TIP.2012.2202675",
    kinds=frozenset({"denoising"}),
    grid={"strength": (0.8, 1.0, 1.2)},
)


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Denoise an image of shape (y, x), at least 9 x 9, whose noise grows with the signal.

    Raises
    ------
    UserError
        If no gain is to be found.
    """
    from reconbench.methods._bm3d import check, denoise_counts
    from reconbench.methods._noise_model import estimate_noise_model

    check(measurement, METHOD.name)
    slope, offset = estimate_noise_model(measurement)
    if slope == 0:
        return measurement.astype(np.float32)  # Not a trace of noise.
    estimate = denoise_counts(measurement, slope, offset, params.strength, params.profile, METHOD.name)
    return estimate.astype(np.float32)
