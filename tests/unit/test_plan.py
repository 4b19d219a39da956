"""What jobs are told and what they read."""

import json
from pathlib import Path

import pytest

from reconbench.config.loading import load
from reconbench.plan import Plan
from reconbench.specs import Specs

HOME = Path(__file__).resolve().parents[2]


def made(**config) -> tuple[Plan, Specs]:
    plan = Plan(load(config, HOME))
    return plan, Specs(plan, HOME)


@pytest.fixture(scope="module")
def small() -> tuple[Plan, Specs]:
    return made()


def test_targets_are_all_tables_figures_and_the_report(small):
    plan, _ = small
    assert len(plan.targets()) == 4 * len(plan.tables) + 3 * len(plan.figures) + 1
    assert plan.targets()[-1] == "results/report/index.html"


def test_specs_are_json_of_moderate_size(small):
    plan, specs = small
    for name in plan.tables:
        assert len(specs.table(name)) < 100_000
        assert json.loads(specs.table(name))["name"] == name


def test_tuning_is_told_nothing_of_the_test_split(small):
    """What tuning reads and is told does not depend on the test split in any way."""
    plan, specs = small
    other, other_specs = made()
    for dataset in other.datasets.values():
        dataset.splits["test"] = 1
    for problem, variant in [("em_low", "gaussian_tuned"), ("ssi_2d_tuning", "wiener_deconvolution_tuned")]:
        assert specs.tune(problem, variant) == other_specs.tune(problem, variant)
        assert specs.tune_code(problem, variant) == other_specs.tune_code(problem, variant)
        assert all("/validation/" in path for path in plan.truth(problem, "validation"))
    rule = (HOME / "workflow/rules/train.smk").read_text().split("output:")[0]
    assert "/test/" not in rule
    assert "validation" in rule


def test_a_variant_is_tuned_on_the_problem_it_names(small):
    plan, _ = small
    assert plan.tuned("ssi_2d", "wiener_deconvolution_tuned", "params.json") == [
        "results/small/models/ssi_2d_tuning/wiener_deconvolution_tuned/1/all/params.json"
    ]
    assert plan.tuned("em_low", "gaussian", "params.json") == []


def test_the_oracle_has_no_estimates(small):
    plan, _ = small
    assert plan.estimate("em_low", "oracle", "1/001-of-001", "index.csv") == []
    assert plan.scores([("em_low", "oracle")]) == ["results/small/scores/em_low/oracle/1/001-of-001/scores.csv"]


def test_titles_and_policies_are_no_part_of_what_a_job_is_told(small):
    _, specs = small
    _, others = made(on_error="record", keep_estimates=False, mirror="/somewhere", offline=True, time_limit=3)
    arguments = ("em_low", "gaussian", "1", "001-of-001")
    assert specs.restore(*arguments) == others.restore(*arguments)
    assert specs.score(*arguments) == others.score(*arguments)
    assert specs.prepare("ssi", "test") == others.prepare("ssi", "test")


def test_the_seed_reaches_every_draw(small):
    _, specs = small
    _, others = made(seed=1)
    assert specs.prepare("micrographs", "test") != others.prepare("micrographs", "test")
    assert specs.measure("em_low", "test") != others.measure("em_low", "test")


@pytest.mark.parametrize(
    "scale, choice, kept",
    [("small", "auto", True), ("paper", "auto", False), ("paper", True, True), ("small", False, False)],
)
def test_estimates_are_kept_as_chosen(scale, choice, kept):
    plan, _ = made(scale=scale, keep_estimates=choice)
    assert plan.keeps_estimates == kept


def test_editing_one_method_changes_the_digests_of_its_jobs_only(small):
    _, specs = small
    codes = {name: specs.restore_code("em_low", name) for name in ("gaussian", "gaussian_tuned", "median")}
    assert codes["gaussian"] == codes["gaussian_tuned"] != codes["median"]
