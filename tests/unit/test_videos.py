"""Videos: what stands in their frames, of a sequence and of single images, and the files that they become."""

import csv

import cv2
import made_up
import numpy as np
import pytest

from reconbench.errors import UserError
from reconbench.images import ImageWriter
from reconbench.results import videos
from reconbench.results.drawing import draw_figure
from reconbench.results.figures import video
from reconbench.results.figures._pages import Panel, Strip, _scaled, draw_pages
from reconbench.results.videos import Video

VARIANTS = {
    "identity": made_up.variant("identity"),
    "network": made_up.variant("gaussian", title="Network"),
    "lost": made_up.variant("median", title="Lost"),
}
# Of a run that gives PSNR a parameter, which the numbers under the frames of a sequence follow.
METRICS = {"mae": {}, "psnr": {"data_range": 2.0}}
FRAMES, SIDE = 5, 16


def write_images(index, images, axes, folder="images"):
    index.parent.mkdir(parents=True, exist_ok=True)
    with ImageWriter(index, folder) as writer:
        for number, image in enumerate(images):
            writer.add(f"image_{number}", image.astype(np.float32), axes)
    return index


def made(root, problem, truths, measured, axes, without_truth=False):
    """Write one problem: a network that halves the error, and a method that failed. Return what a figure reads."""
    small = root / "results" / "small"
    kinds = ("scores", "examples", "truths", "measurements", "training", "models", "errors", "timings")
    found = {kind: [] for kind in kinds}
    if not without_truth:
        found["truths"].append(write_images(small / "data" / problem / "test" / "index.csv", truths, axes))
    index = small / "measurements" / problem / "test" / "index.csv"
    found["measurements"].append(write_images(index, measured, axes))
    estimates = [
        (truth + seen) / 2 if truth.shape == seen.shape else truth / 2
        for truth, seen in zip(truths, measured, strict=True)
    ]
    for variant, images in {"identity": measured, "network": estimates, "lost": []}.items():
        lines = made_up.lines(status="out of memory", number=len(truths))
        if variant == "network" or (images and truths[0].shape == measured[0].shape):
            lines = made_up.lines(mae=[float(np.abs(a - b).mean()) for a, b in zip(images, truths, strict=True)])
        scores, _ = made_up.write_row(root, problem, variant, lines)
        found["scores"].append(scores)
        found["examples"].append(write_images(scores.with_name("examples.csv"), images, axes, "examples"))
    return found, estimates


def sequences():
    truth = np.random.default_rng(0).random((FRAMES, SIDE, SIDE)) * np.linspace(0.5, 1, FRAMES)[:, None, None]
    return [truth, 1 - truth], [truth + 0.5, 1.5 - truth]


def images(number=4):
    truths = list(np.random.default_rng(1).random((number, SIDE, SIDE)))
    return truths, [truth + 0.25 for truth in truths]


@pytest.fixture
def made_video(tmp_path, monkeypatch):
    """Return a function that makes a video and gives it, what is put into its pages, and the lines of the csv."""
    found, panels = [], []
    monkeypatch.setattr(videos, "save", lambda made, *paths: found.append(made))
    draw_pages = video.draw_pages

    def noted(strips, *given):
        panels.extend(panel for strip in strips for panel in strip.panels)
        return draw_pages(strips, *given)

    monkeypatch.setattr(video, "draw_pages", noted)

    def make(inputs, problems, variants=tuple(VARIANTS), metrics=None, kind="denoising", **params):
        panels.clear()
        definition = made_up.figure("video", problems, list(variants), metrics or {"mae": {"digits": 3}}, **params)
        rows = [(problem, name, {"metrics": METRICS}) for problem in problems.values() for name in VARIANTS]
        about = {problem: {"kind": kind, "dataset": problem} for problem in problems.values()}
        outputs = {suffix: tmp_path / f"video.{suffix}" for suffix in ("webp", "png", "csv")}
        draw_figure(made_up.spec(definition, about, VARIANTS, rows), **inputs, outputs=outputs)
        with open(outputs["csv"], newline="") as file:
            return found[-1], {panel.title: panel for panel in panels}, list(csv.DictReader(file))

    return make


