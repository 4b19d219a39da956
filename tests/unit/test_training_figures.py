"""Learning curves, and what is read for them."""

import csv

import made_up
import numpy as np
import pytest

from reconbench.errors import UserError
from reconbench.results import style
from reconbench.results.drawing import draw_figure
from reconbench.results.figures import _curves, _phases, learning_curves

COLUMNS = ("step", "seconds", "learning_rate", "frozen_normalisation", "loss", "validation_error")
PHASES = [
    {"steps": 60, "learning_rate": 1e-3},
    {"steps": 0, "learning_rate": 1.0},
    {"steps": 40, "learning_rate": 2.5e-4, "frozen_normalisation": True},
]
ERRORS = np.geomspace(0.02, 0.001, 10)
NONE = {name: [] for name in ("scores", "examples", "truths", "measurements", "models", "errors", "timings")}


def network(title="", phases=PHASES, batch=4):
    return made_up.variant("gaussian", title, training={"phases": phases, "batch": batch})


def write_training(root, problem, variant, errors=ERRORS, repetition=1, loss=0.5, pace=0.5):
    """Write training.csv with a validation every 10 steps; no errors stand for a training that failed.

    `pace` is the seconds that a step takes.
    """
    path = made_up.folder(root, "models", problem, variant, repetition, "all") / "training.csv"
    lines = [
        (10 * n, 10 * n * pace, 1e-3 if n <= 6 else 2.5e-4, int(n > 6), loss, error)
        for n, error in enumerate(errors, start=1)
    ]
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *lines])
    return path


def drawn(definition, variants, trained_on, training, folder):
    folder.mkdir(exist_ok=True)
    outputs = {suffix: folder / f"figure.{suffix}" for suffix in ("svg", "png", "csv")}
    rows = [
        (problem, name, {"trained_on": trained_on.get((problem, name))})
        for problem in definition["problems"].values()
        for name in definition["variants"]
    ]
    spec = made_up.spec(definition, {problem: {} for problem, *_ in rows}, variants, rows)
    draw_figure(spec, **NONE, training=training, outputs=outputs)
    with open(outputs["csv"], newline="") as file:
        return outputs, list(csv.DictReader(file))


def written(monkeypatch):
    """Return a list that receives every text of the figure that is drawn next, and where it stands."""
    from matplotlib.text import Text

    texts = []

    def collect(figure, svg, png):
        texts.extend((text.get_text(), text.get_position()) for text in figure.findobj(Text))
        save(figure, svg, png)

    save = style.save
    monkeypatch.setattr(style, "save", collect)
    return texts


def test_the_moving_average_is_that_of_the_values_around():
    values = np.array([4.0, 1.0, 7.0, 2.0])
    np.testing.assert_allclose(_curves.moving_average(values, 1), values)
    np.testing.assert_allclose(_curves.moving_average(values, 2), [2.5, 4.0, 4.5, 2.0])
    np.testing.assert_allclose(_curves.moving_average(values, 3), [2.5, 4.0, 10 / 3, 4.5])
    np.testing.assert_allclose(_curves.moving_average(values, 100), 3.5)


def test_the_csv_holds_every_validation_of_every_repetition(tmp_path):
    definition = made_up.figure("learning_curves", {"low dose": "low"}, ["a", "median"], {}, smoothing=3, scale=1000.0)
    variants = {"a": network("A"), "median": made_up.variant("median")}
    training = [write_training(tmp_path, "low", "a", ERRORS * n, n) for n in (1, 2)]
    outputs, lines = drawn(definition, variants, {("low", "a"): "low"}, training, tmp_path / "figure")
    assert list(lines[0]) == [
        *("panel", "problem", "method", "variant", "trained_on", "training"),
        *("quantity", "step", "value", "smoothed", "learning_rate"),
    ]
    second = [line for line in lines if (line["variant"], line["training"]) == ("a", "2")]
    assert [int(line["step"]) for line in second] == list(range(10, 101, 10))
    assert [float(line["value"]) for line in second] == list(ERRORS * 2)
    assert float(second[4]["smoothed"]) == pytest.approx(2 * ERRORS[3:6].mean(), rel=1e-12)
    assert [float(line["learning_rate"]) for line in second] == [1e-3] * 6 + [2.5e-4] * 4
    (untrained,) = [line for line in lines if line["variant"] == "median"]
    assert (untrained["trained_on"], untrained["step"]) == ("", "")
    assert len(lines) == 21
    assert outputs["png"].stat().st_size > 10_000


