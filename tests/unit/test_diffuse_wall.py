"""A screen in front of a wall: the law of light, what a camera sees of it, and how many singular values that leaves."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from reconbench.errors import UserError  # noqa: E402
from reconbench.forward.diffuse_wall import Params, above_noise, build, note  # noqa: E402


def white(**params):
    """The camera's image of a white screen."""
    wall = build(Params(**params))
    return wall(torch.ones(wall.screen_pixels, dtype=torch.float64)).numpy()


def corner_factor(height, width, distance):
    """Share of the light at a point that comes from a parallel rectangle with its corner straight in front of it.

    The configuration factor of textbooks on heat transfer, for instance Howell's catalogue, B-3.
    """
    a, b = height / distance, width / distance
    first, second = np.hypot(1, a), np.hypot(1, b)
    return (a / first * np.arctan(b / first) + b / second * np.arctan(a / second)) / (2 * np.pi)


def rectangle_factor(down, right, size, distance):
    """The same of a rectangle about the origin, at any point in front of it; beyond an edge the corner counts less."""
    return sum(
        np.sign(height) * np.sign(width) * corner_factor(abs(height), abs(width), distance)
        for height in (size[0] / 2 - down, size[0] / 2 + down)
        for width in (size[1] / 2 - right, size[1] / 2 + right)
    )


def test_light_of_a_small_screen_follows_the_cosines_and_the_inverse_square():
    """At the side both cosines are d / r, and 1 / r^2 is that of the middle times as much again."""
    number, width, distance = 101, 2.0, 0.3
    light = white(
        screen_pixels=(1, 1),
        screen_size=(1e-3, 1e-3),
        camera_pixels=(1, number),
        view_size=(1e-3, width),
        view_place=(0, 0),
        glossy_share=0,
    )[0]
    aside = width * ((np.arange(number) + 0.5) / number - 0.5)
    np.testing.assert_allclose(light / light.max(), (distance**2 / (distance**2 + aside**2)) ** 2, rtol=1e-9)


def test_light_of_a_white_screen_is_that_of_the_configuration_factor():
    size, view, place, pixels = (0.4, 0.7), (0.6, 0.5), (-0.1, 0.05), (5, 6)
    light = white(
        screen_pixels=(80, 140),
        screen_size=size,
        camera_pixels=pixels,
        view_size=view,
        view_place=place,
        glossy_share=0,
    )
    down, right = (
        middle + length * ((np.arange(number) + 0.5) / number - 0.5)
        for number, length, middle in zip(pixels, view, place, strict=True)
    )
    expected = np.array([[rectangle_factor(y, x, size, 0.3) for x in right[::-1]] for y in down])
    np.testing.assert_allclose(light, expected / expected.mean(), rtol=1e-4)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_the_lobe_has_its_share_of_the_light(share):
    """A point whose mirror direction meets the screen sees all of it, one whose misses the screen nothing."""
    screen = {"screen_size": (2.0, 2.0), "wall_distance": 1.0, "screen_pixels": (100, 100)}
    # The mirror directions of points at 0 and 1 metre end at 0 and 2 metres.
    camera = {"camera_pixels": (1, 2), "view_size": (1e-3, 2.0), "view_place": (0, 0.5)}
    beside, front = white(**screen, **camera, camera_place=(0, 0), camera_distance=1.0, glossy_share=share)[0]
    factors = [rectangle_factor(0, right, (2, 2), 1) for right in (0, 1 - 1e-9)]
    expected = (1 - share) * factors[1] / ((1 - share) * factors[0] + share)
    assert beside / front == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_white_screen_has_mean_one(share):
    assert white(glossy_share=share).mean() == pytest.approx(1)


def test_the_camera_reverses_left_and_right_and_not_up_and_down():
    for share in (0, 0.5):
        wall = build(Params(glossy_share=share))
        left, top = torch.zeros(2, 36, 64, dtype=torch.float64)
        left[:, :32] = top[:18] = 1
        seen = wall(left).numpy()
        assert seen[:, 16:].mean() > 1.05 * seen[:, :16].mean()
        seen = wall(top).numpy() / white(glossy_share=share)
        assert seen[:9].mean() > 1.05 * seen[9:].mean()


