"""Simulated scenes: seeded, in range, with the covariance that theory gives, and with the statistics of photographs."""

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.integrate import quad
from skimage import data
from skimage.color import rgb2gray
from skimage.morphology import convex_hull_image

from reconbench.datasets.simulators.dead_leaves import REACH, Leaf, Params, _depth, _draw_leaves, _draw_radii, simulate
from reconbench.errors import UserError
from reconbench.randomness import generator

FLAT = {
    "angular": 0,
    "waviness": 0,
    "variety": 1,
    "shading": 0,
    "texture": 0,
    "striped": 0,
    "out_of_focus": 0,
    "gamma": 0,
}


def images(number, size=(64, 64), **params):
    return [simulate(generator(0, "test", index), size, Params(**params)) for index in range(number)]


@pytest.fixture(scope="module")
def flat():
    """Discs of one brightness each, from 0 to 1, and radii from 4 to 24 pixels."""
    return np.array(images(60, (96, 96), smallest=4, largest=0.25, **FLAT), dtype=np.float64)


def both_ways(scenes, distance):
    """Mean product of what two pixels at some distance along an axis are above the mean, over the variance."""
    above = scenes - 0.5
    products = above[:, distance:] * above[:, :-distance], above[..., distance:] * above[..., :-distance]
    return 12 * np.mean([product.mean() for product in products])


def covariance(distance, low, high):
    """Chance that two places show the same leaf: g(x) / (2 g(0) - g(x)), g the mean overlap of a disc and its shift."""

    def overlap(x):
        def lens(radius):
            half = x / (2 * radius)
            return 2 * radius**2 * (np.arccos(half) - half * np.sqrt(1 - half**2)) / radius**3 if half < 1 else 0.0

        return quad(lens, max(low, x / 2), high)[0]

    return overlap(distance) / (2 * overlap(0) - overlap(distance))


@pytest.mark.parametrize("size", [(64, 64), (48, 96), (65, 33), (8, 8)])
def test_shape_type_and_range(size):
    for image in images(6, size):
        assert image.shape == size
        assert image.dtype == np.float32
        assert image.min() >= 0
        assert image.max() <= 1
        assert image.std() > 0.02


def test_the_same_address_gives_the_same_image_and_another_another():
    first, second = images(2)
    np.testing.assert_array_equal(first, images(1)[0])
    assert np.abs(first - second).mean() > 0.02


@pytest.mark.parametrize("distance", [2, 4, 8, 16, 32])
def test_the_covariance_is_that_of_the_model(flat, distance):
    """Known answer: Bordenave, Gousseau and Roueff, Adv. Appl. Probab. 38, 31 (2006)."""
    assert both_ways(flat, distance) == pytest.approx(covariance(distance, 4, 24), abs=0.035)


def test_no_brightness_is_preferred(flat):
    """Where all leaves are flat, what is seen is uniform from 0 to 1, but for edges, which a pixel averages."""
    assert flat.mean() == pytest.approx(0.5, abs=0.02)
    assert 12 * flat.var() == pytest.approx(covariance(0.5, 4, 24), abs=0.05)


def test_the_border_of_a_scene_is_like_its_middle(flat):
    def changes(scenes):
        return np.mean(np.abs(np.diff(scenes, axis=1)) > 0.02)

    border = np.mean([changes(flat[:, :6]), changes(flat[:, -6:]), changes(flat[:, :, :6]), changes(flat[:, :, -6:])])
    assert border == pytest.approx(changes(flat[:, 24:72, 24:72]), rel=0.1)