def test_a_curve_is_that_of_the_problem_that_was_trained_on(tmp_path, monkeypatch):
    texts = written(monkeypatch)
    problems = {"low dose": "low", "ordinary dose": "ordinary"}
    definition = made_up.figure("learning_curves", problems, ["a"], {})
    # Both problems share the training, so its file is named twice.
    training = [write_training(tmp_path, "low", "a")] * 2
    trained_on = {("low", "a"): "low", ("ordinary", "a"): "low"}
    _, lines = drawn(definition, {"a": network("A")}, trained_on, training, tmp_path / "figure")
    assert [line["problem"] for line in lines] == ["low"] * 10 + ["ordinary"] * 10
    assert {line["trained_on"] for line in lines} == {"low"}
    assert any("Trained on low: A." in text for text, _ in texts)
    with pytest.raises(UserError, match=r"no training\.csv was given for variant 'a' on problem 'ordinary'"):
        drawn(definition, {"a": network("A")}, {("ordinary", "a"): "ordinary"}, training, tmp_path / "figure")


def test_failed_trainings_are_named(tmp_path, monkeypatch):
    texts = written(monkeypatch)
    definition = made_up.figure("learning_curves", {"low dose": "low"}, ["a", "b", "c"], {})
    variants = {name: network(f"network {name}") for name in "abc"}
    training = [write_training(tmp_path, "low", "a", ERRORS if n != 2 else [], n) for n in (1, 2, 3)]
    training += [write_training(tmp_path, "low", "b", []), write_training(tmp_path, "low", "c", [np.nan, np.inf])]
    trained_on = {("low", name): "low" for name in "abc"}
    _, lines = drawn(definition, variants, trained_on, training, tmp_path / "figure")
    footer = next(text for text, _ in texts if "No curve" in text).replace("\n", " ")
    assert footer.endswith("it failed: network a (1 of 3 trainings), network b, network c.")
    assert [(line["variant"], line["training"]) for line in lines if not line["step"]] == [
        ("a", "2"),
        ("b", "1"),
        ("c", "1"),
    ]
    # What has no curve has no line in the legend either.
    assert [text for text, _ in texts if text.startswith("network")] == ["network a"]


def test_a_figure_without_any_curve_is_still_a_figure(tmp_path):
    definition = made_up.figure("learning_curves", {"low dose": "low"}, ["median"], {})
    outputs, (line,) = drawn(definition, {"median": made_up.variant("median")}, {}, [], tmp_path / "figure")
    assert (line["variant"], line["quantity"], line["value"]) == ("median", "validation_error", "")
    assert outputs["png"].stat().st_size > 1000


@pytest.mark.parametrize("shared", [True, False])
def test_phases_are_marked_where_all_curves_share_them(tmp_path, monkeypatch, shared):
    texts = written(monkeypatch)
    definition = made_up.figure("learning_curves", {"low dose": "low"}, ["a", "b"], {})
    other = PHASES if shared else [{"steps": 100, "learning_rate": 1e-3}]
    variants = {"a": network("A"), "b": network("B", other)}
    training = [write_training(tmp_path, "low", name) for name in "ab"]
    drawn(definition, variants, {("low", name): "low" for name in "ab"}, training, tmp_path / "figure")
    marks = {text: place[0] for text, place in texts if text.startswith("LR ")}
    assert set(marks) == ({"LR 10⁻³", "LR 2.5×10⁻⁴, BN frozen"} if shared else set())
    if shared:
        assert marks["LR 10⁻³"] == 0
        # It begins at step 60, or so much before that its words end with the axis.
        assert 50 < marks["LR 2.5×10⁻⁴, BN frozen"] <= 60


def test_marks_do_not_cover_each_other():
    steps = [134_108, 17_713, 2000, 44_690]
    rates = [1e-3, 2.5e-4, 2e-4, 1e-4]
    phases = [
        learning_curves.Phase(steps=number, learning_rate=rate, frozen_normalisation=index == 1)
        for index, (number, rate) in enumerate(zip(steps, rates, strict=True))
    ]
    marks = _phases.marks_of(_phases.starts(phases), sum(steps), learning_curves.WIDTH)
    assert sorted(mark.place for mark in marks) == [0, 134_108, 151_821, 153_821]
    lanes = {}
    for mark in marks:
        right = mark.left + len(mark.words) * _phases.LETTER / learning_curves.WIDTH
        assert mark.left <= mark.place / sum(steps) <= right <= 1 + 1e-9
        lanes.setdefault(mark.lane, []).append((mark.left, right))
    for places in lanes.values():
        places.sort()
        assert all(right < left for (_, right), (left, _) in zip(places, places[1:], strict=False))
    assert len(lanes) > 1


