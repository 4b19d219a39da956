"""Rows that are sorted or ranked, and rows of which there are published numbers only."""

import csv
import io
import json
import math
import re

import made_up
import pytest

from reconbench.config import showing
from reconbench.config.tables_and_figures import Table
from reconbench.results.rendering import FORMATS
from reconbench.results.report import write_report
from reconbench.results.tables import make_table

# Moskalev 2019, slide "initialization": the five best and the five worst of 27, here out of order.
SLIDE = {
    "gabor_3_1": 28.332,
    "random_3_26": 31.101,
    "dct_5_15": 31.147,
    "dct_3_1": 22.8,
    "gabor_3_26": 31.124,
    "dct_5_1": 24.41,
    "dct_5_74": 31.088,
    "gabor_5_1": 28.477,
    "gabor_5_15": 31.121,
    "dct_55_1": 23.72,
}
RANKED = sorted(SLIDE, key=SLIDE.get, reverse=True)
FAILED = made_up.lines(status="out of memory", number=1)


def variant(name):
    return made_up.variant("identity" if name == "identity" else "gaussian", title=name)


def make(tmp_path, scores, metrics=None, published="", **changed):
    """Return a table; `scores` are one number (or the lines) of each variant, on one problem or by problem."""
    by_problem = scores if isinstance(next(iter(scores.values())), dict) else {"hela": scores}
    rows = [(problem, name) for problem, found in by_problem.items() for name in found]
    files = [
        made_up.write_row(
            tmp_path, problem, name, made_up.lines(psnr=[found]) if isinstance(found, int | float) else found
        )[0]
        for problem, of_problem in by_problem.items()
        for name, found in of_problem.items()
    ]
    path = tmp_path / "published.csv"
    path.write_text(f"variant,problem,metric,statistic,value,source\n{published}")
    variants = list(next(iter(by_problem.values())))
    section = made_up.section({f"problem {problem}": problem for problem in by_problem}, variants, **changed)
    definition = made_up.table([section], metrics or {"psnr": {"digits": 3}}, published=published and path.name)
    known = {name: variant(name) for name in variants if name != "oracle"}
    spec = made_up.spec(definition, dict.fromkeys(by_problem, {}), known, rows)
    return make_table(spec, files, [], [], [], path if published else None)


def tidy(table):
    return list(csv.DictReader(io.StringIO(FORMATS["csv"](table))))


