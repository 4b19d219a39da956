"""Figures of phase retrieval: columns of images with their Fourier ring correlation, and stacks among examples."""

import csv

import made_up
import numpy as np
import pytest

from reconbench.config.tables_and_figures import Figure
from reconbench.errors import UserError
from reconbench.images import ImageWriter
from reconbench.metrics import frc_area
from reconbench.metrics._fourier_rings import ring_correlation
from reconbench.results import style
from reconbench.results.drawing import draw_figure
from reconbench.results.figures import _columns, _panels, phase_examples

VARIANTS = {name: made_up.variant("gaussian", name) for name in ("tie", "network", "lost")}
VARIANTS["identity"] = made_up.variant("identity")
PROBLEMS = {"one plane": "single", "two planes": "pair"}
PLANES = {"single": 1, "pair": 2}
SHAPE = (32, 40)


def smooth(seed, shape=SHAPE):
    y, x = (np.fft.fftfreq(length) for length in shape)
    blur = np.exp(-100 * (y[:, None] ** 2 + x**2))
    image = np.fft.ifft2(np.fft.fft2(np.random.default_rng(seed).normal(size=shape)) * blur).real
    return ((image - image.min()) / np.ptp(image)).astype(np.float32)


def write_images(index, images, folder="images", axes=None):
    index.parent.mkdir(parents=True, exist_ok=True)
    with ImageWriter(index, folder) as writer:
        for number, image in enumerate(images):
            writer.add(f"image_{number}", image, axes)
    return index


def made(root, wave=False):
    """Write two problems of two images each; return what a figure reads, the truths and the predictions."""
    truths = [smooth(seed) for seed in range(2)]
    written = [np.stack([np.ones(SHAPE), truth]) for truth in truths] if wave else truths
    axes = "CYX" if wave else None
    small = root / "results" / "small"
    kinds = ("scores", "examples", "truths", "measurements", "training", "models", "errors", "timings")
    found = {kind: [] for kind in kinds}
    found["truths"].append(write_images(small / "data" / "truths" / "test" / "index.csv", written, axes=axes))
    predictions = {}
    for place, problem in enumerate(PROBLEMS.values()):
        stacks = [np.stack([2 + n + truth for n in range(PLANES[problem])]) for truth in truths]
        index = small / "measurements" / problem / "test" / "index.csv"
        found["measurements"].append(write_images(index, stacks, axes="CYX"))
        for level, variant in enumerate(["tie", "network", "lost"], start=1):
            source = np.random.default_rng(10 * place + level)
            images = [truth + 0.05 * level * source.normal(size=SHAPE).astype(np.float32) for truth in truths]
            lines = made_up.lines(
                mae=[float(np.abs(one - two).mean()) for one, two in zip(images, truths, strict=True)]
            )
            if variant == "lost":
                images, lines = [], made_up.lines(status="not applicable", number=2)
            scores, _ = made_up.write_row(root, problem, variant, lines)
            found["scores"].append(scores)
            kept = [np.stack([np.ones(SHAPE), image]) for image in images] if wave else images
            found["examples"].append(write_images(scores.with_name("examples.csv"), kept, "examples", axes))
            predictions[problem, variant] = images
    return found, truths, predictions


@pytest.fixture
def drawn(tmp_path):
    """Return a function that draws a figure of made-up data: its csv, the truths and the predictions."""

    def draw(variants, kind="phase_examples", metrics=None, wave=False, problems=PROBLEMS, **params):
        found, truths, predictions = made(tmp_path, wave)
        definition = made_up.figure(kind, problems, variants, metrics or {}, **params)
        outputs = {suffix: tmp_path / f"figure.{suffix}" for suffix in ("svg", "png", "csv")}
        about = {problem: {"kind": "phase_retrieval"} for problem in problems.values()}
        draw_figure(made_up.spec(definition, about, VARIANTS, []), **found, outputs=outputs)
        with open(outputs["csv"], newline="") as file:
            return list(csv.DictReader(file)), truths, predictions

    return draw


@pytest.fixture
def shown(monkeypatch):
    """Return lists that receive the images with their grey scales, and the texts, of the figure that is drawn next."""
    images, texts = [], []
    for module in (_columns, _panels):
        monkeypatch.setattr(
            module, "draw_image", lambda axes, pixels, limits, square: images.append((np.array(pixels), limits))
        )

    def collect(figure, svg, png):
        from matplotlib.text import Text

        texts.extend(text.get_text() for text in figure.findobj(Text))

    monkeypatch.setattr(style, "save", collect)
    return images, texts