def test_groups_are_panels_with_their_own_variants(tmp_path):
    variants = {name: network(name) for name in "abc"}
    training = [write_training(tmp_path, "low", name) for name in "abc"]
    trained_on = {("low", name): "low" for name in "abc"}
    groups = {"momentum": ["a", "b"], "activation": ["a", "c"]}
    definition = made_up.figure("learning_curves", {"low dose": "low"}, list("abc"), {}, groups=groups)
    _, lines = drawn(definition, variants, trained_on, training, tmp_path / "figure")
    assert [(line["panel"], line["variant"]) for line in lines[::10]] == [
        ("momentum", "a"),
        ("momentum", "b"),
        ("activation", "a"),
        ("activation", "c"),
    ]


@pytest.mark.parametrize("group, words", [(["a", "z"], "variant 'z' is in a group"), (["a"], "in no group")])
def test_groups_and_variants_are_the_same(tmp_path, group, words):
    listed = ["a"] if "z" in group else ["a", "b"]
    definition = made_up.figure("learning_curves", {"low dose": "low"}, listed, {}, groups={"one": group})
    with pytest.raises(UserError, match=words):
        drawn(definition, {name: network(name) for name in "ab"}, {}, [], tmp_path / "figure")


def test_errors_that_are_not_positive_have_a_plain_axis(tmp_path, monkeypatch):
    scales = []
    monkeypatch.setattr(style, "save", lambda figure, svg, png: scales.append(figure.axes[0].get_yscale()))
    definition = made_up.figure("learning_curves", {"low dose": "low"}, ["a"], {})
    for factor in (1, -1):
        training = [write_training(tmp_path, "low", "a", factor * ERRORS)]
        drawn(definition, {"a": network("A")}, {("low", "a"): "low"}, training, tmp_path / "figure")
    assert scales == ["log", "linear"]


# Several quantities, and epochs

BOTH = {
    "loss": {"label": "training loss (dB)"},
    "validation_error": {"label": "validation CPSNR (dB)", "scale": -1},
}
# As a loss that is a negative signal-to-noise ratio in decibels.
DECIBELS = -np.linspace(20, 35, 10)


def axes_of(monkeypatch):
    """Return a list that receives every axes of the figure that is drawn next."""
    found = []
    save = style.save
    monkeypatch.setattr(style, "save", lambda figure, svg, png: (found.extend(figure.axes), save(figure, svg, png)))
    return found


def test_each_quantity_has_a_panel_with_its_own_label_and_sign(tmp_path, monkeypatch):
    found = axes_of(monkeypatch)
    definition = made_up.figure("learning_curves", {"1 %": "low"}, ["a"], {}, quantity=BOTH)
    training = [write_training(tmp_path, "low", "a", DECIBELS, loss=-21.5)]
    _, lines = drawn(definition, {"a": network("A")}, {("low", "a"): "low"}, training, tmp_path / "figure")
    loss, validation = found
    assert [axes.get_ylabel() for axes in found] == ["training loss (dB)", "validation CPSNR (dB)"]
    assert [axes.get_yscale() for axes in found] == ["linear", "linear"]
    np.testing.assert_allclose(loss.lines[0].get_ydata(), -21.5)
    np.testing.assert_allclose(validation.lines[0].get_ydata(), -DECIBELS)
    # Side by side, and the csv has both in plain units.
    assert loss.get_position().y0 == validation.get_position().y0
    assert loss.get_position().x1 < validation.get_position().x0
    assert [(line["quantity"], float(line["value"])) for line in lines] == [
        *(("loss", -21.5) for _ in DECIBELS),
        *(("validation_error", value) for value in DECIBELS),
    ]


def test_a_positive_quantity_with_a_negative_factor_has_a_plain_axis(tmp_path, monkeypatch):
    found = axes_of(monkeypatch)
    definition = made_up.figure("learning_curves", {"low dose": "low"}, ["a"], {}, scale=-1.0)
    training = [write_training(tmp_path, "low", "a")]
    drawn(definition, {"a": network("A")}, {("low", "a"): "low"}, training, tmp_path / "figure")
    assert [axes.get_yscale() for axes in found] == ["linear"]


def test_a_quantity_is_called_by_its_name_where_nothing_else_is_said(tmp_path, monkeypatch):
    found = axes_of(monkeypatch)
    quantities = ["validation_error", "loss"]
    definition = made_up.figure("learning_curves", {"one": "low"}, ["a"], {}, quantity=quantities)
    training = [write_training(tmp_path, "low", "a")]
    drawn(definition, {"a": network("A")}, {("low", "a"): "low"}, training, tmp_path / "figure")
    assert [axes.get_ylabel() for axes in found] == ["validation error", "training loss"]


