"""Deconvolution by the iteration of Tikhonov and Miller, restricted to what is not negative."""

import numpy as np

from reconbench.contracts import Method, Problem
from reconbench.methods._periodic import PeriodicBlur
from reconbench.methods._tikhonov_miller import TikhonovMillerParameters, require_finite, step_of

METHOD = Method(
    name="iterative_constrained_tikhonov_miller",
    title="iterative constrained Tikhonov-Miller, {iterations} iterations",
    reference="van Kempen et al. 1997, J. Microsc. 185, 354; as in Sage et al. 2017, doi:10.1016/j.ymeth.2016.12.015",
    doi="10.1046/j.1365-2818.1997.d01-629.x",
    kinds=frozenset({"deconvolution"}),
    told=frozenset({"forward model"}),
    grid={"weight": (1e-4, 1e-3, 3e-3, 1e-2, 3e-2)},
)


class Params(TikhonovMillerParameters):
    """Parameters of constrained Tikhonov-Miller."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Minimise ||h * x - y||^2 + weight * ||Laplacian x||^2 over what is nowhere negative, by projected gradients.

    From X = gamma conj(H) Y it repeats the step of `tikhonov_miller`, and with `corrected` sets to zero what that made
    negative:

        X <- X + gamma (conj(H) Y - (|H|^2 + weight * L^2) X),    x <- max(x, 0).

    With `as_published` the constraint never reaches the iteration: the result is that of `tikhonov_miller`, which
    diverges at the published weight, with its negative values set to zero at the end.

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
        Same shape, float32, nowhere negative.

    Raises
    ------
    UserError
        If the published steps diverge beyond what float32 can hold.
    """
    import torch

    blur = PeriodicBlur(problem.forward.kernel, measurement.shape, params.boundary, device)
    kept, gained = step_of(blur, blur.spectrum(measurement), params)
    spectrum = gained
    for _ in range(params.iterations):
        spectrum = kept * spectrum + gained
        if params.reading == "corrected":
            spectrum = torch.fft.rfftn(blur.inverse(spectrum).clamp_(min=0))
    # Of the last constraint, the transforms leave rounding errors.
    return require_finite(blur.crop(blur.inverse(spectrum).clamp_(min=0)), params)
