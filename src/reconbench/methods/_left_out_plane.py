"""What methods share that predict a plane: from the intensity at focus and a phase, by propagation.

torch is imported inside the functions.
"""

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from reconbench.errors import NotApplicableError, UserError
from reconbench.methods._phase_grids import mirrored

# Distances of planes from focus, in metres.
Distances = tuple[Annotated[float, Field(ge=-1, le=1)], ...]
# Distances that differ by less are those of the same plane, in metres.
SAME_DISTANCE = 1e-9


def require_left_out_plane(forward: Any) -> None:
    """Raise NotApplicableError unless the instrument leaves a plane out."""
    if not hasattr(forward, "target"):
        raise NotApplicableError("a plane is predicted that the instrument leaves out; this one leaves out none")


def plane_numbers(distances: np.ndarray, chosen: Distances | None) -> tuple[int, ...]:
    """Return the numbers of the planes at the chosen distances, of all where none is chosen.

    Raises
    ------
    UserError
        If no plane is at one of them.
    """
    if chosen is None:
        return tuple(range(len(distances)))
    numbers = []
    for distance in chosen:
        nearest = int(np.argmin(np.abs(distances - distance)))
        if abs(distances[nearest] - distance) > SAME_DISTANCE:
            raise UserError(
                f"no plane is measured at {distance:g} m; there are some at "
                f"{', '.join(f'{known:g}' for known in np.sort(distances))}"
            )
        numbers.append(nearest)
    return tuple(numbers)


def predicted_intensity(intensity: np.ndarray, phase: np.ndarray, forward: Any, device: str) -> np.ndarray:
    """Return the intensity in the plane that is left out, |propagated sqrt(I) exp(i phase)|^2.

    Parameters
    ----------
    intensity : ndarray
        At focus, shape (y, x).
    phase : ndarray
        At focus, in radians, shape (y, x).
    forward : ForwardModel
        Has `target` and `propagate`. Beyond its edges the wave goes on by its reflections.
    device : str

    Returns
    -------
    ndarray
        Shape (y, x), float32.
    """
    import torch

    amplitude = np.sqrt(intensity.clip(min=0))
    wave = torch.polar(*(torch.tensor(part, dtype=torch.float32, device=device) for part in (amplitude, phase)))
    height, width = intensity.shape
    there = forward.propagate(mirrored(wave), forward.target)[:height, :width]
    return (there.real**2 + there.imag**2).cpu().numpy()