@pytest.mark.parametrize("wave", [False, True])
def test_the_csv_holds_the_curve_of_every_prediction_and_its_errors(drawn, wave):
    lines, truths, predictions = drawn(["identity", "tie", "network"], images=2, wave=wave)
    assert list(lines[0]) == ["problem", "image", "method", "variant", "status", "quantity", "frequency", "value"]
    assert {line["variant"] for line in lines} == {"tie", "network"}
    for (problem, variant), images in predictions.items():
        for number, (truth, image) in enumerate(zip(truths, images, strict=True) if variant != "lost" else ()):
            at = (problem, variant, f"image_{number}")
            own = [line for line in lines if (line["problem"], line["variant"], line["image"]) == at]
            curve = [line for line in own if line["quantity"] == "frc"]
            values = [float(line["value"]) for line in curve]
            np.testing.assert_allclose(values, ring_correlation(image, truth), rtol=0, atol=1e-12)
            assert np.mean(values) == pytest.approx(frc_area.metric(image, truth, frc_area.Params()))
            assert [float(curve[end]["frequency"]) for end in (0, -1)] == [1 / 32, 0.5]
            (error,) = [line for line in own if line["quantity"] == "mae"]
            assert float(error["value"]) == pytest.approx(np.abs(image - truth).mean(), rel=1e-5)


def test_a_column_is_input_prediction_and_truth_with_the_error_printed(drawn, shown):
    images, texts = shown
    _, truths, predictions = drawn(
        {"one plane": ["tie"], "two planes": ["network"]}, plane_labels={"two planes": "-5 µm"}
    )
    (plane, own), (tie, limits), (truth, same), (second, _), (network, _), _ = images
    np.testing.assert_array_equal(truth, truths[0])
    np.testing.assert_array_equal(plane, 2 + truths[0])
    np.testing.assert_array_equal(second, 2 + truths[0])
    np.testing.assert_array_equal(tie, predictions["single", "tie"][0])
    np.testing.assert_array_equal(network, predictions["pair", "network"][0])
    assert limits == same == (0, 1) and own == (2, 3)
    assert f"MAE {np.abs(tie - truth).mean():.3f}" in texts
    # A single plane needs no number.
    assert "1 of 2, -5 µm" in texts and not any("of 1" in text for text in texts)
    assert {"one plane", "two planes", "tie", "network", "input", "prediction", "truth", "FRC"} <= set(texts)


def test_another_plane_can_be_shown_of_each_problem_that_has_it(drawn, shown):
    images, texts = shown
    problems = {"the first": "pair", "the second": "pair"}
    _, truths, _ = drawn(["tie"], problems=problems, planes={"the second": 2})
    (first, _), (second, _) = images[0], images[3]
    np.testing.assert_array_equal(first, 2 + truths[0])
    np.testing.assert_array_equal(second, 3 + truths[0])
    assert {"1 of 2", "2 of 2"} <= set(texts)
    with pytest.raises(UserError, match="no plane 2 in the measurements of problem 'single', which have 1"):
        drawn(["tie"], planes={"one plane": 2})


@pytest.mark.parametrize(
    "key, value", [("planes", 1), ("plane_labels", "focus"), ("channels", 0), ("metrics_of", ["mae"])]
)
def test_a_heading_that_is_not_there_is_a_fault(drawn, key, value):
    """Before anything runs, and where a figure is drawn by hand."""
    named = {key: {"two planes": value, "one plan": value}}
    problems = {"one plane": "single", "two planes": "pair"}
    definition = Figure.model_validate(made_up.figure("phase_examples", problems, ["tie"], {}))
    (fault,) = phase_examples.faults(definition, phase_examples.Params(**named))
    assert fault == f"{key}: there is no heading of this figure named 'one plan'; did you mean 'one plane'?"
    with pytest.raises(UserError, match=fault.replace("?", r"\?")):
        drawn(["tie"], **named)


def test_the_constant_of_a_phase_can_be_left_out(drawn, shown):
    images, texts = shown
    _, truths, predictions = drawn(["tie"], problems={"one plane": "single"}, less_median=True)
    difference = predictions["single", "tie"][0] - truths[0]
    np.testing.assert_allclose(images[1][0], truths[0] + difference - np.median(difference), rtol=0, atol=1e-6)
    assert any("less the median" in text for text in texts)


