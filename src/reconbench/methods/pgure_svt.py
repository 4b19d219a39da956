"""Singular values of patch trajectories, shrunk as far as an unbiased risk says (PGURE-SVT), for noisy sequences."""

from dataclasses import replace

import numpy as np
from pydantic import Field, field_validator, model_validator

from reconbench.contracts import Method, Parameters, Problem
from reconbench.errors import UserError
from reconbench.methods._noise_estimation import PoissonGaussian, estimate_noise

SMALLEST_SIDE = 8  # pixels, of the blocks that the noise is estimated from


class Params(Parameters):
    """Parameters of PGURE-SVT. The defaults are the published ones."""

    patch_size: int = Field(default=4, ge=2, le=16)
    """Side of a patch in pixels. Larger ones bear more noise; memory grows with their area, to 2 GB at 16."""
    patch_step: int = Field(default=1, ge=1, le=16)
    """From one patch to the next in pixels, not more than `patch_size`. 2 takes a quarter of the time."""
    trajectory_length: int = Field(default=15, ge=3, le=255)
    """Frames that a patch is followed through, odd; of a single frame, number of similar patches. Where a patch has
    fewer pixels, one less than these."""
    window: int = Field(default=7, ge=1, le=100)
    """Largest motion along each axis from frame to frame, or distance of similar patches in a single frame; pixels."""
    motion_estimation: bool = True
    """Whether patches are followed, or stay in place. In strong noise what is followed is the noise."""
    exponential_weighting: bool = True
    """Whether singular values s lose s_max exp(-weight s^2 / 2), or all the same."""
    hot_pixels: float | None = Field(default=None, gt=0, le=1000)
    """Pixels further from the median of their 3 x 3 neighbours than that many times the median of such distances are
    replaced by it; none if null. Published, as an option: 10."""
    gain: float | None = Field(default=None, ge=0, le=1e9)
    """Signal of one count, in units of the signal; estimated if null."""
    offset: float | None = Field(default=None, ge=-1e9, le=1e9)
    """Mean of the Gaussian noise, in units of the signal; estimated if null."""
    deviation: float | None = Field(default=None, ge=0, le=1e9)
    """Standard deviation of the Gaussian noise, in units of the signal; estimated if null."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Of the random directions in which the risk is probed."""

    @field_validator("trajectory_length")
    @classmethod
    def _odd(cls, length: int) -> int:
        if length % 2 == 0:
            raise ValueError("must be odd")
        return length

    @model_validator(mode="after")
    def _covering(self) -> "Params":
        if self.patch_step > self.patch_size:
            raise ValueError(f"patch_step {self.patch_step} leaves gaps between patches of {self.patch_size} pixels")
        return self


METHOD = Method(
    name="pgure_svt",
    title="PGURE-SVT",
    reference="T. Furnival, R. K. Leary and P. A. Midgley, Ultramicroscopy 178, 112 (2017)",
    doi="10.1016/j.ultramic.2016.05.005",
    kinds=frozenset({"denoising"}),
    grid={"patch_size": (4, 8, 12), "patch_step": (2,), "motion_estimation": (True, False)},
    sequences=True,
)


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str) -> np.ndarray:
    """Denoise a sequence (t, y, x) or a single frame (y, x), of at least 8 x 8 pixels and a patch.

    A patch is followed through the frames around its own, and its trajectory makes a matrix, one column a frame. What
    the frames have in common is of low rank; the singular values of all matrices of a frame are shrunk by a weight
    that minimises the unbiased risk of that frame. In a single frame, the most similar patches within the window take
    the place of a trajectory.

    Returns
    -------
    ndarray of float32
        Same shape. An offset that `params` tells is taken off. One that is estimated is not: it is the darkest level of
        the image, and may be a background.

    Raises
    ------
    UserError
        If the measurement is neither frame nor sequence, or too small.

    Notes
    -----
    What differs from the published program: (1) patches are shrunk without the offset; with it, the least risk would
    be a compromise between noise and offset. (2) The risk is that of the frame that is returned, not of all frames
    that its patches go through. (3) Of a frame with more than 128 x 128 patches, it is that of sixteen parts of 32 x 32
    patches, evenly spread. (4) The weight is sought in units of the noise, not of the largest value, so that its range
    suits every sequence.
    """
    _check(measurement, params)
    frames = measurement.reshape(-1, *measurement.shape[-2:]).astype(np.float64)
    if params.hot_pixels is not None:
        frames = without_hot_pixels(frames, params.hot_pixels)
    noise = _noise_of(frames, params)
    estimate = frames - noise.offset if noise.gain == noise.deviation == 0 else _denoised(frames, noise, params, device)
    if params.offset is None:
        estimate += noise.offset
    return estimate.reshape(measurement.shape).astype(np.float32)


def _check(measurement: np.ndarray, params: Params) -> None:
    smallest = max(SMALLEST_SIDE, params.patch_size)
    if measurement.ndim not in (2, 3):
        raise UserError(
            f"pgure_svt restores frames (y, x) and sequences (t, y, x), not data of shape {measurement.shape}"
        )
    if min(measurement.shape[-2:]) < smallest:
        raise UserError(f"pgure_svt needs frames of at least {smallest} x {smallest} pixels, not {measurement.shape}")


def without_hot_pixels(frames: np.ndarray, limit: float) -> np.ndarray:
    """Replace the pixels of frames (t, y, x) that stand out of their 3 x 3 neighbours by the median of these.

    They are further from it than `limit` times the median of such distances in their frame.
    """
    import cv2

    medians = np.stack([cv2.medianBlur(frame.astype(np.float32), 3) for frame in frames])
    distances = np.abs(frames - medians)
    return np.where(distances > limit * np.median(distances, axis=(1, 2), keepdims=True), medians, frames)


def _noise_of(frames: np.ndarray, params: Params) -> PoissonGaussian:
    """Return the noise as the parameters tell it, and estimate what they do not."""
    told = {"gain": params.gain, "offset": params.offset, "deviation": params.deviation}
    told = {name: value for name, value in told.items() if value is not None}
    return PoissonGaussian(**told) if len(told) == 3 else replace(estimate_noise(frames), **told)


def _denoised(frames: np.ndarray, noise: PoissonGaussian, params: Params, device: str) -> np.ndarray:
    from reconbench.methods._patch_trajectories import PatchGrid, Trajectories
    from reconbench.methods._trajectory_denoiser import TrajectoryDenoiser

    patch, length = params.patch_size, params.trajectory_length
    trajectories = Trajectories(
        frames,
        patch,
        params.window,
        length if length <= patch**2 else patch**2 - 1,
        still=not params.motion_estimation,
    )
    grid = PatchGrid(frames.shape[1:], patch, params.patch_step)
    denoiser = TrajectoryDenoiser(frames, noise, grid, trajectories, params.exponential_weighting, device)
    generators = [np.random.default_rng([params.seed, frame]) for frame in range(len(frames))]
    return np.stack([denoiser.denoise(frame, generator) for frame, generator in enumerate(generators)])
