import csv
import io
import json
import math
import subprocess
import sys
from pathlib import Path

import made_up
import pytest

from reconbench.errors import UserError
from reconbench.results import labels
from reconbench.results.rendering import FORMATS
from reconbench.results.tables import make_table

HOME = Path(__file__).resolve().parents[2]
PHASES = [{"steps": 75, "learning_rate": 0.001}, {"steps": 25, "learning_rate": 0.0001}]
VARIANTS = {
    "identity": made_up.variant("identity"),
    "gaussian": made_up.variant("gaussian"),
    "wide": made_up.variant("dncnn", title="DnCNN, wide", features=48, training={"phases": PHASES}),
    "narrow": made_up.variant("dncnn", title="DnCNN, narrow", features=8, training={"phases": PHASES}),
}
OF_TRAINING = {
    "training_seconds": {"digits": 0, "spread": True},
    "steps_per_second": {"digits": 1},
    "parameters": {},
    "validation_error": {"scale": 1000.0, "digits": 1, "spread": True},
    "last_validation_error": {"digits": 3},
}
ON_LOW = {"trained_on": "low"}


def make(definition, rows, *, scores=(), runs=(), trained=(), published=None):
    problems = dict.fromkeys((problem for problem, *_ in rows), {})
    return make_table(made_up.spec(definition, problems, VARIANTS, rows), scores, runs, [], trained, published)


def trained_only(rows, trained, metrics=OF_TRAINING, published=None):
    """Return a table of trainings alone, of rows on one problem."""
    section = made_up.section({"low dose": "low"}, [variant for _, variant, _ in rows])
    rows = [(problem, variant, {"parts": 0, **facts}) for problem, variant, facts in rows]
    return make(made_up.table([section], metrics), rows, trained=trained, published=published)


def mixed(tmp_path, metrics, wide=None, **changed):
    """Return a table of scores and trainings, with rows that learn and others that do not."""
    variants = ["identity", "gaussian", "wide", "narrow"]
    scored = {"identity": [18.0, 18.0], "gaussian": [21.0, 23.0], "wide": [25.0, 27.0], "narrow": [24.0, 26.0]}
    lines = {variant: made_up.lines(psnr=values) for variant, values in scored.items()} | (
        {"wide": wide} if wide else {}
    )
    files = [made_up.write_row(tmp_path, "low", variant, lines[variant]) for variant in variants]
    failed = {"status": "out of memory", "seconds": None}
    trained = [
        made_up.write_training(tmp_path, "low", "wide", seconds=40.0, run=failed if wide else None),
        made_up.write_training(tmp_path, "low", "narrow", seconds=20.0),
    ]
    section = made_up.section({"low dose": "low"}, variants)
    rows = [("low", variant, {**(ON_LOW if variant in ("wide", "narrow") else {}), **changed}) for variant in variants]
    scores, runs = zip(*files, strict=True)
    return make(made_up.table([section], metrics), rows, scores=scores, runs=runs, trained=trained)


def tidy(table):
    return {line["variant"]: line for line in csv.DictReader(io.StringIO(FORMATS["csv"](table)))}


def row_of(table, method):
    return next(line for line in FORMATS["md"](table).splitlines() if line.startswith(f"| {method} |"))


def test_titles_and_directions():
    assert tuple(OF_TRAINING) == labels.TRAINING_COLUMNS
    assert all(map(labels.is_of_training, labels.TRAINING_COLUMNS))
    assert not any(map(labels.is_of_training, ("time_ms", "psnr")))
    heads = [labels.metric_title(metric) for metric in labels.TRAINING_COLUMNS]
    assert heads == [
        "training (s) ↓",
        "steps per second ↑",
        "parameters",
        "validation error ↓",
        "last validation error ↓",
    ]
    assert labels.metric_title("validation_error", scale=1000.0) == "validation error (×10⁻³) ↓"
    assert labels.metric_title("training_seconds", "minutes", 1 / 60) == "minutes ↓"


def test_a_table_of_trainings_alone_needs_no_scores(tmp_path):
    trained = [
        made_up.write_training(tmp_path, "low", "wide", seconds=40.0, best_validation_error=0.125, parameters=123457)
    ]
    table = trained_only([("low", "wide", ON_LOW)], trained)
    (result,) = table.blocks[0].rows[0].results
    assert (result.status, result.images, result.repetitions) == ("ok", None, 1)
    assert row_of(table, "DnCNN, wide") == "| DnCNN, wide | 40 | 10.0 | 123457 | 125.0 | 0.500 | nothing |"
    text = FORMATS["md"](table)
    assert "n = " not in text and "Bold" not in text and "±" not in text
    assert "Trained rows: 1 training each." in text


