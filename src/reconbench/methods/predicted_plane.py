"""A plane that was not measured, predicted from those that were: by the phase they give, or without any."""

from types import ModuleType
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError, model_validator

from reconbench.contracts import Method, Parameters, Problem
from reconbench.errors import UserError
from reconbench.methods._left_out_plane import Distances, plane_numbers, predicted_intensity, require_left_out_plane
from reconbench.methods._phase import FocalStack, focal_stack

METHOD = Method(
    name="predicted_plane",
    title="plane predicted by {by}",
    reference="none: the solvers' own references; what they say is tested on a plane that they have not seen",
    doi="",
    kinds=frozenset({"plane_prediction"}),
    told=frozenset({"forward model"}),
)

Baseline = Literal["nearest_plane", "linear_interpolation", "zero_phase"]
Solver = Literal["tie", "gptie", "mftie", "gerchberg_saxton"]
BASELINES = ("nearest_plane", "linear_interpolation", "zero_phase")


class Params(Parameters):
    """What predicts the plane."""

    by: Baseline | Solver = "zero_phase"
    """A solver of the phase problem, or a baseline that has no phase: the measured plane next to the one left out, its
    neighbours on both sides interpolated in z, or the amplitude at focus propagated with a phase of zero."""
    params: dict[str, Any] = {}
    """Parameters of the solver."""
    planes: Distances | None = None
    """Distances from focus of the planes that the solver gets, in metres; by default all that are measured."""

    @model_validator(mode="after")
    def _known_to_the_solver(self) -> "Params":
        if self.by in BASELINES:
            if self.params or self.planes is not None:
                raise ValueError(f"by: {self.by} solves nothing; leave `params` and `planes` out")
            return self
        try:
            _solver(self.by).Params.model_validate(self.params)
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(f"{self.by} refuses its {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        return self


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Predict the intensity in the plane that is left out.

    With the intensity I at focus and the phase that the solver finds there, it is the intensity of the wave
    sqrt(I) exp(i phase), propagated to the plane. Nothing else of the solver's estimate is used.

    Parameters
    ----------
    measurement : ndarray
        Intensities of shape (c, y, x), float32.
    problem : Problem
        Tells distances, propagation and the place of the plane that is left out.
    params : Params
    device : str
        ``"cpu"`` or ``"cuda"``.

    Returns
    -------
    ndarray
        Shape (y, x), float32, in the unit of the measurement.

    Raises
    ------
    NotApplicableError
        If the instrument leaves no plane out or the solver does not apply to its planes.
    UserError
        If planes are asked for that are not measured, or the plane to be predicted does not lie between others that
        are to be interpolated.
    """
    forward = problem.forward
    require_left_out_plane(forward)
    stack = focal_stack(measurement, problem)
    if params.by == "nearest_plane":
        return stack.planes[np.argmin(np.abs(stack.distances - forward.target))].copy()
    if params.by == "linear_interpolation":
        return interpolated(stack, forward.target)
    focus = stack.at_focus()
    phase = np.zeros_like(focus) if params.by == "zero_phase" else _phase(stack, params, device)
    return predicted_intensity(focus, phase, forward, device)


def interpolated(stack: FocalStack, distance: float) -> np.ndarray:
    """Return the intensity at a distance, interpolated in z between the planes on both sides of it.

    Raises
    ------
    UserError
        If there is none on one side.
    """
    order = np.argsort(stack.distances)
    sorted_distances = stack.distances[order]
    if not sorted_distances[0] <= distance <= sorted_distances[-1]:
        raise UserError(f"the plane at {distance:g} m lies beyond all that are measured, so that none is on one side")
    above = int(np.searchsorted(sorted_distances, distance).clip(1))
    below = above - 1
    share = (distance - sorted_distances[below]) / (sorted_distances[above] - sorted_distances[below])
    low, high = (stack.planes[order[number]] for number in (below, above))
    return low + np.float32(share) * (high - low)


def _phase(stack: FocalStack, params: Params, device: str) -> np.ndarray:
    """Return the phase at focus in radians, as the solver finds it."""
    solver = _solver(params.by)
    numbers = plane_numbers(stack.distances, params.planes)
    forward = stack.forward.of_planes(numbers)
    problem = Problem(kind="phase_retrieval", forward_model=forward, told=solver.METHOD.told)
    estimate = solver.restore(stack.planes[list(numbers)], problem, solver.Params.model_validate(params.params), device)
    share = estimate if forward.object == "phase" else estimate[1]
    return np.float32(forward.phase_range) * share


def _solver(name: Solver) -> ModuleType:
    from reconbench.methods import gerchberg_saxton, gptie, mftie, tie

    return {"tie": tie, "gptie": gptie, "mftie": mftie, "gerchberg_saxton": gerchberg_saxton}[name]
