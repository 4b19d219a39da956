"""The atrous encoder-decoder of Ede and Beanland (2019) for electron micrographs."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from reconbench.errors import UserError
from reconbench.networks.layers import SeparableConvolution, Style, initialise_by_xavier, require_known

POOLING = 2


class AtrousEncoderDecoder(torch.nn.Module):
    """Xception-like encoder, atrous spatial pyramid pooling, and a decoder that takes up low-level features twice.

    It is figure 1 of Ede and Beanland 2019 (doi:10.1016/j.ultramic.2019.03.017). Every convolution is followed by a
    normalisation and has no bias, but for the last one of `corrected`. A convolution of stride 2 is centred on the even
    pixels, as its 1 x 1 shortcut is. Weights are drawn by Xavier's rule.

    Parameters
    ----------
    width : int
        Channels of the first layer. The published 64, 128, 256 and 728 channels scale with it.
    middle_blocks : int
        Residual blocks of three separable convolutions in the middle flow.
    rates : sequence of int
        Rates of the atrous convolutions, in pixels of a sixteenth of the resolution.
    upsampling : {"transposed", "bilinear"}
        How the decoder doubles the resolution: by a transposed convolution, or by interpolation and a convolution
        (their section 4.2).
    activation : {"relu6", "relu"}
    normalisation : {"batch", "batch_renormalisation"}
    normalisation_momentum : float
        Share of a batch in the running statistics.
    reading : {"corrected", "as_published"}
        `as_published` is the authors' code: the image-level branch of the pyramid does not pool, and normalisation
        and activation follow the last convolution. `corrected` pools 2 x 2, and its last convolution is linear.
    input_skip : bool
        Add the input to the output, so that the network estimates the noise. The weights of its last convolution start
        from zero, hence the network from the identity. Only for `corrected`.

    Raises
    ------
    UserError
        If a name is unknown, or `input_skip` is asked of `as_published`.
    """

    multiple = 16
    """Sizes of the images must be multiples of it."""

    def __init__(
        self,
        *,
        width: int = 64,
        middle_blocks: int = 12,
        rates: Sequence[int] = (6, 12, 18),
        upsampling: str = "transposed",
        activation: str = "relu6",
        normalisation: str = "batch",
        normalisation_momentum: float = 0.001,
        reading: str = "corrected",
        input_skip: bool = False,
    ):
        super().__init__()
        require_known("reading", reading, ("corrected", "as_published"))
        require_known("upsampling", upsampling, _DOUBLING)
        published = reading == "as_published"
        if input_skip and published:
            raise UserError("the published network has no skip from its input; take the reading 'corrected' for it")
        style = Style(activation, normalisation, normalisation_momentum)
        double = _DOUBLING[upsampling]
        fine, low, high, deep = (round(channels * width / 64) for channels in (64, 128, 256, 728))

        self.entry_0 = _entry_block(1, (fine, fine, low), style)
        self.entry_1 = _entry_block(low, (low, low, low), style)
        self.entry_2 = _entry_block(low, (high, high, high), style)
        self.entry_3 = _entry_block(high, (deep, deep, deep), style)
        self.middle = torch.nn.Sequential(*[_middle_block(deep, style) for _ in range(middle_blocks)])
        self.pyramid = AtrousPyramid(deep, rates, style, pooled=not published)
        self.bottleneck = _pointwise(self.pyramid.channels_out, high, style)
        self.decoder_1 = _decoder_block(high + low, high, style)
        self.upsampling_1 = double(high, style)
        self.decoder_2 = _decoder_block(high + low, low, style)
        self.upsampling_2 = double(low, style)
        self.decoder_3 = _decoder_block(low, fine, style)
        last = torch.nn.Conv2d(fine, 1, 3, padding=1, bias=not published)
        self.output = style.activated(last) if published else last
        self.input_skip = input_skip
        self.apply(initialise_by_xavier)
        if input_skip:
            # From Xavier's weights it would first have to unlearn an error larger than the noise.
            torch.nn.init.zeros_(last.weight)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Denoise images.

        Parameters
        ----------
        image : torch.Tensor
            Shape (n, 1, y, x), y and x multiples of 16.

        Returns
        -------
        torch.Tensor
            Same shape.

        Raises
        ------
        UserError
            If the shape is another one.
        """
        self._require_shape(image)
        half = self.entry_0(image)
        quarter = self.entry_1(half)
        features = self.entry_3(self.entry_2(quarter))
        features = self.middle(features)
        features = self.bottleneck(self.pyramid(features))
        features = _resized(features, quarter)
        features = self.decoder_1(torch.cat([features, quarter], dim=1))
        features = self.upsampling_1(features)
        features = self.decoder_2(torch.cat([features, half], dim=1))
        features = self.upsampling_2(features)
        features = self.decoder_3(features)
        output = self.output(features)
        return image + output if self.input_skip else output

    def _require_shape(self, image: torch.Tensor) -> None:
        shape = tuple(image.shape)
        if len(shape) != 4 or shape[1] != 1 or any(size % self.multiple for size in shape[2:]):
            raise UserError(
                f"the atrous encoder-decoder takes images (n, 1, y, x) with y and x multiples of {self.multiple}, "
                f"not of shape {shape}"
            )


