"""Tiling: the weights sum to one, tiles agree with one piece, and the published variant with one worked by hand."""

import pytest
import torch

from reconbench.errors import UserError
from reconbench.tiling import apply_overlapping, apply_tiled
from reconbench.training.settings import Tiling

SMALL = Tiling(size=24, margin=5, blend=6, batch=3)
# Smaller than the padding, than a tile, one pixel wide, several tiles with and without a rest; planes and volumes.
SHAPES = [(1, 1), (1, 40), (3, 2), (14, 20), (24, 24), (25, 71), (100, 33), (1, 30, 17), (7, 26, 41)]


@pytest.fixture
def random():
    return torch.Generator().manual_seed(8)


def identity(batch):
    return batch


def hold(batch):
    """Repeat every fourth pixel of each axis four times: a stride, at any size."""
    for axis in range(2, batch.ndim):
        places = torch.arange(batch.shape[axis]) // 4 * 4
        batch = batch.index_select(axis, places)
    return batch


def convolutions(dimensions, random):
    """Return a network of three convolutions, whose reach is 3 pixels, and that pads by zeros."""
    layer = {2: torch.nn.Conv2d, 3: torch.nn.Conv3d}[dimensions]
    layers = [layer(2, 4, 3, padding=1), torch.nn.Tanh(), layer(4, 4, 3, padding=1), torch.nn.Tanh()]
    return drawn(torch.nn.Sequential(*layers, layer(4, 3, 3, padding=1)), random)


def strided(random):
    """Return a network of stride 4, whose reach is 7 pixels."""
    return drawn(
        torch.nn.Sequential(
            torch.nn.Conv2d(2, 4, 7, stride=4, padding=3),
            torch.nn.Tanh(),
            torch.nn.Upsample(scale_factor=4, mode="nearest"),
            torch.nn.Conv2d(4, 1, 3, padding=1),
        ),
        random,
    )


def drawn(network, random):
    for parameter in network.parameters():
        parameter.data.uniform_(-0.5, 0.5, generator=random)
    return network.double()


def largest_difference(network, image, tiling, reach, **keywords):
    """Return how far tiles differ from one piece, out of reach of the edge of the image."""
    with torch.no_grad():
        whole = network(image[None])[0]
    tiled = apply_tiled(network, image, tiling, **keywords)
    assert tiled.shape == whole.shape
    inside = (..., *[slice(reach, -reach)] * (image.ndim - 1))
    return float((tiled - whole)[inside].abs().max())


@pytest.mark.parametrize("multiple", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_weights_sum_to_one(random, shape, multiple):
    image = torch.rand(2, *shape, generator=random)
    result = apply_tiled(identity, image, SMALL, multiple)
    torch.testing.assert_close(result, image, rtol=0, atol=1e-6)
    result = apply_overlapping(identity, image, size=16, overlap=3, border=2, batch=3)
    torch.testing.assert_close(result, image, rtol=0, atol=1e-6)


@pytest.mark.parametrize("blend", [0, 1, 5, 13])
def test_weights_sum_to_one_for_any_blend(random, blend):
    image = torch.rand(1, 50, 37, generator=random)
    result = apply_tiled(identity, image, Tiling(size=16, margin=1, blend=blend))
    torch.testing.assert_close(result, image, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(50, 61), (11, 30, 31)])
def test_tiles_agree_with_one_piece_if_the_margin_covers_the_reach(random, shape):
    network = convolutions(len(shape), random)
    image = torch.rand(2, *shape, generator=random, dtype=torch.float64)
    for blend in (0, 4):
        assert largest_difference(network, image, Tiling(size=16, margin=3, blend=blend), reach=3) < 1e-12
        assert largest_difference(network, image, Tiling(size=16, margin=2, blend=blend), reach=3) > 1e-4


def test_tiles_agree_with_one_piece_for_a_network_with_strides(random):
    network = strided(random)
    image = torch.rand(2, 100, 68, generator=random, dtype=torch.float64)
    # All three are rounded to multiples of 4: 40, 8 and 8.
    assert largest_difference(network, image, Tiling(size=42, margin=7, blend=5), reach=7, multiple=4) < 1e-12
    assert largest_difference(network, image, Tiling(size=42, margin=4, blend=5), reach=7, multiple=4) > 1e-4


@pytest.mark.parametrize("shape", [(3, 5), (33, 70), (6, 34, 43)])
def test_strides_stay_in_phase_with_the_image(random, shape):
    image = torch.rand(1, *shape, generator=random)
    whole = hold(image[None])[0]
    tiling = Tiling(size=26, margin=5, blend=3)
    torch.testing.assert_close(apply_tiled(hold, image, tiling, multiple=4), whole, rtol=0, atol=1e-6)
    assert (apply_tiled(hold, image, tiling) - whole).abs().max() > 0.1


def test_the_margin_is_thrown_away(random):
    def spoil(batch):
        spoilt = torch.full_like(batch, torch.nan)
        spoilt[..., 5:-5, 5:-5] = batch[..., 5:-5, 5:-5]
        return spoilt

    image = torch.rand(1, 40, 50, generator=random)
    torch.testing.assert_close(apply_tiled(spoil, image, SMALL), image, rtol=0, atol=1e-6)
    result = apply_overlapping(spoil, image, size=24, overlap=5, border=5, batch=1)
    torch.testing.assert_close(result, image, rtol=0, atol=1e-6)
    assert apply_overlapping(spoil, image, size=24, overlap=5, border=4, batch=1).isnan().any()


