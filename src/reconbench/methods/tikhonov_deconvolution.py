"""Deconvolution with Tikhonov's regularisation."""

from typing import Literal

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters, Problem

METHOD = Method(
    name="tikhonov_deconvolution",
    title="Tikhonov deconvolution",
    reference="Hunt 1973, IEEE Trans. Comput. C-22, 805",
    doi="10.1109/TC.1973.5009169",
    kinds=frozenset({"deconvolution"}),
    told=frozenset({"forward model", "noise level"}),
    grid={"weight": (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)},
)


class Params(Parameters):
    """Parameters of Tikhonov deconvolution."""

    weight: float | None = Field(default=None, ge=0)
    """Weight of the squared Laplacian beside the squared residual; a pure number. By default it follows from the
    declared variance of the noise."""
    boundary: Literal["symmetric", "circular"] = "symmetric"
    """How the image goes on beyond its edge: by its reflections fading into each other, or by its own repetition."""


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
    import torch

    from reconbench.convolution import continue_periodically, squared_gradient, transfer_function

    kernel = problem.forward.kernel
    y = torch.tensor(measurement, device=device)
    if params.boundary == "symmetric":
        y = continue_periodically(y, kernel.shape)
    transfer = transfer_function(kernel, y.shape, y.dtype, y.device)
    power = transfer.abs().square()
    penalty = squared_gradient(y.shape, device).square()
    spectrum = torch.fft.rfftn(y)
    weight = params.weight
    if weight is None:
        noise = float(np.mean(problem.noise_variance(measurement)))
        weight = _least_predicted_error(spectrum.abs().square() / y.numel(), power, penalty, noise, y.shape[-1])
    # Below the rounding error of |H|^2 there is nothing to divide by.
    denominator = (power + weight * penalty).clamp_(min=torch.finfo(y.dtype).eps)
    estimate = torch.fft.irfftn(spectrum * transfer.conj() / denominator, s=y.shape)
    return estimate[tuple(slice(size) for size in measurement.shape)].cpu().numpy()


def _least_predicted_error(measured_power, power, penalty, noise: float, size: int) -> float:
    """Return the weight with the least C_L; all spectra are halves, of a grid whose last axis has this size."""
    from reconbench.convolution import spectrum_mean

    def predicted_error(weight: float) -> float:
        passed = power / (power + weight * penalty)
        return spectrum_mean((1 - passed) ** 2 * measured_power + 2 * noise * passed, size)

    return min((float(weight) for weight in np.logspace(-6, 6, 49)), key=predicted_error)
