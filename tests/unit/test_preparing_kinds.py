"""Preparing what is more than one grey image: colours, the frames of a film, a complex field, sequences."""

import zipfile

import cv2
import numpy as np
import pytest
from prepared_images import SIMULATED, fault, folder, prepared, values

from reconbench.datasets.preparing import normalised
from reconbench.datasets.reading import read_image
from reconbench.datasets.simulators import micrographs
from reconbench.datasets.splits import skimage_folder


def colours(tmp_path, *shape):
    raw = np.random.default_rng(3).integers(0, 256, (*shape, 3), dtype=np.uint8)
    return raw, folder(tmp_path, a=raw) | {"colour": "keep"}


def test_kept_colours_keep_their_range_or_share_one_scale(tmp_path):
    raw, definition = colours(tmp_path, 12, 16)
    raw[..., 2] //= 2
    np.save(tmp_path / "mine" / "a.npy", raw)
    record = prepared(tmp_path, definition | {"normalise": "full_range"})["a"]
    assert (record.axes, record.shape) == ("CYX", (3, 12, 16))
    np.testing.assert_allclose(record.load(), np.moveaxis(raw, -1, 0) / 255, rtol=1e-6)
    scaled = prepared(tmp_path, definition)["a"].load()
    np.testing.assert_array_equal(scaled, normalised(np.moveaxis(raw, -1, 0)))
    assert scaled[2].max() < 0.6


def test_colours_are_scaled_down_and_cropped_together(tmp_path):
    raw, definition = colours(tmp_path, 20, 24)
    definition |= {"normalise": "none", "downscale": 2, "pixel_size": [10, 10]}
    whole = prepared(tmp_path, definition)["a"]
    assert (whole.shape, whole.pixel_size) == ((3, 10, 12), (20, 20))
    image = whole.load()
    assert image[1, 4, 5] == pytest.approx(raw[8:10, 10:12, 1].mean(), rel=1e-6)
    piece = prepared(tmp_path, definition | {"crop": {"size": [8, 9], "number": None}})["a"].load()
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 8, 9))
    assert (windows == piece).all(axis=(3, 4, 5)).sum() == 1


