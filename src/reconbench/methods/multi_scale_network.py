"""The multi-scale network of Wang et al. (2018, 2020), and without its side outputs the U-Net beside it."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from reconbench.contracts import Batch, Method, Parameters, Problem
from reconbench.errors import UserError
from reconbench.methods._multi_scale import fitting
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
    differences: bool = False
    """Give the network besides the planes the difference of each two at opposite distances from focus, as one script
    of the authors does. To first order it holds the phase alone, and a plane what absorbs too."""
    training: Training = Training()
    """How the network is trained."""

    @model_validator(mode="after")
    def _fitting(self) -> "Params":
        return fitting(self)


def network(problem: Problem, params: Params) -> Any:
    """Return the untrained network, a MultiScale with a channel for each plane of the measurement and of the truth.

    Raises
    ------
    NotApplicableError
        If differences are asked for and no two planes are at opposite distances from focus.
    """
    from reconbench.networks.multi_scale import MultiScale

    forward = problem.forward
    return MultiScale(
        channels_in=forward.planes + len(_opposite(problem, params)),
        channels_out=2 if forward.object == "wave" else 1,
        **params.model_dump(include={"widths", "side_outputs", "outer_kernel", "cells", "normalisation"}),
    )


def loss(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return the weighted sum over all outputs of their mean absolute errors.

    A side output is compared with means over as many pixels of the target as one of its own covers.
    """
    from reconbench.training.multi_scale import mean_absolute_errors

    done = batch.step / max(1, params.training.steps)
    errors = mean_absolute_errors(networks.at_all_scales(_channels(batch.measurement, problem, params)), batch.target)
    return sum(side_weight(halvings, done, params) * error for halvings, error in enumerate(errors))


def validate(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return the mean absolute error of the output of full size, which all numbers of side outputs have."""
    from reconbench.training.multi_scale import mean_absolute_error

    return mean_absolute_error(networks(_channels(batch.measurement, problem, params)), batch.target)


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str, networks: Any) -> np.ndarray:
    """Reconstruct an image by the trained network, the whole of it at once.

    Parameters
    ----------
    measurement : ndarray
        Shape (c, y, x), float32, c planes. Sides are multiples of an eighth of the patches' sides and at least these.
    problem : Problem
        Tells the planes and their distances.
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
        estimate = networks(_channels(planes, problem, params))[0]
    return (estimate[0] if len(estimate) == 1 else estimate).cpu().numpy()


def side_weight(halvings: int, done: float, params: Params) -> float:
    """Return the weight of an output that is so many halvings down, after a fraction of all steps."""
    return 1.0 if params.side_weights == "constant" else (2 - 2 * done) ** halvings


def _opposite(problem: Problem, params: Params) -> list[tuple[int, int]]:
    """Return the numbers of each two planes whose difference the network is given."""
    if not params.differences:
        return []
    from reconbench.methods.mftie import opposite_planes

    return opposite_planes(np.asarray(getattr(problem.forward, "distances", (0.0,))))


def _channels(measurement: Any, problem: Problem, params: Params) -> Any:
    """Return what the network is given of measurements (n, c, y, x): their planes, and the differences of some."""
    import torch

    from reconbench.networks.prepared import standardised

    pairs = _opposite(problem, params)
    given = [measurement]
    if pairs:
        below, above = (list(planes) for planes in zip(*pairs, strict=True))
        given.append(measurement[:, above] - measurement[:, below])
    return torch.cat([standardised(planes) if params.standardise else planes for planes in given], dim=1)
