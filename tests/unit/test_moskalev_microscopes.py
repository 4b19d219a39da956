"""The microscopes of Moskalev: the table of the slides, and the assumptions beside it."""

import numpy as np
import pytest
from pydantic import ValidationError

torch = pytest.importorskip("torch")

from reconbench.forward import born_wolf, gibson_lanni, richards_wolf  # noqa: E402
from reconbench.forward.moskalev_microscopes import Params, build, choices  # noqa: E402

# Wavelength, numerical aperture, model, and size along x, y and z, as the slide has them.
SLIDE = [
    (450, 1.4, gibson_lanni, (27, 27, 13)),
    (520, 1.2, gibson_lanni, (33, 33, 13)),
    (630, 1.4, richards_wolf, (23, 23, 13)),
    (580, 1.2, richards_wolf, (19, 19, 13)),
    (670, 1.4, born_wolf, (33, 33, 13)),
    (450, 1.2, born_wolf, (21, 21, 13)),
]
NAMES = [
    "gibson_lanni_450_na_1_4",
    "gibson_lanni_520_na_1_2",
    "richards_wolf_630_na_1_4",
    "richards_wolf_580_na_1_2",
    "born_wolf_670_na_1_4",
    "born_wolf_450_na_1_2",
]


def test_the_sixth_is_held_out_by_default():
    assert choices(Params()) == tuple(NAMES[:5])
    assert choices(Params(microscopes=NAMES[5:])) == ("born_wolf_450_na_1_2",)


@pytest.mark.parametrize(("name", "line"), list(zip(NAMES, SLIDE, strict=True)), ids=NAMES)
def test_each_is_as_on_the_slide(name, line):
    wavelength, aperture, model, size = line
    params = Params(microscopes=[name], z_step=200, pixel_size=90, immersion_index=1.515)
    found = build(params, name).kernel
    assert found.shape == size[::-1]
    optics = {"wavelength": wavelength, "numerical_aperture": aperture, "immersion_index": 1.515, "z_step": 200}
    expected = model.build(model.Params(size=size[::-1], pixel_size=90, sampling="point", **optics)).kernel
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", NAMES)
def test_images_have_one_plane_of_it(name):
    volume = build(Params(microscopes=[name]), name).kernel
    for plane, defocus in ((6, 0), (8, 500)):
        image = build(Params(microscopes=[name], dimensions=2, defocus=defocus), name).kernel
        np.testing.assert_allclose(image, volume[plane] / volume[plane].sum(), rtol=1e-4)


@pytest.mark.parametrize("largest", [(5, 21, 25), (13, 101, 7)])
def test_a_kernel_that_is_too_large_is_cut_to_its_middle(largest):
    for name in NAMES:
        whole, cut = (build(Params(microscopes=NAMES, **given), name).kernel for given in ({}, {"largest": largest}))
        assert cut.shape == tuple(map(min, whole.shape, largest))
        middle = whole[tuple(slice((n - m) // 2, (n + m) // 2) for n, m in zip(whole.shape, cut.shape, strict=True))]
        np.testing.assert_allclose(cut, middle / middle.sum(), rtol=1e-3, atol=1e-8)


def test_layers_are_those_of_gibson_and_lanni():
    other = {"sample_index": 1.4, "depth": 500, "microscopes": NAMES}
    changed = [np.abs(build(Params(**other), name).kernel - build(Params(), name).kernel).max() for name in NAMES]
    assert [change > 1e-4 for change in changed] == [True, True, False, False, False, False]
    assert max(changed[2:]) == 0


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"microscopes": []}, r"must be one or several different names; got \[\]"),
        ({"microscopes": ["born_wolf"]}, "'born_wolf_450_na_1_2'"),
        (
            {"microscopes": NAMES[:1] * 2},
            "must be one or several different names; got .'gibson_lanni_450_na_1_4', 'gib",
        ),
        ({"largest": (21, 21)}, r"largest \(21, 21\) must have as many sizes as there are dimensions"),
        ({"largest": (8, 21, 21)}, "two or three odd sizes"),
        ({"dimensions": 2, "largest": (3, 21, 21)}, "as many sizes as there are dimensions"),
        ({"defocus": 100}, "leave out defocus 100"),
        ({"immersion_index": 1.33}, "immersion_index 1.33 must be above the numerical aperture of gibson_lanni_450"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(params, sentence):
    with pytest.raises(ValidationError, match=sentence) as caught:
        Params(**params)
    assert len(caught.value.errors()) == 1


@pytest.mark.parametrize(
    "given",
    [
        {"pixel_size": 500, "dimensions": 2},
        {"pixel_size": 1, "dimensions": 2},
        {"immersion_index": 1.8, "sample_index": 1.3, "depth": 50_000, "largest": (1, 9, 9)},
        {"immersion_index": 1.401, "sample_index": 1.6, "depth": 50_000, "largest": (1, 9, 9)},
    ],
)
def test_what_is_accepted_can_be_built(given):
    """At the limits of its fields too."""
    params = Params(microscopes=NAMES, **given)
    for name in NAMES:
        assert build(params, name).kernel.min() >= 0
