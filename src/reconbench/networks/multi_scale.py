"""The multi-scale network of Wang et al. (2018, 2020): an encoder-decoder with an output at each of its scales."""

from collections.abc import Sequence

import torch

from reconbench.errors import UserError
from reconbench.networks.cells import Style, initialise_by_he

WIDTHS = (32, 64, 128, 192, 256, 384, 512, 768, 1024, 2048)
# Sides of the kernels of the encoder's first cells; all others have 3.
ENCODER_KERNELS = (7, 5)
# Of the last kernels of the side outputs, from the coarsest one on.
SIDE_KERNELS = (3, 5, 5, 7, 9, 11, 17)
# Channels before the last layer of an output.
FEATURES = 8
# Cells at the bottom that go without padding, and the size of what they are given in pixels.
UNPADDED = 3
BOTTOM = 8
# The decoder's cell that has no skip and no output: the second, between two sizes that have.
PASSED = 1


class MultiScale(torch.nn.Module):
    """An encoder-decoder with skips by addition, whose decoder gives an image at each of its scales.

    With the default widths it is the network of figure 1 of Wang et al. 2018 (arXiv:1810.12183) for images of 512 x 512
    pixels: outputs of 512, 256, 128, 64, 32, 16, 8 and 4 pixels a side. Hidden layers have ReLU and outputs a sigmoid.
    Without side outputs it is the paper's U-Net. Weights are drawn by He's rule, those of the side outputs last: with
    and without them, networks have the same other weights to begin with.

    Parameters
    ----------
    channels_in, channels_out : int
    widths : sequence of int
        Channels of the encoder: of the first layer, at full size; of each cell that halves it; and of the last three,
        which have no padding and lead from 8 to 6, 4 and 2 pixels. At most 10.
    side_outputs : int
        Number of outputs besides the one of full size, from the finest scale on, of those there are.
    outer_kernel : int
        Side of the first and of the last kernel in pixels, odd.
    cells : {"plain", "bottleneck"}
        What leads from one size to the next.
    normalisation : {"none", "group", "batch"}
        What stands between convolutions and activations.

    Attributes
    ----------
    multiple, size : int
        Images must have sides that are multiples of the one and no smaller than the other. Only images of that very
        size have outputs that halve from each scale to the next.
    channels_in, channels_out : int

    Raises
    ------
    UserError
        If a word is unknown.
    """

    def __init__(
        self,
        channels_in: int = 1,
        channels_out: int = 1,
        widths: Sequence[int] = WIDTHS,
        side_outputs: int = 7,
        outer_kernel: int = 31,
        cells: str = "plain",
        normalisation: str = "none",
    ):
        super().__init__()
        halvings = len(widths) - UNPADDED - 1
        self.channels_in, self.channels_out = channels_in, channels_out
        self.multiple = 2**halvings
        self.size = BOTTOM * self.multiple
        style = Style(cells, normalisation)

        changes = ["halve"] * halvings + ["shrink"] * UNPADDED
        kernels = [*ENCODER_KERNELS, *[3] * len(changes)]
        self.first = style.convolution("keep", channels_in, widths[0], outer_kernel)
        self.encoder = torch.nn.ModuleList(
            style.cell(change, into, out, kernel)
            for change, into, out, kernel in zip(changes, widths, widths[1:], kernels, strict=False)
        )
        opposite = {"halve": "double", "shrink": "grow"}
        self.decoder = torch.nn.ModuleList(
            style.cell(opposite[change], into, out)
            for change, into, out in zip(reversed(changes), widths[::-1], widths[-2::-1], strict=False)
        )
        half = max(1, widths[0] // 2)
        self.head = torch.nn.Sequential(
            style.convolution("keep", widths[0], half, 3), *_output(style, half, channels_out, outer_kernel)
        )
        self.apply(initialise_by_he)

        scales = [width for place, width in enumerate(widths[-2::-1]) if place != PASSED][:-1]
        sides = list(zip(scales, SIDE_KERNELS, strict=False))[::-1]
        self.sides = torch.nn.ModuleList(
            _output(style, width, channels_out, kernel).apply(initialise_by_he)
            for width, kernel in sides[:side_outputs]
        )

    def forward(self, measurement: torch.Tensor) -> torch.Tensor:
        """Return the output of full size.

        Parameters
        ----------
        measurement : torch.Tensor
            Shape (n, channels_in, y, x).

        Returns
        -------
        torch.Tensor
            Shape (n, channels_out, y, x), values in [0, 1].

        Raises
        ------
        UserError
            If the network cannot take the shape.
        """
        return self.head(self._decoded(measurement)[0])

    def at_all_scales(self, measurement: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the output of full size and the side outputs, from the finest on."""
        full, *coarser = self._decoded(measurement)
        return self.head(full), *(side(features) for side, features in zip(self.sides, coarser, strict=False))

    def _decoded(self, measurement: torch.Tensor) -> list[torch.Tensor]:
        """Return the feature maps of the decoder that have an output, from the finest on."""
        self._require_shape(measurement)
        encoded = [self.first(measurement)]
        for cell in self.encoder:
            encoded.append(cell(encoded[-1]))
        features, decoded = encoded.pop(), []
        for place, cell in enumerate(self.decoder):
            features, skipped = cell(features), encoded.pop()
            if place != PASSED:
                features = features + skipped
                decoded.append(features)
        return decoded[::-1]

    def _require_shape(self, measurement: torch.Tensor) -> None:
        _, channels, *sizes = measurement.shape
        if channels != self.channels_in or any(side < self.size or side % self.multiple for side in sizes):
            raise UserError(
                f"this network takes images (c, y, x) of {self.channels_in} channels whose sides are multiples of "
                f"{self.multiple} and at least {self.size} pixels, not of shape {tuple(measurement.shape[1:])}"
            )


def _output(style: Style, channels_in: int, channels_out: int, kernel: int) -> torch.nn.Sequential:
    """Return the layers of an output: a convolution to a few features, one to the image, and a sigmoid."""
    return torch.nn.Sequential(
        style.convolution("keep", channels_in, FEATURES, 3),
        torch.nn.Conv2d(FEATURES, channels_out, kernel, padding=kernel // 2),
        torch.nn.Sigmoid(),
    )
