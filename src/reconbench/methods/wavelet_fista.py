"""Deconvolution with sparse Haar coefficients, by the fast iterative shrinkage-thresholding algorithm."""

from typing import Any

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Problem
from reconbench.methods._periodic import PeriodicBlur, TwoReadings

METHOD = Method(
    name="wavelet_fista",
    title="Haar wavelets (FISTA), {iterations} iterations",
    reference="Beck & Teboulle 2009, SIAM J. Imaging Sci. 2, 183; as in Sage et al. 2017, "
    "doi:10.1016/j.ymeth.2016.12.015",
    doi="10.1137/080716542",
    kinds=frozenset({"deconvolution"}),
    told=frozenset({"forward model"}),
    grid={"weight": (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)},
)

SCALES = 3


class Params(TwoReadings):
    """Parameters of wavelet shrinkage by FISTA."""

    published = {"weight": 0.1, "iterations": 10}

    weight: float = Field(default=3e-3, ge=0)
    """Weight of the sum of all absolute coefficients beside half the squared residual; the image's unit. Published:
    0.1, beside the whole squared residual."""
    iterations: int = Field(default=20, ge=1)
    """Number of iterations. Published: 10."""
    relaxation: float = Field(default=1.0, gt=0, le=1)
    """Length of a step: with `corrected` as a share of 1 / max |H|^2, with `as_published` itself."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Minimise 1/2 ||h * x - y||^2 + weight * ||W x||_1, W the orthonormal Haar transform of three scales.

    Algorithm FISTA of Beck & Teboulle (2009), from x = z = gamma h~ * y and t = 1, repeats

        x_ahead = W^T shrink(W (z + gamma h~ * (y - h * z)), gamma * weight)
        t_ahead = (1 + sqrt(1 + 4 t^2)) / 2
        z = x_ahead + (t - 1) / t_ahead (x_ahead - x)

    with h~ the mirror image of h. With `corrected` the approximation, which is a small image and not sparse, is not
    shrunk. With `as_published` it is, and the threshold is gamma * weight / 2.

    Parameters
    ----------
    measurement : ndarray
        Shape (y, x) or (z, y, x), float32. Its periodic grid has multiples of 8 for sizes, so that an image with others
        goes on for some pixels even if it is circular.
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
    import torch

    blur = PeriodicBlur(problem.forward.kernel, measurement.shape, params.boundary, device, divisor=2**SCALES)
    published = params.reading == "as_published"
    gamma = params.relaxation if published else params.relaxation / float(blur.power.max())
    threshold = gamma * params.weight / (2 if published else 1)
    kept = 1 - gamma * blur.power
    gained = gamma * blur.transfer.conj() * blur.spectrum(measurement)

    x = z = blur.inverse(gained)
    t = 1.0
    for _ in range(params.iterations):
        x_before, t_before = x, t
        x = _shrink(blur.inverse(kept * torch.fft.rfftn(z) + gained), threshold, with_approximation=published)
        t = (1 + (1 + 4 * t**2) ** 0.5) / 2
        z = x + (t_before - 1) / t * (x - x_before)
    return blur.crop(x)


def _shrink(image, threshold: float, with_approximation: bool):
    """Bring the Haar coefficients of an image nearer to zero by the threshold, but not beyond."""
    import torch

    coefficients = haar(image, SCALES)
    shrunk = torch.nn.functional.softshrink(coefficients, threshold)
    if not with_approximation:
        corner = tuple(slice(size >> SCALES) for size in image.shape)
        shrunk[corner] = coefficients[corner]
    return inverse_haar(shrunk, SCALES)


def haar(image: Any, scales: int) -> Any:
    """Return the orthonormal Haar transform of an image over all its axes.

    Parameters
    ----------
    image : torch.Tensor
        Sizes that are multiples of 2^scales.
    scales : int

    Returns
    -------
    torch.Tensor
        Same shape: of each scale the details, and in the corner at the origin the approximation of the coarsest.
    """
    import torch

    result = image.clone()
    for scale in range(scales):
        corner = tuple(slice(size >> scale) for size in image.shape)
        block = result[corner]
        for axis in range(image.ndim):
            even, odd = block.unflatten(axis, (-1, 2)).unbind(axis + 1)
            block = torch.cat([even + odd, even - odd], dim=axis) * 0.5**0.5
        result[corner] = block
    return result


def inverse_haar(coefficients: Any, scales: int) -> Any:
    """Return the image whose transform is given: the inverse of `haar`, and its transpose."""
    import torch

    result = coefficients.clone()
    for scale in reversed(range(scales)):
        corner = tuple(slice(size >> scale) for size in coefficients.shape)
        block = result[corner]
        for axis in range(coefficients.ndim):
            total, difference = block.chunk(2, dim=axis)
            pairs = torch.stack([total + difference, total - difference], dim=axis + 1)
            block = pairs.flatten(axis, axis + 1) * 0.5**0.5
        result[corner] = block
    return result
