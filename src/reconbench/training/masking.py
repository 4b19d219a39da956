"""Which pixels are hidden from a network that is to predict them, and what stands in their place."""

import torch


def stratified_mask(shape: tuple[int, ...], fraction: float, generator: torch.Generator) -> torch.Tensor:
    """Choose one pixel at random in each box of a regular grid.

    The side of a box is the d-th root of 1 / fraction, rounded (Papkov et al. 2023 and the code of its authors):
    14 pixels in 2D and 6 voxels in 3D for 0.5 per cent. Where the last box of an axis goes beyond the patch, the pixel
    may lie outside, and is then none; a box is never wider than the patch.

    Parameters
    ----------
    shape : tuple of int
        (n, 1, [z,] y, x).
    fraction : float
        Of the pixels, in (0, 1].
    generator : torch.Generator
        On the device of the result.

    Returns
    -------
    torch.Tensor
        bool.
    """
    number, _, *spatial = shape
    side = max(1, round((1 / fraction) ** (1 / len(spatial))))
    sides = [min(side, size) for size in spatial]
    boxes = [-(-size // width) for size, width in zip(spatial, sides, strict=True)]
    mask = torch.zeros(shape, dtype=torch.bool, device=generator.device)
    places = []
    for axis, (count, width) in enumerate(zip(boxes, sides, strict=True)):
        first = width * torch.arange(count, device=generator.device).reshape(-1, *[1] * (len(boxes) - axis - 1))
        within = torch.randint(width, (number, *boxes), generator=generator, device=generator.device)
        places.append(first + within)
    inside = torch.stack([place < size for place, size in zip(places, spatial, strict=True)]).all(dim=0)
    which = torch.arange(number, device=generator.device).reshape(-1, *[1] * len(boxes)).expand(inside.shape)
    mask[(which[inside], 0, *(place[inside] for place in places))] = True
    return mask


def independent_mask(shape: tuple[int, ...], density: float, generator: torch.Generator) -> torch.Tensor:
    """Choose each pixel by itself with one probability.

    Parameters
    ----------
    shape : tuple of int
    density : float
        The probability.
    generator : torch.Generator
        On the device of the result.

    Returns
    -------
    torch.Tensor
        bool.
    """
    return torch.rand(shape, generator=generator, device=generator.device) < density


def replaced_by_noise(
    image: torch.Tensor, mask: torch.Tensor, deviation: float, generator: torch.Generator
) -> torch.Tensor:
    """Return an image with Gaussian noise of mean 0 in the place of masked pixels, drawn anew at each call."""
    noise = torch.randn(image.shape, generator=generator, device=image.device, dtype=image.dtype)
    return torch.where(mask, deviation * noise, image)
