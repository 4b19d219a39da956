"""The U-Net of self-supervised inversion (Kobayashi et al. 2020), which deconvolves images and volumes."""

import torch
from torch.nn import functional

from reconbench.networks.dimensional import Layers, layers_for, require_image


class SsiUNet(torch.nn.Module):
    """A U-Net of five resolutions, with a 5 x 5 and a 3 x 3 convolution at each on the way down and up.

    It is the network of Kobayashi et al. 2020 (arXiv:2006.06156), as in their code. Each convolution is followed by
    batch normalisation and ReLU. The resolution is halved by the maximum of 2 pixels a side, and doubled by repeating
    pixels. The output is linear. Weights are drawn as torch does by default.

    Images may have any size: the network repeats the pixels at the end of each axis up to a multiple of 16, and cuts
    the result to the size of the image again.

    Parameters
    ----------
    dimensions : {2, 3}
        2 for images, 3 for volumes.
    width : int
        Channels of the finest resolution; the coarser ones have 2, 4, 8 and 8 times as many.

    Raises
    ------
    UserError
        If `dimensions` is another one.
    """

    multiple = 16
    """Product of the strides. Tiles are multiples of it, so that the network does not pad them."""

    # Units of 2 + 1 pixels: two at each of the upper four resolutions, one at the lowest. And a block of 16 x 16 pixels
    # has one output in common, wherever in the block the pixel lies.
    reach = 3 * (2 * (1 + 2 + 4 + 8) + 16) + (16 - 1)
    """How far, in pixels, a pixel of the input acts on the output along each axis, normalisations evaluated."""

    def __init__(self, dimensions: int, width: int = 8):
        super().__init__()
        layers = layers_for(dimensions)
        self.dimensions = dimensions
        encoded = [width, 2 * width, 4 * width, 8 * width, 8 * width]
        decoded = [4 * width, 2 * width, width, width]
        self.encoder = torch.nn.ModuleList(
            _unit(layers, channels_in, channels, channels)
            for channels_in, channels in zip([1, *encoded], encoded, strict=False)
        )
        self.decoder = torch.nn.ModuleList()
        below = encoded[-1]
        for skipped, channels in zip(reversed(encoded[:-1]), decoded, strict=True):
            joined = below + skipped
            self.decoder.append(_unit(layers, joined, joined // 2, channels))
            below = channels
        self.pooling = layers.pooling(2)
        self.upsampling = torch.nn.Upsample(scale_factor=2, mode="nearest")
        self.output = layers.convolution(width, 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Restore images.

        Parameters
        ----------
        image : torch.Tensor
            Shape (n, 1, [z,] y, x), of any size.

        Returns
        -------
        torch.Tensor
            Same shape.

        Raises
        ------
        UserError
            If the shape is another one.
        """
        require_image("SSI U-Net", image, self.dimensions)
        features, skipped = self._padded(image), []
        for unit in self.encoder[:-1]:
            skipped.append(unit(features))
            features = self.pooling(skipped[-1])
        features = self.encoder[-1](features)
        for unit in self.decoder:
            features = unit(torch.cat([self.upsampling(features), skipped.pop()], dim=1))
        return self.output(features)[(..., *(slice(size) for size in image.shape[2:]))]

    def _padded(self, image: torch.Tensor) -> torch.Tensor:
        # torch counts the axes from the last one.
        padding = [pixels for size in reversed(image.shape[2:]) for pixels in (0, -size % self.multiple)]
        return functional.pad(image, padding, mode="replicate")


def _unit(layers: Layers, channels_in: int, hidden: int, channels: int) -> torch.nn.Sequential:
    return torch.nn.Sequential(
        layers.convolution(channels_in, hidden, 5, padding=2),
        layers.normalisation(hidden),
        torch.nn.ReLU(inplace=True),
        layers.convolution(hidden, channels, 3, padding=1),
        layers.normalisation(channels),
        torch.nn.ReLU(inplace=True),
    )