def test_a_sequence_is_shown_frame_after_frame_with_what_each_scored(made_video, tmp_path):
    truths, measured = sequences()
    found, estimates = made(tmp_path, "moving", truths, measured, "TYX")
    shown, panels, lines = made_video(found, {"-5 dB": "moving"}, metrics={"mae": {"digits": 3}, "psnr": {}})
    assert len(shown.frames) == FRAMES and shown.poster == FRAMES // 2
    assert list(panels) == ["input", "Network", "Lost", "truth"]
    for title, images in {"input": measured, "Network": estimates, "truth": truths}.items():
        np.testing.assert_allclose(panels[title].pictures, images[0], rtol=0, atol=1e-6)
        assert panels[title].limits == pytest.approx((truths[0].min(), truths[0].max()), abs=1e-6)
    assert list(panels["Lost"].pictures) == [] and panels["Lost"].status == "out of memory"
    for frame in range(FRAMES):
        error = np.abs(estimates[0][frame] - truths[0][frame]).mean()
        of_frame = [line for line in lines if line["frame"] == str(frame + 1) and line["variant"] == "network"]
        values = {line["metric"]: float(line["value"]) for line in of_frame}
        # The error is the same in all pixels, and the range is that of the run.
        assert values == {
            "mae": pytest.approx(error, rel=1e-5),
            "psnr": pytest.approx(20 * np.log10(2 / error), rel=1e-5),
        }
        assert panels["Network"].words[frame] == [f"MAE {error:.3f}", f"PSNR {20 * np.log10(2 / error):.2f} dB"]
    assert {line["status"] for line in lines if line["variant"] == "lost"} == {"out of memory"}


def test_single_images_follow_each_other(made_video, tmp_path):
    truths, measured = images()
    found, estimates = made(tmp_path, "still", truths, measured, "YX")
    shown, panels, lines = made_video(found, {"": "still"}, frames=3)
    assert len(shown.frames) == 3
    np.testing.assert_allclose(panels["Network"].pictures, estimates[:3], rtol=0, atol=1e-6)
    assert [line["image"] for line in lines if line["variant"] == "network"] == ["image_0", "image_1", "image_2"]
    # These have been scored already.
    assert panels["Network"].words == [["MAE 0.125"]] * 3 and panels["input"].words == [["MAE 0.250"]] * 3


def test_what_was_measured_without_truth_has_its_own_grey_scale(made_video, tmp_path):
    truths, measured = sequences()
    found, _ = made(tmp_path, "real", truths, measured, "TYX", without_truth=True)
    _, panels, lines = made_video(found, {"": "real"})
    assert list(panels) == ["input", "Network", "Lost"]
    assert panels["Network"].limits == pytest.approx((measured[0].min(), measured[0].max()), abs=1e-6)
    assert {line["value"] for line in lines} == {""}
    _, panels, _ = made_video(found, {"": "real"}, grey="own")
    low, high = panels["Network"].limits
    pixels = np.ravel(panels["Network"].pictures)
    assert 0 < np.mean(pixels < low) < 0.01 and 0 < np.mean(pixels > high) < 0.01


def test_the_truth_can_be_left_out_and_still_sets_the_grey_scale(made_video, tmp_path):
    truths, measured = sequences()
    found, _ = made(tmp_path, "moving", truths, measured, "TYX")
    _, panels, _ = made_video(found, {"": "moving"}, variants=["network"], truth=False)
    assert list(panels) == ["input", "Network"]
    assert panels["input"].limits == pytest.approx((truths[0].min(), truths[0].max()), abs=1e-6)


def test_images_in_colour_and_inputs_of_another_size(made_video, tmp_path):
    generator = np.random.default_rng(2)
    truths, measured = list(generator.random((2, 3, 24, 32))), list(3 * generator.random((2, 3, 12, 16)))
    found, estimates = made(tmp_path, "wall", truths, measured, "CYX")
    shown, panels, _ = made_video(found, {"": "wall"}, variants=["network"], kind="diffuse_imaging", width=64)
    np.testing.assert_allclose(panels["Network"].pictures[1], np.moveaxis(estimates[1], 0, -1), rtol=0, atol=1e-6)
    assert panels["truth"].limits[1] <= 1 < panels["input"].limits[1]
    # Every pixel of the truth stands twice in either direction, in its own colours.
    low, high = panels["truth"].limits
    expected = np.rint(255 * (np.moveaxis(truths[0], 0, -1).astype(np.float32) - low) / (high - low)).astype(int)
    expected = expected.repeat(2, axis=0).repeat(2, axis=1)
    page = shown.frames[0].astype(int)
    left = page.shape[1] - 64 - 10
    assert any(
        np.abs(page[top : top + 48, left : left + 64] - expected).max() <= 1 for top in range(page.shape[0] - 48)
    )


