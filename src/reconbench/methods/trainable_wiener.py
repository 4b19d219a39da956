"""Trainable Wiener deconvolution."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from reconbench.contracts import Batch, Method, Parameters, Problem
from reconbench.errors import UserError
from reconbench.training import settings

METHOD = Method(
    name="trainable_wiener",
    title="trainable Wiener filter, {number} kernels",
    reference="A. Moskalev, Trainable Regularization for Wiener Deconvolution, MSc defence, Skoltech (2019)",
    doi="",
    kinds=frozenset({"deconvolution"}),
    told=frozenset({"forward model"}),
    gpu=1,
    trained_on="truth",
)


class Training(settings.Training):
    """Training by Adam at Moskalev's learning rate; his patches, batches and number of steps are not known."""

    patch: tuple[int, ...] = Field(default=(13, 128, 128), min_length=2, max_length=3)
    """Size of the patches in pixels, (y, x) or (z, y, x). The loss leaves out half a point-spread function at each
    side. What is left is still harmed by the edge, so that small patches teach a regulariser that is too strong for
    whole images: take them as large as these allow. The default is as deep as the thinnest volumes of the paper; of the
    13 planes the paper's point-spread functions leave one."""
    batch: int = Field(default=4, ge=1)
    """Patches in a batch."""
    phases: tuple[settings.Phase, ...] = (settings.Phase(steps=2000, learning_rate=1e-3),)
    """What is trained, one after the other."""


class Params(Parameters):
    """Parameters of trainable Wiener deconvolution; the defaults are those of the best initialisation of the slides."""

    kernel_size: tuple[Annotated[int, Field(ge=1, le=15)], ...] = Field(default=(3, 5, 5), min_length=2, max_length=3)
    """Size of the learned kernels in pixels, (y, x) or (z, y, x), odd."""
    number: int = Field(default=15, ge=1)
    """How many kernels are learned."""
    initialisation: Literal["xavier", "dct", "gabor"] = "dct"
    """What they begin with: random numbers, the lowest cosines of the discrete cosine transform without the constant,
    or Gabor wavelets of many orientations."""
    weight: Literal["learned", "predicted"] = "learned"
    """Weight of the regulariser: one learned number, or one that is predicted from each measurement."""
    boundary: Literal["fade", "zero", "edge_taper", "circular"] = "fade"
    """How the image goes on beyond its edge: by its reflections fading into each other; by the light that the blur
    spreads there, where the truth is zero beyond the edge; by its edge pixels, blurred until it meets itself; or by its
    own repetition. The slides do not say it."""
    clip: tuple[float, float] | None = None
    """Smallest and largest value of the estimate, the image's unit; by default it is not clipped."""
    training: Training = Training()
    """How the kernels are trained."""

    @model_validator(mode="after")
    def _as_many_axes(self) -> "Params":
        if len(self.kernel_size) != len(self.training.patch):
            raise ValueError(
                f"kernel_size {self.kernel_size} and training.patch {self.training.patch} must have as many axes"
            )
        return self


def network(problem: Problem, params: Params) -> Any:
    """Return the untrained block, a TrainableWiener. It is the same for all point-spread functions."""
    from reconbench.networks.wiener import TrainableWiener

    return TrainableWiener(params.kernel_size, params.number, params.initialisation, params.weight, params.boundary)


def loss(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return the mean over the batch of the negative PSNR, in decibels.

    Each estimate is compared without half its point-spread function at each side, where it depends on what the
    measurement does not show.
    """
    from reconbench.training.losses import negative_psnr

    point_spreads = [forward.kernel for forward in batch.forwards]
    margins = [tuple(size // 2 for size in point_spread.shape) for point_spread in point_spreads]
    return negative_psnr(networks(batch.measurement, point_spreads), batch.target, margins).mean()


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str, networks: Any) -> np.ndarray:
    """Deconvolve an image by the trained block, the whole of it at once.

    Parameters
    ----------
    measurement : ndarray
        Shape (y, x) or (z, y, x), float32, of any size.
    problem : Problem
        Tells the point-spread function of this measurement.
    params : Params
    device : str
        ``"cpu"`` or ``"cuda"``.
    networks : TrainableWiener
        On the device, in evaluation mode.

    Returns
    -------
    ndarray
        Same shape, float32.

    Raises
    ------
    UserError
        If the measurement has other axes than the learned kernels.
    """
    import torch

    if measurement.ndim != len(params.kernel_size):
        raise UserError(
            f"a block trained with kernels of {params.kernel_size} does not restore data of shape {measurement.shape}"
        )
    with torch.no_grad():
        image = torch.tensor(measurement, device=device)[None, None]
        estimate = networks(image, [problem.forward.kernel])[0, 0]
    if params.clip is not None:
        estimate.clamp_(*params.clip)
    return estimate.cpu().numpy()