@pytest.mark.parametrize(("blend", "largest_step"), [(0, 1), (8, 0.2)])
def test_neighbours_are_faded_into_each_other(blend, largest_step):
    numbers = iter(range(100))
    result = apply_tiled(
        lambda batch: torch.full_like(batch, next(numbers)),
        torch.zeros(1, 4, 60),
        Tiling(size=24, blend=blend, margin=2, batch=1),
    )
    row = result[0, 0]
    assert row[0] == 0
    assert row[-1] == next(numbers) - 1 >= 2
    assert 0.9 * largest_step < row.diff().max() <= largest_step
    assert row.diff().min() >= 0


def test_how_many_tiles_at_once_does_not_matter(random):
    network = convolutions(2, random)
    image = torch.rand(2, 60, 45, generator=random, dtype=torch.float64)
    one, *others = (apply_tiled(network, image, SMALL.model_copy(update={"batch": batch})) for batch in (1, 5, 1000))
    for other in others:
        torch.testing.assert_close(other, one, rtol=0, atol=1e-12)


@pytest.mark.parametrize("multiple", [1, 4])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_call_takes_no_more_than_a_batch_of_tiles(shape, multiple):
    batches = []

    def watch(batch):
        batches.append(batch.shape)
        return batch

    apply_tiled(watch, torch.zeros(2, *shape), Tiling(size=35, margin=5, blend=6, batch=3), multiple)
    for tiles, channels, *sizes in batches:
        assert tiles <= 3
        assert channels == 2
        assert all(size <= 35 and size % multiple == 0 for size in sizes)


def test_a_large_image_is_not_padded_by_nearly_a_whole_tile():
    pixels = []

    def watch(batch):
        pixels.append(batch[:, 0].numel())
        return batch

    apply_tiled(watch, torch.zeros(1, 260, 260), Tiling(size=256, margin=16, blend=16))
    assert sum(pixels) == 4 * (122 + 16 + 32) ** 2


def test_channels_type_and_gradients(random):
    image = torch.rand(2, 30, 40, generator=random).requires_grad_()
    result = apply_tiled(lambda batch: batch.sum(1, keepdim=True).expand(-1, 5, -1, -1).double(), image, SMALL)
    assert result.shape == (5, 30, 40)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result[4], image.sum(0), rtol=0, atol=1e-5)
    assert not result.requires_grad
    result = apply_overlapping(lambda batch: batch[:, :1], image, size=16, overlap=2, border=1, batch=2)
    torch.testing.assert_close(result, image[:1], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("border", "expected"),
    [(0, [0, 0.5, 0.5, 1.5, 2, 2.5, 2.5]), (1, [0, 0, 1, 1, 2, 2.5, 3])],
)
@pytest.mark.parametrize("batch", [1, 3])
def test_overlapping_crops_worked_by_hand(border, expected, batch):
    """Padded, the row is 1 0 1 2 3 4 5 6 5. Crops of 4 lie at 0, 2, 4 and, moved back from 6, at 5."""
    crops = []

    def number(crops_at_once):
        results = [torch.full_like(crop, len(crops) + place) for place, crop in enumerate(crops_at_once)]
        crops.extend(crop[0, 0].tolist() for crop in crops_at_once)
        return torch.stack(results)

    image = torch.arange(7.0).reshape(1, 1, 7)
    result = apply_overlapping(number, image, 4, 1, border, batch)
    assert crops == [[1, 0, 1, 2], [1, 2, 3, 4], [3, 4, 5, 6], [4, 5, 6, 5]]
    torch.testing.assert_close(result, torch.tensor([[expected]]))


def test_an_image_smaller_than_a_crop_goes_on_reflecting_at_its_end():
    crops = []

    def watch(batch):
        crops.append(batch[0, 0, 0].tolist())
        return batch

    apply_overlapping(watch, torch.arange(3.0).reshape(1, 1, 3), size=8, overlap=1, border=0, batch=1)
    assert crops == [[1, 0, 1, 2, 1, 0, 1, 2]]


@pytest.mark.parametrize(
    ("tiling", "multiple", "least"),
    [
        (Tiling(size=48, margin=16, blend=16), 1, 49),
        (Tiling(size=40, margin=10, blend=10), 8, 56),
        (Tiling(size=16, margin=0, blend=0), 32, 32),
    ],
)
def test_tiles_that_margin_and_blend_fill_are_refused(tiling, multiple, least):
    image = torch.zeros(1, 5, 5)
    with pytest.raises(UserError, match=f"the size has to be at least {least}$"):
        apply_tiled(identity, image, tiling, multiple)
    apply_tiled(identity, image, tiling.model_copy(update={"size": least}), multiple)


def test_crops_that_leave_gaps_are_refused():
    with pytest.raises(UserError, match="crops of 10 pixels are too small for an overlap of 5"):
        apply_overlapping(identity, torch.zeros(1, 30, 30), size=10, overlap=5, border=1, batch=1)
    with pytest.raises(UserError, match="a border of 4 pixels leaves gaps"):
        apply_overlapping(identity, torch.zeros(1, 30, 30), size=10, overlap=3, border=4, batch=1)


def test_a_network_that_does_not_keep_the_size_is_refused():
    with pytest.raises(UserError, match=r"gives \(20, 23\) pixels for a tile of \(22, 23\); .* product of its strides"):
        apply_tiled(lambda batch: batch[..., 2:, :], torch.zeros(1, 12, 40), SMALL)
