"""The multi-scale network of Wang et al. (2018, 2020), and without its side outputs the U-Net beside it."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from reconbench.contracts import Batch, Method, Parameters, Problem
from reconbench.errors import UserError
from reconbench.training import settings

METHOD = Method(
    name="multi_scale_network",
    title="Multi-scale network, {side_outputs} side outputs",
    reference="F. Wang et al., Sci. Rep. 10, 5730 (2020); arXiv:1810.12183 (2018)",
    doi="10.1038/s41598-020-62484-z",
    kinds=frozenset({"phase_retrieval"}),
    told=frozenset({"forward model"}),
    gpu=1,
    trained_on="truth",
)

# The network leads images down to 8 pixels a side, and from there by three cells without padding to 2.
BOTTOM = 8
UNPADDED = 3


class Training(settings.Training):
    """Training as the authors' tutorial has it: 128 epochs of 768 images, 8 at a time."""

    patch: tuple[int, ...] = Field(default=(512, 512), min_length=2, max_length=2)
    """Size of the patches in pixels, (y, x): that from which the widths lead down to 8 pixels."""
    batch: int = Field(default=8, ge=1)
    """Patches in a batch."""
    phases: tuple[settings.Phase, ...] = (settings.Phase(steps=12_288, learning_rate=1e-3),)
    """What is trained, one after the other."""
    weight_decay: float = Field(default=2e-3, ge=0)
    """Factor of half the sum of all squared weights, which is added to the loss. The tutorial adds 1e-3 times the whole
    sum, that of the kernels alone; the authors' other scripts 1e-5 times it, here 2e-5."""


class Params(Parameters):
    """Parameters of the multi-scale network; the defaults are those of the authors' tutorial."""

    widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(32, 64, 128, 192, 256, 384, 512, 768, 1024, 2048), min_length=5, max_length=10
    )
    """Channels of the encoder: of its first layer, of each one that halves the image, down to 8 pixels, and of the last
    three, which lead from 8 to 6, 4 and 2. So a patch has 2 to the number of widths less one pixels a side: 10 of them
    for 512, 7 for 64."""
    side_outputs: Literal[7, 3, 0] = 7
    """Outputs besides the one of full size: seven, or the three finest, or as many as there are scales where these are
    fewer. Without any it is a U-Net."""
    side_weights: Literal["constant", "fading"] = "constant"
    """Weight of the output m halvings down in the loss: 1, or (2 - 2 t)^m after the fraction t of all steps, as one
    script of the authors has it."""
    outer_kernel: int = Field(default=31, ge=1, le=101)
    """Side of the first and of the last kernel in pixels, odd."""
    cells: Literal["plain", "bottleneck"] = "plain"
    """What leads from one size to the next: a convolution, or a residual block of pointwise and grouped ones."""
    normalisation: Literal["none", "group", "batch"] = "none"
    """What stands between convolutions and activations. `group` takes each channel of an image by itself."""
    standardise: bool = True
    """Bring each measurement, all its planes together, to mean 0 and standard deviation 1. The authors' older scripts
    do so with all their data together."""
    training: Training = Training()
    """How the network is trained."""

    @model_validator(mode="after")
    def _fitting(self) -> "Params":
        side = BOTTOM * 2 ** (len(self.widths) - UNPADDED - 1)
        if self.training.patch != (side, side):
            raise ValueError(
                f"{len(self.widths)} widths need training.patch [{side}, {side}], not {list(self.training.patch)}"
            )
        if self.outer_kernel % 2 == 0:
            raise ValueError(f"outer_kernel must be odd, not {self.outer_kernel}")
        return self


def network(problem: Problem, params: Params) -> Any:
    """Return the untrained network, a MultiScale with a channel for each plane of the measurement and of the truth."""
    from reconbench.networks.multi_scale import MultiScale

    forward = problem.forward
    return MultiScale(
        channels_in=forward.planes,
        channels_out=2 if forward.object == "wave" else 1,
        **params.model_dump(include={"widths", "side_outputs", "outer_kernel", "cells", "normalisation"}),
    )


def loss(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return the weighted sum over all outputs of their mean absolute errors.

    A side output is compared with means over as many pixels of the target as one of its own covers.
    """
    from torch.nn.functional import avg_pool2d

    done = batch.step / max(1, params.training.steps)
    total, target = 0.0, batch.target
    for halvings, output in enumerate(networks.at_all_scales(_standardised(batch.measurement, params))):
        target = avg_pool2d(target, 2) if halvings else target
        total = total + side_weight(halvings, done, params) * _mean_absolute_error(output, target)
    return total


def validate(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return the mean absolute error of the output of full size, which all numbers of side outputs have."""
    return _mean_absolute_error(networks(_standardised(batch.measurement, params)), batch.target)


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str, networks: Any) -> np.ndarray:
    """Reconstruct an image by the trained network, the whole of it at once.

    Parameters
    ----------
    measurement : ndarray
        Shape (c, y, x), float32, c planes. Sides are multiples of an eighth of the patches' sides and at least these.
    problem : Problem
        Not asked for anything more than when the network was made.
    params : Params
    device : str
        ``"cpu"`` or ``"cuda"``.
    networks : MultiScale
        On the device, in evaluation mode.

    Returns
    -------
    ndarray
        Shape (y, x), or (2, y, x) where the truth has two channels, float32, in [0, 1].

    Raises
    ------
    UserError
        If the network cannot take the measurement.
    """
    import torch

    if measurement.ndim != 3:
        raise UserError(f"{METHOD.name} restores stacks of planes (c, y, x), not data of shape {measurement.shape}")
    with torch.no_grad():
        planes = torch.tensor(measurement, device=device)[None]
        estimate = networks(_standardised(planes, params))[0]
    return (estimate[0] if len(estimate) == 1 else estimate).cpu().numpy()


def side_weight(halvings: int, done: float, params: Params) -> float:
    """Return the weight of an output that is so many halvings down, after a fraction of all steps."""
    return 1.0 if params.side_weights == "constant" else (2 - 2 * done) ** halvings


def _standardised(measurement: Any, params: Params) -> Any:
    """Return measurements (n, c, y, x), each with mean 0 and deviation 1 over all its planes; a constant one is 0."""
    import torch

    if not params.standardise:
        return measurement
    deviation, mean = torch.std_mean(measurement, dim=(1, 2, 3), correction=0, keepdim=True)
    return (measurement - mean) / deviation.where(deviation > 0, 1)


def _mean_absolute_error(estimate: Any, target: Any) -> Any:
    return (estimate.to(target.dtype) - target).abs().mean()
