"""Wiener deconvolution."""

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Problem
from reconbench.methods._periodic import InverseFilter, PeriodicBlur, PeriodicParameters

METHOD = Method(
    name="wiener_deconvolution",
    title="Wiener deconvolution",
    reference="Helstrom 1967, J. Opt. Soc. Am. 57, 297",
    doi="10.1364/JOSA.57.000297",
    kinds=frozenset({"deconvolution"}),
    told=frozenset({"forward model", "noise level"}),
    grid={"weight": (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0)},
)


class Params(PeriodicParameters):
    """Parameters of Wiener deconvolution."""

    weight: float | None = Field(default=None, ge=0)
    """Power of the noise over that of the truth at the frequency where R of `restore` is 1; a pure number. By default
    it follows from the declared variance of the noise."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Filter with the least mean squared error for a truth of the spectrum that images have.

    With the transfer function H, the filter for white noise (Helstrom 1967) is

        X = conj(H) Y / (|H|^2 + S_noise / S_truth),    S_noise / S_truth = weight * R,

    with R = sum over axes of 4 sin^2(omega / 2), the symbol of the squared gradient: the power of images falls as one
    over the squared frequency (Field 1987, J. Opt. Soc. Am. A 4, 2379), and the mean passes unchanged. By default

        weight = v mean(|H|^2 / R) / (variance(y) - v),

    where v is the mean of the declared variance of the noise and the mean leaves out R = 0. It gives the blurred truth
    of the model the variance that the measurement has beyond its noise.

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

    from reconbench.convolution import spectrum_mean, squared_gradient

    blur = PeriodicBlur(problem.forward.kernel, measurement.shape, params.boundary, device)
    roughness = squared_gradient(blur.grid, device)
    weight = params.weight
    if weight is None:
        noise = float(np.mean(problem.noise_variance(measurement)))
        # Where noise explains all of the variance, the weight becomes large and the estimate flat.
        signal = max(float(np.var(measurement)) - noise, 1e-6 * noise)
        ratio = torch.where(roughness > 0, blur.power / roughness, 0)
        weight = noise * spectrum_mean(ratio, blur.grid[-1]) / signal if noise > 0 else 0.0
    return InverseFilter(blur, roughness, weight)(blur.spectrum(measurement))
