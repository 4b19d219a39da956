"""Rows of one method of which a table marks the one that is best by the truth."""

import csv
import io
import math

import made_up
import pytest

from reconbench.results.rendering import FORMATS
from reconbench.results.tables import make_table

STOPS = ["early", "middle", "late"]
VARIANTS = {
    "identity": made_up.variant("identity"),
    "early": made_up.variant("lucy_richardson", iterations=2),
    "middle": made_up.variant("lucy_richardson", iterations=5),
    "late": made_up.variant("lucy_richardson", iterations=10),
    "median": made_up.variant("median"),
}
TITLES = {"early": "Lucy-Richardson, 2 iterations", "middle": "Lucy-Richardson, 5 iterations"}


def make(tmp_path, scores, metrics=("psnr",), display=None, **changed):
    """Return a table of some rows; `scores` are the lines of each variant, on one problem or by problem."""
    by_problem = scores if isinstance(next(iter(scores.values())), dict) else {"ssi": scores}
    files = [
        made_up.write_row(tmp_path, problem, variant, lines)[0]
        for problem, found in by_problem.items()
        for variant, lines in found.items()
    ]
    variants = list(next(iter(by_problem.values())))
    section = made_up.section(
        {f"problem {problem}": problem for problem in by_problem}, variants, **{"oracle_stopped": STOPS, **changed}
    )
    definition = made_up.table([section], {metric: display or {} for metric in metrics})
    rows = [(problem, variant) for problem in by_problem for variant in variants]
    spec = made_up.spec(definition, dict.fromkeys(by_problem, {}), VARIANTS, rows)
    return make_table(spec, files, [], [], [], None)


def psnr(*values):
    return made_up.lines(psnr=list(values))


def marked(table):
    return [row.variant for row in table.blocks[0].rows if row.method.endswith(", oracle-stopped")]


def test_the_best_on_the_mean_of_all_images_is_marked_in_every_format(tmp_path):
    scores = {"identity": psnr(30, 30), "early": psnr(20, 22), "middle": psnr(21.5, 21.5), "late": psnr(26, 15)}
    table = make(tmp_path, {**scores, "median": psnr(25, 25)})
    assert marked(table) == ["middle"]
    for suffix, write in FORMATS.items():
        assert write(table).count("Lucy-Richardson, 5 iterations, oracle-stopped") == 1, suffix
        assert "10 iterations, oracle-stopped" not in write(table)
    tidy = {line["variant"]: line for line in csv.DictReader(io.StringIO(FORMATS["csv"](table)))}
    assert tidy["middle"]["method"] == "Lucy-Richardson, 5 iterations, oracle-stopped"
    assert tidy["early"]["method"] == TITLES["early"]


def test_a_note_under_the_block_says_what_was_chosen_from(tmp_path):
    table = make(tmp_path, {"early": psnr(20), "middle": psnr(21), "median": psnr(25)}, notes=["The study's own."])
    assert table.blocks[0].notes[1:] == [
        "oracle-stopped: of 2 rows (Lucy-Richardson, 2 iterations; Lucy-Richardson, 5 iterations) the one that is best "
        "by PSNR, chosen with the truth as in the paper; no method may do that.",
        "The study's own.",
    ]
    named = make(tmp_path, {"early": psnr(20)}, display={"title": "Peak ratio"})
    assert "of 1 row (Lucy-Richardson, 2 iterations) the one that is best by Peak ratio," in named.blocks[0].notes[1]


def test_the_first_metric_decides_and_its_direction(tmp_path):
    scores = {
        name: made_up.lines(psnr=[value], mse=[error])
        for name, value, error in [("early", 22.0, 0.3), ("middle", 21.0, 0.1), ("late", 20.0, 0.2)]
    }
    assert marked(make(tmp_path, scores, metrics=("mse", "psnr"))) == ["middle"]
    assert marked(make(tmp_path, scores, metrics=("psnr", "mse"))) == ["early"]


def test_of_equals_the_first_is_marked(tmp_path):
    assert marked(make(tmp_path, {"late": psnr(20), "early": psnr(21), "middle": psnr(21)})) == ["early"]


def test_the_first_problem_decides(tmp_path):
    table = make(
        tmp_path,
        {"one": {"early": psnr(20), "late": psnr(21)}, "two": {"early": psnr(25), "late": psnr(20)}},
    )
    assert marked(table) == ["late"]
    assert "best by PSNR on problem one, chosen" in table.blocks[0].notes[1]


@pytest.mark.parametrize(
    "lost",
    [
        made_up.lines(status="out of memory", number=2),
        [*psnr(40), {"image": "image_1", "status": "out of memory"}],
        psnr(math.inf, 40),
        psnr(math.nan, 40),
    ],
    ids=["all failed", "one image failed", "infinite", "undefined"],
)
def test_what_has_no_mean_does_not_compete(tmp_path, lost):
    assert marked(make(tmp_path, {"early": psnr(20, 20), "middle": lost, "late": psnr(19, 19)})) == ["early"]
    alone = make(tmp_path, {"middle": lost, "median": psnr(20, 20)})
    assert marked(alone) == [] and "oracle-stopped" not in FORMATS["md"](alone)


def test_nothing_is_marked_where_nothing_is_asked_for(tmp_path):
    table = make(tmp_path, {"early": psnr(20), "late": psnr(21)}, oracle_stopped=[])
    assert marked(table) == [] and "oracle-stopped" not in FORMATS["md"](table)
