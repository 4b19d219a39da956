"""The control that looks at nothing: one value everywhere, the best of which tuning finds."""

from typing import Annotated

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters, Problem

METHOD = Method(
    name="constant",
    title="best constant",
    reference="none: what an estimate scores that knows nothing of its measurement",
    doi="",
    kinds=frozenset({"phase_retrieval", "diffuse_imaging"}),
    grid={"value": tuple(round(0.05 * step, 2) for step in range(21))},
)


class Params(Parameters):
    """Parameters of the constant."""

    value: float = Field(default=0.5, ge=0, le=1)
    """What the estimate is everywhere, in the truth's unit; of an object that is a wave, its phase."""
    amplitude: float | None = Field(default=None, ge=0, le=1)
    """Of an object that is a wave, its amplitude everywhere; None for an object that has a phase only."""
    size: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
    """Size of the estimate in pixels, (y, x); by default the measurement's, which of a screen is not the truth's."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Return an image of one value, a wave of one amplitude and one phase, or a grey screen.

    Parameters
    ----------
    measurement : ndarray
        Shape (c, y, x) or (y, x); only its shape is looked at.
    problem : Problem
        Only its kind is looked at: a screen has as many colours as the measurement.
    params : Params
    device : str
        Not used.

    Returns
    -------
    ndarray
        Shape (y, x), (2, y, x) with the amplitude, or (c, y, x) of a screen, float32.
    """
    size = params.size or measurement.shape[-2:]
    if problem.kind == "diffuse_imaging":
        return np.full((*measurement.shape[:-2], *size), params.value, np.float32)
    phase = np.full(size, params.value, np.float32)
    return phase if params.amplitude is None else np.stack([np.full_like(phase, params.amplitude), phase])