def spectrum_and_differences(scenes):
    """Exponent of the power of a frequency, and the root mean square of differences of neighbouring pixels."""
    number = scenes[0].shape[0]
    window = np.outer(np.hanning(number), np.hanning(number))
    power = sum(np.abs(np.fft.fft2((scene - scene.mean()) * window)) ** 2 for scene in scenes)
    radius = np.hypot(*np.meshgrid(*[np.fft.fftfreq(number)] * 2)) * number
    rings = np.unique(np.geomspace(2, number // 2 - 2, 20).astype(int))
    mean = [power[(radius >= ring - 0.5) & (radius < ring + 0.5)].mean() for ring in rings]
    slope = np.polyfit(np.log(rings), np.log(mean), 1)[0]
    return slope, np.sqrt(np.mean([np.diff(scene, axis=1).var() for scene in scenes]))


def test_scenes_have_the_statistics_of_photographs():
    photographs = [
        rgb2gray(image)[:300, :300] for image in (data.astronaut(), data.coffee(), data.chelsea(), data.rocket())
    ]
    slope, differences = spectrum_and_differences([*photographs, data.camera()[:300, :300] / 255])
    ours = spectrum_and_differences(images(6, (300, 300)))
    assert ours[0] == pytest.approx(slope, abs=0.4)
    assert differences / 1.6 < ours[1] < differences * 1.6


def alike(**params):
    """Share of neighbouring pixels that are equally bright."""
    return np.mean([np.mean(np.abs(np.diff(image)) < 1e-4) for image in images(4, **{**FLAT, **params})])


def test_radii_are_those_of_leaves_that_may_reach_into_the_field():
    """Density of r^-3 all over the plane, times the area of the places from which a leaf reaches into it."""
    height, width, low, high = 64.0, 96.0, 4.0, 64.0
    drawn = np.concatenate([_draw_radii(generator(0, "radii", n), height, width, low, high) for n in range(400)])

    def density(radius):
        return (height + 2 * REACH * radius) * (width + 2 * REACH * radius) / radius**3

    def share(below):
        return quad(density, low, below)[0] / quad(density, low, high)[0]

    for quantile in (0.1, 0.5, 0.9, 0.99):
        assert share(np.quantile(drawn, quantile)) == pytest.approx(quantile, abs=4 * np.sqrt(0.25 / len(drawn)))
    assert low <= drawn.min() and drawn.max() <= high


def test_leaves_lie_anywhere_from_where_they_reach_into_the_field():
    leaves = [leaf for n in range(40) for leaf in _draw_leaves(generator(0, "places", n), (64, 96), 3.0, Params())]
    for axis, length in enumerate((64, 96)):
        part = np.array([0.5 + leaf.centre[axis] / (length + 2 * leaf.reach) for leaf in leaves])
        assert 0 <= part.min() < 0.001
        assert 0.999 < part.max() <= 1
        assert part.mean() == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 / len(part)))
    assert np.mean([leaf.angular for leaf in leaves]) == pytest.approx(0.4, abs=4 * np.sqrt(0.24 / len(leaves)))


def test_gamma_is_the_power_that_brightness_is_taken_to():
    """Drawn last, so that all else is the same."""
    for bent, plain in zip(images(6, gamma=0.8), images(6, gamma=0), strict=True):
        inner = (plain > 0.05) & (plain < 0.95)
        powers = np.log(bent[inner]) / np.log(plain[inner])
        np.testing.assert_allclose(powers, np.median(powers), rtol=1e-3)
        assert abs(np.log(np.median(powers))) > 0.01


@pytest.mark.parametrize("more", [{"shading": 0.1}, {"texture": 0.02}, {"texture": 0.02, "striped": 1}])
def test_leaves_are_flat_unless_something_is_on_them(more):
    assert alike() > 0.6
    assert alike(**more) < 0.1


def inside(angular, waviness, number=20):
    """Where leaves with a radius of 30 pixels are, each in the middle of a field of its own."""
    y, x = np.ogrid[-45:46, -45:46]
    leaf = Leaf((0.0, 0.0), 30.0, angular, 1.0)
    params = Params(waviness=waviness)
    return [_depth(generator(0, "outline", index), leaf, y, x, params) > 0 for index in range(number)]


def filled(leaf):
    """Area of a leaf over that of its convex hull."""
    return leaf.sum() / convex_hull_image(leaf, offset_coordinates=False).sum()


def test_outlines_are_round_or_wavy_or_straight():
    for disc in inside(angular=False, waviness=0, number=3):
        assert disc.sum() == pytest.approx(np.pi * 30**2, rel=0.01)
    wavy, straight = inside(angular=False, waviness=0.3), inside(angular=True, waviness=0.3)
    assert min(map(filled, straight)) > 0.99
    assert np.mean(list(map(filled, wavy))) < 0.98
    for leaf in wavy + straight:
        assert not (leaf[0].any() or leaf[-1].any() or leaf[:, 0].any() or leaf[:, -1].any())
        assert 0.3 < leaf.sum() / (np.pi * 30**2) < 1.8


def test_a_background_out_of_focus_has_fewer_steep_edges():
    focused, blurred = (
        np.mean(
            [np.mean(np.abs(np.diff(image)) > 0.2) for image in images(6, (256, 256), **FLAT | {"out_of_focus": part})]
        )
        for part in (0, 1)
    )
    assert blurred < 0.8 * focused


@pytest.mark.parametrize(
    ("size", "params", "message"),
    [
        ((8, 8, 8), {}, r"have a size \(y, x\), and \(8, 8, 8\)"),
        ((16, 8), {"largest": 0.1}, r"16 pixels wide have a radius of 1.6 pixels and the smallest 4; make"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(size, params, message):
    with pytest.raises(UserError, match=message):
        images(1, size, **params)


@pytest.mark.parametrize("wrong", [{"smallest": 0}, {"largest": 0}, {"angular": 2}, {"radius": 3}])
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ValidationError):
        Params(**wrong)
