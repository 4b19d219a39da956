"""Deconvolution by the regularised inverse filter of DeconvolutionLab2."""

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Problem
from reconbench.methods._periodic import InverseFilter, PeriodicBlur, TwoReadings, squared_frequency

METHOD = Method(
    name="regularised_inverse_filter",
    title="regularised inverse filter",
    reference="Sage et al. 2017, Methods 115, 28",
    doi="10.1016/j.ymeth.2016.12.015",
    kinds=frozenset({"deconvolution"}),
    told=frozenset({"forward model"}),
    grid={"weight": (3e-3, 1e-2, 3e-2, 0.1, 0.3)},
)

LEAST_POWER = 1e-6


class Params(TwoReadings):
    """Parameters of the regularised inverse filter."""

    weight: float = Field(default=0.1, ge=0)
    """Weight of the squared Laplacian beside the squared residual; a pure number. The default is the published one."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Minimise ||h * x - y||^2 + weight * ||Laplacian x||^2, the Laplacian of band-limited images.

    With the transfer function H and L = sum over axes of omega^2 (`squared_frequency`), `corrected` is

        X = conj(H) Y / (|H|^2 + weight * L^2).

    `tikhonov_deconvolution` differs from it by the Laplacian of finite differences, 4 sin^2(omega / 2) for omega^2.
    `as_published` has the complex square instead of the power, and a division that is held off zero:

        X = H Y conj(D) / max(|D|^2, 1e-6),    D = H^2 + weight * L^2.

    They are equal for a kernel that is its own mirror image, where H is real. For others D may vanish.

    Parameters
    ----------
    measurement : ndarray
        Shape (y, x) or (z, y, x), float32.
    problem : Problem
        Tells the kernel.
    params : Params
    device : str
        ``"cpu"`` or ``"cuda"``.

    Returns
    -------
    ndarray
        Same shape, float32, not clipped.
    """
    blur = PeriodicBlur(problem.forward.kernel, measurement.shape, params.boundary, device)
    penalty = squared_frequency(blur.grid, device).square()
    spectrum = blur.spectrum(measurement)
    if params.reading == "corrected":
        return InverseFilter(blur, penalty, params.weight)(spectrum)
    divisor = blur.transfer.square() + params.weight * penalty
    response = blur.transfer * divisor.conj() / divisor.abs().square().clamp_(min=LEAST_POWER)
    return blur.crop(blur.inverse(spectrum * response))
