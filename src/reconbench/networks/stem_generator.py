"""The denoising network of Wang et al. (2020), which their adversarial training calls the generator."""

from collections.abc import Sequence

import torch

from reconbench.errors import UserError
from reconbench.networks.cells import initialise_by_he

WIDTHS = (64, 128, 256, 512, 512, 512, 512)
KERNEL = 4
SLOPE = 0.2


class StemGenerator(torch.nn.Module):
    """An encoder-decoder with skips by concatenation, whose decoder gives an image at each of its scales.

    With the default widths it is the network in the code of Wang et al. 2020 (doi:10.1038/s41598-020-62484-z), made
    for images of 512 x 512 pixels: outputs of 512, 256, 128, 64, 32, 16 and 8 pixels a side, and 41 890 055 weights;
    Keras, which counts the running statistics of normalisations as well, says 41 894 023. All kernels are 4 x 4. Where
    they have no stride, images are padded by one pixel before and two after, as Keras does. Weights are drawn by He's
    rule.

    Parameters
    ----------
    channels_in : int
    widths : sequence of int
        Channels of the encoder's convolutions, each of which halves the image. The decoder has the same in reverse.

    Attributes
    ----------
    multiple, size : int
        Images must have sides that are multiples of the one and no smaller than the other.
    """

    def __init__(self, channels_in: int = 4, widths: Sequence[int] = WIDTHS):
        super().__init__()
        self.multiple = self.size = 2 ** len(widths)
        self.encoder = torch.nn.ModuleList(
            _halving(into, out) for into, out in zip([channels_in, *widths], widths, strict=False)
        )
        self.decoder, self.sides = torch.nn.ModuleList(), torch.nn.ModuleList()
        features = widths[-1]
        for width in widths[-2::-1]:
            self.decoder.append(_doubling(features, width))
            features = 2 * width
            self.sides.insert(0, _output(features))
        self.head = torch.nn.Sequential(torch.nn.Upsample(scale_factor=2), *_output(features))
        self.apply(initialise_by_he)

    def forward(self, measurement: torch.Tensor) -> torch.Tensor:
        """Return the output of full size.

        Parameters
        ----------
        measurement : torch.Tensor
            Shape (n, channels_in, y, x).

        Returns
        -------
        torch.Tensor
            Shape (n, 1, y, x), values in [0, 1].

        Raises
        ------
        UserError
            If the sides of the images are no multiples of `multiple`.
        """
        return self.head(self._decoded(measurement)[0])

    def at_all_scales(self, measurement: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the output of full size and the side outputs, from the finest on."""
        decoded = self._decoded(measurement)
        return self.head(decoded[0]), *(side(features) for side, features in zip(self.sides, decoded, strict=True))

    def _decoded(self, measurement: torch.Tensor) -> list[torch.Tensor]:
        """Return the decoder's feature maps, from the finest on, which has half the size of the image."""
        if any(side % self.multiple for side in measurement.shape[2:]):
            raise UserError(
                f"this network takes images (c, y, x) whose sides are multiples of {self.multiple}, not of shape "
                f"{tuple(measurement.shape[1:])}"
            )
        encoded = [measurement]
        for halve in self.encoder:
            encoded.append(halve(encoded[-1]))
        features, decoded = encoded.pop(), []
        for double in self.decoder:
            features = torch.cat([double(features), encoded.pop()], dim=1)
            decoded.append(features)
        return decoded[::-1]


def _halving(channels_in: int, channels_out: int) -> torch.nn.Sequential:
    return torch.nn.Sequential(
        torch.nn.Conv2d(channels_in, channels_out, KERNEL, stride=2, padding=1),
        torch.nn.LeakyReLU(SLOPE, inplace=True),
    )


def _doubling(channels_in: int, channels_out: int) -> torch.nn.Sequential:
    """Return a layer to twice the size. Of its normalisation, Keras's momentum of 0.8 is torch's of 0.2."""
    return torch.nn.Sequential(
        torch.nn.Upsample(scale_factor=2),
        *_keeping(channels_in, channels_out),
        torch.nn.ReLU(inplace=True),
        torch.nn.BatchNorm2d(channels_out, eps=1e-3, momentum=0.2),
    )


def _output(channels_in: int) -> torch.nn.Sequential:
    return torch.nn.Sequential(*_keeping(channels_in, 1), torch.nn.Sigmoid())


def _keeping(channels_in: int, channels_out: int) -> tuple[torch.nn.Module, torch.nn.Module]:
    """Return the layers of a convolution that keeps the size, padded as Keras pads an even kernel."""
    return torch.nn.ZeroPad2d((1, 2, 1, 2)), torch.nn.Conv2d(channels_in, channels_out, KERNEL)
