"""BM3D between the Anscombe transform and its exact unbiased inverse, told the gain of the detector."""

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
    name="bm3d_anscombe",
    title="BM3D with Anscombe transform, told the dose",
    reference="M. Mäkitalo and A. Foi, IEEE Trans. Image Process. 20, 2697 (2011)",
    doi="10.1109/TIP.2011.2121085",
    kinds=frozenset({"denoising"}),
    told=frozenset({"gain"}),
    grid={"strength": (0.8, 1.0, 1.2)},
)


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Denoise an image of shape (y, x), at least 9 x 9, that is counts over `problem.gain`."""
    from reconbench.methods._bm3d import denoise_counts

    estimate = denoise_counts(measurement, 1 / problem.gain, 0.0, params.strength, params.profile, METHOD.name)
    return estimate.astype(np.float32)
