"""Phase by going from plane to plane and back, each time with the amplitudes measured (Gerchberg-Saxton)."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal

import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters, Problem
from reconbench.errors import NotApplicableError
from reconbench.methods._phase import coherence, estimate_of, require_planes
from reconbench.methods._phase_grids import Boundary, PeriodicGrid, folded, mirrored

METHOD = Method(
    name="gerchberg_saxton",
    title="Gerchberg-Saxton, {iterations} iterations",
    reference="Gerchberg & Saxton 1972, Optik 35, 237; with several planes: Eljarrat et al. 2018",
    doi="10.1364/OE.26.011819",
    kinds=frozenset({"phase_retrieval"}),
    told=frozenset({"forward model"}),
    grid={"iterations": (5, 10, 25, 50, 100)},
)


class Params(Parameters):
    """Parameters of Gerchberg-Saxton."""

    iterations: int = Field(default=25, ge=1)
    """Number of iterations; each goes to all planes and back. Published: 5, and 25 in its example."""
    start: Literal["flat", "mftie"] = "flat"
    """The phase to begin with: none, or that of `mftie` with its defaults. Low frequencies come slowly otherwise."""
    boundary: Boundary = "symmetric"
    """How the object goes on beyond its edges: by its reflections, or by its own repetition."""


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Look for the wave that has the measured amplitudes in all planes.

    With H_i for the propagation to plane i, begin with the amplitude sqrt(I) at focus, and repeat (Eljarrat et al.
    2018)

        psi_i = H_i psi,    psi <- psi + mean over planes of H_i^* [(sqrt(I_i) - sqrt(J_i)) psi_i / |psi_i|].

    J_i is the intensity that psi gives there: |psi_i|^2, blurred where light is partially coherent. So each plane is
    given its measured amplitude and keeps its phase, goes back, and the waves are averaged. What is added needs no
    coherence, and leaves what an aperture cuts as it is. H_i is what the forward model says, astigmatic ones included.

    An object that has a phase only is measured in one more plane, its own, where the amplitude is 1. So one plane is
    enough, as in the method of Gerchberg and Saxton (1972).

    Parameters
    ----------
    measurement : ndarray
        Shape (c, y, x), float32.
    problem : Problem
        Tells the propagation and the range of the phase.
    params : Params
    device : str
        ``"cpu"`` or ``"cuda"``.

    Returns
    -------
    ndarray
        In the truth's unit, float32: the phase relative to its mean direction, between -pi and pi, shape (y, x); or
        (2, y, x) with the amplitude where the truth has it.

    Raises
    ------
    NotApplicableError
        If the instrument does not propagate a wave, records amplitudes or one plane of an object that absorbs, or
        `mftie` cannot give the start.
    UserError
        If the measurement has another number of planes, or the field is too small for the distance.
    """
    forward = problem.forward
    positions = getattr(forward, "positions", ())
    least = 1 if forward.object == "phase" else 2
    if len(positions) < least:
        raise NotApplicableError(
            f"Gerchberg-Saxton takes {least} planes at least of an object that has a {forward.object}, each with a "
            f"propagation to it; this instrument records {len(positions) or 'none'}"
        )
    if not forward.intensity:
        raise NotApplicableError(
            "Gerchberg-Saxton takes intensities of a wave that propagates; with transfer functions as published, which "
            "are real, a wave without a phase never gets one"
        )
    require_planes(measurement, len(positions))
    amplitudes = np.sqrt(measurement.clip(min=0))
    start = first_wave(measurement, amplitudes, problem, params, device)
    *_, (wave, _) = islice(iterates(forward, amplitudes, start, params.boundary), params.iterations)
    phase = (wave * wave.mean().conj()).angle()
    return estimate_of(phase, wave.abs().cpu().numpy(), forward)