def test_headings_and_labels_are_not_said_twice_in_a_row(tmp_path, monkeypatch):
    found, texts = axes_of(monkeypatch), written(monkeypatch)
    problems = {"1 %": "low", "3 %": "high"}
    training = [write_training(tmp_path, problem, "a") for problem in problems.values()]
    trained_on = {(problem, "a"): problem for problem in problems.values()}
    both = made_up.figure("learning_curves", problems, ["a"], {}, quantity=BOTH)
    drawn(both, {"a": network("A")}, trained_on, training, tmp_path / "both")
    assert [text for text, _ in texts if text in problems] == ["1 %", "3 %"]
    assert [axes.get_ylabel() for axes in found] == 2 * [axis["label"] for axis in BOTH.values()]
    found.clear()
    one = made_up.figure("learning_curves", problems, ["a"], {}, quantity="loss")
    drawn(one, {"a": network("A")}, trained_on, training, tmp_path / "one")
    assert [axes.get_ylabel() for axes in found] == ["training loss", ""]


def test_epochs_are_counted_by_the_patches_of_each_training(tmp_path, monkeypatch):
    found = axes_of(monkeypatch)
    definition = made_up.figure("learning_curves", {"one": "low"}, ["a", "b"], {}, patches_per_epoch=80)
    variants = {"a": network("A", batch=4), "b": network("B", batch=16)}
    training = [write_training(tmp_path, "low", name) for name in "ab"]
    _, lines = drawn(definition, variants, {("low", name): "low" for name in "ab"}, training, tmp_path / "figure")
    (axes,) = found
    assert axes.get_xlabel() == "epoch" and axes.get_xlim() == (0, 20)
    first, second = axes.lines
    np.testing.assert_allclose(first.get_xdata(), np.arange(1, 11) / 2)
    np.testing.assert_allclose(second.get_xdata(), np.arange(1, 11) * 2)
    assert [(line["step"], line["epoch"]) for line in lines[::10]] == [("10", "0.5"), ("10", "2.0")]
    # Their phases begin at other epochs, so none is marked.
    assert not axes.texts


def test_phases_are_marked_at_their_epochs(tmp_path, monkeypatch):
    found = axes_of(monkeypatch)
    definition = made_up.figure("learning_curves", {"one": "low"}, ["a"], {}, patches_per_epoch=8)
    training = [write_training(tmp_path, "low", "a")]
    drawn(definition, {"a": network("A")}, {("low", "a"): "low"}, training, tmp_path / "figure")
    # 60 steps of 4 patches each are 30 epochs of 8 patches.
    assert [list(line.get_xdata()) for line in found[0].lines[1:]] == [[30, 30]]


# Seconds, and several trainings of one variant


def test_steps_and_seconds_stand_side_by_side(tmp_path, monkeypatch):
    found = axes_of(monkeypatch)
    about = {"against": ["step", "seconds"], "label": "MAE"}
    definition = made_up.figure("learning_curves", {"one": "low"}, ["a", "b"], {}, **about)
    training = [write_training(tmp_path, "low", name, pace=pace) for name, pace in (("a", 0.5), ("b", 2))]
    variants, trained_on = {name: network(name) for name in "ab"}, {("low", name): "low" for name in "ab"}
    _, lines = drawn(definition, variants, trained_on, training, tmp_path / "figure")
    steps, seconds = found
    assert [axes.get_xlabel() for axes in found] == ["training step", "seconds of training"]
    assert [axes.get_ylabel() for axes in found] == ["MAE", ""]
    assert steps.get_position().y0 == seconds.get_position().y0
    assert steps.get_position().x1 < seconds.get_position().x0
    for curves, first, second in ((steps.lines, 1, 1), (seconds.lines, 0.5, 2)):
        np.testing.assert_allclose(curves[0].get_xdata(), first * np.arange(10, 101, 10))
        np.testing.assert_allclose(curves[1].get_xdata(), second * np.arange(10, 101, 10))
    assert (steps.get_xlim(), seconds.get_xlim()) == ((0, 100), (0, 200))
    # Phases begin at the same steps, and not at the same seconds.
    assert steps.texts and not seconds.texts
    # The csv has each value once, with both.
    assert [(line["step"], line["seconds"]) for line in lines[9::10]] == [("100", "50.0"), ("100", "200.0")]
    assert len(lines) == 20


