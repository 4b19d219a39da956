"""Measure, restore, tune and score, without Snakemake."""

import numpy as np
import pytest

from reconbench import randomness
from reconbench.errors import UserError
from reconbench.images import ImageWriter, read_index, shard
from reconbench.steps import scoring
from reconbench.steps.measuring import axes_of, check_pairs, measure, scored_against
from reconbench.steps.restoring import Restorer, restore_images
from reconbench.steps.tuning import combinations, tune

POISSON = {"name": "poisson", "params": {"dose": {"law": "uniform", "low": 50, "high": 60}}}
SPEC = {
    "variant": "gaussian",
    "method": {"name": "gaussian", "file": None},
    "params": {},
    "kind": "denoising",
    "forward": None,
    "noise": POISSON,
}


@pytest.fixture
def split(tmp_path):
    """Four truths and their measurements."""
    ramp = np.linspace(0, 1, 40 * 36, dtype=np.float32).reshape(40, 36)
    with ImageWriter(tmp_path / "truth" / "index.csv") as truths, ImageWriter(tmp_path / "seen" / "index.csv") as seen:
        for name in "abcd":
            measurement, drawn = measure(ramp, None, POISSON, randomness.generator(0, "measure", "p", "test", name))
            truths.add(name, ramp)
            seen.add(name, measurement, **{f"drawn_{key}": value for key, value in drawn.items()})
    return read_index(tmp_path / "truth" / "index.csv"), read_index(tmp_path / "seen" / "index.csv")


def test_a_measurement_depends_on_its_address_alone():
    truth = np.full((16, 16), 0.5, np.float32)
    draws = [measure(truth, None, POISSON, randomness.generator(0, "measure", name))[0] for name in "aab"]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


@pytest.mark.parametrize(
    ("truth", "shape", "axes"),
    [
        ("TYX", (4, 9, 9), "TYX"),
        ("CYX", (3, 5, 7), "CYX"),
        ("ZYX", (4, 9, 9), "ZYX"),
        ("YX", (5, 9, 9), "CYX"),
        ("CYX", (9, 9), "YX"),
        ("YX", (9, 9), "YX"),
    ],
)
def test_a_measurement_has_the_axes_of_its_truth_and_channels_where_it_has_more(truth, shape, axes):
    assert axes_of(np.zeros(shape), truth) == axes


def test_a_mean_matched_target_has_the_mean_of_the_measurement():
    truth = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    target = scored_against(truth, truth * 0.3 + 0.2, "mean_matched")
    assert target.mean() == pytest.approx((truth * 0.3 + 0.2).mean(), rel=1e-6)
    assert scored_against(truth, truth * 2, "truth") is truth


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_every_image_is_in_exactly_one_shard(split, count):
    _, seen = split
    parts = [shard(seen, f"{i:03d}-of-{count:03d}") for i in range(1, count + 1)]
    assert [record.name for part in parts for record in part] == list("abcd")
    assert all(parts)


def test_estimates_do_not_depend_on_the_shard(split, tmp_path):
    _, seen = split
    restorer = Restorer(SPEC, {}, "cpu")
    with ImageWriter(tmp_path / "all.csv", "all") as together, ImageWriter(tmp_path / "one.csv", "one") as alone:
        seconds = restore_images(restorer, seen, together, "all")
        restore_images(restorer, shard(seen, "003-of-004"), alone, "one")
    assert seconds > 0
    (third,) = read_index(tmp_path / "one.csv")
    assert np.array_equal(third.load(), read_index(tmp_path / "all.csv")[2].load())
    assert third.number("seconds") > 0


def test_a_method_is_told_what_was_drawn_for_the_image(split):
    _, seen = split
    told = Restorer({**SPEC, "method": {"name": "bm3d_anscombe", "file": None}}, {}, "cpu").problem(seen[1])
    assert told.gain == seen[1].number("drawn_dose")
    assert 50 <= told.gain <= 60


@pytest.mark.parametrize("value, expected", [("np.full((4, 4), np.nan, np.float32)", "not finite"), ("3", "a int")])
def test_an_estimate_that_is_no_image_is_refused(split, tmp_path, value, expected):
    (tmp_path / "odd.py").write_text(
        "import numpy as np\nfrom reconbench.contracts import Method, Parameters\n"
        'class Params(Parameters):\n    """None."""\n'
        'METHOD = Method(name="odd", title="odd", reference="-", doi="", kinds=frozenset({"denoising"}))\n'
        f"def restore(measurement, problem, params, device):\n    return {value}\n"
    )
    restorer = Restorer({**SPEC, "method": {"name": "odd", "file": str(tmp_path / "odd.py")}}, {}, "cpu")
    with pytest.raises(UserError, match=f"method 'odd' gave .*{expected}"):
        restorer.restore(np.zeros((4, 4), np.float32), split[1][0])


def test_combinations_are_all_of_a_grid():
    assert list(combinations({"a": [1, 2], "b": ["x"]})) == [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}]


@pytest.mark.parametrize("metric", ["mse", "psnr"])
def test_tuning_takes_what_scores_best_on_what_it_is_given(split, metric):
    truths, seen = split
    spec = {**SPEC, "grid": {"kernel_size": [9], "sigma": [0.1, 2.0, 0.5]}, "target": "truth"}
    best, evaluations = tune({**spec, "metric": {"name": metric, "params": {}}}, truths, seen, "cpu")
    scores = [line[metric] for line in evaluations]
    winner = np.argmin(scores) if metric == "mse" else np.argmax(scores)
    assert best == {"kernel_size": 9, "sigma": evaluations[winner]["sigma"]}
    assert best["sigma"] == 2.0


def test_scores_of_an_estimate_and_of_the_controls(split):
    truths, seen = split
    _, oracle = scoring.score({"mse": {}, "psnr": {}}, "truth", truths[0], seen[0], None)
    image, identity = scoring.score({"mse": {}}, "truth", truths[0], seen[0], seen[0])
    assert oracle["mse"] == 0
    assert oracle["psnr"] == np.inf
    assert oracle["seconds"] is None
    assert identity["mse"] == pytest.approx(np.mean((image - truths[0].load()) ** 2), rel=1e-6)


def test_a_measured_image_without_truth_has_no_scores(split):
    _, seen = split
    _, line = scoring.score({"mse": {}}, "truth", None, seen[0], seen[0])
    assert line["status"] == "no truth"
    assert "mse" not in line
    with pytest.raises(UserError, match="has no truth"):
        scoring.score({"mse": {}}, "truth", None, seen[0], None)


def test_measured_images_are_paired_with_truths_by_name(split):
    truths, seen = split
    check_pairs([], seen)
    check_pairs(truths, seen)
    with pytest.raises(UserError, match="measured image 'd' has no truth of the same name"):
        check_pairs(truths[:3], seen)


def test_an_example_that_is_not_there_is_named():
    assert scoring.example_names(2, ["a", "b", "c"]) == ["a", "b"]
    with pytest.raises(UserError, match="there is no test image 'z'"):
        scoring.example_names(["z"], ["a"])
