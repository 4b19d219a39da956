"""The atrous encoder-decoder of Ede and Beanland (2019) for electron micrographs."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from reconbench.contracts import Batch, Method, Parameters, Problem, Reading
from reconbench.errors import UserError
from reconbench.training import settings

METHOD = Method(
    name="atrous_encoder_decoder",
    title="Atrous encoder-decoder",
    reference="J. M. Ede and R. Beanland, Ultramicroscopy 202, 18 (2019)",
    doi="10.1016/j.ultramic.2019.03.017",
    kinds=frozenset({"denoising"}),
    gpu=1,
    trained_on="truth",
)

# How the authors' class cuts an image: pixels that crops overlap by, and pixels that are dropped at their edges.
OVERLAP = 25
BORDER = 1


class Training(settings.Training):
    """Training as Ede and Beanland did it for low doses (their section 3.2)."""

    patch: tuple[int, ...] = Field(default=(512, 512), min_length=2, max_length=2)
    """Size of the patches in pixels, (y, x), multiples of 16."""
    batch: int = Field(default=2, ge=1)
    """Patches in a batch. The paper has one on each of two GPUs, which normalise by themselves."""
    phases: tuple[settings.Phase, ...] = (
        settings.Phase(steps=134_108, learning_rate=1e-3),
        settings.Phase(steps=17_713, learning_rate=2.5e-4, frozen_normalisation=True),
        settings.Phase(steps=46_690, learning_rate=1e-4, frozen_normalisation=True),
    )
    """What is trained, one after the other."""
    momentum: float = Field(default=0.5, ge=0, lt=1)
    """Decay of the first moment: Adam's beta 1, the momentum of the other two."""
    weight_decay: float = Field(default=5e-5, ge=0)
    """Factor of half the sum of all squared weights, which is added to the loss."""
    normalise: Literal["none", "min_max"] = "min_max"
    """Scale each patch of truth to [0, 1] before it is measured, or leave its values alone."""
    validation_every: int = Field(default=500, ge=1)
    """Steps between two lines of training.csv, each with the validation error."""
    validation_batches: int = Field(default=50, ge=1)
    """Batches of the validation split; with the other defaults one image for every five steps, as in the paper."""


class Tiling(settings.Tiling):
    """How an image is cut. The network sees further than any margin, so that tiles are faded into each other."""

    size: int = Field(default=512, ge=16)
    """Pixels a side of a tile, a multiple of 16. `as_published` has crops of this size, and no margin or blend."""
    margin: int = Field(default=32, ge=0)
    """Pixels thrown away at each edge of a tile."""
    blend: int = Field(default=32, ge=0)
    """Pixels over which neighbouring tiles are faded into each other."""


class Params(Parameters):
    """Parameters of the atrous encoder-decoder; the defaults are those of the paper's low-dose network."""

    width: int = Field(default=64, ge=1)
    """Channels of the first layer. The published 64, 128, 256 and 728 channels scale with it."""
    middle_blocks: int = Field(default=12, ge=0)
    """Residual blocks of the middle flow."""
    rates: tuple[Annotated[int, Field(ge=1)], ...] = (6, 12, 18)
    """Rates of the atrous convolutions, in pixels of a sixteenth of the resolution."""
    upsampling: Literal["transposed", "bilinear"] = "transposed"
    """Transposed convolutions in the decoder, or bilinear interpolation and convolutions (section 4.2)."""
    activation: Literal["relu6", "relu"] = "relu6"
    """Activation after each normalisation."""
    normalisation: Literal["batch", "batch_renormalisation"] = "batch"
    """Normalisation after each convolution."""
    normalisation_momentum: float = Field(default=0.001, gt=0, le=1)
    """Share of a batch in the running statistics; 1 minus the paper's decay."""
    reading: Reading = "corrected"
    """`as_published` has the code's pyramid without pooling, a last normalisation and activation, and its crops."""
    input_skip: bool = False
    """Add the input to the output, so that the network estimates the noise and starts from none. Only `corrected`."""
    clip_in_loss: bool = False
    """Clip the output to [0, 1] before the loss (section 5.2)."""
    structural_weight: float = Field(default=0.0, ge=0)
    """Multiple of 1 - SSIM that is added to the loss (section 5.2)."""
    tiling: Tiling = Tiling()
    """How an image is cut into tiles."""
    training: Training = Training()
    """How the network is trained."""

    @model_validator(mode="after")
    def _skip_of_corrected_only(self) -> "Params":
        if self.input_skip and self.reading == "as_published":
            raise ValueError("input_skip needs the reading corrected; the published network has no such skip")
        return self


def network(problem: Problem, params: Params) -> Any:
    """Return the untrained network, an AtrousEncoderDecoder."""
    from reconbench.networks.atrous import AtrousEncoderDecoder

    return AtrousEncoderDecoder(
        **params.model_dump(exclude={"clip_in_loss", "structural_weight", "tiling", "training"})
    )


def loss(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return the Huberised mean squared error times 1000 (equation 2), of each image by itself, and then their mean.

    With `structural_weight` w, w (1 - SSIM) is added to the loss of each image; images have values in [0, 1].
    """
    from reconbench.training.losses import huberised, mean_squared_error, structural_dissimilarity

    estimate = networks(batch.measurement)
    if params.clip_in_loss:
        estimate = estimate.clamp(0, 1)
    losses = huberised(mean_squared_error(estimate, batch.target))
    if params.structural_weight:
        dissimilarity = structural_dissimilarity(estimate, batch.target, data_range=1.0)
        losses = losses + params.structural_weight * dissimilarity
    return losses.mean()


def validate(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return the mean squared error of outputs clipped to [0, 1], as the paper's learning curves show it."""
    from reconbench.training.losses import mean_squared_error

    return mean_squared_error(networks(batch.measurement).clamp(0, 1), batch.target).mean()


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str, networks: Any) -> np.ndarray:
    """Denoise an image by the trained network, in single precision.

    `corrected` gives the image to the network as it is, in tiles that are faded into each other. `as_published` does
    what the authors' class does: it scales each crop to [0, 1] by its own extremes, its output back, takes means where
    crops overlap, and clips the result to [0, 1].

    Parameters
    ----------
    measurement : ndarray
        Shape (y, x), float32, of any size.
    problem : Problem
        Not asked for anything.
    params : Params
    device : str
        ``"cpu"`` or ``"cuda"``.
    networks : AtrousEncoderDecoder
        On the device, in evaluation mode.

    Returns
    -------
    ndarray
        Same shape, float32.

    Raises
    ------
    UserError
        If the measurement is not an image.
    """
    import torch

    from reconbench.tiling import apply_overlapping, apply_tiled

    if measurement.ndim != 2:
        raise UserError(f"{METHOD.name} restores images (y, x), not data of shape {measurement.shape}")
    image = torch.tensor(measurement, device=device)[None]
    tiling = params.tiling
    if params.reading == "corrected":
        estimate = apply_tiled(networks, image, tiling, networks.multiple)
    else:
        scaled = _scaled_by_extremes(networks)
        estimate = apply_overlapping(scaled, image, tiling.size, OVERLAP, BORDER, tiling.batch).clamp(0, 1)
    return estimate[0].cpu().numpy()


def _scaled_by_extremes(networks: Any) -> Any:
    """Return the network between scaling each crop (n, 1, y, x) to [0, 1] and undoing it."""

    def denoise(crops):
        low, high = crops.amin(dim=(1, 2, 3), keepdim=True), crops.amax(dim=(1, 2, 3), keepdim=True)
        span = (high - low).where(high > low, 1)
        return networks((crops - low) / span) * span + low

    return denoise