def test_csv_has_no_difference_and_no_images(tmp_path):
    trained = [made_up.write_training(tmp_path, "low", "wide", seconds=40.0)]
    line = tidy(trained_only([("low", "wide", ON_LOW)], trained))["wide"]
    assert ",".join(line) == (
        "method,problem,training_seconds_mean,training_seconds_std,training_seconds_published,"
        "steps_per_second_mean,steps_per_second_std,steps_per_second_published,"
        "parameters_mean,parameters_std,parameters_published,"
        "validation_error_mean,validation_error_std,validation_error_published,"
        "last_validation_error_mean,last_validation_error_std,last_validation_error_published,"
        "n,status,variant,reading,told,evaluations"
    )
    assert (line["training_seconds_mean"], line["training_seconds_std"], line["n"]) == ("40.0", "", "")
    assert (line["validation_error_mean"], line["last_validation_error_mean"]) == ("0.25", "0.5")


def test_repetitions_are_averaged_with_their_spread(tmp_path):
    trained = [
        made_up.write_training(tmp_path, "low", "wide", seconds=seconds, repetition=repetition)
        for repetition, seconds in enumerate([10.0, 20.0, 30.0], start=1)
    ]
    table = trained_only([("low", "wide", ON_LOW)], trained)
    cell = table.blocks[0].rows[0].results[0].cells["training_seconds"]
    assert (cell.ours.n, cell.ours.mean, cell.ours.std) == (3, 20.0, pytest.approx(math.sqrt(200 / 3)))
    assert "| 20 ± 8 | 10.0 | – | 250.0 ± 0.0 | 0.500 |" in row_of(table, "DnCNN, wide")
    assert float(tidy(table)["wide"]["training_seconds_std"]) == cell.ours.std
    text = FORMATS["md"](table)
    assert "each is the mean over 3 repetitions of its training." in text
    assert "± of training is the standard deviation over the repetitions" in text and "over the images" not in text


def test_rows_on_two_problems_share_a_training(tmp_path):
    path = made_up.write_training(tmp_path, "low", "wide", seconds=40.0)
    section = made_up.section({"low dose": "low", "ordinary dose": "ordinary"}, ["wide"])
    rows = [(problem, "wide", {"parts": 0, **ON_LOW}) for problem in ("low", "ordinary")]
    table = make(made_up.table([section], {"training_seconds": {}}), rows, trained=[path, path])
    assert [result.repetitions for result in table.blocks[0].rows[0].results] == [1, 1]
    assert [result.cells["training_seconds"].ours.mean for result in table.blocks[0].rows[0].results] == [40.0, 40.0]


def test_a_failed_training_shows_what_happened(tmp_path):
    failed = {"status": "raised: ValueError: no", "seconds": None, "device_name": "Another"}
    trained = [
        made_up.write_training(tmp_path, "low", "wide", run=failed),
        made_up.write_training(tmp_path, "low", "narrow"),
        made_up.write_training(tmp_path, "low", "narrow", repetition=2, run=failed),
    ]
    table = trained_only([("low", "wide", ON_LOW), ("low", "narrow", ON_LOW)], trained)
    found = tidy(table)
    assert found["wide"]["status"] == "raised: ValueError: no"
    assert found["narrow"]["status"] == "raised: ValueError: no (1 of 2 trainings)"
    assert {line[key] for line in found.values() for key in line if key.endswith("_mean")} == {""}
    assert 'class="rb-status" colspan="5">raised: ValueError: no</td>' in FORMATS["html"](table)
    text = FORMATS["md"](table)
    assert "1 to 2 repetitions" in text and "on A processor, 1 thread" in text and "Another" not in text


def test_what_a_training_did_not_measure_stays_empty(tmp_path):
    nothing = {"steps": 0, "steps_per_second": None, "best_validation_error": None, "last_validation_error": None}
    trained = [made_up.write_training(tmp_path, "low", "wide", seconds=0.0, **nothing)]
    table = trained_only([("low", "wide", ON_LOW)], trained)
    assert row_of(table, "DnCNN, wide") == "| DnCNN, wide | 0 | – | – | – | – | nothing |"


def test_parameters_are_whole_in_plain_units_alone(tmp_path):
    trained = [
        made_up.write_training(tmp_path, "low", "wide", repetition=repetition, parameters=1234567)
        for repetition in (1, 2)
    ]
    rows = [("low", "wide", ON_LOW)]
    plain = trained_only(rows, trained, {"parameters": {"digits": 3}})
    assert row_of(plain, "DnCNN, wide") == "| DnCNN, wide | 1234567 | nothing |"
    assert tidy(plain)["wide"]["parameters_mean"] == "1234567.0"
    millions = trained_only(rows, trained, {"parameters": {"scale": 1e-6, "digits": 3}})
    assert row_of(millions, "DnCNN, wide") == "| DnCNN, wide | 1.235 | nothing |"
    assert "| method | parameters (×10⁶) | told |" in FORMATS["md"](millions)


def test_an_undefined_error_says_so(tmp_path):
    trained = [made_up.write_training(tmp_path, "low", "wide", last_validation_error=math.nan)]
    table = trained_only([("low", "wide", ON_LOW)], trained)
    assert "| undefined | nothing |" in row_of(table, "DnCNN, wide")
    assert "no value for at least one training" in FORMATS["md"](table)