def first_wave(measurement: np.ndarray, amplitudes: np.ndarray, problem: Problem, params: Params, device: str) -> Any:
    """Return the wave to begin with, a tensor of shape (y, x), complex64.

    Its amplitude is 1 for an object that has a phase only, else that in the plane nearest to focus; the mean of
    all planes where they are told apart by rotations.
    """
    import torch

    forward = problem.forward
    if forward.object == "phase":
        amplitude = np.ones_like(amplitudes[0])
    elif hasattr(forward, "distances"):
        amplitude = amplitudes[np.argmin(np.abs(forward.distances))]
    else:
        amplitude = amplitudes.mean(0)
    phase = np.zeros_like(amplitude)
    if params.start == "mftie":
        from reconbench.methods import mftie

        found = mftie.restore(measurement, problem, mftie.Params(boundary=params.boundary), device)
        phase = np.float32(forward.phase_range) * (found if forward.object == "phase" else found[1])
    return torch.polar(*(torch.tensor(part, device=device) for part in (amplitude, phase)))


def iterates(forward: Any, amplitudes: np.ndarray, wave: Any, boundary: Boundary) -> Iterator[tuple[Any, float]]:
    """Yield the wave after each iteration and the residual that the iteration began with, without end.

    The residual is the sum over planes and pixels of (sqrt(I) - sqrt(J))^2. It never rises in coherent light: with the
    phases in the planes held, it is a quadratic function of the wave, on which an iteration goes down no farther than
    its curvature allows, and releasing the phases only lowers it. Beyond the edges nothing is measured; what is
    mirrored there follows from the image.

    Parameters
    ----------
    forward : ForwardModel
        Has `positions`, `propagator` and `object`.
    amplitudes : ndarray
        sqrt(I), shape (c, y, x), float32.
    wave : torch.Tensor
        Shape (y, x), complex64.
    boundary : {"symmetric", "circular"}

    Yields
    ------
    wave : torch.Tensor
        Shape (y, x), complex64.
    residual : float
    """
    import torch

    extend, collect = (mirrored, folded) if boundary == "symmetric" else (_unchanged, _unchanged)
    grid = PeriodicGrid(tuple(extend(wave).shape), str(wave.device))
    image = tuple(map(slice, wave.shape))
    measured = torch.tensor(amplitudes, device=wave.device)
    own_plane = forward.object == "phase"
    curvature = own_plane + _largest_power(forward, grid)
    while True:
        spectrum = torch.fft.fft2(extend(wave))
        returned = torch.zeros_like(spectrum)
        residual = 0.0
        for position, amplitude in zip(forward.positions, measured, strict=True):
            transfer = forward.propagator(grid.shape, position, grid.device)
            there = torch.fft.ifft2(spectrum * transfer)
            missing = amplitude - _simulated(there, forward, position, grid)[image]
            correction = torch.zeros_like(there)
            correction[image] = missing * there[image].sgn()
            returned += transfer.conj() * torch.fft.fft2(correction)
            residual += float(missing.square().sum())
        change = collect(torch.fft.ifft2(returned))
        if own_plane:
            missing = 1 - wave.abs()
            change += missing * wave.sgn()
            residual += float(missing.square().sum())
        wave = wave + change / curvature
        yield wave, residual


def _simulated(wave: Any, forward: Any, position: float, grid: PeriodicGrid) -> Any:
    """Return the amplitude sqrt(J) that is recorded of a wave in a plane, blurred where light is partially coherent."""
    if getattr(forward, "convergence", 0.0) == 0.0:
        return wave.abs()
    damping = grid.tensor(coherence(forward, position, grid.squared_frequency))
    return grid.inverse(damping * grid.transform(wave.abs().square())).clamp_(min=0).sqrt()


def _largest_power(forward: Any, grid: PeriodicGrid) -> float:
    """Return the maximum over frequencies of the sum of |H_i|^2: the number of planes where nothing is cut."""
    transfers = (forward.propagator(grid.shape, position, grid.device) for position in forward.positions)
    return float(sum(transfer.abs().square() for transfer in transfers).max())


def _unchanged(field: Any) -> Any:
    return field
