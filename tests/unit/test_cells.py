"""Simulated cells: seeded, as dense, as large and as textured as asked, without a pattern, and cut by the edges."""

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.ndimage import binary_erosion, label

from reconbench.datasets.simulators._random_field import random_field
from reconbench.datasets.simulators.cells import Params, draw_cells, simulate
from reconbench.errors import UserError
from reconbench.randomness import generator

VOLUME = (16, 64, 64)
SMALL = {"radius": 2000}
BARE = {"cytoplasm": 0, "puncta": 0, "nucleoli": 0, "mitotic": 0}


def images(number, size=(128, 128), **params):
    return [simulate(generator(0, "test", index), size, Params(**params)) for index in range(number)]


def fields(number, shape, voxel, sizes=(1000.0, 60.0), exponent=1.8):
    return np.array([random_field(generator(0, index), shape, voxel, sizes, exponent) for index in range(number)])


def radial_power(image):
    """Return the power at each distance from the middle of the spectrum, in steps of 1 / side, of a square image."""
    side = len(image)
    window = np.hanning(side)
    power = np.abs(np.fft.fft2((image - image.mean()) * window[:, None] * window)) ** 2
    ring = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)) * side
    ring = ring.astype(int).ravel()
    return np.bincount(ring, power.ravel()) / np.bincount(ring)


def exponent_of(frequency, power, low, high):
    """Return the exponent by which a power falls between two frequencies."""
    used = (frequency > low) & (frequency < high)
    return -np.polyfit(np.log(frequency[used]), np.log(power[used]), 1)[0]


@pytest.mark.parametrize("size", [(128, 128), (64, 96), (33, 65), (8, 8), VOLUME, (9, 20, 33), (8, 8, 8)])
def test_shape_type_and_range(size):
    for image in images(4, size):
        assert image.shape == size
        assert image.dtype == np.float32
        assert image.min() >= 0
        assert image.max() == 1
        assert image.std() > 0.02


@pytest.mark.parametrize("size", [(128, 128), VOLUME])
def test_the_same_address_gives_the_same_image_and_another_another(size):
    first, second = images(2, size)
    np.testing.assert_array_equal(first, images(1, size)[0])
    assert np.abs(first - second).mean() > 0.02


@pytest.mark.parametrize("cover", [0.08, 0.2, 0.35])
def test_as_much_is_under_nuclei_as_asked(cover):
    shares = [(image > 0).mean() for image in images(40, (256, 256), cover=cover, radius=1200, **BARE)]
    assert np.mean(shares) == pytest.approx(cover, rel=0.2)
    # Images differ more than chance would have it: each has its own density.
    assert np.std(shares) > 0.2 * cover


def test_what_is_outside_cells_is_dark_and_most_of_an_image_is():
    for image in images(6, (300, 300), cytoplasm=0, **SMALL):
        assert (image == 0).mean() > 0.4


def test_edges_cut_cells_as_the_middle_has_them():
    mean = np.mean(images(60, (160, 160), radius=1500, **BARE), axis=0)
    edges = np.mean([mean[:4].mean(), mean[-4:].mean(), mean[:, :4].mean(), mean[:, -4:].mean()])
    assert edges == pytest.approx(mean[40:-40, 40:-40].mean(), rel=0.25)


def test_cells_do_not_lie_upon_each_other():
    cells = draw_cells(generator(0), (1, 600, 600), (250, 100, 100), Params(cover=0.3, **SMALL))
    places = np.array([cell.centre[1:] for cell in cells])
    distances = np.linalg.norm(places[:, None] - places, axis=-1)
    radii = np.array([cell.radius for cell in cells])
    apart = distances > 0.949 * (radii[:, None] + radii)
    assert len(cells) > 50
    assert apart[~np.eye(len(cells), dtype=bool)].all()


def test_sizes_brightness_and_shapes_differ_from_cell_to_cell():
    cells = draw_cells(generator(0), (1, 2000, 2000), (250, 100, 100), Params(radius=3000))
    radii, brightness = (np.array([getattr(cell, key) for cell in cells]) for key in ("radius", "brightness"))
    assert len(cells) > 200
    assert radii.mean() == pytest.approx(3000, rel=0.05)
    assert radii.std() == pytest.approx(450, rel=0.2)
    assert np.log(brightness).std() == pytest.approx(0.35, rel=0.2)
    assert 1.1 < np.mean([cell.elongation for cell in cells]) < 1.25
    assert {cell.mitotic for cell in cells} == {False, True}
    alike = draw_cells(generator(0), (1, 500, 500), (250, 100, 100), Params(radius=3000, variation=0, brightness=0))
    assert {(cell.radius, cell.brightness) for cell in alike} == {(3000, 1)}