def test_seconds_alone_need_no_list_and_do_not_count_in_epochs(tmp_path, monkeypatch):
    found = axes_of(monkeypatch)
    about = {"against": "seconds", "patches_per_epoch": 8}
    definition = made_up.figure("learning_curves", {"one": "low"}, ["a"], {}, **about)
    training = [write_training(tmp_path, "low", "a")]
    _, lines = drawn(definition, {"a": network("A")}, {("low", "a"): "low"}, training, tmp_path / "figure")
    (axes,) = found
    np.testing.assert_allclose(axes.lines[0].get_xdata(), np.arange(5, 51, 5))
    assert (lines[0]["step"], lines[0]["epoch"], lines[0]["seconds"]) == ("10", "5.0", "5.0")


def test_several_trainings_are_thin_and_their_mean_is_thick(tmp_path, monkeypatch):
    found = axes_of(monkeypatch)
    definition = made_up.figure("learning_curves", {"one": "low"}, ["a", "b"], {}, against=["step", "seconds"])
    training = [write_training(tmp_path, "low", "a", ERRORS * n, n, pace=n) for n in (1, 2)]
    # The third was given up after seven validations.
    training += [write_training(tmp_path, "low", "a", ERRORS[:7] * 6, 3, pace=3), write_training(tmp_path, "low", "b")]
    variants, trained_on = {name: network(name) for name in "ab"}, {("low", name): "low" for name in "ab"}
    drawn(definition, variants, trained_on, training, tmp_path / "figure")
    for axes, factor in zip(found, (1, 2), strict=True):
        *single, mean, other = axes.lines[:5]
        assert all(line.get_linewidth() < other.get_linewidth() < mean.get_linewidth() for line in single)
        assert {line.get_color() for line in single} == {mean.get_color()} != {other.get_color()}
        # (1 + 2 + 6) / 3 of the errors, after (1 + 2 + 3) / 3 of the seconds.
        np.testing.assert_allclose(mean.get_ydata(), 3 * ERRORS[:7])
        np.testing.assert_allclose(mean.get_xdata(), factor * np.arange(10, 71, 10))


def test_trainings_without_a_common_step_have_no_mean():
    curves = [_curves.curve_of("a", 1, [{"step": n, "learning_rate": 1, "loss": 2}], "loss", 1, 1.0) for n in (1, 2)]
    places, values = _curves.mean_curve(curves, "step")
    assert places.size == values.size == 0


def test_what_was_not_noted_is_said(tmp_path, monkeypatch):
    texts = written(monkeypatch)
    quantities = {"loss": {}, "distance_from_truth": {}}
    definition = made_up.figure("learning_curves", {"one": "low"}, ["a", "b"], {}, quantity=quantities)
    training = [write_training(tmp_path, "low", "a"), write_training(tmp_path, "low", "b", [])]
    trained_on = {("low", name): "low" for name in "ab"}
    drawn(definition, {name: network(name) for name in "ab"}, trained_on, training, tmp_path / "figure")
    footer = next(text for text, _ in texts if text.startswith("Scale")).replace("\n", " ")
    assert footer.endswith(
        "No distance from the truth, which the training did not note: a. "
        "No curve, because there was no training or it failed: b."
    )


@pytest.mark.parametrize(
    "params, words",
    [
        ({"quantity": BOTH, "label": "both"}, "those of a single quantity"),
        ({"quantity": ["loss", "validation_error"], "scale": 2.0}, "those of a single quantity"),
        ({"quantity": {"loss": {"scale": 2}}, "scale": 2.0}, "those of a single quantity"),
        ({"scale": 0}, "a `scale` of 0 would show nothing"),
        ({"quantity": {"loss": {"scale": 0}}}, "a `scale` of 0 would show nothing"),
        ({"quantity": {}}, "at least 1 item"),
        ({"quantity": "los"}, "'loss'"),
        ({"quantity": {"loss": {"scal": 2}}}, "quantity.loss.scal"),
        ({"against": "epoch"}, "'step' or 'seconds'"),
        ({"against": ["step", "step"]}, "names an axis twice"),
        ({"patches_per_epoch": 0}, "greater than or equal to 1"),
    ],
)
def test_what_makes_no_axis_is_refused(params, words):
    with pytest.raises(ValueError, match=words):
        learning_curves.Params(**params)


def test_numbers_are_written_as_papers_do():
    assert style.power_of_ten(1e-3) == "10⁻³"
    assert style.power_of_ten(2.5e-4) == "2.5×10⁻⁴"
    assert style.thousands(20000) == "20\u2009000"
