"""Deconvolution with Tikhonov's regularisation."""

import math

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Problem
from reconbench.methods._periodic import InverseFilter, PeriodicBlur, PeriodicParameters

METHOD = Method(
    name="tikhonov_deconvolution",
    title="Tikhonov deconvolution",
    reference="Hunt 1973, IEEE Trans. Comput. C-22, 805",
    doi="10.1109/TC.1973.5009169",
    kinds=frozenset({"deconvolution"}),
    told=frozenset({"forward model", "noise level"}),
    grid={"weight": (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)},
)


class Params(PeriodicParameters):
    """Parameters of Tikhonov deconvolution."""

    weight: float | None = Field(default=None, ge=0)
    """Weight of the squared Laplacian beside the squared residual; a pure number. By default it follows from the
    declared variance of the noise."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Minimise ||h * x - y||^2 + weight * ||Laplacian x||^2.

    The minimum in the Fourier domain (Hunt 1973), with the transfer function H, is

        X = conj(H) Y / (|H|^2 + weight * L^2),    L = sum over axes of 4 sin^2(omega / 2).

    By default the weight, out of four a decade, is the one with the least unbiased estimate of the error of h * x
    (Mallows 1973, Technometrics 15, 661, his C_L),

        mean of |(1 - A) Y|^2 + 2 v A over all frequencies,    A = |H|^2 / (|H|^2 + weight * L^2),

    where Y is scaled to keep the norm and v is the mean of the declared variance of the noise.

    Parameters
    ----------
    measurement : ndarray
        Shape (y, x) or (z, y, x), float32.
    problem : Problem
        Tells the kernel, and the variance of the noise unless `weight` is given.
    params : Params
    device : str
        ``"cpu"`` or ``"cuda"``.

    Returns
    -------
    ndarray
        Same shape, float32, not clipped.
    """
    from reconbench.convolution import squared_gradient

    blur = PeriodicBlur(problem.forward.kernel, measurement.shape, params.boundary, device)
    penalty = squared_gradient(blur.grid, device).square()
    spectrum = blur.spectrum(measurement)
    weight = params.weight
    if weight is None:
        noise = float(np.mean(problem.noise_variance(measurement)))
        measured_power = spectrum.abs().square() / math.prod(blur.grid)
        weight = _least_predicted_error(measured_power, blur.power, penalty, noise, blur.grid[-1])
    return InverseFilter(blur, penalty, weight)(spectrum)


def _least_predicted_error(measured_power, power, penalty, noise: float, size: int) -> float:
    """Return the weight with the least C_L; all spectra are halves, of a grid whose last axis has this size."""
    from reconbench.convolution import spectrum_mean

    def predicted_error(weight: float) -> float:
        passed = power / (power + weight * penalty)
        return spectrum_mean((1 - passed) ** 2 * measured_power + 2 * noise * passed, size)

    return min((float(weight) for weight in np.logspace(-6, 6, 49)), key=predicted_error)
