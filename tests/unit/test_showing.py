"""What tables and figures may say of their rows: variants of each problem, and rows of which one is oracle-stopped."""

import json
from pathlib import Path

import pytest
import yaml

from reconbench.config.loading import load
from reconbench.config.sources import merged
from reconbench.errors import ConfigurationError
from reconbench.plan import Plan
from reconbench.specs import Specs

HOME = Path(__file__).resolve().parents[2]
METHODS = ["identity", "gaussian", "narrow", "wide", "median"]

STUDY = {
    "datasets": {
        "micrographs": {"source": "simulated", "name": "micrographs", "size": [48, 48], "splits": {"test": 3}}
    },
    "problems": {name: {"kind": "denoising", "dataset": "micrographs"} for name in ("low", "ordinary")},
    "variants": {
        "narrow": {"method": "gaussian", "params": {"sigma": 0.5}},
        "wide": {"method": "gaussian", "params": {"sigma": 2}},
    },
    "runs": {
        "main": {"problems": ["low", "ordinary"], "variants": [*METHODS, "oracle"], "metrics": ["mse", "ssim"]},
        "aside": {"problems": ["low"], "variants": ["wavelet"], "metrics": ["mse"]},
    },
    "tables": {
        "results": {
            "title": "Results",
            "metrics": {"mse": {}, "time_ms": {}},
            "sections": [{"problems": {"low dose": "low"}, "variants": [*METHODS, "oracle"]}],
        }
    },
    "figures": {
        "images": {
            "kind": "examples",
            "title": "Images",
            "problems": {"low dose": "low", "ordinary dose": "ordinary"},
            "variants": {"low dose": ["identity", "wavelet"], "ordinary dose": "wide"},
        }
    },
}


def loaded(folder: Path, override: dict | None = None, **config):
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(merged(STUDY, override or {}), sort_keys=False))
    return load({"studies": [str(path)], **config}, HOME)


def figure(**changed) -> dict:
    return {"figures": {"images": changed}}


def section(**changed) -> dict:
    (given,) = STUDY["tables"]["results"]["sections"]
    return {"tables": {"results": {"sections": [{**given, **changed}]}}}


# What is changed in the study, and the whole fault without the file and the line.
FAULTS = {
    "variants of a heading that is none": (
        figure(variants={"lwo dose": ["wide"]}),
        "figures.images.variants.lwo dose: there is no heading in `problems` 'lwo dose'; did you mean 'low dose'?",
    ),
    "a heading without variants": (
        figure(variants={"ordinary dose": None}),
        "figures.images.variants: the problem under 'ordinary dose' has no variants here; give it a list of them",
    ),
    "a heading with an empty list": (
        figure(variants={"ordinary dose": []}),
        "figures.images.variants: the problem under 'ordinary dose' has no variants here; give it a list of them",
    ),
    "a variant that is not scored on the problem of its heading": (
        figure(variants={"ordinary dose": ["wavelet"]}),
        "figures.images.variants: no run scores variant 'wavelet' on problem 'ordinary'",
    ),
    "variants that are neither": (
        figure(variants=5),
        "figures.images.variants: expected a valid list, got 5 or expected a valid dictionary, got 5",
    ),
    "a kind that shows the same for all": (
        figure(kind="kde", metrics={"mse": {}}),
        "figures.images.variants: a figure of kind 'kde' shows the same variants for all problems; give a list",
    ),
    "error maps, too": (
        figure(kind="error_maps"),
        "figures.images.variants: a figure of kind 'error_maps' shows the same variants for all problems; give a list",
    ),
    "learning curves, too": (
        figure(kind="learning_curves"),
        "figures.images.variants: a figure of kind 'learning_curves' shows the same variants for all problems; give a "
        "list",
    ),
    "oracle-stopped rows that are none": (
        section(oracle_stopped=["narrow", "widee"]),
        "tables.results.sections.0.oracle_stopped: there is no row of a method here 'widee'; did you mean 'wide'?",
    ),
    "an oracle-stopped oracle": (
        section(oracle_stopped=["oracle"]),
        "tables.results.sections.0.oracle_stopped: there is no row of a method here 'oracle'; valid are: gaussian, "
        "identity, median, narrow, wide",
    ),
    "oracle-stopped rows of two methods": (
        section(oracle_stopped=["narrow", "median"]),
        "tables.results.sections.0.oracle_stopped: these rows are of the methods gaussian, median; name rows of one "
        "method",
    ),
    "oracle-stopped by a time": (
        merged(section(oracle_stopped=["narrow", "wide"]), {"tables": {"results": {"metrics": {"mse": None}}}}),
        "tables.results.sections.0.oracle_stopped: the best row is the best by the table's first metric, and "
        "'time_ms' scores no estimates",
    ),
}