def test_a_mirror_shows_the_screen_flipped():
    """With the default view, which is where a mirror shows the whole screen, but for the blur of one degree."""
    wall = build(Params(glossy_share=1, lobe_width=1))
    blocks = np.random.default_rng(0).random((6, 8))
    screen = np.kron(blocks, np.ones((6, 8)))
    seen = (wall(torch.from_numpy(screen)).numpy() / white(glossy_share=1, lobe_width=1))[1::3, 1::4][:, ::-1]
    assert np.corrcoef(seen.ravel(), blocks.ravel())[0, 1] > 0.95


def values_above(fraction, **params):
    values = build(Params(**params)).decomposition.values
    return int((values > fraction * values[0]).sum())


def test_a_pure_diffuser_leaves_few_singular_values_and_gloss_many_more():
    # Of a view as large as the screen; a trial with another program gave 8 of 576.
    assert values_above(0.01, glossy_share=0, view_size=(0.215, 0.383), view_place=(0, 0)) == 8
    assert values_above(0.01, glossy_share=0) == 5
    wide, narrow = (values_above(0.01, lobe_width=width) for width in (10, 5))
    assert narrow > 2 * wide > 4 * 5


def test_colours_do_not_mix():
    wall = build(Params())
    screen = torch.zeros(3, 36, 64)
    screen[1] = torch.rand(36, 64, generator=torch.Generator().manual_seed(0))
    seen = wall(screen)
    assert seen.shape == wall.measurement_shape((3, 36, 64)) == (3, 18, 32)
    assert not seen[[0, 2]].any()
    torch.testing.assert_close(seen[1], wall(screen[1]))


def test_the_decomposition_is_that_of_the_matrix_and_is_kept():
    wall = build(Params(screen_pixels=(6, 9), camera_pixels=(5, 7)))
    left, values, right = wall.decomposition
    np.testing.assert_allclose(left * values @ right, wall.matrix, atol=1e-12)
    assert (np.diff(values) <= 0).all()
    assert wall.decomposition is wall.decomposition


@pytest.mark.parametrize("shape", [(36, 63), (3, 18, 32)])
def test_another_screen_is_refused(shape):
    with pytest.raises(UserError, match="the screen has 36 x 64 pixels"):
        build(Params())(torch.zeros(shape))


def test_a_matrix_that_no_memory_holds_is_refused():
    with pytest.raises(ValueError, match=r"has 5\.3e\+10 numbers"):
        Params(screen_pixels=(720, 1280), camera_pixels=(180, 320))


def test_the_note_says_how_many_singular_values_lie_above_the_noise():
    """A pattern of full contrast on a screen of four times the pixels: as many as are larger than the deviation."""
    params = Params(glossy_share=0)
    values = build(params).decomposition.values
    expected = int((values > 0.02).sum())
    assert 0 < expected < 5
    text = note(params, {"name": "gaussian", "params": {"deviation": 0.02}})
    assert text == (
        "Of the 576 singular values of the forward model 5 are above a hundredth of the largest, and "
        f"{expected} lie above the noise."
    )
    assert note(params, {"name": "poisson", "params": {}}).endswith("above a hundredth of the largest.")


def test_singular_values_above_the_noise_are_those_that_change_the_image_by_more():
    """Measured: the pattern of each on the screen, at a contrast of 0.5, through the wall."""
    params = Params(screen_pixels=(12, 16), camera_pixels=(6, 8))
    wall = build(params)
    patterns = torch.from_numpy(wall.decomposition.right).reshape(-1, 12, 16)
    patterns = 0.5 * patterns / patterns.square().mean(dim=(1, 2), keepdim=True).sqrt()
    changes = wall(patterns).square().mean(dim=(1, 2)).sqrt().numpy()
    for deviation in (0.05, 0.005):
        assert above_noise(wall.decomposition.values, deviation, params) == (changes > deviation).sum()
