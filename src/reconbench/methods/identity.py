"""The control: the measurement itself."""

import numpy as np

from reconbench.contracts import Method, Parameters, Problem


class Params(Parameters):
    """The control has no parameters."""


METHOD = Method(
    name="identity",
    title="input (identity)",
    reference="none: the control that every method has to beat",
    doi="",
    kinds=frozenset({"denoising", "deconvolution", "phase_retrieval", "diffuse_imaging"}),
)


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Return a copy of the measurement, whatever its shape, as float32."""
    return measurement.astype(np.float32)
