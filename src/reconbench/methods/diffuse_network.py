"""The multi-scale network of Wang et al. (2020) for imaging from diffuse light."""

import math
from typing import Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from reconbench.contracts import Batch, Method, Parameters, Problem
from reconbench.errors import UserError
from reconbench.training import settings

METHOD = Method(
    name="diffuse_network",
    title="multi-scale network for diffuse light",
    reference="F. Wang et al., Sci. Rep. 10, 5730 (2020)",
    doi="10.1038/s41598-020-62484-z",
    kinds=frozenset({"diffuse_imaging"}),
    gpu=1,
    trained_on="truth",
)

COLOURS = 3
# The authors' code trains 16 times 16 epochs of 768 pairs, 2 at a time, at a rate that falls from one to the next.
ROUNDS = 16
STEPS = 16 * 768 // 2


class Training(settings.Training):
    """Training as the authors' code has it."""

    patch: tuple[int, ...] = Field(default=(720, 1280), min_length=2, max_length=2)
    """Size of the screens in pixels, (y, x), which the forward model takes."""
    batch: int = Field(default=2, ge=1)
    """Screens in a batch."""
    phases: tuple[settings.Phase, ...] = tuple(
        settings.Phase(steps=STEPS, learning_rate=1e-3 * math.exp(-10 * turn / ROUNDS)) for turn in range(ROUNDS)
    )
    """What is trained, one after the other."""


class Params(Parameters):
    """Parameters of the network; the defaults are those of the authors' code."""

    widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(64, 128, 256, 256), min_length=1, max_length=4)
    """Channels of the encoder's cells, the first at the size of the camera's image, each further one at half of that
    before it. One more output than there are widths, or as many without `enlarge`."""
    kernels: tuple[Annotated[int, Field(ge=1, le=31)], ...] = Field(default=(3, 5, 7, 9), min_length=1, max_length=8)
    """Sides of the kernels that a cell has beside each other, in pixels. The paper does not list them; these are those
    of the authors' network for phase and amplitude."""
    enlarge: bool = True
    """Whether the screen has twice the camera's pixels along each axis, as the authors' has, or as many."""
    direct: bool = False
    """Whether an estimate is the camera's image itself, enlarged, and a correction that the network adds: what few
    steps of training get along with. The authors' network has no such path, and a sigmoid in its place."""
    output_kernels: tuple[Annotated[int, Field(ge=1, le=31)], ...] = Field(
        default=(11, 9, 7, 5, 3), min_length=1, max_length=5
    )
    """Side of the last kernel of each output, in pixels, odd, from the finest output on."""
    light: tuple[float, float] = (0.0, 2.0)
    """What is scaled to [-1, 1], in the unit of the measurement: the camera's image of a white screen has mean 1. Where
    the network is `direct`, what stands for 0 and 1 of the screen."""
    mirrored: bool = True
    """Flip the camera's images left to right, as the authors do, so that they lie as the screens do."""
    training: Training = Training()
    """How the network is trained."""

    @model_validator(mode="after")
    def _one_odd_kernel_an_output(self) -> "Params":
        outputs = len(self.widths) + self.enlarge
        if len(self.output_kernels) < outputs or any(kernel % 2 == 0 for kernel in self.output_kernels):
            raise ValueError(f"output_kernels must be {outputs} odd sides, not {list(self.output_kernels)}")
        return self


def network(problem: Problem, params: Params) -> Any:
    """Return the untrained network, a DiffuseMultiScale."""
    from reconbench.networks.diffuse_multi_scale import DiffuseMultiScale

    return DiffuseMultiScale(
        COLOURS, params.widths, params.kernels, params.enlarge, params.direct, params.output_kernels
    )


def loss(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return the sum over all outputs of their mean absolute errors, the coarse ones with weights that fade.

    The output m halvings down weighs (2 - 2 t)^m after the fraction t of all steps, and is compared with means over the
    pixels of the screen that one of its own covers.

    Raises
    ------
    UserError
        If the screens have not the size of the network's estimates.
    """
    from torch.nn.functional import adaptive_avg_pool2d

    done = batch.step / max(1, params.training.steps)
    outputs = networks.at_all_scales(_scaled(batch.measurement, params))
    _require_size(outputs[0], batch, params)
    return sum(
        (2 - 2 * done) ** halvings * _mean_absolute_error(output, adaptive_avg_pool2d(batch.target, output.shape[-2:]))
        for halvings, output in enumerate(outputs)
    )


def validate(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return the mean absolute error of the output of full size."""
    return _mean_absolute_error(networks(_scaled(batch.measurement, params)), batch.target)


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str, networks: Any) -> np.ndarray:
    """Reconstruct a screen by the trained network.

    Parameters
    ----------
    measurement : ndarray
        The camera's image, shape (3, y, x), float32.
    problem : Problem
        Not asked for anything.
    params : Params
    device : str
        ``"cpu"`` or ``"cuda"``.
    networks : DiffuseMultiScale
        On the device, in evaluation mode.

    Returns
    -------
    ndarray
        Shape (3, 2 y, 2 x), or (3, y, x) without `enlarge`, float32, in [0, 1].

    Raises
    ------
    UserError
        If the measurement is no image of three colours.
    """
    import torch

    if measurement.ndim != 3 or len(measurement) != COLOURS:
        raise UserError(f"{METHOD.name} restores images of three colours (3, y, x), not of shape {measurement.shape}")
    with torch.no_grad():
        return networks(_scaled(torch.tensor(measurement, device=device)[None], params))[0].cpu().numpy()


def _scaled(measurement: Any, params: Params) -> Any:
    """Return camera images (n, c, y, x) as the network takes them: about [-1, 1], and flipped where asked for."""
    low, high = params.light
    scaled = (measurement - low) * (2 / (high - low)) - 1
    return scaled.flip(-1) if params.mirrored else scaled


def _require_size(output: Any, batch: Batch, params: Params) -> None:
    if output.shape != batch.target.shape:
        times, other = ("twice", "half of screen_pixels") if params.enlarge else ("once", "screen_pixels")
        raise UserError(
            f"{METHOD.name} gives screens of {times} the camera's pixels a side, {_size(output)} here, and the "
            f"truths have {_size(batch.target)}; set the forward model's camera_pixels to {other}, or change `enlarge`"
        )


def _size(images: Any) -> str:
    return f"{images.shape[-2]} x {images.shape[-1]}"


def _mean_absolute_error(estimate: Any, target: Any) -> Any:
    return (estimate.to(target.dtype) - target).abs().mean()
