"""A control of denoising: the mean of the measurement everywhere."""

import numpy as np

from reconbench.contracts import Method, Parameters, Problem

METHOD = Method(
    name="mean_image",
    title="mean of the measurement",
    reference="none: what an estimate scores that shows the brightness of the image and nothing else",
    doi="",
    kinds=frozenset({"denoising"}),
)


class Params(Parameters):
    """The control has no parameters."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Return an image of one value.

    Parameters
    ----------
    measurement : ndarray
        Of any shape.
    problem : Problem
        Not asked for anything.
    params : Params
    device : str
        Not used.

    Returns
    -------
    ndarray
        The same shape, float32: the mean of the measurement at each pixel.
    """
    return np.full(measurement.shape, measurement.mean(dtype=np.float64), np.float32)
