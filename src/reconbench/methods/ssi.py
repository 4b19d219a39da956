"""Self-Supervised Inversion, a network that predicts masked pixels through the blur."""

from typing import Any, Literal

import numpy as np
from pydantic import Field

from reconbench.contracts import Batch, Method, Parameters, Problem
from reconbench.methods._deconvolver import deconvolve, kernel_for
from reconbench.training import settings

METHOD = Method(
    name="ssi",
    title="SSI",
    reference="H. Kobayashi et al., arXiv:2006.06156 (2020)",
    doi="10.48550/arXiv.2006.06156",
    kinds=frozenset({"deconvolution"}),
    told=frozenset({"forward model"}),
    gpu=1,
    trained_on="measurement",
)

# Weights of the 3 x 3 kernel that the authors' code broadens the blur by, by the distance from its middle.
BROADENING = (0.2, 0.14, 0.095)
# The share of masked pixels at the first step.
FIRST_DENSITY = 0.5
INPUT_NOISE, INPUT_NOISE_DECAY = 0.1, 10_000


class Training(settings.SingleImageTraining):
    """Training of the SSI benchmark: steps on one piece of the image, always the same, as large as it can be."""

    patch: tuple[int, ...] = Field(default=(1024, 1024), min_length=2, max_length=3)
    """Largest size of the piece in pixels, (y, x) or (z, y, x)."""
    batch: int = Field(default=1, ge=1)
    """Patches in a batch."""
    place: Literal["random", "corner", "corner_square"] = "corner_square"
    """The authors' code takes the first square. Its fork by Papkov et al. takes the first rectangle."""
    phases: tuple[settings.Phase, ...] = (settings.Phase(steps=3000, learning_rate=0.01),)
    """What is trained, one after the other."""
    weight_decay: float = Field(default=1e-6, ge=0)
    """Factor of half the sum of all squared weights, which is added to the loss."""
    weight_noise: float = Field(default=0.1, ge=0)
    """Standard deviation, over the learning rate, of what is added to each weight after a step."""
    plateau: settings.Plateau | None = settings.Plateau(patience=150, factor=0.9)
    """Lower the learning rate where the validation error stays."""
    patience: int | None = Field(default=300, ge=1)
    """Validations without a smaller error after which training ends."""
    normalise: Literal["none"] = "none"
    """The values of patches are left alone, because the loss has bounds in the image's unit."""
    augmentation: bool = False
    """Flip patches, and turn square ones by multiples of 90 degrees."""
    held_out: float = Field(default=0.1, gt=0, lt=1)
    """Pixels drawn for validation, with replacement, over all pixels."""
    validation_every: int = Field(default=1, ge=1)
    """Steps between two lines of training.csv, each with the validation error."""
    validation_batches: int = Field(default=1, ge=1)
    """Batches that the validation error is a mean of."""
    keep: Literal["best", "last"] = "best"
    """Which weights are kept."""


class Tiling(settings.Tiling):
    """How an image is cut into tiles."""

    size: int = Field(default=1024, ge=16)
    """Pixels a side of a tile."""
    margin: int = Field(default=16, ge=0)
    """Pixels thrown away at each edge of a tile. The network sees further; the authors' code throws away 8 at least."""
    blend: int = Field(default=32, ge=0)
    """Pixels over which neighbouring tiles are faded into each other."""
    batch: int = Field(default=1, ge=1)
    """Tiles at once."""


