"""The multi-kernel cell of Wang et al. (2020): branches with kernels of several sizes beside each other."""

from collections.abc import Sequence

import torch

from reconbench.errors import UserError
from reconbench.networks.layers import require_known

SLOPE = 0.2


class MultiKernelCell(torch.nn.Module):
    """Parallel branches, each with one size of kernel, whose feature maps are concatenated.

    A branch is a transposed convolution that makes the image larger by what its kernel reaches beyond its middle, and
    a convolution that makes it as much smaller again; behind each stand a normalisation and LeakyReLU with a slope of
    0.2. The pixels beyond the edge that other networks pad with are computed here. It is the cell of the discriminator
    and of the phase-and-amplitude network in the code of Wang et al. 2020 (doi:10.1038/s41598-020-62484-z). Weights are
    drawn as torch does by default.

    Parameters
    ----------
    channels_in : int
    channels_out : int
        Of all branches together: shared out evenly, and what is left to the first ones.
    kernels : sequence of int
        Side of the kernel of each branch, in pixels.
    normalisation : {"batch", "group", "none"}
        "group" has a group for every channel.

    Raises
    ------
    UserError
        If the normalisation is unknown, or a branch would have no channel.
    """

    def __init__(self, channels_in: int, channels_out: int, kernels: Sequence[int], normalisation: str = "batch"):
        super().__init__()
        require_known("normalisation", normalisation, NORMALISATIONS)
        if not 0 < len(kernels) <= channels_out:
            raise UserError(
                f"a cell of {channels_out} channels has room for 1 to {channels_out} kernels, one a branch, not for "
                f"{len(kernels)}"
            )
        share, left = divmod(channels_out, len(kernels))
        self.branches = torch.nn.ModuleList(
            _branch(channels_in, share + (place < left), kernel, NORMALISATIONS[normalisation])
            for place, kernel in enumerate(kernels)
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (n, channels_in, y, x) to (n, channels_out, y, x)."""
        return torch.cat([branch(features) for branch in self.branches], dim=1)


def _branch(channels_in: int, channels: int, kernel: int, normalise) -> torch.nn.Sequential:
    """Return the layers of a branch. A convolution with a normalisation behind it needs no bias."""
    layers = []
    for convolution, into in ((torch.nn.ConvTranspose2d, channels_in), (torch.nn.Conv2d, channels)):
        layers.append(convolution(into, channels, kernel, bias=normalise is None))
        layers += [normalise(channels)] if normalise else []
        layers.append(torch.nn.LeakyReLU(SLOPE, inplace=True))
    return torch.nn.Sequential(*layers)


# A momentum of 0.2 is what Keras calls one of 0.8.
NORMALISATIONS = {
    "none": None,
    "group": lambda channels: torch.nn.GroupNorm(channels, channels),
    "batch": lambda channels: torch.nn.BatchNorm2d(channels, momentum=0.2),
}
