"""The point-spread functions against closed forms, another way of computing them, published numbers, and psfmodels."""

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.special import j0, j1
from ssi_kernel import QUADRANT

torch = pytest.importorskip("torch")

from reconbench.forward import _point_spread, born_wolf, gibson_lanni, richards_wolf  # noqa: E402

MODELS = [born_wolf, richards_wolf, gibson_lanni]
MATCHED = {"immersion_index": 1.33, "sample_index": 1.33, "coverslip_index": 1.33}


def name_of(module):
    return module.__name__.rpartition(".")[2]


def kernel(module, **params):
    return module.build(module.Params(**params)).kernel


def distance_from(expected, found):
    """Largest difference of two kernels of sum 1, as a fraction of the highest value."""
    expected, found = expected / expected.sum(), found / found.sum()
    return np.abs(found - expected).max() / expected.max()


def airy(numerical_aperture, wavelength, radius):
    x = 2 * np.pi / wavelength * numerical_aperture * np.maximum(radius, 1e-6)
    return (2 * j1(x) / x) ** 2


# Closed forms and independent integrals


@pytest.mark.parametrize(("aperture", "wavelength", "pixel"), [(0.3, 600, 400), (1.2, 520, 100), (1.4, 450, 37)])
def test_born_wolf_in_focus_is_the_airy_pattern(aperture, wavelength, pixel):
    optics = {"numerical_aperture": aperture, "wavelength": wavelength, "pixel_size": pixel}
    y, x = np.mgrid[-7:8, -10:11] * float(pixel)
    found = kernel(born_wolf, size=(15, 21), sampling="point", **optics)
    assert distance_from(airy(aperture, wavelength, np.hypot(y, x)), found) < 4e-6

    fine = 81
    y, x = ((np.arange(size * fine) + 0.5) / fine - size / 2 for size in (15, 21))
    pattern = airy(aperture, wavelength, pixel * np.hypot(y[:, None], x))
    means = pattern.reshape(15, fine, 21, fine).mean(axis=(1, 3))
    assert distance_from(means, kernel(born_wolf, size=(15, 21), **optics)) < 5e-5


def test_born_wolf_on_the_axis():
    """(sin(u / 4) / (u / 4))^2 with u = k z NA^2 / n."""
    z = 150.0 * (np.arange(31) - 15)
    u = 2 * np.pi / 520 * z * 1.2**2 / 1.5
    found = kernel(born_wolf, size=(31, 1, 1), z_step=150, sampling="point")
    assert distance_from(np.sinc(u / 4 / np.pi) ** 2, found[:, 0, 0]) < 1e-12


def test_richards_wolf_is_the_sum_of_all_polarised_rays():
    """Every ray of the cone added as a vector, for light polarised along x and along y."""
    aperture, index, wavelength = 1.4, 1.5, 450.0
    angle, weight = np.polynomial.legendre.leggauss(60)
    angle, weight = np.arcsin(aperture / index) * (angle + 1) / 2, weight[:, None]
    azimuth = 2 * np.pi * np.arange(80) / 80
    sine, cosine = np.sin(angle)[:, None], np.cos(angle)[:, None]
    along, across = np.cos(azimuth), np.sin(azimuth)
    ray = np.stack([sine * along, sine * across, np.broadcast_to(cosine, (60, 80))])
    meridional = np.stack([cosine * along, cosine * across, np.broadcast_to(-sine, (60, 80))])
    sagittal = np.stack([np.broadcast_to(-across, (60, 80)), np.broadcast_to(along, (60, 80)), 0 * ray[0]])
    z, y, x = np.mgrid[-1:2, -4:5, -4:5] * np.array([300.0, 100.0, 100.0])[:, None, None, None]
    wave = np.exp(2j * np.pi * index / wavelength * np.einsum("cta,czyx->zyxta", ray, np.stack([x, y, z])))
    expected = 0
    for radial, tangential in ((along, -across), (across, along)):
        field = weight * np.sqrt(cosine) * sine * (radial * meridional + tangential * sagittal)
        expected = expected + (np.abs(np.einsum("cta,zyxta->czyx", field, wave)) ** 2).sum(axis=0)
    optics = {"numerical_aperture": aperture, "immersion_index": index, "wavelength": wavelength, "z_step": 300}
    assert distance_from(expected, kernel(richards_wolf, size=(3, 9, 9), sampling="point", **optics)) < 5e-6


