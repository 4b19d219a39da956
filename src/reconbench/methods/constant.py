"""The control of phase retrieval: one value everywhere, the best of which tuning finds."""

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters, Problem

METHOD = Method(
    name="constant",
    title="best constant",
    reference="none: what an estimate scores that knows nothing of its measurement",
    doi="",
    kinds=frozenset({"phase_retrieval"}),
    grid={"value": tuple(round(0.05 * step, 2) for step in range(21))},
)


class Params(Parameters):
    """Parameters of the constant."""

    value: float = Field(default=0.5, ge=0, le=1)
    """What the estimate is everywhere, in the truth's unit."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Return an image of one value.

    Parameters
    ----------
    measurement : ndarray
        Shape (c, y, x) or (y, x); only its shape is looked at.
    problem : Problem
        Not asked for anything.
    params : Params
    device : str
        Not used.

    Returns
    -------
    ndarray
        Shape (y, x), float32.
    """
    return np.full(measurement.shape[-2:], params.value, np.float32)
