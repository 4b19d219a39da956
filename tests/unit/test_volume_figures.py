"""What a figure of examples shows of volumes, and of each problem with variants of its own."""

import csv
import itertools

import made_up
import numpy as np
import pytest

from reconbench.errors import UserError
from reconbench.images import ImageWriter
from reconbench.results import style
from reconbench.results.drawing import draw_figure
from reconbench.results.figures import _panels
from reconbench.results.figures._views import INSET, detail, views_of

VARIANTS = {
    "identity": made_up.variant("identity"),
    "early": made_up.variant("lucy_richardson", iterations=2),
    "late": made_up.variant("lucy_richardson", iterations=20),
    "tuned": made_up.variant("chambolle_pock_tv", title="Chambolle-Pock total variation, tuned on other volumes"),
    "failed": made_up.variant("wiener_deconvolution"),
}
SHAPES = {"cube": (16, 64, 64), "wide": (8, 32, 128), "image": (48, 64)}
HEADINGS = {"Filaments": "cube", "Wide filaments": "wide", "Flat filaments": "image"}


def write_images(index, image, folder="images"):
    index.parent.mkdir(parents=True, exist_ok=True)
    with ImageWriter(index, folder) as writer:
        writer.add("one", image)
    return index


def truth_of(problem):
    return np.random.default_rng(list(SHAPES).index(problem)).random(SHAPES[problem]).astype(np.float32)


@pytest.fixture
def inputs(tmp_path):
    """Return what a figure reads of two volumes and an image; each estimate is its truth, dimmer and with an offset."""
    kinds = ("scores", "examples", "truths", "measurements", "training", "models", "errors", "timings")
    found = {kind: [] for kind in kinds}
    small = tmp_path / "results" / "small"
    for problem in SHAPES:
        truth = truth_of(problem)
        found["truths"].append(write_images(small / "data" / problem / "test" / "index.csv", truth))
        measured = small / "measurements" / problem / "test" / "index.csv"
        found["measurements"].append(write_images(measured, truth / 2))
        for number, variant in enumerate(VARIANTS):
            errors = {"psnr": 20.0 + number, "ssim": 0.5, "mse": 0.0125}
            lines = [{"image": "one", "status": "ok", **errors, "seconds": 0.1}]
            if variant == "failed":
                lines = [{"image": "one", "status": "out of memory"}]
            scores, _ = made_up.write_row(tmp_path, problem, variant, lines)
            found["scores"].append(scores)
            index = scores.with_name("examples.csv")
            if variant == "failed":
                with ImageWriter(index, "examples"):
                    pass
            else:
                write_images(index, truth / (number + 1) + 0.125, "examples")
            found["examples"].append(index)
    return found


@pytest.fixture
def drawn(inputs, tmp_path, monkeypatch):
    """Return a function that draws, and gives the figure, what is drawn of each panel, and the lines of the csv."""
    images, figures = [], []
    draw_image = _panels.draw_image

    def noted(axes, *shown):
        images.append(shown)
        draw_image(axes, *shown)

    monkeypatch.setattr(_panels, "draw_image", noted)
    monkeypatch.setattr(style, "save", lambda figure, *paths: figures.append(figure))

    def draw(problems, variants, without=(), metrics=None, **params):
        definition = made_up.figure("examples", problems, variants, metrics or {"psnr": {"digits": 1}}, **params)
        spec = made_up.spec(definition, {name: {"dataset": name} for name in problems.values()}, VARIANTS, [])
        outputs = {suffix: tmp_path / f"figure.{suffix}" for suffix in ("svg", "png", "csv")}
        draw_figure(spec, **{**inputs, **dict.fromkeys(without, [])}, outputs=outputs)
        with open(outputs["csv"], newline="") as file:
            return figures[-1], images, list(csv.DictReader(file))

    return draw


def test_an_image_is_seen_as_it_is():
    image = np.random.default_rng(0).random((9, 7))
    (view,) = views_of(image, "YX", "above", 3)
    assert (view.label, view.enlarged) == ("", True)
    np.testing.assert_array_equal(view.show(image), image)


def test_of_a_series_the_middle_is_seen():
    series = np.arange(5 * 4 * 3.0).reshape(5, 4, 3)
    (view,) = views_of(series, "CYX", "above", None)
    np.testing.assert_array_equal(view.show(series), series[2])


def test_a_volume_is_seen_from_above_and_cut_where_it_varies_most():
    volume = np.zeros((6, 5, 4))
    volume[1, 0, 0] = 1.0
    volume[4, 2:4, 1] = 3.0
    projection, plane = views_of(volume, "ZYX", "above", None)
    assert (projection.label, plane.label.split()) == ("maximum projection", ["plane", "5", "of", "6"])
    assert (projection.enlarged, plane.enlarged) == (False, True)
    expected = np.zeros((5, 4))
    expected[2:4, 1], expected[0, 0] = 3.0, 1.0
    np.testing.assert_array_equal(projection.show(volume), expected)
    np.testing.assert_array_equal(plane.show(volume), volume[4])
    # Another image is cut at the same place, wherever it varies most itself.
    np.testing.assert_array_equal(plane.show(volume[::-1]), volume[1])