@pytest.mark.parametrize("defocus", [-1500.0, 0.0, 700.0])
@pytest.mark.parametrize("depth", [0.0, 50_000.0])
def test_gibson_lanni_with_one_index_is_exact_defocus(defocus, depth):
    """At any depth. The integral is taken here by the middle of 20000 rings."""
    radius = 100.0 * np.arange(12)
    ring = 1.2 * (np.arange(20_000) + 0.5) / 20_000
    phase = 2 * np.pi / 520 * defocus * np.sqrt(1.33**2 - ring**2)
    field = j0(2 * np.pi / 520 * np.outer(radius, ring)) @ (ring * np.exp(1j * phase))
    optics = {"numerical_aperture": 1.2, "wavelength": 520, "defocus": defocus, "depth": depth, **MATCHED}
    found = kernel(gibson_lanni, size=(1, 23), sampling="point", **optics)
    assert distance_from(np.abs(field) ** 2, found[0, 11:]) < 1e-5


@pytest.mark.parametrize("module", [richards_wolf, gibson_lanni], ids=name_of)
def test_at_a_low_aperture_all_models_are_one(module):
    optics = {"numerical_aperture": 0.1, "wavelength": 520, "pixel_size": 1000, "z_step": 10_000, "size": (7, 21, 21)}
    assert distance_from(kernel(born_wolf, **optics), kernel(module, **optics)) < 0.006
    wide = {**optics, "numerical_aperture": 0.2, "pixel_size": 500, "z_step": 2500}
    assert distance_from(kernel(born_wolf, **wide), kernel(module, **wide)) < 0.024


# The kernel of the SSI benchmark


SSI_OPTICS = {"numerical_aperture": 0.8, "wavelength": 600, "defocus": -3045, "sampling": "point", **MATCHED}


def test_gibson_lanni_is_near_the_kernel_of_the_ssi_benchmark():
    """Where that takes the intensity from its table without interpolating, along the axes, it differs by the aperture
    and the sum alone; elsewhere by the coarse table too."""
    difference = np.abs(kernel(gibson_lanni, size=(17, 17), pixel_size=406, **SSI_OPTICS)[8:, 8:] - QUADRANT)
    assert difference[0].max() < 4e-4
    assert 1e-3 < difference.max() < 1.3e-3


def test_gibson_lanni_sampled_as_the_ssi_benchmark_is_its_kernel():
    """Tabulated every half pixel, and with the aperture as the image side of magnification 16 sees it."""
    step = 203 * 16 / np.hypot(16, 0.8)
    profile = kernel(gibson_lanni, size=(1, 49), pixel_size=step, **SSI_OPTICS)[0, 24:]
    y, x = np.mgrid[-8:9, -8:9]
    found = np.interp(2 * np.hypot(y, x), np.arange(25), profile)
    np.testing.assert_array_equal(np.round(found / found.sum(), 5)[8:, 8:], QUADRANT)


# psfmodels


HIGH = {"numerical_aperture": 1.4, "immersion_index": 1.518, "sample_index": 1.518, "coverslip_index": 1.518}
OPTICS = {
    "of SSI": {"size": (17, 17, 17), "numerical_aperture": 0.8, "wavelength": 600, "pixel_size": 406, "z_step": 406}
    | MATCHED,
    "of high NA": {"size": (13, 33, 33), "wavelength": 520, **HIGH},
    "into water": {"size": (13, 33, 33), "wavelength": 520, "numerical_aperture": 1.2, "depth": 10_000},
    "other than designed": {
        "size": (13, 33, 33),
        "wavelength": 520,
        "numerical_aperture": 1.2,
        "immersion_index": 1.512,
        "design_immersion_index": 1.515,
        "sample_index": 1.38,
        "depth": 1000,
        "coverslip_index": 1.52,
        "design_coverslip_index": 1.515,
        "coverslip_thickness": 170_000,
        "design_coverslip_thickness": 165_000,
    },
}