def test_photographs_become_screens_of_one_size(tmp_path):
    definition = {"source": "skimage", "colour": "keep", "normalise": "full_range", "resize": [36, 64]}
    records = prepared(tmp_path, definition | {"splits": {"test": ["astronaut", "camera", "rocket"]}})
    assert {(record.axes, record.shape) for record in records.values()} == {("CYX", (3, 36, 64))}
    assert all(0 <= image.min() < image.max() <= 1 for image in values(records))
    camera = records["camera"].load()
    np.testing.assert_array_equal(camera[0], camera[1])
    raw = cv2.imread(str(skimage_folder() / "astronaut.png"))[112:400, :, ::-1] / 255
    expected = cv2.resize(raw, (64, 36), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(records["astronaut"].load(), np.moveaxis(expected, -1, 0), atol=1e-5)


def film(tmp_path, **others):
    """Six seconds at four frames a second; frame n is a ramp on the level 6 n."""
    (tmp_path / "films").mkdir()
    writer = cv2.VideoWriter(str(tmp_path / "films" / "clip.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 4, (48, 32))
    for number in range(24):
        grey = np.tile(6 * number + np.arange(48, dtype=np.uint8), (32, 1))
        writer.write(np.stack([grey, grey, grey + 40], axis=-1))
    writer.release()
    taken = {"file": "clip.avi", "frames_per_second": 2}
    return {"source": "folder", "path": str(tmp_path / "films"), "film": taken, "colour": "keep", **others}


def test_frames_of_a_film_become_images(tmp_path):
    definition = film(tmp_path, splits={"train": ["0-1.5"], "test": ["3.5-5"]}, normalise="full_range", resize=[8, 12])
    records = prepared(tmp_path, definition)
    assert list(records) == ["clip_0007", "clip_0008", "clip_0009"]
    assert [record.notes["seconds"] for record in records.values()] == ["3.5", "4", "4.5"]
    assert {(record.axes, record.shape) for record in records.values()} == {("CYX", (3, 8, 12))}
    for image, number in zip(values(records), (14, 16, 18), strict=True):
        red, _, blue = image * 255
        assert red.mean() == pytest.approx(6 * number + 63.5, abs=3)
        assert (red - blue).mean() == pytest.approx(40, abs=3)
    assert list(prepared(tmp_path, definition, "train")) == ["clip_0000", "clip_0001", "clip_0002"]


def test_frames_are_cropped_as_images_are(tmp_path):
    definition = film(tmp_path, splits={"test": ["1-2"]}, crop={"size": [8, 8], "number": 3})
    assert list(prepared(tmp_path, definition)) == ["clip_0002_000", "clip_0002_001", "clip_0003_000"]
    one = definition | {"crop": {"size": [8, 8], "number": 1}}
    assert list(prepared(tmp_path, one)) == ["clip_0002"]


def test_a_frame_that_cannot_be_used_is_named_with_its_time(tmp_path):
    definition = film(tmp_path, splits={"test": ["1-2"]}, colour="refuse")
    fault(tmp_path, definition, "clip.avi at 1 s is a colour image where a grey one is needed")


def test_a_complex_field_is_one_image_of_two_channels(tmp_path):
    phase = np.add.outer(np.linspace(0, 2, 12), np.linspace(0, 1, 16))
    with zipfile.ZipFile(tmp_path / "wave.zip", "w") as archive:
        for name, part in (("real", np.cos(phase)), ("imaginary", np.sin(phase))):
            archive.writestr(f"{name}.txt", "\n".join(" ".join(map(repr, row)) for row in part.tolist()))
    field = {"archive": "wave.zip", "real": "real.txt", "imaginary": "imaginary.txt", "phase_range": 4.0}
    definition = {"source": "folder", "path": str(tmp_path), "splits": {"test": 1}, "normalise": "none", "field": field}
    record = prepared(tmp_path, definition | {"pixel_size": [100, 100]})[tmp_path.name]
    assert (record.axes, record.shape, record.pixel_size) == ("CYX", (2, 12, 16), (100, 100))
    np.testing.assert_allclose(record.load(), [np.ones_like(phase), phase / 4], atol=1e-5)


class MovingPoint:
    """A simulator of sequences: four frames of a bright row that moves down."""

    AXES = "TYX"
    Params = micrographs.Params

    @staticmethod
    def simulate(generator, size, params):
        frames = generator.random((4, *size)).astype(np.float32)
        for time in range(4):
            frames[time, time] += 5
        return frames


def test_a_simulated_sequence_has_the_axes_that_its_simulator_says(tmp_path, monkeypatch):
    monkeypatch.setattr("reconbench.datasets.preparing.get_simulator", lambda name: MovingPoint)
    definition = SIMULATED | {"pixel_size": [2, 3]}
    record = prepared(tmp_path, definition)["micrographs_test_0000"]
    assert (record.axes, record.shape, record.pixel_size) == ("TYX", (4, 32, 40), (2, 3))
    assert (record.load().min(), record.load().max()) == (0, 1)
    written = read_image(record.path)
    assert written[1:] == ("TYX", (2, 3))
    np.testing.assert_array_equal(written[0], record.load())


def test_a_crop_of_a_sequence_is_at_one_place_in_every_frame(tmp_path, monkeypatch):
    monkeypatch.setattr("reconbench.datasets.preparing.get_simulator", lambda name: MovingPoint)
    definition = SIMULATED | {"normalise": "none", "splits": {"test": 1}}
    whole = prepared(tmp_path, definition)["micrographs_test_0000"].load()
    piece = prepared(tmp_path, definition | {"crop": {"size": [16, 16], "number": None}})["micrographs_test_0000"]
    assert (piece.axes, piece.shape) == ("TYX", (4, 16, 16))
    windows = np.lib.stride_tricks.sliding_window_view(whole, (4, 16, 16))
    assert (windows == piece.load()).all(axis=(3, 4, 5)).sum() == 1
