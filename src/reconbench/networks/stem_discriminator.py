"""The discriminator of Wang et al. (2020): it tells denoised STEM images from true ones, at three scales."""

from collections.abc import Sequence

import torch

from reconbench.networks.cells import initialise_by_he
from reconbench.networks.multi_kernel import SLOPE, MultiKernelCell

WIDTHS = (64, 64, 64, 64, 128, 128, 128)
FIRST_KERNELS = (3, 5, 7, 9)
# Sides of the kernels of all cells but the first.
KERNELS = (3, 5)
SCALES = 3


class StemDiscriminator(torch.nn.Module):
    """A column of multi-kernel cells with average pooling between them, whose last three give a map each.

    With the default widths it is the one in the code of Wang et al. 2020 (doi:10.1038/s41598-020-62484-z) for images of
    512 x 512 pixels, with maps of 32, 16 and 8 pixels a side. A map comes from a transposed convolution, with as many
    channels as the first cell, and a convolution that undoes its change of size; a tanh ends it. Weights are drawn by
    He's rule.

    Parameters
    ----------
    widths : sequence of int
        Channels of the cells, at full size, half of it, and so on; at least 3 cells, with a channel for each kernel.
    first_kernels : sequence of int
        Sides of the kernels of the cell at full size, in pixels; those of all others are 3 and 5.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS, first_kernels: Sequence[int] = FIRST_KERNELS):
        super().__init__()
        self.cells = torch.nn.ModuleList(
            MultiKernelCell(into, out, KERNELS if place else first_kernels)
            for place, (into, out) in enumerate(zip([1, *widths], widths, strict=False))
        )
        self.pooling = torch.nn.AvgPool2d(2)
        self.outputs = torch.nn.ModuleList(_output(width, widths[0]) for width in widths[-SCALES:])
        self.apply(initialise_by_he)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Judge images: 1 where they look true, 0 where they look made.

        Parameters
        ----------
        images : torch.Tensor
            Shape (n, 1, y, x).

        Returns
        -------
        tuple of torch.Tensor
            Three maps (n, 1, y', x'), values in [-1, 1], from the finest on: that of the last one is the image's size
            halved once for each cell but one.
        """
        features = [self.cells[0](images)]
        for cell in self.cells[1:]:
            features.append(cell(self.pooling(features[-1])))
        return tuple(output(level) for output, level in zip(self.outputs, features[-SCALES:], strict=True))


def _output(channels_in: int, channels: int) -> torch.nn.Sequential:
    return torch.nn.Sequential(
        torch.nn.ConvTranspose2d(channels_in, channels, 3),
        torch.nn.LeakyReLU(SLOPE, inplace=True),
        torch.nn.Conv2d(channels, 1, 3),
        torch.nn.Tanh(),
    )