class AtrousPyramid(torch.nn.Module):
    """Atrous spatial pyramid pooling (Chen et al. 2017, arXiv:1706.05587): one image seen at several scales.

    Parameters
    ----------
    channels : int
        Channels of the input, and of each branch.
    rates : sequence of int
        Rates of the atrous convolutions.
    style : Style
    pooled : bool
        Whether the image-level branch takes means over 2 x 2 pixels; without it normalises and activates its input.
    """

    def __init__(self, channels: int, rates: Sequence[int], style: Style, pooled: bool):
        super().__init__()
        self.channels_out = channels * (len(rates) + 2)
        self.pooled = pooled
        self.point = _pointwise(channels, channels, style)
        self.atrous = torch.nn.ModuleList(SeparableConvolution(channels, channels, style, rate=rate) for rate in rates)
        self.image_level = torch.nn.Sequential(style.normalise(channels), style.activate())

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (n, channels, y, x) to (n, channels (rates + 2), y, x)."""
        coarse = features
        if self.pooled:
            # Rounded up, so that an odd size loses no pixel.
            coarse = _resized(functional.avg_pool2d(features, POOLING, ceil_mode=True), features)
        branches = [self.point(features), *(branch(features) for branch in self.atrous), self.image_level(coarse)]
        return torch.cat(branches, dim=1)


class Residual(torch.nn.Module):
    """The sum of layers and of a shortcut past them."""

    def __init__(self, layers: Sequence[torch.nn.Module], shortcut: torch.nn.Module):
        super().__init__()
        self.layers = torch.nn.Sequential(*layers)
        self.shortcut = shortcut

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return layers(features) + shortcut(features)."""
        return self.layers(features) + self.shortcut(features)


class Subsampling(torch.nn.Module):
    """Every n-th pixel, from the first on."""

    def __init__(self, stride: int):
        super().__init__()
        self.stride = stride

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (n, channels, y, x) to (n, channels, ceil(y / stride), ceil(x / stride))."""
        return features[..., :: self.stride, :: self.stride]


def _entry_block(channels_in: int, channels: Sequence[int], style: Style) -> Residual:
    """Return three separable convolutions, of which the last halves the resolution, past a strided shortcut."""
    first, second, last = channels
    layers = [
        SeparableConvolution(channels_in, first, style),
        SeparableConvolution(first, second, style),
        SeparableConvolution(second, last, style, stride=2),
    ]
    return Residual(layers, _pointwise(channels_in, last, style, stride=2))


def _middle_block(channels: int, style: Style) -> Residual:
    return Residual([SeparableConvolution(channels, channels, style) for _ in range(3)], torch.nn.Identity())


def _decoder_block(channels_in: int, channels: int, style: Style) -> Residual:
    layers = [SeparableConvolution(channels_in, channels, style), SeparableConvolution(channels, channels, style)]
    return Residual(layers, _pointwise(channels_in, channels, style))


def _pointwise(channels_in: int, channels: int, style: Style, stride: int = 1) -> torch.nn.Sequential:
    # Pixels are left out before and not by the convolution: with a stride and few channels, one of 1 x 1 writes beyond
    # its memory on a CPU when channels come last (torch 2.13).
    convolution = style.activated(torch.nn.Conv2d(channels_in, channels, 1, bias=False))
    return convolution if stride == 1 else torch.nn.Sequential(Subsampling(stride), *convolution)


def _transposed(channels: int, style: Style) -> torch.nn.Sequential:
    return style.activated(
        torch.nn.ConvTranspose2d(channels, channels, 3, stride=2, padding=1, output_padding=1, bias=False)
    )


def _interpolated(channels: int, style: Style) -> torch.nn.Sequential:
    convolved = style.activated(torch.nn.Conv2d(channels, channels, 3, padding=1, bias=False))
    return torch.nn.Sequential(torch.nn.Upsample(scale_factor=2, mode="bilinear"), *convolved)


_DOUBLING = {"transposed": _transposed, "bilinear": _interpolated}


def _resized(features: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Interpolate feature maps bilinearly to the pixels of others."""
    return functional.interpolate(features, size=like.shape[-2:], mode="bilinear")
