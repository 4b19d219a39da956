"""Apply a network to an image of any size by tiles, so that the memory that it takes stays bounded.

All take and give torch tensors of shape (c, [z,] y, x), on any device. torch is imported inside the functions, so that
importing this module costs nothing.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from reconbench.errors import UserError
from reconbench.training.settings import Tiling


def apply_tiled(function: Callable, image, tiling: Tiling, multiple: int = 1):
    """Return a function of an image, computed by tiles that are faded into each other.

    Parameters
    ----------
    function : callable
        From (n, c, [z,] y, x) to (n, c', [z,] y, x). No gradients are kept.
    image : torch.Tensor
        Shape (c, [z,] y, x), of a floating-point type.
    tiling : Tiling
        `margin` and `blend` are rounded up to multiples of `multiple`. `size` is the largest side of a tile: it says
        how many tiles an axis needs, and these are then made only as large as they have to be.
    multiple : int
        Product of the strides of the network. Sizes of tiles, and their positions from the first pixel of the image,
        are multiples of it.

    Returns
    -------
    torch.Tensor
        Shape (c', [z,] y, x), on the device and of the type of the image.

    Raises
    ------
    UserError
        If two margins and a blend fill a tile, or the function does not keep the size of a tile.

    Notes
    -----
    The image is extended by its reflection, the edge pixel not repeated, and by reflections of that where it is small.
    With a margin that is no smaller than the reach of the network, the result is that of one piece, except within its
    reach of the edge of the image, where the network meets the reflection and not its own padding.
    """
    margin, blend = _round_up(tiling.margin, multiple), _round_up(tiling.blend, multiple)
    least = 2 * margin + blend + multiple
    if tiling.size < least:
        raise UserError(
            f"tiles of {tiling.size} pixels are too small for a margin of {tiling.margin} and a blend of "
            f"{tiling.blend} pixels; with these, and strides of {multiple}, the size has to be at least {least}"
        )
    largest_step = tiling.size // multiple * multiple - 2 * margin - blend
    axes = []
    for size in image.shape[1:]:
        count = max(1, -(-(size - blend) // largest_step))
        step = _round_up(-(-(size - blend) // count), multiple)
        origins = tuple(step * number for number in range(count))
        axes.append(_Axis(size, before=margin, tile=step + blend + 2 * margin, cut=margin, fade=blend, origins=origins))
    return _apply(function, image, axes, tiling.batch)


def apply_overlapping(function: Callable, image, size: int, overlap: int, border: int, batch: int):
    """Return a function of an image, averaged over overlapping crops of one size.

    Parameters
    ----------
    function : callable
        From (n, c, [z,] y, x) to (n, c', [z,] y, x). No gradients are kept.
    image : torch.Tensor
        Shape (c, [z,] y, x), of a floating-point type.
    size : int
        Pixels a side of a crop. An axis that is shorter, even when it is padded, is padded on at its end.
    overlap : int
        Pixels of reflection on each side of the image. The step from crop to crop is `size` - 2 `overlap`; the last
        one is moved back to the end of the padded image.
    border : int
        Pixels at the edge of each crop that are left out of the average.
    batch : int
        Crops at once.

    Returns
    -------
    torch.Tensor
        Shape (c', [z,] y, x), on the device and of the type of the image.

    Raises
    ------
    UserError
        If two overlaps fill a crop, the border is wider than the overlap, or the function does not keep the size.

    References
    ----------
    Ede and Beanland, Ultramicroscopy 202, 18 (2019), and the code of its authors: size 512, overlap 25.
    """
    if size <= 2 * overlap:
        raise UserError(f"crops of {size} pixels are too small for an overlap of {overlap} pixels on each side")
    if border > overlap:
        raise UserError(f"a border of {border} pixels leaves gaps; it may be as wide as the overlap, {overlap} pixels")
    axes = []
    for pixels in image.shape[1:]:
        last = max(pixels + 2 * overlap - size, 0)
        origins = (*range(0, last, size - 2 * overlap), last)
        axes.append(_Axis(pixels, before=overlap, tile=size, cut=border, fade=0, origins=origins))
    return _apply(function, image, axes, batch)


@dataclass(frozen=True)
class _Axis:
    """The tiles along one axis of an image of `size` pixels, which is extended by `before` pixels before the first.

    Tiles of `tile` pixels begin at the `origins` on the extended axis. At each edge of a tile `cut` pixels are thrown
    away, and the next `fade` pixels gain weight.
    """

    size: int
    before: int
    tile: int
    cut: int
    fade: int
    origins: tuple[int, ...]

    @property
    def kept(self) -> int:
        """Pixels of a tile that are not thrown away."""
        return self.tile - 2 * self.cut

    def places(self) -> np.ndarray:
        """Return which pixel of the image lies at each pixel of the extended axis."""
        after = self.origins[-1] + self.tile - self.before - self.size
        # numpy goes on reflecting where the padding is wider than the image, and repeats a single pixel.
        return np.pad(np.arange(self.size), (self.before, after), mode="reflect")

    def weights(self) -> list[np.ndarray]:
        """Return the weights of the kept pixels of each tile: raised cosines that sum to one where tiles overlap."""
        inside = np.arange(self.kept) + 0.5
        distance = np.minimum(inside, self.kept - inside)
        # A distance is at least half a pixel, so that without a fade all weights are equal.
        profile = np.sin(np.pi / 2 * np.minimum(distance / max(self.fade, 0.5), 1)) ** 2
        total = np.zeros(self.origins[-1] + self.kept)
        for origin in self.origins:
            total[origin : origin + self.kept] += profile
        return [profile / total[origin : origin + self.kept] for origin in self.origins]


def _tiles(axes: list[_Axis]) -> Iterator[tuple[tuple[int, np.ndarray], ...]]:
    """Yield the origin and the weights along each axis, tile by tile."""
    return itertools.product(*(tuple(zip(axis.origins, axis.weights(), strict=True)) for axis in axes))


def _apply(function: Callable, image, axes: list[_Axis], batch: int):
    """Apply a function to all tiles of an image, and sum what it gives, weighted, without what is cut."""
    import torch

    extended = image
    for dimension, axis in enumerate(axes, start=1):
        extended = extended.index_select(dimension, torch.from_numpy(axis.places()).to(image.device))
    cut = (..., *(slice(axis.cut, axis.cut + axis.kept) for axis in axes))
    tiles = _tiles(axes)
    total = None
    while some := list(itertools.islice(tiles, batch)):
        windows = [
            (..., *(slice(origin, origin + axis.tile) for (origin, _), axis in zip(tile, axes, strict=True)))
            for tile in some
        ]
        with torch.no_grad():
            results = function(torch.stack([extended[window] for window in windows]))
        expected = tuple(axis.tile for axis in axes)
        if results.shape[2:] != expected:
            raise UserError(
                f"the network gives {tuple(results.shape[2:])} pixels for a tile of {expected}; it has to keep the "
                "size, and multiple has to be the product of its strides"
            )
        if total is None:
            total = image.new_zeros(results.shape[1], *(axis.origins[-1] + axis.kept for axis in axes))
        for tile, result in zip(some, results, strict=True):
            weighted = result[cut].to(total)
            for dimension, (_, weights) in enumerate(tile, start=1):
                shape = (-1, *[1] * (len(axes) - dimension))
                weighted = weighted * torch.from_numpy(weights).to(total).reshape(shape)
            # What is kept of a tile begins `cut` after its origin, and so does the sum after the extended image.
            total[(..., *(slice(origin, origin + len(weights)) for origin, weights in tile))] += weighted
    for dimension, axis in enumerate(axes, start=1):
        total = total.narrow(dimension, axis.before - axis.cut, axis.size)
    return total.contiguous()


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
