"""The multi-scale network for diffuse light of Wang et al. (2020): multi-kernel cells, an image at each scale."""

from collections.abc import Sequence

import torch

from reconbench.networks.multi_kernel import NORMALISATIONS, SLOPE, MultiKernelCell

WIDTHS = (64, 128, 256, 256)
CELL_KERNELS = (3, 5, 7, 9)
# Side of the last kernel of each output, from the finest scale on.
OUTPUT_KERNELS = (11, 9, 7, 5, 3)


class DiffuseMultiScale(torch.nn.Module):
    """An encoder-decoder of multi-kernel cells that gives an image at each scale, the finest twice its input's size.

    It is the network that Wang et al. 2020 (doi:10.1038/s41598-020-62484-z) have for images of diffuse light. A cell
    works at one scale; between scales stand convolutions with a stride of 2, and on the way up their transposed ones.
    What the encoder has at a scale is concatenated to what comes up there. The decoder goes one scale further up than
    the encoder's first. Each of its scales has an output. Images need no special size: halving rounds up.

    Parameters
    ----------
    channels : int
        Of measurement and estimate alike.
    widths : sequence of int
        Channels of the encoder's cells, from the measurement's size down; half of it at each step.
    kernels : sequence of int
        Sides of the kernels beside each other in a cell, in pixels, odd.
    enlarge : bool
        Whether the decoder goes one scale further up than the encoder's first. The authors' does.
    direct : bool
        Whether an output is the measurement, resized and from [-1, 1] brought to [0, 1], and a correction to it, which
        is 0 before training. The authors' is a sigmoid of the features alone.
    output_kernels : sequence of int
        Side of the last kernel of each output, in pixels, odd, from the finest scale on.
    """

    def __init__(
        self,
        channels: int = 3,
        widths: Sequence[int] = WIDTHS,
        kernels: Sequence[int] = CELL_KERNELS,
        enlarge: bool = True,
        direct: bool = False,
        output_kernels: Sequence[int] = OUTPUT_KERNELS,
    ):
        super().__init__()
        self.direct = direct
        self.encoder = torch.nn.ModuleList(
            MultiKernelCell(into, out, kernels) for into, out in zip((channels, *widths), widths, strict=False)
        )
        self.down = torch.nn.ModuleList(
            _activated(torch.nn.Conv2d(width, width, 3, 2, 1, bias=False)) for width in widths[:-1]
        )
        # The decoder's channels at each scale, from the coarsest on; what is larger than the measurement has no skip.
        decoded = (*widths[::-1], widths[0]) if enlarge else (*widths[::-1],)
        self.up = torch.nn.ModuleList(
            _activated(torch.nn.ConvTranspose2d(into, out, 4, 2, 1, bias=False))
            for into, out in zip(decoded, decoded[1:], strict=False)
        )
        self.decoder = torch.nn.ModuleList(MultiKernelCell(2 * width, width, kernels) for width in widths[-2::-1])
        if enlarge:
            self.decoder.append(MultiKernelCell(widths[0], widths[0], kernels))
        self.outputs = torch.nn.ModuleList(
            torch.nn.Conv2d(width, channels, kernel, padding=kernel // 2)
            for width, kernel in zip(decoded[::-1], output_kernels, strict=False)
        )
        if direct:
            for output in self.outputs:
                torch.nn.init.zeros_(output.weight)
                torch.nn.init.zeros_(output.bias)

    def forward(self, measurement: torch.Tensor) -> torch.Tensor:
        """Return the finest output.

        Parameters
        ----------
        measurement : torch.Tensor
            Shape (n, channels, y, x).

        Returns
        -------
        torch.Tensor
            Shape (n, channels, 2 y, 2 x), or (n, channels, y, x) without `enlarge`; values in [0, 1].
        """
        return self._output(self.outputs[0], self._decoded(measurement)[0], measurement).clamp(0, 1)

    def at_all_scales(self, measurement: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the outputs of all scales, not clamped, from the finest on: each half as large as the one before."""
        decoded = self._decoded(measurement)
        return tuple(
            self._output(output, features, measurement) for output, features in zip(self.outputs, decoded, strict=True)
        )

    def _output(self, output: torch.nn.Module, features: torch.Tensor, measurement: torch.Tensor) -> torch.Tensor:
        if not self.direct:
            return torch.sigmoid(output(features))
        resized = torch.nn.functional.interpolate(measurement, features.shape[-2:], mode="bilinear", antialias=True)
        return (resized + 1) / 2 + output(features)

    def _decoded(self, measurement: torch.Tensor) -> list[torch.Tensor]:
        """Return the feature maps of all scales, from the finest on."""
        encoded = [self.encoder[0](measurement)]
        for down, cell in zip(self.down, self.encoder[1:], strict=True):
            encoded.append(cell(down(encoded[-1])))
        decoded = [encoded.pop()]
        for up, cell in zip(self.up, self.decoder, strict=True):
            features = up(decoded[-1])
            if encoded:
                skipped = encoded.pop()
                # Where halving rounded up, doubling gives a row or a column too many.
                features = torch.cat([features[..., : skipped.shape[-2], : skipped.shape[-1]], skipped], dim=1)
            decoded.append(cell(features))
        return decoded[::-1]


def _activated(convolution: torch.nn.Module) -> torch.nn.Sequential:
    """Return a convolution with what stands behind each one in a cell."""
    normalise = NORMALISATIONS["batch"](convolution.out_channels)
    return torch.nn.Sequential(convolution, normalise, torch.nn.LeakyReLU(SLOPE, inplace=True))