@pytest.mark.parametrize("override, expected", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_said_once_with_its_place(tmp_path, override, expected):
    # Null takes a key away, as in the overrides of a scale.
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, override)
    assert len([fault for fault in caught.value.faults if fault.endswith(expected)]) == 1, caught.value.faults


def test_a_misspelt_heading_is_a_fault_and_no_more(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, figure(variants={"lwo dose": ["wide"]}))
    assert len(caught.value.faults) == 1


def test_each_problem_is_shown_with_its_own_variants(tmp_path):
    plan = Plan(loaded(tmp_path))
    assert plan.figure_pairs("images") == [("low", "identity"), ("low", "wavelet"), ("ordinary", "wide")]
    assert [file.split("/scores/")[1] for file in plan.figure_files("images", "scores")] == [
        "low/identity/1/001-of-001/scores.csv",
        "low/wavelet/1/001-of-001/scores.csv",
        "ordinary/wide/1/001-of-001/scores.csv",
    ]
    spec = json.loads(Specs(plan, HOME).figure("images"))
    assert spec["definition"]["variants"] == {"low dose": ["identity", "wavelet"], "ordinary dose": ["wide"]}
    assert [(row["problem"], row["variant"]) for row in spec["rows"]] == plan.figure_pairs("images")


def test_a_list_is_shown_for_all_problems(tmp_path):
    shown = {"kind": "examples", "title": "", "problems": {"one": "low", "two": "ordinary"}, "variants": "wide"}
    plan = Plan(loaded(tmp_path, {"figures": {"alike": shown}}))
    assert plan.figure_pairs("alike") == [("low", "wide"), ("ordinary", "wide")]


def test_a_problem_whose_variants_are_left_out_is_not_shown(tmp_path):
    shown = {"low dose": ["identity", "wide"], "ordinary dose": ["median"]}
    benchmark = loaded(tmp_path, figure(variants=shown), leave_out=["median", "identity"])
    found = benchmark.part("figures")["images"]
    assert (found.variants, found.problems) == ({"low dose": ["wide"]}, {"low dose": "low"})
    without = loaded(tmp_path, figure(variants=shown), leave_out=["median", "identity", "gaussian"])
    assert without.part("figures") == {}


def test_rows_that_are_left_out_are_not_oracle_stopped(tmp_path):
    override = section(oracle_stopped=["narrow", "wide"])
    (kept,) = loaded(tmp_path, override, leave_out=["median"]).part("tables")["results"].sections
    assert kept.oracle_stopped == ["narrow", "wide"]
    gone = loaded(tmp_path, merged(override, {"figures": {"images": None}}), leave_out=["gaussian"])
    (left,) = gone.part("tables")["results"].sections
    assert (left.variants, left.oracle_stopped) == (["identity", "median", "oracle"], [])


def test_a_table_is_told_of_its_oracle_stopped_rows(tmp_path):
    plan = Plan(loaded(tmp_path, section(oracle_stopped=["narrow", "wide"])))
    (told,) = json.loads(Specs(plan, HOME).table("results"))["definition"]["sections"]
    assert told["oracle_stopped"] == ["narrow", "wide"]
