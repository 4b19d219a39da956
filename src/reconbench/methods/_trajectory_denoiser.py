"""Frames from the shrunk patch trajectories of a sequence, with the weight of least unbiased risk."""

from collections.abc import Callable
from typing import Any

import numpy as np

from reconbench.methods._noise_estimation import PoissonGaussian
from reconbench.methods._patch_trajectories import PatchGrid, Trajectories, casorati
from reconbench.methods._singular_values import Decompositions, exponential_weights
from reconbench.methods._unbiased_risk import Probes, unbiased_risk

PIXELS_AT_ONCE = 2**18  # Of patches, in each of the frames that they are followed through: 16 384 patches of 4 x 4.
# Where the weight is sought, relative to the noise: at one end nothing is left of the frame, at the other all.
WEIGHTS = 1e-2, 1e2
COARSE_STEPS = 8
TOLERANCE = 0.05  # of the weight


class TrajectoryDenoiser:
    """Shrinks the singular values of the patch trajectories of a sequence.

    Parameters
    ----------
    frames : ndarray
        Shape (t, y, x), float64.
    noise : PoissonGaussian
        With a gain or a deviation above 0.
    grid : PatchGrid
        Of the patches that are averaged to a frame.
    trajectories : Trajectories
        Where these patches are in other frames.
    exponential : bool
        Whether singular values s lose s_max exp(-weight s^2 / 2), or all the same.
    device : {"cpu", "cuda"}
    """

    def __init__(
        self,
        frames: np.ndarray,
        noise: PoissonGaussian,
        grid: PatchGrid,
        trajectories: Trajectories,
        exponential: bool,
        device: str,
    ):
        import torch

        self.noise, self.grid, self.trajectories, self.exponential = noise, grid, trajectories, exponential
        self.device = torch.device(device)
        self.measured = torch.from_numpy(frames).flatten(1).to(self.device)
        self.inside = self.tensor(grid.inside)
        self.patches_at_once = PIXELS_AT_ONCE // grid.patch**2

    def tensor(self, array: np.ndarray) -> Any:
        """Return an array as a tensor on the device."""
        import torch

        return torch.from_numpy(array).to(self.device)

    def denoise(self, frame: int, generator: np.random.Generator) -> np.ndarray:
        """Return the estimate of a frame, without the offset of the noise; shape (y, x), float64.

        Patches are decomposed some at a time, so that memory is bounded; those that the risk is computed from are
        decomposed once.
        """
        if not self.signal(frame).any():
            return np.zeros(self.grid.shape)
        risk = FrameRisk(self, frame, generator)
        weight = minimise_over_scales(risk, *WEIGHTS)
        total = risk.total(weight)
        others = self.grid.corners[~self.grid.sample]
        for start in range(0, others.size, self.patches_at_once):
            corners = others[start : start + self.patches_at_once]
            places = self.tensor(self.trajectories.places(frame, corners))
            patches = self.shrunk(self.decompose(frame, places), weight, self.noise_edge(frame))
            self.add(total, patches, self.tensor(self.grid.pixels(corners)))
        return (total.cpu().numpy() / self.grid.cover(self.grid.corners)).reshape(self.grid.shape)

    def signal(self, frame: int) -> Any:
        """Return the frames that the patches of a frame are followed through, raveled, without the offset."""
        return self.measured[self.trajectories.frames(frame)] - self.noise.offset

    def decompose(self, frame: int, places: Any, displacement: Any = 0.0) -> Decompositions:
        """Decompose trajectories of patches of a frame, to which a displacement is added, given their places."""
        window = self.signal(frame)
        own = self.trajectories.own(frame)
        window[own] += displacement
        return Decompositions(casorati(window.ravel(), places, self.inside), own)

    def noise_edge(self, frame: int) -> float:
        """Return the largest singular value that the noise alone gives a trajectory, by the mean of its variance."""
        variance = self.noise.gain * float(self.signal(frame).abs().mean()) + self.noise.deviation**2
        return np.sqrt(variance) * (self.grid.patch + np.sqrt(self.trajectories.length))

    def shrunk(self, decompositions: Decompositions, weight: float, edge: float) -> Any:
        """Return the patches of a frame with a weight relative to the noise, shape (patch, pixel)."""
        if self.exponential:
            return decompositions.shrunk(exponential_weights(decompositions.values, weight / edge**2))
        return decompositions.shrunk(weight * edge)

    @staticmethod
    def add(total: Any, patches: Any, pixels: Any) -> None:
        """Add patches to the raveled frame `total`, at their pixels."""
        total.index_add_(0, pixels.ravel(), patches.ravel())


class FrameRisk:
    """The unbiased risk of the estimate of one frame, as a function of the weight.

    Parameters
    ----------
    denoiser : TrajectoryDenoiser
    frame : int
    generator : numpy.random.Generator
        Of the random directions in which the estimate is differentiated.

    Notes
    -----
    The trajectories are decomposed here, as measured and displaced in three ways, and only shrunk for each weight.
    """

    def __init__(self, denoiser: TrajectoryDenoiser, frame: int, generator: np.random.Generator):
        grid = denoiser.grid
        corners = grid.corners[grid.sample]
        self.denoiser, self.edge = denoiser, denoiser.noise_edge(frame)
        self.pixels = denoiser.tensor(grid.pixels(corners))
        self.measured = denoiser.measured[frame]
        probes = Probes.draw(self.measured.shape, float(denoiser.signal(frame).abs().max()), generator)
        places = denoiser.tensor(denoiser.trajectories.places(frame, corners))
        self.sets = [
            denoiser.decompose(frame, places, denoiser.tensor(displacement)) for displacement in probes.displacements
        ]
        # A pixel that lacks some of its patches has another estimate than it will have with all of them.
        cover = grid.cover(grid.corners)
        self.complete = denoiser.tensor(cover == grid.cover(corners))
        self.cover = denoiser.tensor(cover)[self.complete]
        self.probes = probes.at(cover == grid.cover(corners))

    def total(self, weight: float, which: int = 0) -> Any:
        """Return the sum of the patches over the raveled frame, of one of the four sets."""
        import torch

        total = torch.zeros_like(self.measured)
        self.denoiser.add(total, self.denoiser.shrunk(self.sets[which], weight, self.edge), self.pixels)
        return total

    def estimate(self, weight: float, which: int = 0) -> np.ndarray:
        """Return the estimate of the pixels that the risk is the mean of, as measured or displaced."""
        return (self.total(weight, which)[self.complete] / self.cover).cpu().numpy()

    def __call__(self, weight: float) -> float:
        """Return the risk."""
        measured = self.measured[self.complete].cpu().numpy()
        estimates = tuple(self.estimate(weight, which) for which in range(len(self.sets)))
        return unbiased_risk(measured, estimates, self.probes, self.denoiser.noise)


def minimise_over_scales(function: Callable[[float], float], smallest: float, largest: float) -> float:
    """Return where a function of a positive number is least: the best of eight scales, then Brent around it."""
    from scipy.optimize import minimize_scalar

    scales = np.linspace(np.log(smallest), np.log(largest), COARSE_STEPS)
    best = int(np.argmin([function(np.exp(scale)) for scale in scales]))
    around = scales[max(best - 1, 0)], scales[min(best + 1, COARSE_STEPS - 1)]
    found = minimize_scalar(
        lambda scale: function(np.exp(scale)), bounds=around, method="bounded", options={"xatol": TOLERANCE}
    )
    return float(np.exp(found.x if found.fun < function(np.exp(scales[best])) else scales[best]))
