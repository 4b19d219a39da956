"""Torch's layers for images and for volumes, and the check of what a network of either is given."""

from dataclasses import dataclass

import torch

from reconbench.errors import UserError


@dataclass(frozen=True)
class Layers:
    """The classes of torch for images (n, c, y, x), or those for volumes (n, c, z, y, x)."""

    convolution: type[torch.nn.Module]
    transposed_convolution: type[torch.nn.Module]
    normalisation: type[torch.nn.Module]
    pooling: type[torch.nn.Module]


_LAYERS = {
    2: Layers(torch.nn.Conv2d, torch.nn.ConvTranspose2d, torch.nn.BatchNorm2d, torch.nn.MaxPool2d),
    3: Layers(torch.nn.Conv3d, torch.nn.ConvTranspose3d, torch.nn.BatchNorm3d, torch.nn.MaxPool3d),
}


def layers_for(dimensions: int) -> Layers:
    """Return the layers for images (2) or volumes (3); a UserError where it is neither."""
    if dimensions not in _LAYERS:
        raise UserError(f"a network is for images of 2 dimensions or for volumes of 3, not for {dimensions}")
    return _LAYERS[dimensions]


def require_image(name: str, image: torch.Tensor, dimensions: int, multiple: int = 1) -> None:
    """Raise a UserError unless a tensor is a batch of images of one channel, its sizes multiples of `multiple`.

    Parameters
    ----------
    name : str
        What the network is called in the message.
    image : torch.Tensor
    dimensions : {2, 3}
    multiple : int
    """
    shape = tuple(image.shape)
    if len(shape) == dimensions + 2 and shape[1] == 1 and not any(size % multiple for size in shape[2:]):
        return
    expected = {2: "images (n, 1, y, x)", 3: "volumes (n, 1, z, y, x)"}[dimensions]
    sizes = f" with sizes that are multiples of {multiple}" if multiple > 1 else ""
    raise UserError(f"the {name} takes {expected}{sizes}, not data of shape {shape}")
