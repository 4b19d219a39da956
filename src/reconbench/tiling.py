"""Apply a network to an image of any size by tiles, so that the memory that it takes stays bounded.

All take and give torch tensors of shape (c, [z,] y, x), on any device. torch is imported inside the functions, so that
importing this module costs nothing.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
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
        how many tiles an axis needs, and these are then made only as large as they have to be. `weights` says how tiles
        are faded into each other: by raised cosines along each axis, or by `pyramid_weights` of what is kept of a tile.
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

    Papkov et al. 2023 take tiles of 128 pixels, no margin, a blend of 32 and pyramids. Theirs keep that size; tiles of
    this function are smaller where the last one would stand out from the image.
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
    return _apply(function, image, axes, _WEIGHTS[tiling.weights], tiling.batch)


def pyramid_weights(shape: Sequence[int]) -> np.ndarray:
    """Return the weights of the pixels of a tile, large at its centre and small at its sides.

    With the distance C of the centre of a pixel to the centre of the tile, and d to the nearest side, in pixels,

        W = E / (C + E),  E = sqrt(d^2 + 1 / 4).

    They are the weights of pytorch-toolbelt (Khvedchenya 2019), which Papkov et al. 2023 take, but for a factor that
    all tiles of a shape have in common. Where tiles overlap, each counts by its W over the sum of all W there.
    Along an outer side of the image all weights are small, so that tiles hardly fade into each other there: one of 128
    pixels with an overlap of 32 still counts for 44 per cent in its last pixel, and for 2 in the middle of the image.

    Parameters
    ----------
    shape : sequence of int
        Pixels of a tile along each axis, any number of axes.

    Returns
    -------
    ndarray
        Of this shape, float64, above 0 and at most 1.
    """
    places = np.ix_(*(np.arange(size) + 0.5 for size in shape))
    to_centre = np.sqrt(sum((place - size / 2) ** 2 for place, size in zip(places, shape, strict=True)))
    to_side = np.inf
    for place, size in zip(places, shape, strict=True):
        to_side = np.minimum(to_side, np.minimum(place, size - place))
    to_edge = np.sqrt(to_side**2 + 0.25)
    return to_edge / (to_centre + to_edge)


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
    return _apply(function, image, axes, _raised_cosines, batch)


@dataclass(frozen=True)
class _Axis:
    """The tiles along one axis of an image of `size` pixels, which is extended by `before` pixels before the first.

    Tiles of `tile` pixels begin at the `origins` on the extended axis. At each edge of a tile `cut` pixels are thrown
    away, and raised cosines rise over the next `fade` pixels.
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

    def raised_cosines(self) -> list[np.ndarray]:
        """Return the weights of the kept pixels of each tile: raised cosines that sum to one where tiles overlap."""
        inside = np.arange(self.kept) + 0.5
        distance = np.minimum(inside, self.kept - inside)
        # A distance is at least half a pixel, so that without a fade all weights are equal.
        profile = np.sin(np.pi / 2 * np.minimum(distance / max(self.fade, 0.5), 1)) ** 2
        total = np.zeros(self.origins[-1] + self.kept)
        for origin in self.origins:
            total[origin : origin + self.kept] += profile
        return [profile / total[origin : origin + self.kept] for origin in self.origins]


def _origins(axes: list[_Axis]) -> Iterator[tuple[int, ...]]:
    """Yield where each tile begins, along each axis of the extended image."""
    return itertools.product(*(axis.origins for axis in axes))


def _kept(origins: tuple[int, ...], axes: list[_Axis]) -> tuple:
    """Return the place of what is kept of a tile in the sum, which begins `cut` after the extended image."""
    return (..., *(slice(origin, origin + axis.kept) for origin, axis in zip(origins, axes, strict=True)))


def _raised_cosines(axes: list[_Axis], like) -> Iterator[tuple]:
    """Yield the weights of each tile as one factor an axis."""
    import torch

    factors = []
    for dimension, axis in enumerate(axes, start=1):
        shape = (-1, *[1] * (len(axes) - dimension))
        factors.append([torch.from_numpy(weights).to(like).reshape(shape) for weights in axis.raised_cosines()])
    return itertools.product(*factors)


def _pyramids(axes: list[_Axis], like) -> Iterator[tuple]:
    """Yield the weights of each tile as a single factor, because those of a pyramid are no product over axes."""
    import torch

    pyramid = torch.from_numpy(pyramid_weights([axis.kept for axis in axes])).to(like)
    total = like.new_zeros([axis.origins[-1] + axis.kept for axis in axes])
    for origins in _origins(axes):
        total[_kept(origins, axes)] += pyramid
    for origins in _origins(axes):
        yield (pyramid / total[_kept(origins, axes)],)


_WEIGHTS = {"raised_cosine": _raised_cosines, "pyramid": _pyramids}


def _apply(function: Callable, image, axes: list[_Axis], weights: Callable, batch: int):
    """Apply a function to all tiles of an image, and sum what it gives, weighted, without what is cut."""
    import torch

    extended = image
    for dimension, axis in enumerate(axes, start=1):
        extended = extended.index_select(dimension, torch.from_numpy(axis.places()).to(image.device))
    cut = (..., *(slice(axis.cut, axis.cut + axis.kept) for axis in axes))
    expected = tuple(axis.tile for axis in axes)
    tiles = zip(_origins(axes), weights(axes, image), strict=True)
    total = None
    while some := list(itertools.islice(tiles, batch)):
        windows = [
            (..., *(slice(origin, origin + size) for origin, size in zip(origins, expected, strict=True)))
            for origins, _ in some
        ]
        with torch.no_grad():
            results = function(torch.stack([extended[window] for window in windows]))
        if results.shape[2:] != expected:
            raise UserError(
                f"the network gives {tuple(results.shape[2:])} pixels for a tile of {expected}; it has to keep the "
                "size, and multiple has to be the product of its strides"
            )
        if total is None:
            total = image.new_zeros(results.shape[1], *(axis.origins[-1] + axis.kept for axis in axes))
        for (origins, factors), result in zip(some, results, strict=True):
            weighted = result[cut].to(total)
            for factor in factors:
                weighted = weighted * factor
            total[_kept(origins, axes)] += weighted
    for dimension, axis in enumerate(axes, start=1):
        total = total.narrow(dimension, axis.before - axis.cut, axis.size)
    return total.contiguous()


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