def shown(table):
    """Return the lines of the Markdown table, each as its cells."""
    lines = [line for line in FORMATS["md"](table).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_rows_are_sorted_from_the_best_on_and_the_rest_keeps_its_place(tmp_path):
    scores = {"failed": FAILED, "oracle": math.inf, "low": 20, "high": 30, "identity": 40, "also_low": 20}
    table = make(tmp_path, scores, order={"by": "psnr"})
    expected = ["identity", "high", "low", "also_low", "failed", "oracle"]
    assert [line["variant"] for line in tidy(table)] == expected
    assert [cells[0] for cells in shown(table)] == [*expected[:-1], "truth (oracle)"]
    assert "rank" not in tidy(table)[0] and "rank" not in FORMATS["md"](table)
    assert "Sorted by our PSNR, the best row first." in table.blocks[0].notes


def test_without_an_order_rows_stand_as_they_are_listed(tmp_path):
    scores = {"oracle": math.inf, "low": 20, "high": 30, "identity": 40}
    assert [line["variant"] for line in tidy(make(tmp_path, scores))] == list(scores)


def test_the_better_side_of_the_column_decides(tmp_path):
    scores = {name: made_up.lines(psnr=[20.0], mse=[error]) for name, error in [("a", 3.0), ("b", 1.0), ("c", 2.0)]}
    table = make(tmp_path, scores, {"psnr": {}, "mse": {}}, order={"by": "mse"})
    assert [line["variant"] for line in tidy(table)] == ["b", "c", "a"]


def test_a_row_without_a_mean_stands_after_those_with_one(tmp_path):
    table = make(tmp_path, {"undefined": math.nan, "low": 10, "perfect": math.inf}, order={"by": "psnr", "best": 1})
    assert [(line["variant"], line["rank"]) for line in tidy(table)] == [
        ("perfect", "1"),
        ("low", "2"),
        ("undefined", ""),
    ]


def test_the_first_problem_decides(tmp_path):
    scores = {"one": {"a": 20, "b": 30, "c": 25}, "two": {"a": 3, "b": 1, "c": 2}}
    table = make(tmp_path, scores, order={"by": "psnr", "best": 1, "worst": 1})
    assert [(line["variant"], line["rank"]) for line in tidy(table)[::2]] == [("b", "1"), ("c", "2"), ("a", "3")]
    assert "Ranked by our PSNR on problem one: the best and the worst of 3 rows." in table.blocks[0].notes[1]
    # A group of one row has no mean.
    assert [cells[:4] for cells in shown(table)] == [
        ["1", "b", "**30.000**", "1.000"],
        ["3", "a", "20.000", "**3.000**"],
    ]


def test_the_ends_of_a_ranking_are_those_of_the_slide(tmp_path):
    scores = {**SLIDE, **{f"between_{number}": 29 + number / 10 for number in range(17)}, "failed": FAILED}
    table = make(tmp_path, scores, order={"by": "psnr", "best": 5, "worst": 5})
    lines = shown(table)
    assert [cells[:2] for cells in lines[:5]] == [[str(rank), name] for rank, name in enumerate(RANKED[:5], start=1)]
    assert lines[5][:3] == ["", "*mean of the 5 best*", "31.116"]
    assert [cells[:2] for cells in lines[6:11]] == [[str(rank), name] for rank, name in enumerate(RANKED[5:], start=23)]
    # The slide has 25.510, which is not the mean of its five rows.
    assert lines[11][:3] == ["", "*mean of the 5 worst*", "25.548"]
    assert [cells[:3] for cells in lines[12:]] == [["", "failed", "out of memory"]]
    assert "the 5 best and the 5 worst of 27 rows" in table.blocks[0].notes[1]
    whole = tidy(table)
    assert [line["rank"] for line in whole] == [*map(str, range(1, 28)), ""]
    assert sum(line["variant"].startswith("between") for line in whole) == 17


def test_where_there_are_too_few_rows_each_is_shown_once(tmp_path):
    order = {"by": "psnr", "best": 5, "worst": 5}
    few = make(tmp_path, {name: SLIDE[name] for name in RANKED[:9]}, order=order)
    assert [cells[:2] for cells in shown(few)] == [[str(rank), name] for rank, name in enumerate(RANKED[:9], start=1)]
    assert "Ranked by our PSNR." in few.blocks[0].notes
    enough = make(tmp_path, SLIDE, order=order)
    assert [cells[0] for cells in shown(enough)] == [*"12345", "", "6", "7", "8", "9", "10", ""]


def test_one_end_may_be_shown_alone(tmp_path):
    best = make(tmp_path, SLIDE, order={"by": "psnr", "best": 2})
    assert [cells[1] for cells in shown(best)] == [*RANKED[:2], "*mean of the 2 best*"]
    worst = make(tmp_path, SLIDE, order={"by": "psnr", "worst": 2})
    assert [cells[0] for cells in shown(worst)] == ["9", "10", ""]
    assert "Ranked by our PSNR: the 2 worst of 10 rows." in worst.blocks[0].notes[1]


def test_only_what_has_a_better_side_and_all_numbers_has_a_mean(tmp_path):
    for number, name in enumerate(RANKED[:4]):
        trained = {"parameters": 100 + number} | ({} if name == RANKED[3] else {"steps_per_second": 10.0 + number})
        made_up.write_training(tmp_path, "hela", name, run=None, **trained)
    scores = [made_up.write_row(tmp_path, "hela", name, made_up.lines(psnr=[SLIDE[name]]))[0] for name in RANKED[:4]]
    trained = [made_up.folder(tmp_path, "models", "hela", name, 1, "all") / "run.json" for name in RANKED[:4]]
    last = json.loads(trained[3].read_text())
    del last["training"]["steps_per_second"]
    trained[3].write_text(json.dumps(last))
    section = made_up.section({"": "hela"}, RANKED[:4], order={"by": "psnr", "best": 2, "worst": 2})
    definition = made_up.table([section], {"psnr": {}, "parameters": {}, "steps_per_second": {}})
    rows = [("hela", name, {"trained_on": "hela"}) for name in RANKED[:4]]
    spec = made_up.spec(definition, {"hela": {}}, {name: variant(name) for name in RANKED}, rows)
    lines = shown(make_table(spec, scores, [], [], trained, None))
    assert [cells[2:5] for cells in lines if not cells[0]] == [["31.14", "–", "10.50"], ["31.11", "–", "–"]]


def test_a_hidden_row_can_be_the_best_of_a_column(tmp_path):
    scores = {
        name: made_up.lines(psnr=[value], ssim=[similar])
        for name, value, similar in [("a", 30.0, 0.5), ("b", 25.0, 0.9), ("c", 20.0, 0.6)]
    }
    table = make(tmp_path, scores, {"psnr": {}, "ssim": {}}, order={"by": "psnr", "best": 1, "worst": 1})
    assert table.blocks[0].best == {("hela", "a", "psnr"), ("hela", "b", "ssim")}
    assert "bold looks at all of them" in table.blocks[0].notes[1]


def test_a_number_published_of_a_hidden_row_makes_no_column(tmp_path):
    published = f"{RANKED[3]},hela,psnr,mean,31.101,slides\n"
    table = make(tmp_path, SLIDE, None, published, order={"by": "psnr", "best": 2, "worst": 2})
    assert "| rank | method | PSNR [dB] ↑ | told |" in FORMATS["md"](table)
    assert [line["psnr_published"] for line in tidy(table)[:4]] == ["", "", "", "31.101"]
    assert "slides" not in " ".join(table.notes)


@pytest.mark.parametrize("problems", [1, 2])
def test_every_line_has_as_many_cells_in_every_format(tmp_path, problems):
    scores = {f"p{number}": {**SLIDE, "more": 29, "failed": FAILED, "identity": 17} for number in range(problems)}
    published = f"{RANKED[0]},p0,psnr,mean,31.147,slides\n"
    table = make(tmp_path, scores, None, published, order={"by": "psnr", "best": 5, "worst": 5})
    columns = 2 + 3 + (problems - 1) + 1
    assert {len(line.split("|")) - 2 for line in FORMATS["md"](table).splitlines() if line.startswith("|")} == {columns}
    latex = FORMATS["tex"](table)
    assert rf"\begin{{tabular}}{{rl{'r' * (columns - 3)}l}}" in latex
    heads = [line for line in latex.split("\\toprule\n")[1].split("\\midrule")[0].splitlines() if line.endswith("\\\\")]
    spans = [sum(int(span) - 1 for span in re.findall(r"multicolumn\{(\d+)\}", line)) for line in heads]
    assert {line.count("&") + 1 + more for line, more in zip(heads, spans, strict=True)} == {columns}
    assert r"\cmidrule(lr){3-5}" in latex
    body = latex.split("\\midrule\n", 1)[1].split("\\bottomrule")[0].splitlines()
    lines = [line for line in body if line != "\\midrule" and "out of memory" not in line]
    assert len(lines) == 1 + 5 + 1 + 5 + 1 and {line.count("&") + 1 for line in lines} == {columns}
    # A rule after each of the two means.
    assert body.count("\\midrule") == 2
    html = FORMATS["html"](table)
    rows = [row for row in html.split("<tbody>")[1].split("</tbody>")[0].split("<tr")[1:] if "rb-status" not in row]
    assert len(rows) == 13 and {row.count("<td") + row.count("<th") for row in rows} == {columns}
    assert html.count('<tr class="rb-mean">') == 2 and html.count('<tr class="rb-control">') == 1


# Rows of which there are published numbers only

OTHERS = (
    "twb,hela,psnr,mean,31.308,slide 30\ntwb_c,hela,psnr,mean,31.114,slide 31\ntwb_c,hela,time_ms,mean,3200,slide 31\n"
)
NAMED = {"twb_c": "TWB_C", "twb_m": "TWB_M"}


def test_rows_of_others_stand_at_the_end_and_are_called_so(tmp_path):
    metrics = {"psnr": {"digits": 3}, "time_ms": {"digits": 0}}
    scores = {"twb": 30, "better": 33, "oracle": math.inf}
    table = make(tmp_path, scores, metrics, OTHERS, order={"by": "psnr"}, published_only=NAMED)
    assert [cells[:-1] for cells in shown(table)] == [
        ["better", "**33.000**", "–", "–", "10", "–"],
        ["twb", "30.000", "31.308", "−1.308", "10", "–"],
        ["truth (oracle)", "∞", "–", "–", "10", "–"],
        ["TWB_C, published only", "–", "31.114", "–", "–", "3200"],
        ["TWB_M, published only", "–", "–", "–", "–", "–"],
    ]
    assert table.blocks[0].notes[-1] == "Published only: rows of the paper for which there is no method here."
    assert "Published numbers: slide 30; slide 31." in " ".join(table.notes)
    assert 'class="rb-published-only"' in FORMATS["html"](table)
    assert r"TWB\_C, published only & -- & 31.114 & -- & -- & 3200 &" in FORMATS["tex"](table)


def test_where_only_others_have_numbers_there_is_no_difference(tmp_path):
    table = make(tmp_path, {"better": 33}, None, OTHERS, published_only={"twb_c": "TWB_C"})
    assert "| method | PSNR [dB] ↑ | published | told |" in FORMATS["md"](table)


def test_their_numbers_are_in_the_csv_with_their_status(tmp_path):
    table = make(tmp_path, {"twb": 30}, None, OTHERS, published_only=NAMED)
    ours, first, second = tidy(table)
    assert (ours["status"], first["status"], second["status"]) == ("ok", "published only", "published only")
    assert (first["method"], first["variant"], first["psnr_published"]) == ("TWB_C, published only", "twb_c", "31.114")
    assert {first[key] for key in ("psnr_mean", "psnr_std", "psnr_difference", "n", "reading", "told")} == {""}
    assert second["psnr_published"] == ""


def test_they_are_neither_best_nor_ranked(tmp_path):
    order = {"by": "psnr", "best": 1, "worst": 1}
    table = make(tmp_path, {"low": 20, "twb": 30, "high": 31}, None, OTHERS, order=order, published_only=NAMED)
    assert [(line["variant"], line["rank"]) for line in tidy(table)][-2:] == [("twb_c", ""), ("twb_m", "")]
    assert table.blocks[0].best == {("hela", "high", "psnr")}
    assert [cells[:2] for cells in shown(table)] == [
        *(["1", "high"], ["3", "low"]),
        *(["", "TWB_C, published only"], ["", "TWB_M, published only"]),
    ]


def test_they_are_no_failures_of_the_report(tmp_path):
    results = tmp_path / "results"
    table = make(tmp_path, {"twb": 30, "failed": FAILED}, None, OTHERS, published_only=NAMED)
    (results / "tables").mkdir(exist_ok=True)
    for suffix, render in FORMATS.items():
        (results / "tables" / f"made_up.{suffix}").write_text(render(table))
    sources = {"spec": {"scale": "small", "seed": 0}, "inputs": {}, "code": "", "git_commit": None}
    (results / "tables" / "made_up.provenance.json").write_text(json.dumps(sources))
    (results / "report").mkdir()
    study = {"name": "study", "title": "", "reference": "", "tables": ["made_up"], "figures": []}
    write_report(
        {"scale": "small", "seed": 0, "studies": [study]},
        [results / "tables" / "made_up.html"],
        results / "report" / "index.html",
    )
    missing = (results / "report" / "index.html").read_text().split('<div class="missing">')[1].split("</div>")[0]
    assert "failed on hela: out of memory" in missing and "TWB" not in missing


# What a study may say of them

SECTION = {"problems": {"1 %": "hela"}, "variants": ["twb"]}
FAULTS = {
    "an order by what is no column": (
        {"order": {"by": "psnrr"}},
        ("order", "by"),
        "there is no column of this table 'psnrr'; did you mean 'psnr'?",
    ),
    "an order by what has no better side": (
        {"order": {"by": "parameters"}},
        ("order", "by"),
        "more of 'parameters' is neither better nor worse; sort by another column",
    ),
    "a row of others that is not published": (
        {"published_only": {"twb_cc": "TWB_C"}},
        ("published_only", "twb_cc"),
        "there is no row of these problems in numbers.csv 'twb_cc'; did you mean 'twb_c'?",
    ),
    "a row of others that is ours": (
        {"published_only": {"twb": "TWB"}},
        ("published_only", "twb"),
        "this is a row of the section already; its published numbers stand beside ours",
    ),
    "a row of others on another problem": (
        {"published_only": {"twb_c": "TWB_C"}, "problems": {"3 %": "other"}},
        ("published_only", "twb_c"),
        "there is no row of these problems in numbers.csv 'twb_c'",
    ),
    "rows of others where nothing published is shown": (
        {"published_only": NAMED, "published": False},
        ("published_only",),
        "these rows have published numbers only; name the table's `published` csv, and show its numbers here",
    ),
}


def faults(tmp_path, section, published="numbers.csv", numbers=OTHERS):
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "numbers.csv").write_text(f"variant,problem,metric,statistic,value,source\n{numbers}")
    metrics = {"psnr": {}, "parameters": {}}
    table = Table.model_validate(
        {"title": "", "sections": [{**SECTION, **section}], "metrics": metrics, "published": published}
    )
    return list(showing.of_section((), table.sections[0], table, tmp_path, {}))


@pytest.mark.parametrize("section, place, sentence", FAULTS.values(), ids=FAULTS.keys())
def test_what_does_not_fit_is_named(tmp_path, section, place, sentence):
    assert faults(tmp_path, section) == [(place, sentence)]


def test_rows_of_others_need_a_readable_csv(tmp_path):
    (fault,) = faults(tmp_path, {"published_only": NAMED}, numbers="twb_c,hela,psnr,mean,much,a\n")
    assert fault[0] == ("published_only",) and fault[1].endswith("line 2: 'much' is not a number")


def test_rows_of_others_need_a_csv(tmp_path):
    ((place, sentence),) = faults(tmp_path, {"published_only": NAMED}, published=None)
    assert place == ("published_only",) and "name the table's `published` csv" in sentence


def test_what_fits_is_no_fault(tmp_path):
    assert faults(tmp_path, {"order": {"by": "psnr", "best": 5}, "published_only": {"twb_c": "TWB_C"}}) == []
