"""What the methods of Papkov et al. (2023) share: network, masks, training and application; each has its own loss."""

from typing import Any, Literal

import numpy as np
from pydantic import Field

from reconbench.contracts import Batch, Parameters, Problem, Reading
from reconbench.methods._deconvolver import deconvolve, kernel_for
from reconbench.training import settings

REFERENCE = "M. Papkov, K. Palo and L. Parts, arXiv:2308.09426 (2023)"
DOI = "10.48550/arXiv.2308.09426"


class Training(settings.SingleImageTraining):
    """Training on one image as Papkov et al. did it in 2D (their section 2.0.2)."""

    patch: tuple[int, ...] = Field(default=(128, 128), min_length=2, max_length=3)
    """Size of the patches in pixels, (y, x) or (z, y, x), multiples of 4."""
    batch: int = Field(default=16, ge=1)
    """Patches in a batch."""
    phases: tuple[settings.Phase, ...] = tuple(
        settings.Phase(steps=500, learning_rate=4e-4 * 0.5**halvings) for halvings in range(6)
    )
    """What is trained, one after the other: the learning rate is halved after every 500 steps."""
    keep: Literal["last"] = "last"
    """The last weights are kept: there is nothing to validate by, and so neither plateau nor patience."""
    plateau: None = None
    """Nothing: there is no validation."""
    patience: None = None
    """Nothing: there is no validation."""
    held_out: Literal[0] = 0
    """Nothing: there is no validation."""
    normalise: Literal["patch", "image"] = "patch"
    """Bring patches to mean 0 and standard deviation 1: each by its own, as the paper's images, or all by those of the
    image, as its volumes."""


class Tiling(settings.Tiling):
    """How an image is cut into tiles. The margin is the reach of the network, so that no tile is seen."""

    size: int = Field(default=512, ge=16)
    """Pixels a side of a tile."""
    margin: int = Field(default=24, ge=0)
    """Pixels thrown away at each edge of a tile."""
    blend: int = Field(default=0, ge=0)
    """Pixels over which neighbouring tiles are faded into each other."""
    batch: int = Field(default=1, ge=1)
    """Tiles at once."""


class Params(Parameters):
    """Parameters of self-supervised deconvolution; the defaults are those of the paper in 2D."""

    boundary_weight: float = Field(default=0.0, ge=0)
    """Weight of the boundary loss; the paper has 0 and 0.1."""
    features: int = Field(default=96, ge=1)
    """Channels of the first layer, doubled at each of the two lower resolutions; 48 for the paper's volumes."""
    skip: Literal["concatenate", "add"] = "concatenate"
    """How the decoder takes up what the encoder found; "add" for the paper's volumes."""
    normalisation_momentum: float = Field(default=0.003, gt=0, le=1)
    """Share of a batch in the running statistics of batch normalisation; a training of few steps needs a larger one."""
    masked: float = Field(default=0.005, gt=0, lt=1)
    """Pixels that are masked, over all pixels."""
    mask_noise: float = Field(default=0.2, ge=0)
    """Standard deviation of what stands in their place, over that of the measurement."""
    reading: Reading = "corrected"
    """Of the boundary loss: as it is printed, or as the authors' code has it."""
    convolution: Literal["auto", "direct", "fft"] = "auto"
    """How the estimate is blurred while training: by the sum, by FFT, or by what the kernel's size asks for."""
    clip: tuple[float, float] | None = (0.0, 1.0)
    """Smallest and largest value of the estimate, the image's unit; the paper's volumes are not clipped."""
    tiling: Tiling = Tiling()
    """How an image is cut into tiles."""
    training: Training = Training()
    """How the network is trained."""


def network(problem: Problem, params: Params) -> Any:
    """Return the untrained network, a Deconvolver."""
    from reconbench.networks.deconvolver import Deconvolver
    from reconbench.networks.siamese_unet import SiameseUNet

    kernel = kernel_for(problem, params.training.patch)
    unet = SiameseUNet(kernel.ndim, params.features, params.skip, params.normalisation_momentum)
    return Deconvolver(unet, kernel, "replicate", params.convolution)


def loss(networks: Any, batch: Batch, params: Params, weights: dict[str, float]) -> Any:
    """Return equation 1 of the paper with some weights, for one draw of the masked pixels."""
    from reconbench.training.masking import replaced_by_noise, stratified_mask
    from reconbench.training.siamese import Passes, Weights, weighted_sum

    mask = stratified_mask(batch.measurement.shape, params.masked, batch.generator)
    masked = replaced_by_noise(batch.measurement, mask, params.mask_noise, batch.generator)
    return weighted_sum(Passes(networks, batch, masked, mask, params.reading), Weights(**weights))


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str, networks: Any) -> np.ndarray:
    """Deconvolve an image by the network that was trained on it, standardised by its own mean and deviation."""
    from reconbench.training.single_image import mean_and_deviation

    return deconvolve(measurement, params, device, networks, *mean_and_deviation(measurement))
