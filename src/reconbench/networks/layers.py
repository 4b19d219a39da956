"""Layers that networks share: activation and normalisation by name, and separable convolutions."""

from dataclasses import dataclass

import torch
from torch.nn import functional

from reconbench.errors import UserError

ACTIVATIONS = {"relu6": torch.nn.ReLU6, "relu": torch.nn.ReLU}


@dataclass(frozen=True)
class Style:
    """What follows the convolutions of a network.

    Parameters
    ----------
    activation : {"relu6", "relu"}
    normalisation : {"batch", "batch_renormalisation"}
    momentum : float
        Share of a batch in the running statistics; a decay of 0.999 is a momentum of 0.001.

    Raises
    ------
    UserError
        If a name is unknown.
    """

    activation: str
    normalisation: str
    momentum: float

    def __post_init__(self):
        require_known("activation", self.activation, ACTIVATIONS)
        require_known("normalisation", self.normalisation, NORMALISATIONS)

    def activate(self) -> torch.nn.Module:
        """Return a new activation."""
        return ACTIVATIONS[self.activation](inplace=True)

    def normalise(self, channels: int) -> torch.nn.Module:
        """Return a new normalisation of feature maps of shape (n, channels, y, x)."""
        return NORMALISATIONS[self.normalisation](channels, momentum=self.momentum)

    def activated(self, convolution: torch.nn.Module) -> torch.nn.Sequential:
        """Return a convolution with its normalisation and activation."""
        return torch.nn.Sequential(convolution, self.normalise(convolution.out_channels), self.activate())


class SeparableConvolution(torch.nn.Module):
    """Depthwise 3 x 3 convolution, then a pointwise one, each with its normalisation, and one activation at the end.

    The normalisation in between is MobileNet's (Howard et al. 2017, arXiv:1704.04861). Neither convolution has a bias,
    because the normalisation after it has one.

    Parameters
    ----------
    channels_in, channels_out : int
    style : Style
    stride : int
        The result has ceil(size / stride) pixels along each axis.
    rate : int
        Pixels from one tap of the kernel to the next.
    """

    def __init__(self, channels_in: int, channels_out: int, style: Style, stride: int = 1, rate: int = 1):
        super().__init__()
        self.depthwise = torch.nn.Conv2d(
            channels_in, channels_in, 3, stride, padding=rate, dilation=rate, groups=channels_in, bias=False
        )
        self.depthwise_normalisation = style.normalise(channels_in)
        self.pointwise = style.activated(torch.nn.Conv2d(channels_in, channels_out, 1, bias=False))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (n, channels_in, y, x) to (n, channels_out, ceil(y / stride), ceil(x / stride))."""
        return self.pointwise(self.depthwise_normalisation(self.depthwise(features)))


class BatchRenormalisation(torch.nn.Module):
    """Batch normalisation whose training output is that of the running statistics, within bounds.

    With mean m and deviation s of the batch, mu and sigma the running ones (Ioffe 2017, arXiv:1702.03275, algorithm 1),

        y = weight ((x - m) / s r + d) + bias,  r = s / sigma within [1 / r_max, r_max],
                                                d = (m - mu) / sigma within [-d_max, d_max],

    where no gradient flows through r and d. Evaluation normalises by mu and sigma. Ioffe opens the bounds slowly to the
    defaults given here; they are constant here, and `r_max=1, d_max=0` is batch normalisation.

    Parameters
    ----------
    channels : int
    momentum : float
        Share of a batch in the running statistics.
    r_max, d_max : float
        Bounds of the correction, `r_max` at least 1 and `d_max` at least 0.
    eps : float
        Added to the variances.
    """

    def __init__(
        self, channels: int, momentum: float = 0.01, r_max: float = 3.0, d_max: float = 5.0, eps: float = 1e-5
    ):
        super().__init__()
        self.momentum, self.r_max, self.d_max, self.eps = momentum, r_max, d_max, eps
        self.weight = torch.nn.Parameter(torch.ones(channels))
        self.bias = torch.nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Normalise feature maps of shape (n, channels, y, x)."""
        weight, bias = self.weight, self.bias
        if self.training:
            r, d = self._corrections(features)
            weight, bias = weight * r, weight * d + bias
        return functional.batch_norm(
            features, self.running_mean, self.running_var, weight, bias, self.training, self.momentum, self.eps
        )

    @torch.no_grad()
    def _corrections(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return r and d of each channel."""
        variance, mean = torch.var_mean(features.to(self.weight.dtype), dim=(0, 2, 3), correction=0)
        running_deviation = (self.running_var + self.eps).sqrt()
        r = (variance + self.eps).sqrt() / running_deviation
        d = (mean - self.running_mean) / running_deviation
        return r.clamp(1 / self.r_max, self.r_max), d.clamp(-self.d_max, self.d_max)


NORMALISATIONS = {"batch": torch.nn.BatchNorm2d, "batch_renormalisation": BatchRenormalisation}


def require_known(what: str, name: str, known) -> None:
    """Raise a UserError where a name is not among the known ones."""
    if name not in known:
        raise UserError(f"the {what} {name!r} is unknown; it is one of {', '.join(known)}")


def initialise_by_xavier(module: torch.nn.Module) -> None:
    """Draw the weights of a convolution as Glorot and Bengio (2010) do, and set its biases to zero.

    Other modules stay as they are, so that it is for `torch.nn.Module.apply`.
    """
    if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
        torch.nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            torch.nn.init.zeros_(module.bias)
