"""The residual U-Net of Papkov et al. (2023), which denoises or deconvolves images and volumes."""

from collections.abc import Sequence

import torch

from reconbench.networks.dimensional import Layers, layers_for, require_image
from reconbench.networks.layers import require_known

MOMENTUM = 0.003
"""Share of a batch in the running statistics of a normalisation."""


class SiameseUNet(torch.nn.Module):
    """A U-Net of three resolutions, with one pre-activation residual unit at each on the way down and up.

    It is the network of Papkov et al. 2023 (arXiv:2308.09426), section 2.0.1, which is that of Xie et
    al. 2020 (Noise2Same). The resolution is halved by convolutions of 2 pixels a side with a stride of 2, and doubled
    by transposed ones. Only these have biases. The output is linear. Weights are drawn as torch does by default.

    The authors' code also allocates 1 x 1 shortcuts in units that keep their number of channels, and never uses them;
    the 5.75 million parameters that they report count them in. Here they are left out.

    Parameters
    ----------
    dimensions : {2, 3}
        2 for images, 3 for volumes.
    features : int
        Channels of the finest resolution; each coarser one has twice as many. In the paper 96 for images and 48 for
        volumes.
    skip : {"concatenate", "add"}
        How a resolution of the decoder takes up that of the encoder; in the paper ``"concatenate"`` for images and
        ``"add"`` for volumes.
    normalisation_momentum : float
        Share of a batch in the running statistics of batch normalisation, 0.003 in the authors' code. After n steps
        they still are (1 - momentum)^n of what they began with.

    Raises
    ------
    UserError
        If `dimensions` or `skip` is another one.
    """

    multiple = 4
    """Product of the strides. Sizes of the images must be multiples of it."""

    # 3 x 3 convolutions: five at full resolution, four at a half and two at a quarter. And a block of 4 x 4 pixels has
    # one output in common, wherever in the block the pixel lies.
    reach = 5 + 4 * 2 + 2 * 4 + (4 - 1)
    """How far, in pixels, a pixel of the input acts on the output along each axis, normalisations evaluated."""

    def __init__(
        self, dimensions: int, features: int = 96, skip: str = "concatenate", normalisation_momentum: float = MOMENTUM
    ):
        super().__init__()
        layers = layers_for(dimensions)
        require_known("skip", skip, _JOIN)
        self.dimensions = dimensions
        self.join = _JOIN[skip]
        joined = 2 if skip == "concatenate" else 1
        fine, middle, coarse = features, 2 * features, 4 * features

        self.first = _convolution(layers, 1, fine)
        self.encoder_1 = ResidualUnit(layers, fine, fine)
        self.down_1 = layers.convolution(fine, middle, 2, stride=2)
        self.encoder_2 = ResidualUnit(layers, middle, middle)
        self.down_2 = layers.convolution(middle, coarse, 2, stride=2)
        self.bottom = ResidualUnit(layers, coarse, coarse)
        self.up_2 = layers.transposed_convolution(coarse, middle, 2, stride=2)
        self.decoder_2 = ResidualUnit(layers, joined * middle, middle)
        self.up_1 = layers.transposed_convolution(middle, fine, 2, stride=2)
        self.decoder_1 = ResidualUnit(layers, joined * fine, fine)
        self.head = torch.nn.Sequential(*_activation(layers, fine), layers.convolution(fine, 1, 1, bias=False))
        for module in self.modules():
            if isinstance(module, layers.normalisation):
                module.momentum = normalisation_momentum

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Restore images.

        Parameters
        ----------
        image : torch.Tensor
            Shape (n, 1, [z,] y, x), all sizes multiples of 4.

        Returns
        -------
        torch.Tensor
            Same shape.

        Raises
        ------
        UserError
            If the shape is another one.
        """
        require_image("Siamese U-Net", image, self.dimensions, self.multiple)
        fine = self.encoder_1(self.first(image))
        middle = self.encoder_2(self.down_1(fine))
        coarse = self.bottom(self.down_2(middle))
        middle = self.decoder_2(self.join(self.up_2(coarse), middle))
        fine = self.decoder_1(self.join(self.up_1(middle), fine))
        return self.head(fine)


class ResidualUnit(torch.nn.Module):
    """Two convolutions, each after its normalisation and activation, past a shortcut (He et al. 2016).

    The shortcut is the identity. Where the number of channels changes, it is a 1 x 1 convolution of what the first
    convolution sees.

    Parameters
    ----------
    layers : Layers
    channels_in, channels : int
    """

    def __init__(self, layers: Layers, channels_in: int, channels: int):
        super().__init__()
        self.activation = torch.nn.Sequential(*_activation(layers, channels_in))
        self.convolutions = torch.nn.Sequential(
            _convolution(layers, channels_in, channels),
            *_activation(layers, channels),
            _convolution(layers, channels, channels),
        )
        self.shortcut = None if channels_in == channels else layers.convolution(channels_in, channels, 1, bias=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (n, channels_in, [z,] y, x) to (n, channels, [z,] y, x)."""
        activated = self.activation(features)
        shortcut = features if self.shortcut is None else self.shortcut(activated)
        return self.convolutions(activated) + shortcut


def _activation(layers: Layers, channels: int) -> Sequence[torch.nn.Module]:
    return layers.normalisation(channels), torch.nn.ReLU(inplace=True)


def _convolution(layers: Layers, channels_in: int, channels: int) -> torch.nn.Module:
    return layers.convolution(channels_in, channels, 3, padding=1, bias=False)


def _concatenate(features: torch.Tensor, skipped: torch.Tensor) -> torch.Tensor:
    return torch.cat([features, skipped], dim=1)


_JOIN = {"concatenate": _concatenate, "add": torch.add}
