"""Non-local means, by scikit-image."""

from typing import Literal

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters, Problem


class Params(Parameters):
    """Parameters of non-local means. The defaults are the call of Ede and Beanland (2019)."""

    patch_size: int = Field(7, ge=1, le=99)
    """Width of the patches that are compared, in pixels."""
    patch_distance: int = Field(11, ge=1, le=99)
    """How far away similar patches are searched, in pixels."""
    h: float = Field(0.1, gt=0, le=1e3)
    """How different patches may be, in units of `h_unit`; larger is smoother."""
    h_unit: Literal["signal", "noise level"] = "signal"
    """`noise level` estimates the noise's standard deviation, takes it as unit and allows for it in comparisons."""


METHOD = Method(
    name="non_local_means",
    title="NL means",
    reference="A. Buades, B. Coll and J.-M. Morel, Proc. IEEE Conf. Computer Vision Pattern Recognition 2, 60 (2005)",
    doi="10.1109/CVPR.2005.38",
    kinds=frozenset({"denoising"}),
    grid={"h_unit": ("noise level",), "h": (0.5, 0.7, 1.0, 1.4)},
)


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Denoise an image (y, x) or a volume (z, y, x)."""
    from skimage.restoration import denoise_nl_means, estimate_sigma

    image = measurement.astype(np.float32)
    h, noise_level = params.h, 0.0
    if params.h_unit == "noise level":
        noise_level = float(estimate_sigma(image))
        if not noise_level > 0:
            return image  # No finest detail, hence no noise; its estimate is NaN then.
        h *= noise_level
    estimate = denoise_nl_means(
        image, patch_size=params.patch_size, patch_distance=params.patch_distance, h=h, sigma=noise_level
    )
    return estimate.reshape(measurement.shape).astype(np.float32)
