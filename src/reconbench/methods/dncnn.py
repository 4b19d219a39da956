"""DnCNN, a residual convolutional network."""

from typing import Any

import numpy as np
from pydantic import Field

import reconbench.training.settings as settings
from reconbench.contracts import Batch, Method, Parameters, Problem
from reconbench.errors import UserError

METHOD = Method(
    name="dncnn",
    title="DnCNN",
    reference="K. Zhang et al., IEEE Trans. Image Process. 26, 3142 (2017)",
    doi="10.1109/TIP.2017.2662206",
    kinds=frozenset({"denoising"}),
    gpu=1,
    trained_on="truth",
)


class Training(settings.Training):
    """Training in Zhang et al.'s patches and batches, but by Adam and in fewer steps, for the smaller network."""

    patch: tuple[int, ...] = Field(default=(40, 40), min_length=2, max_length=2)
    """Size of the patches in pixels, (y, x)."""
    batch: int = Field(default=128, ge=1)
    """Patches in a batch."""
    phases: tuple[settings.Phase, ...] = (
        settings.Phase(steps=8000, learning_rate=1e-3),
        settings.Phase(steps=2000, learning_rate=1e-4),
    )
    """What is trained, one after the other. The paper takes 80 000 steps of gradient descent with momentum."""


class Params(Parameters):
    """Parameters of DnCNN. The paper's network has 64 features and a depth of 17 or 20."""

    features: int = Field(default=24, ge=1)
    """Channels between the layers."""
    depth: int = Field(default=6, ge=2)
    """Number of convolutions, and the pixels that the network reaches along each axis."""
    tiling: settings.Tiling = settings.Tiling()
    """How an image is cut into tiles."""
    training: Training = Training()
    """How the network is trained."""


def network(problem: Problem, params: Params) -> Any:
    """Return the untrained network, a DnCNN."""
    from reconbench.networks.dncnn import DnCNN

    return DnCNN(params.features, params.depth)


def loss(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return the mean squared error over the batch.

    It is equation 1 of the paper but for a factor, half the number of pixels of a patch, which Adam does not see.
    """
    from reconbench.training.losses import mean_squared_error

    return mean_squared_error(networks(batch.measurement), batch.target).mean()


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str, networks: Any) -> np.ndarray:
    """Denoise an image by the trained network, in single precision and tile by tile.

    Parameters
    ----------
    measurement : ndarray
        Shape (y, x), float32, of any size.
    problem : Problem
        Not asked for anything.
    params : Params
    device : str
        ``"cpu"`` or ``"cuda"``.
    networks : DnCNN
        On the device, in evaluation mode.

    Returns
    -------
    ndarray
        Same shape, float32.

    Raises
    ------
    UserError
        If the measurement is not an image.
    """
    import torch

    from reconbench.tiling import apply_tiled

    if measurement.ndim != 2:
        raise UserError(f"{METHOD.name} restores images (y, x), not data of shape {measurement.shape}")
    image = torch.tensor(measurement, device=device)[None]
    estimate = apply_tiled(networks, image, params.tiling, networks.multiple)
    return estimate[0].cpu().numpy()
