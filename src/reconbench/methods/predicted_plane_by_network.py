"""A plane that was not measured, predicted by the phase that a network finds; it learns on simulated objects."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from reconbench.contracts import Batch, Method, Parameters, Problem
from reconbench.methods._left_out_plane import Distances, plane_numbers, predicted_intensity, require_left_out_plane
from reconbench.methods._multi_scale import fitting
from reconbench.methods._phase import focal_stack
from reconbench.methods._phase_grids import mirrored
from reconbench.training import settings

METHOD = Method(
    name="predicted_plane_by_network",
    title="plane predicted by multi-scale network",
    reference="F. Wang et al., Sci. Rep. 10, 5730 (2020); what it says is tested on a plane that it has not seen",
    doi="10.1038/s41598-020-62484-z",
    kinds=frozenset({"plane_prediction"}),
    told=frozenset({"forward model"}),
    gpu=1,
    trained_on="truth",
)


class Training(settings.Training):
    """Training on simulated objects."""

    patch: tuple[int, ...] = Field(default=(128, 128), min_length=2, max_length=2)
    """Size of the patches in pixels, (y, x): that from which the widths lead down to 8 pixels. With its mirror images
    it must be a field that holds the distances."""
    batch: int = Field(default=4, ge=1)
    """Patches in a batch."""
    phases: tuple[settings.Phase, ...] = (
        settings.Phase(steps=3000, learning_rate=2e-3),
        settings.Phase(steps=1000, learning_rate=5e-4),
    )
    """What is trained, one after the other."""
    weight_decay: float = Field(default=2e-5, ge=0)
    """Factor of half the sum of all squared weights, which is added to the loss."""


class Params(Parameters):
    """Parameters of the network, what it gets, and what it learns."""

    planes: Distances | None = None
    """Distances from focus of the planes that the network gets, in metres; by default all that are measured."""
    plane_weight: float = Field(default=1.0, ge=0)
    """Weight in the loss of the plane that the phase predicts, beside the phase itself. Without it, the network
    learns a phase that is right on average and has no texture, which is what a plane shows."""
    widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(16, 16, 24, 32, 48, 64, 64, 64), min_length=5, max_length=10
    )
    """Channels of the encoder, as `multi_scale_network` has them."""
    side_outputs: Literal[7, 3, 0] = 3
    """Outputs besides the one of full size, which serve training alone."""
    outer_kernel: int = Field(default=7, ge=1, le=101)
    """Side of the first and of the last kernel in pixels, odd."""
    normalisation: Literal["none", "group", "batch"] = "batch"
    """What stands between convolutions and activations. With `none`, networks of these widths were seen to give 0
    everywhere: that is the phase of most pixels."""
    training: Training = Training()
    """How the network is trained."""

    @model_validator(mode="after")
    def _fitting(self) -> "Params":
        return fitting(self)


def network(problem: Problem, params: Params) -> Any:
    """Return the untrained network, a MultiScale with a channel for each plane that it gets, and one for the phase."""
    from reconbench.networks.multi_scale import MultiScale

    return MultiScale(
        channels_in=len(_numbers(problem.forward, params)),
        channels_out=1,
        **params.model_dump(include={"widths", "side_outputs", "outer_kernel", "normalisation"}),
    )


def loss(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return mean absolute errors: of the phase at all scales, and of what the phase makes of the farthest plane.

    The phase is the last channel of the truth. With the true amplitude A and a phase phi, the intensity at the
    distance z is that of A exp(i phi) propagated; z is the distance farthest from focus of those that are measured in
    training. It is compared with what the true phase makes of it.
    """
    from reconbench.training.multi_scale import mean_absolute_error, mean_absolute_errors

    forward = problem.forward
    outputs = networks.at_all_scales(_contrast(batch.measurement, forward, params))
    phase = batch.target[:, -1:]
    error = sum(mean_absolute_errors(outputs, phase))
    if params.plane_weight == 0:
        return error
    estimated, true = (_farthest_plane(batch.target, share, forward) for share in (outputs[0].float(), phase))
    return error + params.plane_weight * mean_absolute_error(estimated, true)


def validate(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return the mean absolute error of the phase."""
    from reconbench.training.multi_scale import mean_absolute_error

    return mean_absolute_error(networks(_contrast(batch.measurement, problem.forward, params)), batch.target[:, -1:])


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str, networks: Any) -> np.ndarray:
    """Predict the intensity in the plane that is left out, with the phase that the trained network finds.

    Parameters
    ----------
    measurement : ndarray
        Intensities of shape (c, y, x), float32. Sides are multiples of an eighth of the patches' sides and at least
        these.
    problem : Problem
        Tells distances, propagation and the place of the plane that is left out.
    params : Params
    device : str
        ``"cpu"`` or ``"cuda"``.
    networks : MultiScale
        On the device, in evaluation mode.

    Returns
    -------
    ndarray
        Shape (y, x), float32, in the unit of the measurement.

    Raises
    ------
    NotApplicableError
        If the instrument leaves no plane out.
    UserError
        If a plane that the network gets is not measured, or the network cannot take the measurement.
    """
    import torch

    forward = problem.forward
    require_left_out_plane(forward)
    stack = focal_stack(measurement, problem)
    with torch.no_grad():
        planes = torch.tensor(measurement, device=device)[None]
        share = networks(_contrast(planes, forward, params))[0, 0].cpu().numpy()
    return predicted_intensity(stack.at_focus(), np.float32(forward.phase_range) * share, forward, device)


def _contrast(measurement: Any, forward: Any, params: Params) -> Any:
    """Return the planes that the network gets, I / mean(I) - 1 of each: planes may differ in their exposure."""
    planes = measurement[:, list(_numbers(forward, params))]
    return planes / planes.mean((-2, -1), keepdim=True) - 1


def _numbers(forward: Any, params: Params) -> tuple[int, ...]:
    """Return the numbers of the planes that the network gets."""
    return plane_numbers(np.asarray(forward.distances), params.planes)


def _farthest_plane(truth: Any, phase: Any, forward: Any) -> Any:
    """Return the intensity that a phase (n, 1, y, x), a share of its range, makes of the plane farthest from focus."""
    import torch

    amplitude = truth[:, :1] if forward.object == "wave" else torch.ones_like(phase)
    wave = torch.polar(amplitude, forward.phase_range * phase)
    there = forward.propagate(mirrored(wave), max(forward.distances, key=abs))
    height, width = phase.shape[-2:]
    return (there.real**2 + there.imag**2)[..., :height, :width]
