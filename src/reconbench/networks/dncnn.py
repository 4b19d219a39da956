"""The denoising convolutional network of Zhang et al. (2017), which estimates the noise."""

import torch

from reconbench.errors import UserError


class DnCNN(torch.nn.Module):
    """Convolutions of 3 x 3 pixels at full resolution, whose output is taken off the input.

    The layers are those of Zhang et al. 2017 (doi:10.1109/TIP.2017.2662206), section III-A: convolution and ReLU, then
    depth - 2 times convolution, batch normalisation and ReLU, then one convolution. The first and the last convolution
    have biases; those before a normalisation have none. Weights are drawn as He et al. (2015) do.

    Parameters
    ----------
    features : int
        Channels between the layers; 64 in the paper.
    depth : int
        Number of convolutions, at least 2; 17 or 20 in the paper.

    Attributes
    ----------
    reach : int
        How far, in pixels, a pixel of the input acts on the output along each axis.

    Raises
    ------
    UserError
        If `depth` is below 2.
    """

    multiple = 1
    """Images may have any size."""

    def __init__(self, features: int = 24, depth: int = 6):
        super().__init__()
        if depth < 2:
            raise UserError(f"DnCNN has a first and a last convolution, so that its depth is at least 2, not {depth}")
        self.reach = depth
        layers = [torch.nn.Conv2d(1, features, 3, padding=1), torch.nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers += [
                torch.nn.Conv2d(features, features, 3, padding=1, bias=False),
                torch.nn.BatchNorm2d(features),
                torch.nn.ReLU(inplace=True),
            ]
        layers.append(torch.nn.Conv2d(features, 1, 3, padding=1))
        self.residual = torch.nn.Sequential(*layers)
        self.apply(_initialise_by_he)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Denoise images of shape (n, 1, y, x), the result of the same shape."""
        return image - self.residual(image)


def _initialise_by_he(module: torch.nn.Module) -> None:
    if isinstance(module, torch.nn.Conv2d):
        torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            torch.nn.init.zeros_(module.bias)