def test_planes_are_counted_from_one():
    volume = np.arange(4.0)[:, None, None] * np.ones((4, 5, 6))
    for number in (1, 4):
        (plane,) = views_of(volume, "ZYX", "none", number)
        assert plane.label.split() == ["plane", str(number), "of", "4"]
        assert np.unique(plane.show(volume)) == number - 1
    with pytest.raises(UserError, match="there is no plane 5 in a volume of 4; give one from 1 to 4"):
        views_of(volume, "ZYX", "none", 5)


def test_a_projection_alone_has_its_detail_enlarged():
    (view,) = views_of(np.zeros((4, 5, 6)), "ZYX", "alone", None)
    assert (view.label, view.enlarged) == ("maximum projection", True)


@pytest.mark.parametrize("shape", [(40, 40), (24, 60), (61, 28)])
def test_a_detail_is_the_square_that_varies_most_of_those_in_sight(shape):
    pixels = np.random.default_rng(3).random(shape).astype(np.float32) + 100
    # What varies most lies under the enlargement.
    pixels[-6:, -6:] *= np.indices((6, 6)).sum(axis=0) % 2
    side, covered = 5, INSET * min(shape)
    places = [
        (pixels[top : top + side, left : left + side].var(dtype=np.float64), top, left)
        for top, left in itertools.product(range(shape[0] - side + 1), range(shape[1] - side + 1))
        if top + side <= shape[0] - covered or left + side <= shape[1] - covered
    ]
    _, top, left = max(places)
    assert detail(pixels, side, "detail") == (slice(top, top + side), slice(left, left + side))
    assert detail(pixels, side, "corner") == (slice(0, side), slice(0, side))


