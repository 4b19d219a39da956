"""What methods share that train a network through the blur: the kernel that they are told, and their application."""

from typing import Any

import numpy as np

from reconbench.contracts import Problem
from reconbench.errors import UserError


def kernel_for(problem: Problem, patch: tuple[int, ...]) -> np.ndarray:
    """Return the kernel of the blur, shape ([z,] y, x).

    Raises
    ------
    UserError
        If the training patches have other axes.
    """
    kernel = problem.forward.kernel
    if len(patch) != kernel.ndim:
        raise UserError(f"training patches of {patch} do not fit a blur with {kernel.ndim} axes")
    return kernel


def deconvolve(
    measurement: np.ndarray, params: Any, device: str, networks: Any, offset: float = 0.0, scale: float = 1.0
) -> np.ndarray:
    """Apply a network to a standardised measurement: nothing masked, and no blur behind it.

    Parameters
    ----------
    measurement : ndarray
        Shape (y, x) or (z, y, x), float32, of any size.
    params : Parameters
        With `training`, `tiling` and `clip`.
    device : str
        ``"cpu"`` or ``"cuda"``.
    networks : Deconvolver
        On the device, in evaluation mode.
    offset, scale : float
        The network sees (measurement - offset) / scale, and its output is brought back.

    Returns
    -------
    ndarray
        Same shape, float32.

    Raises
    ------
    UserError
        If the measurement has other axes than the training patches.
    """
    import torch

    from reconbench.tiling import apply_tiled

    patch = params.training.patch
    if measurement.ndim != len(patch):
        raise UserError(f"a network trained on patches {patch} does not restore data of shape {measurement.shape}")
    standardised = (torch.tensor(measurement, device=device)[None] - offset) / scale
    estimate = apply_tiled(networks, standardised, params.tiling, networks.multiple)[0] * scale + offset
    if params.clip is not None:
        estimate.clamp_(*params.clip)
    return estimate.cpu().numpy()