def test_several_problems_stand_one_below_the_other_for_as_long_as_the_shortest(made_video, tmp_path):
    truths, measured = images(3)
    still, _ = made(tmp_path, "still", truths, measured, "YX")
    truths, measured = sequences()
    moving, _ = made(tmp_path, "moving", truths, measured, "TYX")
    both = {kind: still[kind] + moving[kind] for kind in still}
    shown, _, lines = made_video(both, {"still": "still", "moving": "moving"}, variants=["network"])
    alone, _, _ = made_video(still, {"still": "still"}, variants=["network"])
    assert len(shown.frames) == 3 and {line["problem"] for line in lines} == {"still", "moving"}
    assert shown.frames[0].shape[0] > alone.frames[0].shape[0]


def test_a_problem_without_images_is_named(made_video, tmp_path):
    found, _ = made(tmp_path, "none", [np.ones((4, 4))], [np.ones((4, 4))], "YX")
    write_images(found["measurements"][0], [], "YX")
    with pytest.raises(UserError, match="problem 'none' has no test images"):
        made_video(found, {"": "none"})


def pages(pictures, words=("MAE 1", "MAE 1"), captions=("one", "one"), limits=(0.0, 1.0)):
    """Return the two pages of a video of one panel."""
    panel = Panel("Title", pictures, limits, [[word] for word in words])
    return list(draw_pages([Strip("", [panel])], 1, 64, captions, "Small print."))


def test_only_what_changes_is_changed():
    still, other = np.random.default_rng(4).random((2, 32, 32))
    first, second = pages([still, still])
    np.testing.assert_array_equal(first, second)
    changed = first != pages([still, other])[1]
    # The picture fills 64 x 64 pixels, in the middle of the page.
    (rows, columns) = (np.flatnonzero(changed.any(axis=axes)) for axes in ((1, 2), (0, 2)))
    assert (np.ptp(rows), np.ptp(columns)) == (63, 63)
    shown = pages([still, other])[1][rows[0] : rows[0] + 64 : 2, columns[0] : columns[0] + 64 : 2]
    np.testing.assert_array_equal(shown, np.repeat(np.rint(255 * other)[..., None], 3, axis=2))
    for changes in ({"words": ("MAE 1", "MAE 7")}, {"captions": ("one", "two")}):
        first, second = pages([still, still], **changes)
        outside = np.flatnonzero((first != second).any(axis=(1, 2)))
        assert outside.size and outside.min() > rows[-1]


def test_words_that_do_not_fit_stand_in_lines():
    still = np.zeros((32, 32))
    short, long = (
        pages([still, still], words=words)[0] for words in (("MAE 1",) * 2, ("PSNR 12.5 dB, MAE 0.123",) * 2)
    )
    assert long.shape[0] > short.shape[0]


def test_large_images_become_smaller_and_keep_their_mean():
    picture = np.random.default_rng(3).integers(0, 256, (120, 180, 3)).astype(np.uint8)
    small = _scaled(picture, 90)
    assert small.shape == (60, 90, 3)
    assert abs(small.mean() - picture.mean()) < 1


# Files


def frames(number=4):
    """Return frames of one colour each, in which red, green and blue differ."""
    return [np.full((20, 30, 3), (200, 40 * index, 90), np.uint8) for index in range(number)]


def test_the_file_holds_every_frame_in_its_colours(tmp_path):
    videos.save(Video(frames(), 8.0, 1), tmp_path / "video.webp", tmp_path / "video.png")
    found, read = cv2.imreadanimation(str(tmp_path / "video.webp"))
    assert found and len(read.frames) == 4 and read.loop_count == 0
    assert set(np.ravel(read.durations)) == {125}
    for frame, expected in zip(read.frames, frames(), strict=True):
        # As lossy as it is, WebP keeps a colour to a few of 255.
        assert np.abs(frame[..., 2::-1].astype(int) - expected).max() <= 4
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "video.png"))[..., ::-1], frames()[1])


def test_a_video_is_the_same_each_time(tmp_path):
    truths, measured = images()
    found, _ = made(tmp_path, "still", truths, measured, "YX")
    definition = made_up.figure("video", {"": "still"}, ["network"], {})
    spec = made_up.spec(definition, {"still": {"dataset": "still"}}, VARIANTS, [])
    files = []
    for name in ("first", "second"):
        outputs = {suffix: tmp_path / f"{name}.{suffix}" for suffix in ("webp", "png", "csv")}
        draw_figure(spec, **found, outputs=outputs)
        files.append([path.read_bytes() for path in outputs.values()])
    assert files[0] == files[1]
