"""Through-focus series: the reference, the registration of planes that differ by their defocus, the plane left out."""

import shutil

import numpy as np
import pytest
import tifffile

from reconbench.datasets.preparing import prepare
from reconbench.datasets.series import displacement, moved, read_series, registered
from reconbench.datasets.splits import number_of_images
from reconbench.errors import UserError
from reconbench.images import ImageWriter, read_index

pytest.importorskip("torch")
from through_focus_planes import intensities, shifted, textures  # noqa: E402

SIZE = 256
DISTANCES = (-50e-6, -30e-6, -10e-6, 0.0, 10e-6, 30e-6, 70e-6)
FOCUS = DISTANCES.index(0.0)


@pytest.fixture(scope="module")
def recorded():
    """Planes of twice the size, so that a shift brings in what lies beside them."""
    return intensities(textures(2 * SIZE), DISTANCES)


@pytest.fixture(scope="module")
def shifts():
    return np.random.default_rng(1).uniform(-1.5, 1.5, (len(DISTANCES), 2))


@pytest.fixture(scope="module")
def planes(recorded, shifts):
    noise = np.random.default_rng(2)
    return [
        cut(shifted(plane, shift)) + noise.normal(0, 0.01, (SIZE, SIZE))
        for plane, shift in zip(recorded, shifts, strict=True)
    ]


