"""Learning curves of several quantities, against epochs and seconds, and of several trainings of one variant."""

import made_up
import numpy as np
import pytest
from training_curves import ERRORS, axes_of, drawn, network, write_training, written

from reconbench.results.figures import _curves, learning_curves

# Several quantities, and epochs

BOTH = {
    "loss": {"label": "training loss (dB)"},
    "validation_error": {"label": "validation CPSNR (dB)", "scale": -1},
}
# As a loss that is a negative signal-to-noise ratio in decibels.
DECIBELS = -np.linspace(20, 35, 10)


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
