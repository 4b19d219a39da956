"""How far a predicted intensity is from the measured one: inside, and after one shift."""

from typing import Annotated

import numpy as np
from pydantic import Field

from reconbench.contracts import Parameters
from reconbench.errors import UserError

REFINEMENTS = 6


class Params(Parameters):
    """What of the plane counts, and how far it may be shifted."""

    margin: tuple[Annotated[int, Field(ge=0, le=100_000)], Annotated[int, Field(ge=0, le=100_000)]] = (8, 8)
    """Pixels that are cut off at each side along y and x: as far as light comes that enters beside the image,
    distance x tan(arcsin(numerical aperture)) over the pixel size. For NA 0.5 that is 0.58 x distance."""
    largest_shift: float = Field(default=2.0, ge=0, le=100)
    """The prediction may be shifted by so many pixels along each axis; at most the margin."""


def smallest_error(estimate: np.ndarray, truth: np.ndarray, params: Params) -> float:
    """Return the root mean squared difference inside the margin, after the shift that makes it smallest.

    The shift is found for each estimate in the same way: whole pixels by trying all, then the fraction by Gauss-Newton
    steps, with cubic splines between pixels. No gain and no offset is fitted. A shift takes nothing from beyond the
    image.

    Parameters
    ----------
    estimate, truth : ndarray
        Shape (y, x).
    params : Params

    Raises
    ------
    UserError
        If the shapes differ, the margin leaves nothing, or it is smaller than the largest shift.
    """
    if estimate.shape != truth.shape or truth.ndim != 2:
        raise UserError(f"a predicted plane of shape {estimate.shape} cannot be held against one of {truth.shape}")
    if any(size <= 2 * cut for size, cut in zip(truth.shape, params.margin, strict=True)):
        raise UserError(f"the margin {params.margin} leaves nothing of a plane of shape {truth.shape}; make it smaller")
    if min(params.margin) < params.largest_shift:
        raise UserError(
            f"largest_shift {params.largest_shift:g} takes the prediction from beyond the image; make it at most the "
            f"margin, {min(params.margin)} pixels"
        )
    estimate, truth = estimate.astype(np.float64), truth.astype(np.float64)
    inside = tuple(slice(cut, size - cut) for size, cut in zip(truth.shape, params.margin, strict=True))
    whole = _best_whole_shift(estimate, truth, inside, int(params.largest_shift))
    return _refined(estimate, truth, inside, whole, params.largest_shift)


def inside_margin(image: np.ndarray, params: Params) -> np.ndarray:
    """Return the image without its margin, as a view."""
    rows, columns = (slice(cut, size - cut) for size, cut in zip(image.shape[-2:], params.margin, strict=True))
    return image[..., rows, columns]


def _best_whole_shift(estimate: np.ndarray, truth: np.ndarray, inside: tuple[slice, ...], largest: int) -> np.ndarray:
    """Return the shift in whole pixels that makes the error smallest."""
    places = [(y, x) for y in range(-largest, largest + 1) for x in range(-largest, largest + 1)]
    errors = [
        np.square(
            estimate[
                tuple(slice(part.start - step, part.stop - step) for part, step in zip(inside, place, strict=True))
            ]
            - truth[inside]
        ).sum()
        for place in places
    ]
    return np.array(places[int(np.argmin(errors))], dtype=np.float64)


def _refined(
    estimate: np.ndarray, truth: np.ndarray, inside: tuple[slice, ...], shift: np.ndarray, largest: float
) -> float:
    """Return the smallest error that Gauss-Newton steps from a shift come by."""
    from scipy.ndimage import shift as shifted
    from scipy.ndimage import spline_filter

    coefficients = spline_filter(estimate, order=3, mode="mirror")
    smallest = np.inf
    for _ in range(REFINEMENTS):
        moved = shifted(coefficients, shift, order=3, mode="mirror", prefilter=False)
        missing = (truth - moved)[inside]
        smallest = min(smallest, float(np.sqrt(np.mean(missing**2))))
        slopes = -np.stack([slope[inside].ravel() for slope in np.gradient(moved)])
        step, *_ = np.linalg.lstsq(slopes @ slopes.T, slopes @ missing.ravel(), rcond=None)
        shift = np.clip(shift + step, -largest, largest)
    return smallest
