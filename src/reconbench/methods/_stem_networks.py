"""What the networks for STEM images of Wang et al. (2018, 2020) share: parameters, loss, and images of any size."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from reconbench.contracts import Batch, Parameters
from reconbench.errors import UserError
from reconbench.methods._multi_scale import fitting
from reconbench.training import settings

REFERENCE_2018 = "F. Wang et al., arXiv:1810.12183 (2018)"
DOI_2018 = "10.48550/arXiv.1810.12183"


class Training(settings.Training):
    """Training in the patches and batches of the authors' code, for as many steps as their tutorial's network has."""

    patch: tuple[int, ...] = Field(default=(512, 512), min_length=2, max_length=2)
    """Size of the patches in pixels, (y, x): that from which the widths lead down to 8 pixels."""
    batch: int = Field(default=8, ge=1)
    """Patches in a batch."""
    phases: tuple[settings.Phase, ...] = (settings.Phase(steps=16_384, learning_rate=1e-3),)
    """What is trained, one after the other: by default 128 epochs of 1024 images."""
    weight_decay: float = Field(default=2e-5, ge=0)
    """Factor of half the sum of all squared weights, which is added to the loss."""


class MultiScaleParams(Parameters):
    """Parameters of a multi-scale network that denoises; the defaults are those of the network for phases."""

    widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(32, 64, 128, 192, 256, 384, 512, 768, 1024, 2048), min_length=5, max_length=10
    )
    """Channels of the encoder: of its first layer, of each one that halves the image, down to 8 pixels, and of the last
    three, which lead from 8 to 6, 4 and 2. So a patch has 2 to the number of widths less one pixels a side: 10 of them
    for 512, 7 for 64."""
    outer_kernel: int = Field(default=31, ge=1, le=101)
    """Side of the first and of the last kernel in pixels, odd."""
    normalisation: Literal["none", "group", "batch"] = "none"
    """What stands between convolutions and activations. `group` takes each channel of an image by itself."""
    training: Training = Training()
    """How the network is trained."""

    @model_validator(mode="after")
    def _fitting(self) -> "MultiScaleParams":
        return fitting(self)


def multi_scale_network(preparation: Any, channels: int, params: MultiScaleParams) -> Any:
    """Return an untrained multi-scale network behind a preparation that gives so many channels, a Prepared."""
    from reconbench.networks.multi_scale import MultiScale
    from reconbench.networks.prepared import Prepared

    shape = params.model_dump(include={"widths", "outer_kernel", "normalisation"})
    return Prepared(preparation, MultiScale(channels_in=channels, **shape))


def loss(network: Any, batch: Batch) -> Any:
    """Return the sum over all outputs of their mean absolute errors.

    A side output is compared with means over as many pixels of the target as one of its own covers.
    """
    from reconbench.training.multi_scale import mean_absolute_errors

    return sum(mean_absolute_errors(network.at_all_scales(batch.measurement), batch.target))


def validate(network: Any, batch: Batch) -> Any:
    """Return the mean absolute error of the output of full size."""
    from reconbench.training.multi_scale import mean_absolute_error

    return mean_absolute_error(network(batch.measurement), batch.target)


def restore(name: str, measurement: np.ndarray, device: str, network: Any) -> np.ndarray:
    """Denoise an image by a trained network, the whole of it at once.

    Where the network does not take its size, the image goes on beyond its edges with its mirror image, as far as
    needed, and the estimate is cut to the size of the image again.

    Parameters
    ----------
    name : str
        Of the method.
    measurement : ndarray
        Shape (y, x), float32, of any size.
    device : str
        ``"cpu"`` or ``"cuda"``.
    network : Prepared
        On the device, in evaluation mode.

    Returns
    -------
    ndarray
        Same shape, float32, in [0, 1].

    Raises
    ------
    UserError
        If the measurement is not an image.
    """
    import torch

    from reconbench.networks.padding import mirrored

    if measurement.ndim != 2:
        raise UserError(f"{name} restores images (y, x), not data of shape {measurement.shape}")
    margins = [_margin(side, network) for side in measurement.shape]
    inside = tuple(slice(before, before + side) for (before, _), side in zip(margins, measurement.shape, strict=True))
    with torch.no_grad():
        image = mirrored(torch.tensor(measurement, device=device), *margins)
        return network(image[None, None])[0, 0][inside].cpu().numpy()


def _margin(side: int, network: Any) -> tuple[int, int]:
    """Return how many pixels must stand before and after so many for the network to take them."""
    missing = max(network.size - side, -side % network.multiple)
    return missing // 2, missing - missing // 2
