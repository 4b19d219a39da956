"""What the solvers of the phase problem share: their planes, checked, and the equation that they solve.

With the intensity I, the phase phi and the wavenumber k = 2 pi n / wavelength, transport of intensity is (Teague 1983,
doi:10.1364/JOSA.73.001434)

    -k dI/dz = div(I grad phi).

Eq. (2) of F. Wang et al. (2018) has k where 1 / k belongs. Frequencies are cycles per pixel and derivatives per pixel
unless said; torch is imported inside the functions.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from reconbench.contracts import Parameters, Problem
from reconbench.errors import NotApplicableError, UserError
from reconbench.methods._phase_grids import Boundary, EvenGrid, PeriodicGrid

# Teague's equation divides by the intensity; darker than this share of its mean, nothing is known of the phase.
LEAST_INTENSITY = 0.01


class TransportParameters(Parameters):
    """Parameters of a method that solves the transport of intensity equation."""

    boundary: Boundary = "symmetric"
    """How the planes go on beyond their edges: by their reflections, or by their own repetition."""
    uniform: bool | None = None
    """Whether the intensity at focus counts as uniform, so that one Poisson equation is left. By default it does if
    the object has a phase only."""


@dataclass(frozen=True)
class FocalStack:
    """Intensities in planes at known distances from focus.

    Attributes
    ----------
    planes : ndarray
        Shape (c, y, x).
    distances : ndarray
        In metres, float64, shape (c,), all different.
    forward : ForwardModel
        What made them. Has `wavenumber` (radians per metre), `pixel_size` (metres), `phase_range` (radians), `object`.
    """

    planes: np.ndarray
    distances: np.ndarray
    forward: Any

    @property
    def scale(self) -> float:
        """k pixel_size^2 in metres: turns dI/dz per metre into what Poisson's equation has per square pixel."""
        return self.forward.wavenumber * self.forward.pixel_size**2

    def at_focus(self) -> np.ndarray:
        """Return the intensity at focus, interpolated between the planes next to it; shape (y, x), float32."""
        order = np.argsort(self.distances)
        place = float(np.interp(0.0, self.distances[order], np.arange(len(order))))
        below, above = (self.planes[order[end]] for end in (math.floor(place), math.ceil(place)))
        return below + (place % 1) * (above - below)

    def intensity(self, uniform: bool | None) -> np.ndarray | float:
        """Return what the phase is solved with: the intensity at focus, or the mean of the planes if uniform."""
        if uniform is None:
            uniform = self.forward.object == "phase"
        return float(self.planes.mean(dtype=np.float64)) if uniform else self.at_focus()

    def estimate(self, phase: Any) -> np.ndarray:
        """Return the estimate that a phase in radians makes, with the amplitude at focus if the truth has one."""
        return estimate_of(phase, np.sqrt(self.at_focus().clip(min=0)), self.forward)


def focal_stack(measurement: np.ndarray, problem: Problem) -> FocalStack:
    """Return the planes of a measurement with their distances.

    Raises
    ------
    NotApplicableError
        If the instrument has no distances, records amplitudes, or has one plane only.
    UserError
        If the measurement has another number of planes, or two are at the same distance.
    """
    forward = problem.forward
    distances = np.asarray(getattr(forward, "distances", ()), dtype=np.float64)
    if len(distances) < 2:
        raise NotApplicableError(
            "transport of intensity takes planes at two distances from focus at least; this instrument records them at "
            f"{len(distances) or 'no'} distance{'' if len(distances) == 1 else 's'}"
        )
    if not forward.intensity:
        raise NotApplicableError("transport of intensity takes intensities; this instrument records amplitudes")
    require_planes(measurement, len(distances))
    if len(np.unique(distances)) < len(distances):
        raise UserError("the distances of the planes from focus must differ; some are the same")
    return FocalStack(measurement, distances, forward)


def require_planes(measurement: np.ndarray, planes: int) -> None:
    """Raise UserError unless a measurement has the shape (planes, y, x)."""
    if measurement.ndim != 3 or len(measurement) != planes:
        raise UserError(f"the measurement must have the shape ({planes}, y, x); it has {measurement.shape}")


def estimate_of(phase: Any, amplitude: np.ndarray, forward: Any) -> np.ndarray:
    """Return the estimate that a wave makes: of the truth's shape and unit, float32.

    Parameters
    ----------
    phase : torch.Tensor
        Radians, shape (y, x).
    amplitude : ndarray
        Shape (y, x); left out if the object has a phase only.
    forward : ForwardModel
        Has `phase_range` and `object`.
    """
    share = phase.cpu().numpy() / np.float32(forward.phase_range)
    return share if forward.object == "phase" else np.stack([amplitude, share])


def inverse_laplacian(grid: PeriodicGrid | EvenGrid, regularisation: float = 0.0):
    """Return 1 / (4 pi^2 (w^2 + regularisation)), the inverse of minus the Laplacian; 0 for the mean.

    Parameters
    ----------
    grid : PeriodicGrid or EvenGrid
    regularisation : float
        Cycles per pixel, squared.

    Returns
    -------
    torch.Tensor
        Of the shape that `grid.transform` gives. Kept, it serves any number of images.
    """
    divisor = 4 * np.pi**2 * (grid.squared_frequency + regularisation)
    divisor[0, 0] = np.inf
    return grid.tensor(1 / divisor)


def solve_transport(grid: PeriodicGrid | EvenGrid, source, inverse, intensity: np.ndarray | float):
    """Return the phase that transports an intensity at a given rate.

    A uniform intensity leaves a Poisson equation. Another one takes two, by Teague's auxiliary function psi, of which
    I grad phi = grad psi is required:

        -lap psi = k dI/dz,    lap phi = div(I^-1 grad psi).

    Parameters
    ----------
    grid : PeriodicGrid or EvenGrid
    source : torch.Tensor
        What `grid.transform` gives of k dI/dz, per square pixel.
    inverse : torch.Tensor
        As `inverse_laplacian` gives it, or a filtered one.
    intensity : ndarray or float
        At focus, shape (y, x); a number where it is uniform.

    Returns
    -------
    torch.Tensor
        Radians, shape (y, x); its mean is 0.
    """
    if isinstance(intensity, float):
        return grid.inverse(inverse * source).div_(intensity)
    bright = grid.tensor(intensity.clip(min=LEAST_INTENSITY * intensity.mean()))
    field = [part / bright for part in grid.gradient(inverse * source)]
    return grid.inverse(-inverse * grid.divergence(field))


def coherence(forward: Any, distance: float, squared_frequency: np.ndarray) -> np.ndarray:
    """Return by what partial coherence damps an intensity's Fourier transform, exp(-(q z convergence / 2)^2).

    Parameters
    ----------
    forward : ForwardModel
        May have `convergence`, the semi-angle of the illumination in radians.
    distance : float
        z, in metres.
    squared_frequency : ndarray
        Cycles per pixel, squared.
    """
    squared = (2 * np.pi / forward.pixel_size) ** 2 * squared_frequency
    return np.exp(-squared * (distance * getattr(forward, "convergence", 0.0) / 2) ** 2)