def test_one_problem_may_stand_under_its_amplitude_and_its_phase(drawn, shown):
    images, texts = shown
    lines, truths, predictions = drawn(
        ["tie"],
        problems={"amplitude": "pair", "phase": "pair"},
        wave=True,
        metrics={"mae": {"digits": 3}},
        channels={"amplitude": 0},
        metrics_of={"amplitude": []},
        less_median=True,
    )
    _, (amplitude, _), (ones, limits), _, (phase, _), (truth, _) = images
    assert (amplitude == 1).all() and (ones == 1).all() and limits == (1, 1)
    np.testing.assert_array_equal(truth, truths[0])
    difference = predictions["pair", "tie"][0] - truths[0]
    np.testing.assert_allclose(phase, truths[0] + difference - np.median(difference), rtol=0, atol=1e-6)
    assert sum(text.startswith("MAE") for text in texts) == 1
    assert [line["quantity"] for line in lines].count("mae") == 1
    curves = {line["quantity"]: float(line["value"]) for line in lines if line["quantity"].startswith("frc")}
    assert curves["frc of channel 0"] == 0 and curves["frc"] != 0


def test_a_channel_that_is_not_there_is_named(drawn):
    with pytest.raises(UserError, match=r"no channel 2 in truths of shape \(2, 32, 40\); give one below 2"):
        drawn(["tie"], problems={"two planes": "pair"}, wave=True, channels={"two planes": 2})


def test_errors_stand_between_predictions_and_truths(drawn, shown):
    images, texts = shown
    _, truths, predictions = drawn(["tie"], problems={"one plane": "single"}, errors=True)
    (_, _), (tie, _), (error, limits), (truth, _) = images
    np.testing.assert_array_equal(error, tie - truth)
    np.testing.assert_array_equal(truth, truths[0])
    assert limits == (-0.25, 0.25)
    assert "error" in texts and any("minus a quarter" in text.replace("\n", " ") for text in texts)


@pytest.mark.parametrize("variants", [["lost"], ["tie", "lost"]])
def test_a_figure_with_errors_is_drawn_without_a_prediction_too(drawn, variants):
    lines, _, _ = drawn(variants, errors=True)
    assert {line["variant"] for line in lines} == set(variants)


def test_what_happened_stands_in_place_of_a_prediction(drawn, shown):
    images, texts = shown
    lines, _, _ = drawn(["lost"])
    assert {(line["status"], line["quantity"]) for line in lines} == {("not applicable", "")}
    assert texts.count("not applicable") == 2
    assert len(images) == 4


def test_further_columns_stand_below(drawn):
    """And the figure is drawn, with errors of one's own choice."""
    lines, _, _ = drawn(["tie", "network", "lost"], columns=2, images=2, metrics={"mae": {"digits": 1}})
    assert len({(line["problem"], line["image"], line["variant"]) for line in lines}) == 12


def test_an_image_without_truth_is_named(tmp_path):
    found, _, _ = made(tmp_path)
    definition = made_up.figure("phase_examples", PROBLEMS, ["tie"], {})
    spec = made_up.spec(definition, {problem: {} for problem in PROBLEMS.values()}, VARIANTS, [])
    outputs = {suffix: tmp_path / f"figure.{suffix}" for suffix in ("svg", "png", "csv")}
    with pytest.raises(UserError, match="image 'image_0' of problem 'single' has no truth"):
        draw_figure(spec, **{**found, "truths": []}, outputs=outputs)


# Stacks among examples


@pytest.mark.parametrize("wave", [False, True])
def test_examples_show_one_plane_of_a_stack_in_its_own_grey_scale(drawn, shown, wave):
    images, texts = shown
    _, truths, predictions = drawn(["tie"], kind="examples", problems={"two planes": "pair"}, wave=wave)
    (truth, limits), (plane, own), (tie, same) = images
    np.testing.assert_array_equal(truth, truths[0])
    np.testing.assert_array_equal(plane, 3 + truths[0])
    np.testing.assert_array_equal(tie, predictions["pair", "tie"][0])
    assert limits == same == (0, 1) and own == (3, 4)
    assert "input, plane 2 of 2" in texts
    assert any("Inputs have their own smallest and largest value." in text.replace("\n", " ") for text in texts)


def test_examples_of_one_plane_do_not_number_it(drawn, shown):
    images, texts = shown
    drawn(["tie"], kind="examples", problems={"one plane": "single"})
    assert "input" in texts and len(images) == 3
