"""Learning curves, and what is read for them."""

import made_up
import numpy as np
import pytest
from training_curves import ERRORS, PHASES, drawn, network, write_training, written

from reconbench.errors import UserError
from reconbench.results import style
from reconbench.results.figures import _curves, _phases, learning_curves


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


def test_numbers_are_written_as_papers_do():
    assert style.power_of_ten(1e-3) == "10⁻³"
    assert style.power_of_ten(2.5e-4) == "2.5×10⁻⁴"
    assert style.thousands(20000) == "20\u2009000"
