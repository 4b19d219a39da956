"""One image as a network: it returns that image whatever it is given."""

import torch


class LearnedImage(torch.nn.Module):
    """An image that is learned pixel by pixel.

    Parameters
    ----------
    shape : tuple of int
        (c, y, x).
    value : float
        What it is everywhere at first.
    """

    def __init__(self, shape: tuple[int, int, int], value: float):
        super().__init__()
        self.image = torch.nn.Parameter(torch.full(shape, value))

    def forward(self, measurement: torch.Tensor) -> torch.Tensor:
        """Return the image for each of n measurements, whatever they are: shape (n, c, y, x)."""
        return self.image.expand(len(measurement), *self.image.shape)
