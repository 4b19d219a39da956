"""A network with a fixed layer in front that prepares its input."""

import torch


class Prepared(torch.nn.Module):
    """A network with outputs at several scales, and what its input goes through first.

    Parameters
    ----------
    preparation : torch.nn.Module
        Keeps the size of images.
    network : torch.nn.Module
        With `at_all_scales`, `multiple` and `size`, as `MultiScale` and `StemGenerator`.

    Attributes
    ----------
    multiple, size : int
        Of the network: images must have sides that are multiples of the one and no smaller than the other.
    """

    def __init__(self, preparation: torch.nn.Module, network: torch.nn.Module):
        super().__init__()
        self.preparation, self.network = preparation, network
        self.multiple, self.size = network.multiple, network.size

    def forward(self, measurement: torch.Tensor) -> torch.Tensor:
        """Return the output of full size for measurements (n, c, y, x)."""
        return self.network(self.preparation(measurement))

    def at_all_scales(self, measurement: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the output of full size and the side outputs, from the finest on."""
        return self.network.at_all_scales(self.preparation(measurement))


class Standardisation(torch.nn.Module):
    """Brings each image to mean 0 and standard deviation 1, all its channels together. It has no weights."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return standardised images (n, c, y, x); a constant one becomes 0."""
        return standardised(images)


def standardised(images: torch.Tensor) -> torch.Tensor:
    """Return images (n, c, y, x), each with mean 0 and deviation 1 over all its channels; a constant one becomes 0."""
    deviation, mean = torch.std_mean(images, dim=(1, 2, 3), correction=0, keepdim=True)
    return (images - mean) / deviation.where(deviation > 0, 1)
