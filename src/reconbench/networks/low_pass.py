"""The four fixed low-pass filters in front of the STEM denoisers of Wang et al. (2018, 2020)."""

import torch
from torch.nn import functional

from reconbench.networks.padding import mirrored

BOXES = (5, 7)
VARIANCES = (20.0, 30.0)
REACH = 16
# A channel whose values differ by no more than this share of them is flat, but for rounding.
FLAT = 1e-5


class LowPass(torch.nn.Module):
    """One image smoothed in four ways, each brought to [0, 1]. It has no weights.

    Two filters are means over 5 x 5 and 7 x 7 pixels, two are Gaussians exp(-r^2 / (2 v)) with variances v of 20 and 30
    square pixels on 33 x 33 pixels. All sum to 1. Images go on beyond their edges by their mirror image.

    Notes
    -----
    The papers define the Gaussians in three ways that contradict each other. The formula of both has
    exp(-r^2 / sqrt 20) and exp(-r^2 / sqrt 30) on 15 x 15 pixels, which are variances of 2.2 and 2.7. The caption of
    figure 4 of the first has standard deviations of sqrt 20 and sqrt 30. The code means exp(-r^2 / (2 20)) and
    exp(-r^2 / (2 30)) on 33 x 33 pixels, though its operator for powers is another one, so that it has no Gaussian.
    Caption and code agree on what was meant, and that is what stands here. As in the code, each channel of each image
    is then brought to [0, 1].

    References
    ----------
    Wang et al. 2018, arXiv:1810.12183, and 2020, doi:10.1038/s41598-020-62484-z, section on low-pass filters.
    """

    channels = len(BOXES) + len(VARIANCES)

    def __init__(self):
        super().__init__()
        distance = torch.arange(-REACH, REACH + 1, dtype=torch.float64)
        profiles = [(distance.abs() <= side // 2).double() for side in BOXES]
        profiles += [torch.exp(-distance.square() / (2 * variance)) for variance in VARIANCES]
        # Every filter is the product of its profile along y and along x.
        profiles = torch.stack([profile / profile.sum() for profile in profiles]).float()
        self.register_buffer("profiles", profiles, persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the four smoothed images, each from 0 to 1.

        Parameters
        ----------
        images : torch.Tensor
            Shape (n, 1, y, x), of any size.

        Returns
        -------
        torch.Tensor
            Shape (n, 4, y, x). A channel that is flat is 0.
        """
        smooth = self.smoothed(images)
        low, high = smooth.amin(dim=(2, 3), keepdim=True), smooth.amax(dim=(2, 3), keepdim=True)
        span = high - low
        varies = span > FLAT * torch.maximum(low.abs(), high.abs())
        return torch.where(varies, (smooth - low) / span.where(varies, 1), 0)

    def smoothed(self, images: torch.Tensor) -> torch.Tensor:
        """Return the four smoothed images, shape (n, 4, y, x), with the values that the filters give."""
        with torch.autocast(images.device.type, enabled=False):
            extended = mirrored(images, (REACH, REACH), (REACH, REACH))
            along_x = functional.conv2d(extended, self.profiles[:, None, None, :])
            return functional.conv2d(along_x, self.profiles[:, None, :, None], groups=self.channels)
