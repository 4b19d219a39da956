"""Tiles faded by pyramids: the published weights, results without seams, and images that memory does not hold."""

import itertools
import json
import math
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

import reconbench
from reconbench.networks.siamese_unet import SiameseUNet
from reconbench.tiling import apply_tiled, pyramid_weights
from reconbench.training.settings import Tiling

SOURCE = str(Path(reconbench.__file__).parents[1])
REACH = SiameseUNet.reach
NORMALISATIONS = (torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)


def pyramid(size, margin, blend):
    return Tiling(size=size, margin=margin, blend=blend, weights="pyramid", batch=2)


def smooth(shape):
    """Return a sum of cosines with periods of at least 40 pixels, shape (1, [z,] y, x)."""
    places = np.meshgrid(*(np.arange(size) for size in shape), indexing="ij")
    waves = np.random.default_rng(4).uniform(-1, 1, (6, len(shape) + 1))
    waves[:, 1:] *= 2 * np.pi / 40
    values = sum(np.cos(np.pi * wave[0] + np.tensordot(wave[1:], places, 1)) for wave in waves)
    return torch.from_numpy(values).float()[None]


def constant(shape):
    return torch.full((1, *shape), 0.7)


SCENES = {"constant": constant, "smooth": smooth}


def network(dimensions, features):
    """Return a U-Net with random weights, whose normalisations have the statistics of a smooth image."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        drawn = SiameseUNet(dimensions, features, {2: "concatenate", 3: "add"}[dimensions])
        for module in drawn.modules():
            if isinstance(module, NORMALISATIONS):
                torch.nn.init.uniform_(module.weight, 0.5, 1.5)
                torch.nn.init.uniform_(module.bias, -0.3, 0.3)
                module.momentum = 1
    with torch.no_grad():
        drawn(smooth([48] * dimensions)[None])
    return drawn.eval()


def in_one_piece(function, image):
    with torch.no_grad():
        return function(image[None])[0]


def inside(image):
    """Return what lies out of reach of the edge of the image."""
    return image[(..., *[slice(REACH, -REACH)] * (image.ndim - 1))]


def by_hand(shape):
    """Return the published weights pixel by pixel, side by side."""
    weights = np.empty(shape)
    for pixel in itertools.product(*map(range, shape)):
        centre = [index + 0.5 for index in pixel]
        to_centre = math.dist(centre, [size / 2 for size in shape])
        sides = [side for place, size in zip(centre, shape, strict=True) for side in (place, size - place)]
        to_edge = min(math.sqrt(side**2 + 0.25) for side in sides)
        weights[pixel] = to_edge / (to_centre + to_edge)
    return weights


@pytest.mark.parametrize("shape", [(1, 1), (4, 7), (6, 6), (3, 4, 5)])
def test_weights_are_the_published_formula(shape):
    np.testing.assert_allclose(pyramid_weights(shape), by_hand(shape), rtol=1e-14)


def test_weights_of_small_tiles():
    corner, side = 1 / 3, math.sqrt(2) - 1
    np.testing.assert_allclose(
        pyramid_weights((3, 3)), [[corner, side, corner], [side, 1, side], [corner, side, corner]]
    )
    np.testing.assert_allclose(pyramid_weights((2, 2, 2)), 1 / (1 + math.sqrt(1.5)))


@pytest.mark.parametrize("shape", [(28, 40), (16, 28, 28)])
def test_overlapping_tiles_are_averaged_by_their_weights(shape):
    """Tiles of 16 pixels begin at 0, 12 and 24; each gives its number."""
    numbers = itertools.count()
    result = apply_tiled(
        lambda batch: torch.stack([torch.full_like(tile, next(numbers)) for tile in batch]),
        torch.zeros(1, *shape),
        pyramid(size=16, margin=0, blend=4),
    )
    total, weights, tile = np.zeros(shape), np.zeros(shape), by_hand([16] * len(shape))
    origins = list(itertools.product(*(range(0, size - 4, 12) for size in shape)))
    for number, place in enumerate(origins):
        window = tuple(slice(origin, origin + 16) for origin in place)
        total[window] += number * tile
        weights[window] += tile
    assert len(origins) == next(numbers)
    np.testing.assert_allclose(result[0], total / weights, rtol=0, atol=1e-5)


@pytest.mark.parametrize("multiple", [1, 4])
@pytest.mark.parametrize(("margin", "blend"), [(0, 0), (0, 8), (5, 6)])
@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (32, 32), (71, 100), (7, 26, 41), (33, 32, 70)])
def test_weights_sum_to_one(shape, margin, blend, multiple):
    image = torch.rand(2, *shape, generator=torch.Generator().manual_seed(3))
    result = apply_tiled(lambda batch: batch, image, pyramid(32, margin, blend), multiple)
    torch.testing.assert_close(result, image, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("scene", "shape"), [("constant", (152, 200)), ("smooth", (152, 200)), ("smooth", (52, 52, 92))]
)
def test_tiles_agree_with_one_piece_if_the_margin_covers_the_reach(scene, shape):
    function, image = network(len(shape), 2), SCENES[scene](shape)
    whole = in_one_piece(function, image)
    tiled = apply_tiled(function, image, pyramid(96, REACH, 8), function.multiple)
    assert whole.std() > 0.01
    torch.testing.assert_close(inside(tiled), inside(whole), rtol=0, atol=1e-5)


def test_tiles_differ_from_one_piece_if_the_margin_is_too_small():
    function, image = network(2, 2), smooth((152, 200))
    tiled = apply_tiled(function, image, pyramid(96, REACH - 8, 8), function.multiple)
    assert inside(tiled - in_one_piece(function, image)).abs().max() > 1e-3


def largest_seam(function, image, whole, tiling):
    """Return the largest step across the sides of tiles that one piece does not have, over its standard deviation."""
    sizes = set()

    def watch(batch):
        sizes.update(batch.shape[2:])
        return function(batch)

    difference = (apply_tiled(watch, image, tiling, function.multiple) - whole)[0]
    assert sizes == {tiling.size}  # Tiles of other sizes would have their sides elsewhere.
    step, seams = tiling.size - tiling.blend, []
    for axis, pixels in enumerate(difference.shape):
        others = [slice(REACH, -REACH)] * difference.ndim
        others[axis] = slice(None)
        across = difference[tuple(others)].diff(dim=axis).abs()
        sides = [*range(step, pixels - tiling.blend, step), *range(tiling.size, pixels, step)]
        seams += [across.select(axis, side - 1).max() for side in sides]
    return float(max(seams) / whole.std())


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize(("shape", "size", "blend", "cut"), [((320, 320), 128, 32, 80), ((72, 72, 72), 48, 24, 36)])
def test_pyramids_leave_smaller_seams_than_cutting(scene, shape, size, blend, cut):
    """Without a margin, as published, and with a blend that covers the reach: seams were 5 to 14 times smaller."""
    function, image = network(len(shape), 2), SCENES[scene](shape)
    whole = in_one_piece(function, image)
    faded, plain = (
        largest_seam(function, image, whole, tiling) for tiling in (pyramid(size, 0, blend), pyramid(cut, 0, 0))
    )
    assert 0 < faded < plain / 3.5


# Without oneDNN, torch convolves by a copy of the image for each tap of the kernel: 216 bytes a voxel, and 72 a pixel,
# for two channels. With it, sizes and machines decide what is copied.
CHILD = """
    import json, resource, sys
    from pathlib import Path

    import torch

    sys.path.insert(0, sys.argv[1])
    from test_pyramid_tiling import REACH, SCENES, in_one_piece, network, pyramid
    from reconbench.tiling import apply_tiled

    shape, size, margin, allowance = json.loads(sys.argv[2])
    torch.set_num_threads(1)
    torch.backends.mkldnn.enabled = False
    function = network(len(shape), features=2)
    if margin < REACH:
        # The coarser resolutions are computed, but their result counts for nothing.
        torch.nn.init.zeros_(function.up_1.weight)
    images = [scene(shape) for scene in SCENES.values()]
    tiling = pyramid(size, margin, blend=8).model_copy(update={"batch": 1})

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + allowance * 2**20, most))
    failures = []
    for image in images:
        try:
            in_one_piece(function, image)
        except RuntimeError as error:
            failures.append(str(error))
    tiled = [apply_tiled(function, image, tiling, function.multiple) for image in images]
    resource.setrlimit(resource.RLIMIT_AS, (most, most))

    differences = []
    for image, result in zip(images, tiled):
        whole = in_one_piece(function, image)
        within = (0, *[slice(margin, -margin)] * len(shape))
        differences.append([float((result - whole)[within].abs().max()), float(whole.std())])
    print(json.dumps({"failures": failures, "differences": differences}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
@pytest.mark.parametrize(
    ("shape", "size", "margin", "allowance"), [((88, 88, 88), 64, 8, 130), ((1024, 1024), 256, REACH, 75)]
)
def test_an_image_that_memory_does_not_hold_in_one_piece_is_restored_without_seams(shape, size, margin, allowance):
    """The limit, in MiB beyond what the child has before, is lifted only to compute what one piece would have been."""
    arguments = [str(Path(__file__).parent), json.dumps([shape, size, margin, allowance])]
    # Blocks from 1 MB on go back to the system at once, so that nothing of the failure is left over.
    environment = {"PYTHONPATH": SOURCE, "OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "1000000"}
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout)
    assert len(seen["failures"]) == len(SCENES)
    assert all("allocate memory" in message for message in seen["failures"])
    for difference, deviation in seen["differences"]:
        assert deviation > 0.01
        assert difference < 1e-5