class Params(Parameters):
    """Parameters of SSI; the defaults are those of its authors' benchmark."""

    width: int = Field(default=8, ge=1)
    """Channels of the first layer."""
    masked: float = Field(default=0.05, gt=0, lt=1)
    """Share of masked pixels that training goes to; it begins with a half."""
    mask_decay: float = Field(default=0.995, gt=0, lt=1)
    """How much of the difference to that share is left after a step; a training of few steps needs less."""
    bounds_weight: float = Field(default=0.1, ge=0)
    """Weight of the squared mean distance of the estimate from [0, 1]."""
    broadened: bool = True
    """Blur the estimate by a kernel that is wider by one pixel a side, as the authors' code does."""
    convolution: Literal["auto", "direct", "fft"] = "auto"
    """How the estimate is blurred while training: by the sum, by FFT, or by what the kernel's size asks for."""
    clip: tuple[float, float] | None = (0.0, 1.0)
    """Smallest and largest value of the estimate, the image's unit."""
    tiling: Tiling = Tiling()
    """How an image is cut into tiles."""
    training: Training = Training()
    """How the network is trained."""


def network(problem: Problem, params: Params) -> Any:
    """Return the untrained network, a Deconvolver."""
    from reconbench.networks.deconvolver import Deconvolver
    from reconbench.networks.ssi_unet import SsiUNet

    kernel = kernel_for(problem, params.training.patch)
    boundary = "reflect" if kernel.ndim == 2 else "replicate"
    blur = _broadened(kernel) if params.broadened else kernel
    return Deconvolver(SsiUNet(kernel.ndim, params.width), blur, boundary, params.convolution)


def loss(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return the squared error of the blurred estimate at masked pixels, and how far the estimate leaves [0, 1].

    With the input x_m, in which masked pixels m are 0 and which carries a noise that vanishes within a few steps, the
    held-out pixels w and the blur g, it is

        mean[(g(clip(f(x_m), 0, 1)) - x)^2 m (1 - w)] + weight mean[max(-f(x_m), 0) + max(f(x_m) - 1, 0)]^2.
    """
    import torch

    from reconbench.training.masking import independent_mask

    x = batch.measurement
    density = params.masked + (FIRST_DENSITY - params.masked) * params.mask_decay**batch.step
    mask = independent_mask(x.shape, density, batch.generator)
    noise = torch.randn(x.shape, generator=batch.generator, device=x.device)
    level = INPUT_NOISE / (1 + INPUT_NOISE_DECAY * batch.step / params.training.steps)
    deconvolved = networks(torch.where(mask, 0, x + level * noise)).float()
    beyond = torch.relu(-deconvolved) + torch.relu(deconvolved - 1)
    error = _squared_error(networks, deconvolved, batch, mask & ~batch.held_out)
    return error + params.bounds_weight * beyond.mean().square()


def validate(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return the mean squared error of the blurred estimate at the held-out pixels, which are masked for it.

    The authors' code masks others, drawn anew, so that a held-out pixel with its noise is mostly in the input.
    """
    import torch

    deconvolved = networks(torch.where(batch.held_out, 0, batch.measurement)).float()
    share = batch.held_out.float().mean()
    return _squared_error(networks, deconvolved, batch, batch.held_out) / share


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str, networks: Any) -> np.ndarray:
    """Deconvolve an image by the network that was trained on it."""
    return deconvolve(measurement, params, device, networks)


def _squared_error(networks: Any, deconvolved: Any, batch: Batch, where: Any) -> Any:
    """Return the mean over all pixels of the squared error at some of them."""
    error = networks.reconvolve(deconvolved.clamp(0, 1)) - batch.target
    return (error.square() * where).mean()


def _broadened(kernel: np.ndarray) -> np.ndarray:
    """Return a kernel of sum 1 that is wider by a pixel a side, convolved with that of the authors' code."""
    distance = np.abs(np.indices((3,) * kernel.ndim) - 1).sum(axis=0).clip(max=len(BROADENING) - 1)
    weights = np.asarray(BROADENING)[distance]
    wider = np.zeros([size + 2 for size in kernel.shape])
    for offset in np.ndindex(weights.shape):
        window = tuple(slice(start, start + size) for start, size in zip(offset, kernel.shape, strict=True))
        wider[window] += weights[offset] * kernel
    return wider / wider.sum()