def by_psfmodels(function, params):
    """Return the kernel of the same microscope, which there sees the point best in paraxial approximation."""
    psfmodels = pytest.importorskip("psfmodels", reason="psfmodels has no wheel for this Python or machine")
    actual = [params.working_distance, params.coverslip_thickness]
    index = [params.immersion_index, params.coverslip_index]
    design = [params.working_distance, params.design_coverslip_thickness or params.coverslip_thickness]
    design_index = [params.design_immersion_index or index[0], params.design_coverslip_index or index[1]]
    paraxial = -index[0] * (
        params.depth / params.sample_index + sum(np.divide(actual, index)) - sum(np.divide(design, design_index))
    )
    planes, _, width = params.size
    withdrawn = gibson_lanni.best_position(params) - paraxial + params.z_step * (np.arange(planes) - planes // 2)
    optics = {"NA": params.numerical_aperture, "ns": params.sample_index, "sf": 9}
    optics |= {"ni": index[0], "ng": index[1], "ni0": design_index[0], "ng0": design_index[1]}
    optics |= {"ti0": design[0] / 1000, "tg": actual[1] / 1000, "tg0": design[1] / 1000}
    return getattr(psfmodels, function)(
        zv=(params.depth - withdrawn) / 1000,
        nx=width,
        dxy=params.pixel_size / 1000,
        pz=params.depth / 1000,
        wvl=params.wavelength / 1000,
        params=optics,
        normalize=False,
    )


@pytest.mark.parametrize("optics", OPTICS.values(), ids=OPTICS)
def test_gibson_lanni_agrees_with_psfmodels(optics):
    params = gibson_lanni.Params(**optics)
    assert distance_from(by_psfmodels("scalar_psf", params), gibson_lanni.build(params).kernel) < 0.002


@pytest.mark.parametrize("name", ["of SSI", "of high NA"])
def test_richards_wolf_agrees_with_psfmodels(name):
    params = gibson_lanni.Params(**{**OPTICS[name], "depth": 0})
    known = {key: getattr(params, key) for key in richards_wolf.Params.model_fields}
    assert distance_from(by_psfmodels("vectorial_psf", params), kernel(richards_wolf, **known)) < 0.002


# What holds of every model


@pytest.mark.parametrize("module", MODELS, ids=name_of)
@pytest.mark.parametrize("sampling", ["integrated", "point"])
def test_sum_symmetry_and_planes(module, sampling):
    volume = kernel(module, size=(7, 15, 15), sampling=sampling)
    assert volume.sum() == pytest.approx(1, abs=1e-12)
    for other in (volume[:, ::-1], volume[..., ::-1], volume.swapaxes(1, 2)):
        np.testing.assert_allclose(volume, other, rtol=1e-9)
    mirrored = np.abs(volume - volume[::-1]).max() / volume.max()
    assert mirrored < 1e-12 if module is not gibson_lanni else mirrored > 0.05
    for plane, defocus in ((3, 0.0), (5, 500.0)):
        image = kernel(module, size=(15, 15), sampling=sampling, defocus=defocus)
        assert distance_from(volume[plane], image) < 1e-7


@pytest.mark.parametrize("module", MODELS, ids=name_of)
def test_a_smaller_kernel_is_the_middle_of_a_larger_one(module):
    large, small = kernel(module, size=(25, 31)), kernel(module, size=(5, 11))
    middle = large[10:15, 10:21]
    np.testing.assert_allclose(small, middle / middle.sum(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("module", MODELS, ids=name_of)
def test_every_plane_of_a_large_field_has_the_same_light(module):
    planes = kernel(module, size=(5, 161, 161), numerical_aperture=0.8, z_step=800).sum(axis=(1, 2))
    np.testing.assert_allclose(planes, 1 / 5, rtol=0.012)


@pytest.mark.parametrize("module", MODELS, ids=name_of)
def test_only_ratios_of_lengths_count(module):
    lengths = {"wavelength": 520, "pixel_size": 110, "z_step": 240}
    if module is gibson_lanni:
        lengths |= {"depth": 3000, "working_distance": 160_000, "coverslip_thickness": 171_000}
        lengths |= {"design_coverslip_thickness": 169_000}
    double = {key: 2 * length for key, length in lengths.items()}
    found = kernel(module, size=(5, 9, 9), **lengths)
    np.testing.assert_allclose(kernel(module, size=(5, 9, 9), **double), found, rtol=1e-9)


@pytest.mark.parametrize(
    ("module", "params"),
    [
        (born_wolf, {"numerical_aperture": 1.4, "z_step": 1000}),
        (richards_wolf, {"numerical_aperture": 1.4, "z_step": 1000}),
        (gibson_lanni, {"numerical_aperture": 1.4, "z_step": 1000}),
        (gibson_lanni, {"sample_index": 1.36, "depth": 100_000, "design_coverslip_thickness": 150_000}),
    ],
)
def test_integrals_over_the_pupil_are_exact(module, params, monkeypatch):
    """As far as torch's Bessel functions are, which are right to 5e-7."""
    found = kernel(module, size=(9, 33, 33), **params)
    monkeypatch.setattr(module, "pupil_points", lambda turning: 2 * _point_spread.pupil_points(turning))
    assert distance_from(kernel(module, size=(9, 33, 33), **params), found) < 2e-8


@pytest.mark.parametrize("module", MODELS, ids=name_of)
def test_table_and_pixels_are_fine_enough(module, monkeypatch):
    optics = {"numerical_aperture": 1.4, "wavelength": 450, "size": (21, 21)}
    found = kernel(module, **optics)
    # So fine a table is longer than the list of all distances, which then take its place.
    monkeypatch.setattr(_point_spread, "TABLE_DENSITY", 100 * _point_spread.TABLE_DENSITY)
    places, weight = _point_spread.gauss_legendre(1.0, 15)
    monkeypatch.setattr(_point_spread, "_places_in_pixel", lambda params: (places - 0.5, weight))
    assert distance_from(kernel(module, **optics), found) < 5e-6


def test_few_distances_are_computed_as_they_are(monkeypatch):
    """What a table gives between them is as much off as its steps are coarse."""
    few = {"numerical_aperture": 1.4, "wavelength": 450, "size": (21, 21), "sampling": "point"}
    found = kernel(born_wolf, **few)
    with monkeypatch.context() as patched:
        patched.setattr(_point_spread, "_radii", lambda distance, step: _point_spread.table_radii(distance.max(), step))
        assert 0 < distance_from(kernel(born_wolf, **few), found) < 5e-6
    asked = []
    monkeypatch.setattr(
        born_wolf, "scalar_intensity", lambda *values: asked.append(values[0]) or np.ones((len(values[0]), 1))
    )
    kernel(born_wolf, **few)
    # A quadrant of 11 x 11 pixels, and its mirror image.
    assert len(asked[0]) <= 11 * 12 // 2


# Focus through layers


def test_best_position_where_it_is_known():
    """Matched layers only move the focus; at a low NA a layer counts as its thickness over its index."""
    matched = gibson_lanni.Params(depth=7000, **MATCHED)
    assert gibson_lanni.best_position(matched) == pytest.approx(-7000, rel=1e-9)
    low = gibson_lanni.Params(numerical_aperture=0.05, depth=7000, immersion_index=1.5, sample_index=1.33)
    assert gibson_lanni.best_position(low) == pytest.approx(-7000 * 1.5 / 1.33, rel=1e-3)
    thick = gibson_lanni.Params(
        numerical_aperture=0.05, depth=0, coverslip_thickness=175_000, design_coverslip_thickness=170_000
    )
    assert gibson_lanni.best_position(thick) == pytest.approx(-5000 * 1.5 / 1.515, rel=1e-3)
    assert gibson_lanni.best_position(gibson_lanni.Params(depth=0)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("layers", [{"depth": 1000}, {"depth": 500, "sample_index": 1.4}])
def test_a_point_is_brightest_in_focus(layers):
    """To 1 nm, where aberrations are weak."""
    axis = kernel(gibson_lanni, size=(401, 1, 1), z_step=1, sampling="point", **layers)[:, 0, 0]
    assert abs(int(axis.argmax()) - 200) <= 1


def test_a_deeper_point_is_dimmer_and_stays_in_focus():
    depths = [0.0, 2000.0, 10_000.0]
    axes = [kernel(gibson_lanni, size=(33, 61, 61), depth=depth)[:, 30, 30] for depth in depths]
    assert axes[0].max() > axes[1].max() > axes[2].max()
    assert [abs(int(axis.argmax()) - 16) <= 1 for axis in axes] == [True] * 3


def test_light_that_the_sample_holds_back_does_not_widen_the_aperture():
    """In a sample of index 1.33 every NA above that is the same."""
    optics = {"sample_index": 1.33, "pixel_size": 50}
    limit, above = (kernel(gibson_lanni, numerical_aperture=aperture, **optics) for aperture in (1.3299999, 1.45))
    assert distance_from(limit, above) < 1e-3
    assert distance_from(limit, kernel(gibson_lanni, numerical_aperture=1.2, **optics)) > 0.02


# Faults


@pytest.mark.parametrize(
    ("module", "params", "sentence"),
    [
        (born_wolf, {"size": (20, 21)}, r"two or three odd sizes, \(y, x\) or \(z, y, x\), up to 1001; got \(20, 21\)"),
        (born_wolf, {"size": (21,)}, "two or three odd sizes"),
        (born_wolf, {"size": (3, -5)}, "two or three odd sizes"),
        (richards_wolf, {"numerical_aperture": 1.5}, "numerical_aperture 1.5 must be below immersion_index 1.5"),
        (born_wolf, {"size": (5, 21, 21), "defocus": 100}, "evenly about focus; leave out defocus 100"),
        (born_wolf, {"size": (601, 601)}, r"reaches 42497 nm from the axis; it may reach .*, 21667 nm"),
        (gibson_lanni, {"coverslip_index": 1.1}, "coverslip_index 1.1 must be above numerical_aperture 1.2"),
        (gibson_lanni, {"design_immersion_index": 1.2}, "design_immersion_index 1.2 must be above numerical_aperture"),
        (
            gibson_lanni,
            {"depth": 200_000},
            r"come 24\d+ nm nearer to see the point, more than its working_distance of 1",
        ),
        (gibson_lanni, {"wavelength": 0.52}, "greater than or equal to 100"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(module, params, sentence):
    with pytest.raises(ValidationError, match=sentence) as caught:
        module.Params(**params)
    assert len(caught.value.errors()) == 1
