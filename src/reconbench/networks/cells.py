"""The unit cells of an encoder-decoder: a convolution, or a bottleneck, that changes the size of what it is given."""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from reconbench.networks.layers import require_known

CARDINALITY = 32


@dataclass(frozen=True)
class Style:
    """What the cells of a network are made of.

    Parameters
    ----------
    cells : {"plain", "bottleneck"}
        A convolution and its activation, or a residual block whose convolution is grouped and has fewer channels.
    normalisation : {"none", "group", "batch"}
        What stands between convolutions and activations. "group" has a group for every channel, as the code of Wang et
        al. 2020 (doi:10.1038/s41598-020-62484-z).

    Raises
    ------
    UserError
        If a word is unknown.
    """

    cells: str
    normalisation: str

    def __post_init__(self):
        require_known("kind of cells", self.cells, CELLS)
        require_known("normalisation", self.normalisation, NORMALISATIONS)

    def cell(self, change: str, channels_in: int, channels_out: int, kernel: int = 3) -> torch.nn.Module:
        """Return a new cell.

        Parameters
        ----------
        change : {"halve", "shrink", "grow", "double"}
            What it does to the size of feature maps: halve it by a stride of 2, shrink it by as much as the kernel
            reaches beyond its middle at both sides, or the opposites of these.
        channels_in, channels_out : int
        kernel : int
            Its side in pixels, odd.
        """
        return CELLS[self.cells](self, change, channels_in, channels_out, kernel)

    def convolution(
        self, change: str, channels_in: int, channels_out: int, kernel: int, groups: int = 1, activated: bool = True
    ) -> torch.nn.Sequential:
        """Return a new convolution with its normalisation and, where asked for, ReLU; `change` may also be "keep"."""
        normalise = NORMALISATIONS[self.normalisation]
        layers = [CONVOLUTIONS[change](channels_in, channels_out, kernel, groups=groups, bias=normalise is None)]
        layers += [normalise(channels_out)] if normalise else []
        layers += [torch.nn.ReLU(inplace=True)] if activated else []
        return torch.nn.Sequential(*layers)


class Bottleneck(torch.nn.Module):
    """The residual block of ResNeXt (Xie et al. 2017, arXiv:1611.05431), for any of the changes of size.

    A pointwise convolution to half the channels, a grouped one that changes the size, and a pointwise one back; past
    them the input, changed in size without weights and in channels by a pointwise convolution. There are 32 groups, or
    the largest divisor of that which also divides the channels.

    Parameters
    ----------
    style : Style
    change, channels_in, channels_out, kernel
        As for `Style.cell`.
    """

    def __init__(self, style: Style, change: str, channels_in: int, channels_out: int, kernel: int):
        super().__init__()
        inner = max(1, channels_out // 2)
        self.layers = torch.nn.Sequential(
            style.convolution("keep", channels_in, inner, 1),
            style.convolution(change, inner, inner, kernel, groups=math.gcd(CARDINALITY, inner)),
            style.convolution("keep", inner, channels_out, 1, activated=False),
        )
        self.shortcut = torch.nn.Sequential(
            RESAMPLINGS[change](kernel // 2), style.convolution("keep", channels_in, channels_out, 1, activated=False)
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (n, channels_in, y, x) to (n, channels_out, y', x')."""
        # Divided by the root of 2, the sum has the energy of the one convolution of a plain cell. Without that, and
        # without normalisation, it would double from cell to cell and saturate the outputs.
        return functional.relu((self.layers(features) + self.shortcut(features)) * math.sqrt(0.5))


def _plain(style: Style, change: str, channels_in: int, channels_out: int, kernel: int) -> torch.nn.Module:
    return style.convolution(change, channels_in, channels_out, kernel)


def initialise_by_he(module: torch.nn.Module) -> None:
    """Draw the weights of a convolution as He et al. (2015) do, from a normal distribution, and set its biases to zero.

    The fan of a transposed convolution is that of its kernel's channels out, as Keras and torch take it. Other modules
    stay as they are, so that it is for `torch.nn.Module.apply`.
    """
    if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
        torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            torch.nn.init.zeros_(module.bias)


CELLS = {"plain": _plain, "bottleneck": Bottleneck}
NORMALISATIONS = {
    "none": None,
    "group": lambda channels: torch.nn.GroupNorm(channels, channels),
    "batch": torch.nn.BatchNorm2d,
}
CONVOLUTIONS = {
    "keep": lambda into, out, kernel, **more: torch.nn.Conv2d(into, out, kernel, padding=kernel // 2, **more),
    "halve": lambda into, out, kernel, **more: torch.nn.Conv2d(into, out, kernel, 2, padding=kernel // 2, **more),
    "shrink": torch.nn.Conv2d,
    "grow": torch.nn.ConvTranspose2d,
    "double": lambda into, out, kernel, **more: torch.nn.ConvTranspose2d(
        into, out, kernel, 2, padding=kernel // 2, output_padding=1, **more
    ),
}
RESAMPLINGS = {
    "halve": lambda margin: torch.nn.AvgPool2d(2),
    "shrink": lambda margin: torch.nn.ZeroPad2d(-margin),
    "grow": lambda margin: torch.nn.ZeroPad2d(margin),
    "double": lambda margin: torch.nn.Upsample(scale_factor=2),
}
