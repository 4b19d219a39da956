"""Figures of images in colour and of sequences: rows with their differences, and frames among examples."""

import csv

import made_up
import numpy as np
import pytest

from reconbench.errors import UserError
from reconbench.images import ImageWriter
from reconbench.results import style
from reconbench.results.drawing import draw_figure
from reconbench.results.figures import _panels, diffuse_examples, examples
from reconbench.results.figures._views import views_of

VARIANTS = {
    "identity": made_up.variant("identity"),
    "network": made_up.variant("gaussian", title="Network"),
    "lost": made_up.variant("median", title="Lost"),
}
FRAMES = 4


def write_images(index, image, axes, names, folder="images"):
    index.parent.mkdir(parents=True, exist_ok=True)
    with ImageWriter(index, folder) as writer:
        for name in names if image is not None else ():
            writer.add(name, image.astype(np.float32), axes)
    return index


def made(root, truth, measured, estimate, axes, with_truth=True, names=("one",)):
    """Write a problem of equal images, which one method restored and another did not; return what a figure reads."""
    small = root / "results" / "small"
    kinds = ("scores", "examples", "truths", "measurements", "training", "models", "errors", "timings")
    found = {kind: [] for kind in kinds}
    if with_truth:
        found["truths"].append(write_images(small / "data" / "truths" / "test" / "index.csv", truth, axes, names))
    index = small / "measurements" / "seen" / "test" / "index.csv"
    found["measurements"].append(write_images(index, measured, axes, names))
    for variant, image in {"network": estimate, "lost": None}.items():
        line = {"status": "ok" if with_truth else "no truth", "mae": 0.5 if with_truth else None}
        if image is None:
            line = {"status": "out of memory"}
        scores, _ = made_up.write_row(
            root, "seen", variant, [{"image": name, **line, "seconds": 0.1} for name in names]
        )
        found["scores"].append(scores)
        found["examples"].append(write_images(scores.with_name("examples.csv"), image, axes, names, "examples"))
    return found


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Return a function that draws a figure: what its drawing is given, its texts, and the lines of the csv."""
    given, figures = [], []
    monkeypatch.setattr(style, "save", lambda figure, *paths: figures.append(figure))

    def noting(module, name):
        draw = getattr(module, name)

        def noted(parts, *others):
            given[:] = parts
            return draw(parts, *others)

        monkeypatch.setattr(module, name, noted)

    noting(diffuse_examples, "draw_rows")
    noting(examples, "draw_strips")

    def draw(kind, found, problem="diffuse_imaging", metrics=None, variants=("network", "lost"), **params):
        from matplotlib.text import Text

        definition = made_up.figure(kind, {"a wall": "seen"}, list(variants), metrics or {}, **params)
        spec = made_up.spec(definition, {"seen": {"kind": problem}}, VARIANTS, [])
        outputs = {suffix: tmp_path / f"figure.{suffix}" for suffix in ("svg", "png", "csv")}
        draw_figure(spec, **found, outputs=outputs)
        with open(outputs["csv"], newline="") as file:
            texts = [text.get_text().replace("\n", " ") for text in figures[-1].findobj(Text) if text.get_text()]
            return list(given), texts, list(csv.DictReader(file))

    return draw


def in_colour(seed=0):
    """Return a screen, what a camera sees of it, and an estimate."""
    generator = np.random.default_rng(seed)
    screen = generator.random((3, 12, 20))
    return screen, 5 * generator.random((3, 6, 10)), screen + generator.normal(0, 0.1, screen.shape)


# Rows


def test_a_row_has_the_difference_and_its_mean(drawn, tmp_path):
    screen, measured, estimate = in_colour()
    (row, lost), texts, lines = drawn("diffuse_examples", made(tmp_path, screen, measured, estimate, "CYX"))
    difference = np.abs(estimate - screen)
    np.testing.assert_allclose(row.prediction, np.moveaxis(estimate, 0, -1), rtol=0, atol=1e-6)
    np.testing.assert_allclose(row.difference, difference.mean(axis=0), rtol=0, atol=1e-6)
    assert row.words == f"MAE {difference.mean():.3f}" and row.words in texts
    assert row.limits == pytest.approx((screen.min(), screen.max()))
    assert row.measured_limits == pytest.approx((measured.min(), measured.max()))
    assert float(lines[0]["mae"]) == pytest.approx(difference.mean(), rel=1e-5)
    assert float(lines[0]["largest_difference"]) == pytest.approx(difference.mean(axis=0).max(), rel=1e-5)
    assert lost.prediction is None and "out of memory" in texts
    assert (lines[1]["status"], lines[1]["mae"]) == ("out of memory", "")
    assert {"measurement", "prediction", "screen", "absolute difference", "a wall", "Network", "Lost"} <= set(texts)


@pytest.mark.parametrize("number, shown", [(1, "a"), (2, "ad"), (3, "ace"), (20, "abcdef")])
def test_the_images_shown_are_spread_over_those_that_were_kept(drawn, tmp_path, number, shown):
    found = made(tmp_path, *in_colour(), "CYX", names="abcdef")
    _, _, lines = drawn("diffuse_examples", found, variants=["network"], images=number)
    assert [line["image"] for line in lines] == list(shown)


def test_all_rows_failing_still_makes_a_figure(drawn, tmp_path):
    screen, measured, estimate = in_colour()
    rows, _, _ = drawn("diffuse_examples", made(tmp_path, screen, measured, estimate, "CYX"), variants=["lost"])
    assert [row.status for row in rows] == ["out of memory"]


def test_a_screen_that_is_not_known_is_named(drawn, tmp_path):
    found = made(tmp_path, *in_colour(), "CYX", with_truth=False)
    with pytest.raises(UserError, match="image 'one' of problem 'seen' has no truth"):
        drawn("diffuse_examples", found)


# Examples in colour


def test_examples_show_colours_where_channels_are_colours(drawn, tmp_path):
    screen, measured, estimate = in_colour()
    found = made(tmp_path, screen, measured, estimate, "CYX")
    (strip,), texts, _ = drawn("examples", found, metrics={"mae": {"digits": 3}})
    seen = {panel.title: panel for panel in strip.panels}
    np.testing.assert_allclose(seen["truth"].views[0], np.moveaxis(screen, 0, -1), rtol=0, atol=1e-6)
    np.testing.assert_allclose(seen["input"].views[0], np.moveaxis(measured, 0, -1), rtol=0, atol=1e-6)
    assert seen["Network"].errors == ["MAE 0.500"] and "MAE\N{NO-BREAK SPACE}0.500" in texts
    # The planes of a focal series are channels, too.
    (strip,), _, _ = drawn("examples", found, problem="phase_retrieval")
    assert strip.panels[0].views[0].shape == screen.shape[1:]


def test_a_picture_in_colour_is_black_and_white_at_its_limits():
    from matplotlib.figure import Figure

    pixels = np.random.default_rng(0).random((8, 8, 3)) * 4
    axes = Figure().add_subplot()
    _panels.draw_image(axes, pixels, (1.0, 3.0), None)
    np.testing.assert_allclose(axes.images[0].get_array(), np.clip((pixels - 1) / 2, 0, 1))


def test_an_input_of_another_size_has_no_square(drawn, tmp_path, monkeypatch):
    squares = []
    monkeypatch.setattr(_panels, "draw_image", lambda axes, pixels, limits, square: squares.append(square))
    drawn("examples", made(tmp_path, *in_colour(), "CYX"), corner=4)
    truth, seen, network = squares
    assert truth == network == (slice(0, 3), slice(0, 3)) and seen is None


# Frames


def sequence():
    truth = np.random.default_rng(1).random((FRAMES, 24, 24)) * np.linspace(1, 2, FRAMES)[:, None, None]
    return truth, truth + 1, truth / 2


def test_frames_of_a_sequence_stand_one_below_the_other(drawn, tmp_path):
    truth, measured, estimate = sequence()
    found = made(tmp_path, truth, measured, estimate, "TYX")
    options = {"problem": "denoising", "metrics": {"mae": {}}, "place": "detail"}
    (strip,), texts, _ = drawn("examples", found, frames=[2, 3], **options)
    seen = {panel.title: panel for panel in strip.panels}
    for title, image in {"truth": truth, "input": measured, "Network": estimate}.items():
        np.testing.assert_allclose(seen[title].views, image[1:3], rtol=0, atol=1e-6)
    # One grey scale and one square for both frames.
    assert strip.limits[0] == strip.limits[1] == pytest.approx((truth[1:3].min(), truth[1:3].max()))
    assert strip.squares[0] == strip.squares[1]
    assert {f"frame 2 of\N{NO-BREAK SPACE}{FRAMES}", f"frame 3 of\N{NO-BREAK SPACE}{FRAMES}"} <= set(texts)
    assert any("Numbers are of whole sequences." in text for text in texts)
    (strip,), texts, _ = drawn("examples", found, **options)
    np.testing.assert_allclose(strip.panels[0].views, truth[2:3], rtol=0, atol=1e-6)
    assert not any("whole sequences" in text for text in texts)


def test_frames_that_are_not_there_are_named():
    with pytest.raises(UserError, match="no frame 5 in a sequence of 4; give some from 1 to 4"):
        views_of(np.zeros((4, 3, 3)), "TYX", "above", None, frames=[4, 5])


def test_measured_frames_without_truth_can_have_their_own_grey_scales(drawn, tmp_path):
    truth, measured, estimate = sequence()
    found = made(tmp_path, truth, measured, estimate, "TYX", with_truth=False)
    (strip,), texts, _ = drawn("examples", found, problem="denoising", frames=[1, 4], grey="own")
    assert [panel.title for panel in strip.panels] == ["input", "Network", "Lost"]
    for panel, image in zip(strip.panels[:2], (measured, estimate), strict=True):
        (low, high), same = panel.limits
        assert same == (low, high)
        assert image[[0, 3]].min() < low < np.quantile(image[[0, 3]], 0.01)
        assert np.quantile(image[[0, 3]], 0.99) < high < image[[0, 3]].max()
    assert any("Each image has a grey scale of its own" in text for text in texts)
