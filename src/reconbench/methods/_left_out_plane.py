"""What methods share that predict a plane: from the intensity at focus and a phase, by propagation.

torch is imported inside the functions.
"""

from typing import Any

import numpy as np

from reconbench.methods._phase_grids import mirrored


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