def test_a_mixed_table_has_scores_and_trainings(tmp_path):
    table = mixed(tmp_path, {"psnr": {}, "training_seconds": {"digits": 0}, "validation_error": {}})
    assert row_of(table, "Gaussian") == "| Gaussian | 22.00 | – | – | nothing |"
    assert row_of(table, "DnCNN, wide") == "| DnCNN, wide | **26.00** | 40 | 0.25 | nothing |"
    found = tidy(table)
    assert (found["wide"]["n"], found["wide"]["training_seconds_mean"]) == ("2", "40.0")
    assert (found["gaussian"]["n"], found["gaussian"]["training_seconds_mean"]) == ("2", "")
    text = FORMATS["md"](table)
    assert "n = 2 images." in text and text.count("Trained rows: 1 training each.") == 1
    assert "Bold: the best of ours" in text and "Columns of training are no ranking" in text


def test_columns_of_training_are_never_the_best(tmp_path):
    table = mixed(tmp_path, {"psnr": {}, **OF_TRAINING}, timed=True)
    assert table.blocks[0].best == {("low", "wide", "psnr")}


def test_in_a_mixed_table_a_failed_training_is_what_restoring_says(tmp_path):
    lines = made_up.lines(status="not trained: out of memory", number=2)
    table = mixed(tmp_path, {"psnr": {}, "training_seconds": {}}, wide=lines)
    assert "not trained: out of memory" in row_of(table, "DnCNN, wide")
    assert tidy(table)["wide"]["training_seconds_mean"] == ""


def test_trained_rows_are_counted_where_no_column_is_of_training(tmp_path):
    text = FORMATS["md"](mixed(tmp_path, {"psnr": {"spread": True}}))
    assert "Trained rows: 1 training each." in text
    assert "± is the standard deviation over the images" in text
    assert "of training" not in text


@pytest.mark.parametrize("metric", ["training_seconds", "steps_per_second"])
def test_times_of_training_name_their_machine(tmp_path, metric):
    words = "Times of training: shared, on A processor, 1 thread; measured while other jobs ran"
    assert words in FORMATS["md"](mixed(tmp_path, {"psnr": {}, metric: {}}))
    alone = FORMATS["md"](mixed(tmp_path, {"psnr": {}, metric: {}}, timed=True))
    assert "Times of training: each job alone on A processor, 1 thread." in alone and "shared" not in alone


def test_errors_of_training_name_no_machine(tmp_path):
    text = FORMATS["md"](mixed(tmp_path, {"psnr": {}, "validation_error": {}, "last_validation_error": {}}))
    assert "Times" not in text and "A processor" not in text


def test_both_kinds_of_time_are_told_apart(tmp_path):
    text = FORMATS["md"](mixed(tmp_path, {"time_ms": {}, "training_seconds": {}}))
    assert "- Times: shared, on A processor" in text and "- Times of training: shared, on A processor" in text


def test_published_trainings_stand_beside_without_a_difference(tmp_path):
    published = tmp_path / "published.csv"
    published.write_text(
        "variant,problem,metric,statistic,value,source\nwide,low,training_seconds,mean,46.0,A paper on a GPU\n"
    )
    trained = [made_up.write_training(tmp_path, "low", "wide", seconds=40.0)]
    table = trained_only([("low", "wide", ON_LOW)], trained, {"training_seconds": {"digits": 0}}, published)
    text = FORMATS["md"](table)
    assert "| method | training (s) ↓ | published | told |" in text and "| DnCNN, wide | 40 | 46.0 | nothing |" in text
    assert "A paper on a GPU" in text


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_plan_of_a_training_is_not_printed(tmp_path, suffix):
    table = mixed(tmp_path, {"psnr": {}, **OF_TRAINING})
    text = FORMATS[suffix](table)
    assert "DnCNN, wide" in text and "phases" not in text and "learning" not in text


def test_a_missing_training_is_named(tmp_path):
    with pytest.raises(UserError, match="training of variant 'wide' on problem 'low'"):
        trained_only([("low", "wide", ON_LOW)], [])


def test_the_script_takes_the_trainings(tmp_path):
    trained = made_up.write_training(tmp_path, "low", "wide", seconds=40.0)
    definition = made_up.table([made_up.section({"low dose": "low"}, ["wide"])], {"training_seconds": {}})
    spec = made_up.spec(definition, {"low": {}}, VARIANTS, [("low", "wide", {"parts": 0, **ON_LOW})])
    command = [sys.executable, HOME / "workflow" / "scripts" / "table.py", "--spec", json.dumps(spec)]
    command += ["--input", "scores", "--input", "trained", trained]
    for name in (*FORMATS, "provenance"):
        command += ["--output", name, tmp_path / f"table.{name}"]
    subprocess.run(command, check=True, capture_output=True)
    assert "wide" in (tmp_path / "table.csv").read_text() and ",40.0," in (tmp_path / "table.csv").read_text()
    assert "run.json" in json.dumps(json.loads((tmp_path / "table.provenance").read_text())["inputs"]["trained"])