def test_lengths_are_nanometres():
    """Twice the radius at twice the pixel is the same image, where there is no chromatin with its finest grains."""
    smooth = {**BARE, "chromatin": 0, "puncta": 10}
    near, far = ({**smooth, "radius": 2000 * n, "pixel_size": (100 * n, 100 * n)} for n in (1, 2))
    for one, other in zip(images(3, **near), images(3, **far), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_cells_are_as_flat_as_asked_whatever_the_voxel():
    params = {**BARE, "chromatin": 0, "variation": 0, "cover": 0.02, "radius": 3000}
    for flatness, step in ((0.3, 250), (0.6, 250), (0.6, 500)):
        volumes = images(8, (40, 80, 80), flatness=flatness, pixel_size=(step, 100, 100), **params)
        heights = [step * np.count_nonzero(volume.max(axis=(1, 2))) for volume in volumes]
        assert np.mean(heights) == pytest.approx(2 * 3000 * flatness, rel=0.2)


def test_a_plane_of_a_volume_looks_like_an_image():
    planes = [volume[8] for volume in images(12, (16, 128, 128), **SMALL, puncta=0)]
    flat = images(12, (128, 128), **SMALL, puncta=0)
    assert np.mean([plane > 0.1 for plane in planes]) == pytest.approx(
        np.mean([image > 0.1 for image in flat]), rel=0.5
    )
    frequency = (np.arange(91) + 0.5) / 128
    falls = [exponent_of(frequency, sum(map(radial_power, each)), 0.04, 0.2) for each in (planes, flat)]
    assert falls[0] == pytest.approx(falls[1], abs=0.5)


def test_the_spectrum_falls_like_that_of_images_with_edges():
    """As f^-2.9, between discs with sharp edges (3) and photographs (2 to 2.5); grains end it beyond 0.15 a pixel."""
    power = sum(radial_power(image) / image.var() for image in images(20, (256, 256)))
    frequency = (np.arange(len(power)) + 0.5) / 256
    assert exponent_of(frequency, power, 0.03, 0.15) == pytest.approx(2.9, abs=0.3)
    # Where blurs act there is still something to be restored.
    assert (
        power[(frequency > 0.3) & (frequency < 0.35)].mean()
        > 1e-5 * power[(frequency > 0.02) & (frequency < 0.04)].mean()
    )


@pytest.mark.parametrize("shape", [(256, 256), (40, 96, 96)])
def test_chromatin_has_unit_variance_and_falls_by_its_exponent_along_a_line(shape):
    textures = fields(10, shape, (100.0,) * len(shape), sizes=(1000.0, 20.0))
    assert textures.dtype == np.float32
    assert textures.mean() == pytest.approx(0, abs=0.1)
    assert textures.var() == pytest.approx(1, rel=0.1)
    lines = np.abs(np.fft.rfft(textures * np.hanning(shape[-1]), axis=-1)) ** 2
    power = lines.mean(axis=tuple(range(textures.ndim - 1)))
    # Cycles per nm, from three times where the power law begins to where sampling folds it.
    assert exponent_of(np.fft.rfftfreq(shape[-1], 100), power, 5e-4, 2.5e-3) == pytest.approx(1.8, abs=0.25)


def test_chromatin_is_the_same_along_z_as_in_the_plane():
    textures = fields(40, (24, 48, 48), (250.0, 100.0, 100.0))
    for planes, pixels in ((2, 5), (4, 10)):
        up = np.mean(textures[:, planes:] * textures[:, :-planes])
        aside = np.mean(textures[..., pixels:] * textures[..., :-pixels])
        assert 0.1 < up < 0.9
        assert up == pytest.approx(aside, abs=0.05)


def test_there_is_no_period():
    textures = fields(60, (96, 96), (100.0, 100.0))
    neighbours, opposite = (np.mean(textures[..., 0] * textures[..., place]) for place in (1, -1))
    assert neighbours > 0.8
    assert abs(opposite) < 0.12
    # Nor does one frequency stand out of its ring.
    power = np.mean(np.abs(np.fft.fft2(textures * np.hanning(96)[:, None] * np.hanning(96))) ** 2, axis=0)
    ring = (np.hypot(np.fft.fftfreq(96)[:, None], np.fft.fftfreq(96)) * 96).astype(int)
    mean = np.bincount(ring.ravel(), power.ravel()) / np.bincount(ring.ravel())
    assert (power / mean[ring])[(ring > 5) & (ring < 40)].max() < 3
    # Nor do opposite edges of an image fit together.
    columns = np.array(images(60, (64, 64), **SMALL))[..., [0, 1, -1]].reshape(-1, 3).T
    assert np.corrcoef(columns[0], columns[1])[0, 1] > 0.9
    assert abs(np.corrcoef(columns[0], columns[2])[0, 1]) < 0.25


def test_chromatin_makes_the_inside_of_nuclei_uneven():
    def unevenness(chromatin):
        found = images(12, (128, 128), **SMALL, **BARE, brightness=0, chromatin=chromatin)
        inside = [np.log(image[binary_erosion(image > 0, iterations=6)]) for image in found]
        return np.sqrt(np.mean([values.var() for values in inside if values.size > 200]))

    assert unevenness(0) < 0.05
    for chromatin in (0.3, 0.6):
        assert unevenness(chromatin) == pytest.approx(chromatin, rel=0.2)


def test_nucleoli_are_dark_holes():
    same = {**SMALL, **BARE, "chromatin": 0, "brightness": 0}

    def dark_share(nucleoli):
        return np.mean(
            [np.mean(image[image > 0] < 0.4) for image in images(8, (200, 200), **same | {"nucleoli": nucleoli})]
        )

    without, some, many = (dark_share(number) for number in (0, 3, 8))
    assert some > without + 0.03
    assert many > some + 0.03


def test_cytoplasm_is_around_the_nuclei_and_as_bright_as_asked():
    same = {**SMALL, **BARE, "chromatin": 0, "brightness": 0, "cover": 0.1}
    for brightness in (0.05, 0.2):
        for image in images(4, (200, 200), **same | {"cytoplasm": brightness}):
            nucleus = np.median(image[image > 0.5])
            around = image[(image > 0) & (image < 0.4)]
            assert np.median(around) / nucleus == pytest.approx(brightness, rel=0.4)
            assert around.size > 1.5 * (image > 0.5).sum()


@pytest.mark.parametrize("size", [(200, 200), (16, 200, 200)])
def test_puncta_are_small_bright_and_many(size):
    def spots(puncta):
        found = images(3, size, **SMALL, **BARE | {"puncta": puncta}, brightness=0)
        sizes = [np.bincount(label(image > 0.05)[0].ravel())[1:] for image in found]
        return sum((each < 100).sum() for each in sizes)

    few, many = spots(5), spots(50)
    assert few > 10
    assert many > 4 * few


def test_cells_in_division_are_bright_plates():
    same = {**SMALL, **BARE, "cover": 0.1, "brightness": 0}
    usual, dividing = (images(8, (200, 200), **same | {"mitotic": share}) for share in (0, 1))
    assert np.mean([image > 0.2 for image in dividing]) < 0.6 * np.mean([image > 0.2 for image in usual])
    mixed = images(12, (200, 200), **same | {"mitotic": 0.5, "cover": 0.3})
    # The usual ones beside them are less than half as bright.
    assert np.median([np.median(image[image > 0.1]) for image in mixed]) < 0.6


@pytest.mark.parametrize(
    "params",
    [
        {"radius": 0},
        {"variation": 0.9},
        {"flatness": 0},
        {"cover": 0},
        {"cover": 0.9},
        {"chromatin": -0.1},
        {"nucleoli": -1},
        {"mitotic": 2},
        {"cytoplasm": -1},
        {"puncta": 1e6},
        {"pixel_size": (100,)},
        {"pixel_size": (0, 100)},
        {"pixel_size": (1, 2, 3, 4)},
        {"colour": "blue"},
    ],
)
def test_parameters_out_of_range_are_refused(params):
    with pytest.raises(ValidationError):
        Params(**params)


def test_what_cannot_be_drawn_is_refused():
    for size in ((64,), (2, 16, 64, 64)):
        with pytest.raises(UserError, match=r"cells have a size \(y, x\) or \(z, y, x\), and .* was asked for"):
            simulate(generator(0), size, Params())
    with pytest.raises(UserError, match=r"a volume of cells needs a pixel_size \(z, y, x\), and \(100.0, 100.0\)"):
        simulate(generator(0), VOLUME, Params(pixel_size=(100, 100)))
    with pytest.raises(UserError, match="too small for voxels"):
        images(20, (8, 8, 8), radius=200, flatness=0.1, pixel_size=(5000, 500, 500), puncta=0, cytoplasm=0)