@pytest.mark.parametrize("place", ["corner", "detail"])
def test_a_detail_is_enlarged_at_least_twofold(place):
    for shape in [(16, 64), (64, 64), (3, 3)]:
        rows, columns = detail(np.eye(*shape), 32, place)
        side = max(min(shape) // 4, 1)
        assert (rows.stop - rows.start, columns.stop - columns.start) == (side, side)


def test_each_view_has_the_grey_scale_of_its_own_truth(drawn):
    _, images, _ = drawn({"Filaments": "cube"}, list(VARIANTS))
    truth = truth_of("cube")
    cut = truth[truth.var(axis=(1, 2)).argmax()]
    seen = [truth.max(axis=0), cut]
    assert len(images) == 2 * 5
    for view, expected in enumerate(seen):
        # Truth, input, and the three methods that did not fail.
        shown = images[view * 5 : view * 5 + 5]
        assert {limits for _, limits, _ in shown} == {(expected.min(), expected.max())}
        np.testing.assert_array_equal(shown[0][0], expected)
        np.testing.assert_array_equal(shown[1][0], expected / 2)
        np.testing.assert_allclose(shown[4][0], expected / 4 + 0.125, rtol=1e-6)
    assert [square is None for *_, square in images] == [True] * 5 + [False] * 5


def test_without_a_truth_the_measurement_rules(drawn):
    _, images, lines = drawn({"Filaments": "cube"}, ["identity", "early"], without=["truths"])
    measured = truth_of("cube") / 2
    assert images[0][1] == (measured.max(axis=0).min(), measured.max(axis=0).max())
    assert [line["method"] for line in one_an_image(lines)] == ["input", "Lucy-Richardson, 2 iterations"]


def rendered(figure):
    """Draw a figure, and return what measures its texts."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def one_an_image(lines):
    """Return the lines of the csv that are of the first metric, or of an image that is not scored."""
    return [line for line in lines if line["metric"] in ("", "psnr")]


def errors_of(axes):
    return axes.get_xlabel().replace("\N{NO-BREAK SPACE}", " ")


def words_of(figure):
    return [text.get_text() for text in figure.texts]


def test_titles_and_errors_stand_once_and_labels_at_each_view(drawn):
    figure, _, _ = drawn({"Filaments": "cube", "Flat filaments": "image"}, list(VARIANTS), columns=6)
    panels = figure.axes
    assert [axes.get_title() for axes in panels[:6]] == [
        "truth",
        "input",
        "Lucy-Richardson, 2\niterations",
        "Lucy-Richardson, 20\niterations",
        "Chambolle-Pock total\nvariation, tuned on other\nvolumes",
        panels[5].get_title(),
    ]
    assert [axes.get_xlabel() for axes in panels[:6]] == [""] * 6
    assert [axes.get_title() for axes in panels[6:12]] == [""] * 6
    errors = ["", "PSNR 20.0 dB", "PSNR 21.0 dB", "PSNR 22.0 dB", "PSNR 23.0 dB", ""]
    assert [errors_of(axes) for axes in panels[6:12]] == [errors_of(axes) for axes in panels[12:]] == errors
    assert len(panels) == 18
    labels = [words for words in words_of(figure) if "projection" in words or "plane" in words]
    assert [" ".join(words.split()) for words in labels][0] == "maximum projection"
    assert len(labels) == 2 and labels[1].split()[0] == "plane"
    footer = "Black and white are the smallest and largest value of the first image in the same view; scale small."
    assert " ".join(words_of(figure)[-1].split()) == footer


SEVERAL = {"psnr": {}, "ssim": {"digits": 1}, "mse": {"title": "MSE (×10⁻³)", "scale": 1000.0}}


def test_several_errors_stand_below_each_other_where_they_are_too_long(drawn):
    two, _, _ = drawn({"Flat filaments": "image"}, ["identity"], metrics={"psnr": {}, "ssim": {}})
    assert [errors_of(axes) for axes in two.axes] == ["", "PSNR 20.00 dB, SSIM 0.50"]
    three, _, lines = drawn({"Flat filaments": "image"}, ["identity"], metrics=SEVERAL)
    assert [errors_of(axes) for axes in three.axes] == ["", "PSNR 20.00 dB, SSIM 0.5,\nMSE (×10⁻³) 12.50"]
    assert three.get_figheight() > two.get_figheight()
    assert [(line["metric"], line["value"]) for line in lines[1:]] == [
        *(("psnr", "20.0"), ("ssim", "0.5"), ("mse", "0.0125")),
    ]


@pytest.mark.parametrize("metrics", [None, SEVERAL], ids=["one error", "several errors"])
@pytest.mark.parametrize("columns, projection", [(2, "above"), (12, "above"), (4, "alone"), (3, "none")])
def test_nothing_overlaps_and_nothing_is_cut_off(drawn, columns, projection, metrics):
    figure, _, _ = drawn(HEADINGS, list(VARIANTS), metrics=metrics, columns=columns, projection=projection)
    renderer = rendered(figure)
    # The bounding box of a panel holds its title and its errors, and that of a text is as it is drawn.
    boxes = [axes.get_tightbbox(renderer) for axes in figure.axes]
    boxes += [text.get_window_extent(renderer) for text in figure.texts if text.get_text()]
    width, height = figure.bbox.size
    for box in boxes:
        assert box.x0 > -1 and box.y0 > -1 and box.x1 < width + 1 and box.y1 < height + 1
    for one, other in itertools.combinations(boxes, 2):
        across = min(one.x1, other.x1) - max(one.x0, other.x0)
        down = min(one.y1, other.y1) - max(one.y0, other.y0)
        # Frames of panels are a pixel wide.
        assert min(across, down) < 1.5, (one, other)


@pytest.mark.parametrize("heading", HEADINGS)
def test_pixels_stay_square(drawn, heading):
    figure, images, _ = drawn({heading: HEADINGS[heading]}, ["early"])
    rendered(figure)
    width, height = figure.get_size_inches()
    for axes, (pixels, _, _) in zip(figure.axes, images, strict=True):
        box = axes.get_position()
        assert box.height * height / (box.width * width) == pytest.approx(pixels.shape[0] / pixels.shape[1])
        for inset in axes.child_axes:
            assert inset.bbox.height == pytest.approx(inset.bbox.width)


def test_the_csv_has_one_line_for_all_views_of_an_image(drawn):
    _, _, lines = drawn({"Filaments": "cube"}, list(VARIANTS))
    assert list(lines[0]) == ["problem", "image", "method", "variant", "status", "metric", "value"]
    shown = one_an_image(lines)
    assert [(line["variant"], line["status"], line["metric"], line["value"]) for line in shown] == [
        ("", "ok", "", ""),
        ("identity", "ok", "psnr", "20.0"),
        ("early", "ok", "psnr", "21.0"),
        ("late", "ok", "psnr", "22.0"),
        ("tuned", "ok", "psnr", "23.0"),
        ("failed", "out of memory", "", ""),
    ]


def test_each_problem_shows_its_own_variants(drawn):
    own = {"Filaments": ["identity", "late"], "Flat filaments": ["tuned"]}
    figure, _, lines = drawn({"Filaments": "cube", "Flat filaments": "image"}, own)
    assert [(line["problem"], line["variant"]) for line in one_an_image(lines)] == [
        ("cube", ""),
        ("cube", "identity"),
        ("cube", "late"),
        ("image", ""),
        ("image", ""),
        ("image", "tuned"),
    ]
    assert len(figure.axes) == 2 * 3 + 3


def test_a_plane_that_is_not_there_is_refused(drawn):
    with pytest.raises(UserError, match="no plane 17 in a volume of 16"):
        drawn({"Filaments": "cube"}, ["early"], plane=17)