def cut(plane):
    return plane[SIZE // 2 : SIZE // 2 + SIZE, SIZE // 2 : SIZE // 2 + SIZE]


def found_shifts(planes, distances, monkeypatch):
    """How `registered` moves each plane."""
    moves = []
    monkeypatch.setattr("reconbench.datasets.series.moved", lambda plane, by: moves.append(by) or moved(plane, by))
    registered(planes, distances)
    return np.array(moves[-len(planes) :])


def test_known_shifts_are_found_to_a_tenth_of_a_pixel(planes, shifts, monkeypatch):
    expected = shifts[FOCUS] - shifts
    np.testing.assert_allclose(found_shifts(planes, DISTANCES, monkeypatch), expected, rtol=0, atol=0.1)


def test_registered_planes_lie_where_they_were_recorded(planes, recorded, shifts):
    """Inside, for a spline knows nothing beyond an edge; the noise stays."""
    inside = (slice(8, -8),) * 2
    for plane, original in zip(registered(planes, DISTANCES), recorded, strict=True):
        truth = cut(shifted(original, shifts[FOCUS]))
        assert np.std((plane - truth)[inside]) < 0.016
    worst = max(
        np.std((plane - cut(shifted(original, shifts[FOCUS])))[inside])
        for plane, original in zip(planes, recorded, strict=True)
    )
    assert worst > 0.03


def test_a_reversed_contrast_is_no_obstacle(recorded):
    """Below and above focus a phase looks the opposite; correlation alone is lost there."""
    below, above = cut(recorded[2]), cut(shifted(recorded[4], (0.6, -1.3)))
    np.testing.assert_allclose(displacement(below, above), (0.6, -1.3), rtol=0, atol=0.05)
    plain = np.fft.ifft2(np.fft.fft2(below - below.mean()).conj() * np.fft.fft2(above - above.mean())).real
    assert plain[:3, -3:].max() < 0.5 * plain.max()


def test_uneven_light_is_no_obstacle(planes, shifts):
    """It stands still while the specimen moves, and is not the same at opposite edges."""
    light = 1 + np.linspace(-0.3, 0.3, SIZE)[:, None]
    found = displacement(planes[0] * light, planes[1] * light)
    np.testing.assert_allclose(found, shifts[1] - shifts[0], rtol=0, atol=0.1)


def test_planes_that_are_in_place_stay(recorded, monkeypatch):
    found = found_shifts([cut(plane) for plane in recorded], DISTANCES, monkeypatch)
    np.testing.assert_allclose(found, 0, rtol=0, atol=0.1)
    assert not found[FOCUS].any()


def test_a_drift_may_add_up_to_more_than_is_looked_for_between_neighbours(recorded, monkeypatch):
    """So it does where the light comes in at an angle."""
    drift = 5.0 * np.arange(len(DISTANCES))[:, None] * np.array([1.0, -0.5])
    planes = [cut(shifted(plane, shift)) for plane, shift in zip(recorded, drift, strict=True)]
    expected = drift[FOCUS] - drift
    np.testing.assert_allclose(found_shifts(planes, DISTANCES, monkeypatch), expected, rtol=0, atol=0.2)


def test_without_a_plane_beyond_focus_neighbours_do(planes, shifts, monkeypatch):
    """Where focus is at an end there is nothing to interpolate."""
    expected = shifts[2] - shifts[:3]
    np.testing.assert_allclose(found_shifts(planes[:3], DISTANCES[:3], monkeypatch), expected, rtol=0, atol=0.1)


# Files.


def series_of(planes, **others):
    named = {f"plane_{number}.tif": distance for number, distance in enumerate(planes)}
    return {"planes": named, "reference": None, "rows": None, "columns": None, "registered": False} | others


@pytest.fixture
def folder(tmp_path):
    """Three planes in disorder, and what is recorded without a specimen."""
    source = np.random.default_rng(0)
    place = tmp_path / "stack"
    place.mkdir()
    reference = source.integers(1000, 2000, (40, 50)).astype(np.uint16)
    tifffile.imwrite(place / "reference.tif", reference)
    for number in range(3):
        tifffile.imwrite(place / f"plane_{number}.tif", source.integers(500, 3000, (40, 50)).astype(np.uint16))
    return place


UNSORTED = (20e-6, -10e-6, 0.0)


def test_planes_are_divided_by_the_reference_cropped_and_sorted(folder):
    series = series_of(UNSORTED, reference="reference.tif", rows=[4, 36], columns=[10, 42])
    image, distances = read_series(series, folder)
    assert distances == (-10e-6, 0.0, 20e-6)
    reference = tifffile.imread(folder / "reference.tif").astype(float)
    expected = [tifffile.imread(folder / f"plane_{number}.tif") / reference for number in (1, 2, 0)]
    np.testing.assert_allclose(image, np.stack(expected)[:, 4:36, 10:42], rtol=1e-6)
    assert image.dtype == np.float32


def test_one_plane_is_an_image(folder):
    image, distances = read_series(series_of(UNSORTED[:1]), folder)
    np.testing.assert_array_equal(image, tifffile.imread(folder / "plane_0.tif"))
    assert distances == (20e-6,)


def write_planes(folder, planes):
    folder.mkdir()
    for number, plane in enumerate(planes):
        np.save(folder / f"plane_{number}.npy", plane.astype(np.float32))


def test_a_plane_that_is_left_out_takes_no_part(tmp_path, planes):
    """Whatever it holds, and whether it is there at all, the others come out the same."""
    without = {f"plane_{number}.npy": z for number, z in enumerate(DISTANCES) if number != 1}
    series = series_of(()) | {"planes": without, "registered": True}
    write_planes(tmp_path / "all", planes)
    first, distances = read_series(series, tmp_path / "all")
    assert distances == (*DISTANCES[:1], *DISTANCES[2:])
    shutil.copytree(tmp_path / "all", tmp_path / "some")
    (tmp_path / "some" / "plane_1.npy").unlink()
    np.testing.assert_array_equal(read_series(series, tmp_path / "some")[0], first)


def test_a_series_is_prepared_as_one_image_of_channels(folder, tmp_path):
    definition = {
        "source": "folder",
        "path": str(folder),
        "splits": {"test": 1},
        "normalise": "none",
        "downscale": 2,
        "pixel_size": [160, 160],
        "series": series_of(UNSORTED, rows=[0, 40], columns=[0, 40]),
    }
    index = tmp_path / "index.csv"
    with ImageWriter(index) as writer:
        prepare(definition, "test", 0, None, writer)
    (record,) = read_index(index)
    assert number_of_images(definition, "test") == 1
    assert number_of_images(definition, "train") == 0
    assert (record.name, record.axes, record.shape) == ("stack", "CYX", (3, 20, 20))
    assert record.pixel_size == (320, 320)
    assert [float(distance) for distance in record.notes["distances"].split()] == [-10e-6, 0, 20e-6]
    blocks = tifffile.imread(folder / "plane_1.tif")[:, :40].reshape(20, 2, 20, 2)
    np.testing.assert_allclose(record.load()[0], blocks.mean((1, 3)), rtol=1e-6)


def test_bad_series_are_refused_by_name(folder):
    for others, message in (
        ({"reference": "absent.tif"}, "absent.tif"),
        ({"rows": [30, 41]}, "rows 30 to 41"),
        ({"columns": [20, 20]}, "columns 20 to 20"),
    ):
        with pytest.raises(UserError, match=message):
            read_series(series_of(UNSORTED, **others), folder)
    dark = np.zeros((40, 50), np.uint16)
    dark[0, 0] = 1
    tifffile.imwrite(folder / "reference.tif", dark)
    with pytest.raises(UserError, match="dark"):
        read_series(series_of(UNSORTED, reference="reference.tif"), folder)
    tifffile.imwrite(folder / "plane_2.tif", np.arange(40 * 51, dtype=np.uint16).reshape(40, 51))
    with pytest.raises(UserError, match=r"plane_2\.tif has \(40, 51\)"):
        read_series(series_of(UNSORTED), folder)
