"""Deconvolution by the iteration of Tikhonov and Miller."""

import numpy as np

from reconbench.contracts import Method, Problem
from reconbench.methods._periodic import PeriodicBlur
from reconbench.methods._tikhonov_miller import TikhonovMillerParameters, require_finite, step_of

METHOD = Method(
    name="tikhonov_miller",
    title="Tikhonov-Miller, {iterations} iterations",
    reference="Miller 1970, SIAM J. Math. Anal. 1, 52; as in Sage et al. 2017, doi:10.1016/j.ymeth.2016.12.015",
    doi="10.1137/0501006",
    kinds=frozenset({"deconvolution"}),
    told=frozenset({"forward model"}),
    grid={"weight": (1e-4, 1e-3, 3e-3, 1e-2, 3e-2)},
)


class Params(TikhonovMillerParameters):
    """Parameters of Tikhonov-Miller."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Descend towards the minimum of ||h * x - y||^2 + weight * ||Laplacian x||^2 in the Fourier domain.

    From X = gamma conj(H) Y it repeats

        X <- X + gamma (conj(H) Y - (|H|^2 + weight * L^2) X).

    The end is the estimate of `regularised_inverse_filter`, frequency by frequency: what is not reached yet are
    frequencies where |H|^2 + weight * L^2 is far below its maximum, and that keeps noise down, too.

    With `corrected`, gamma is below 2 / max(|H|^2 + weight * L^2), beyond which it diverges. With `as_published`, gamma
    is 1 and L^2 is 390 (images) or 877 (volumes) at the highest frequency, so that it converges for weights below
    0.0051 or 0.0023 only. The published weight of 0.1 multiplies what is there by -38 or -86.7 in each of the 10
    published iterations, together by 6e15 or 2e19. Little is there to begin with: images of a peak of 1 were left with
    values of about 1e8, volumes with 1e11, which is finite in float32, whose range ends at 3e38, but no image. After
    28 and 23 iterations they were beyond it, which raises an error.

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

    Raises
    ------
    UserError
        If the published steps diverge beyond what float32 can hold.
    """
    blur = PeriodicBlur(problem.forward.kernel, measurement.shape, params.boundary, device)
    kept, gained = step_of(blur, blur.spectrum(measurement), params)
    x = gained
    for _ in range(params.iterations):
        x = kept * x + gained
    return require_finite(blur.crop(blur.inverse(x)), params)
