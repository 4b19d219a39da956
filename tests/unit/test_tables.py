import csv
import dataclasses
import io
import math

import made_up
import pytest

from reconbench.errors import UserError
from reconbench.results import labels
from reconbench.results.rendering import FORMATS
from reconbench.results.tables import make_table

VARIANTS = {
    "identity": made_up.variant("identity"),
    "gaussian": made_up.variant("gaussian", kernel_size=3, sigma=0.0),
    "lucy_richardson_10": made_up.variant("lucy_richardson", iterations=10),
    "gaussian_tuned": made_up.variant("gaussian", tuned=True, kernel_size=3),
    "median": made_up.variant("median", title="Median_of_3 & 5%"),
}
PSNR = {
    "oracle": [math.inf, math.inf],
    "identity": [17.0, 19.0],
    "gaussian": [21.0, 23.0],
    "lucy_richardson_10": [22.5, 22.5],
    "gaussian_tuned": [21.9, 22.0],
}
PROBLEMS = {"22 images": "ssi_2d"}


@pytest.fixture
def made(tmp_path):
    """Return a table with an oracle, a control, three methods, one of them tuned, and one that failed."""
    files = [
        made_up.write_row(tmp_path, "ssi_2d", name, made_up.lines(seconds=0.02, psnr=values, ssim=[0.5, 0.75]))
        for name, values in PSNR.items()
    ]
    files.append(
        made_up.write_row(tmp_path, "ssi_2d", "median", made_up.lines(status="raised: ValueError: 1 < 2", number=2))
    )
    tuned = made_up.write_tuned(
        tmp_path, "ssi_2d", "gaussian_tuned", {"kernel_size": 5, "sigma": 0.0}, ["kernel_size,mse", "3,0.2", "5,0.1"]
    )
    published = tmp_path / "published.csv"
    published.write_text(
        "variant,problem,metric,statistic,value,source\n"
        "identity,ssi_2d,psnr,mean,17.8,Paper & table 2\n"
        "gaussian,ssi_2d,psnr,mean,22.0,Paper & table 2\n"
        "gaussian,ssi_2d,psnr,std,1.10,Paper & table 2\n"
        "gaussian,ssi_2d,time_ms,mean,46,Paper on a GPU\n"
    )
    metrics = {"psnr": {"spread": True}, "ssim": {"digits": 3}, "time_ms": {"digits": 0}}
    definition = made_up.table(
        [made_up.section(PROBLEMS, [*PSNR, "median"], title="All of it", notes=["A note."])],
        metrics,
        source="a paper",
        published="published.csv",
    )
    rows = [
        ("ssi_2d", name, {"tuned_on": "ssi_2d" if name == "gaussian_tuned" else None}) for name in [*PSNR, "median"]
    ]
    spec = made_up.spec(definition, {"ssi_2d": {"kind": "deconvolution"}}, VARIANTS, rows)
    runs = [run for _, run in files[1:]]
    return make_table(spec, [scores for scores, _ in files], runs, [tuned], [], published)


@pytest.fixture
def tidy(made):
    return {line["variant"]: line for line in csv.DictReader(io.StringIO(FORMATS["csv"](made)))}


def test_csv_has_exactly_the_tidy_columns(tidy):
    assert ",".join(tidy["gaussian"]) == (
        "method,problem,psnr_mean,psnr_std,psnr_published,psnr_difference,ssim_mean,ssim_std,ssim_published,"
        "ssim_difference,time_ms_mean,time_ms_published,n,status,variant,reading,told,evaluations"
    )


def test_csv_holds_ours_and_the_published_number_in_plain_units(tidy):
    line = tidy["gaussian"]
    assert (line["method"], line["problem"], line["n"], line["status"]) == ("Gaussian", "ssi_2d", "2", "ok")
    assert (line["psnr_mean"], line["psnr_std"]) == ("22.0", "1.0")
    assert (line["psnr_published"], float(line["psnr_difference"])) == ("22.0", 0.0)
    assert (line["ssim_mean"], line["ssim_published"], line["ssim_difference"]) == ("0.625", "", "")
    assert (line["time_ms_mean"], line["time_ms_published"]) == ("20.0", "46")
    assert (line["reading"], line["told"], line["evaluations"]) == ("corrected", "nothing", "")
    assert float(tidy["identity"]["psnr_difference"]) == pytest.approx(0.2)


def test_labels_are_readable_words(tidy):
    methods = {variant: line["method"] for variant, line in tidy.items()}
    assert methods == {
        "oracle": "truth (oracle)",
        "identity": "input (identity)",
        "gaussian": "Gaussian",
        "lucy_richardson_10": "Lucy-Richardson, 10 iterations",
        "gaussian_tuned": "Gaussian, tuned",
        "median": "Median_of_3 & 5%",
    }
    assert tidy["lucy_richardson_10"]["told"] == "forward model"


def test_a_tuned_title_leaves_out_what_differs_between_problems():
    variants = {"tuned": made_up.variant("lucy_richardson", tuned=True, iterations=10)}
    assert labels.variant_title("tuned", variants) == "Lucy-Richardson, tuned"


def test_metric_heads_say_unit_factor_and_direction():
    assert labels.metric_title("psnr") == "PSNR [dB] ↑"
    assert labels.metric_title("mse", scale=1000.0) == "MSE (×10⁻³) ↓"
    assert labels.metric_title("mse", "MSE x 10^3") == "MSE x 10^3 ↓"
    assert labels.metric_title("time_ms") == "time per image [ms] ↓"


def test_an_oracle_is_infinite_and_never_the_best(made, tidy):
    line = tidy["oracle"]
    assert (line["psnr_mean"], line["psnr_std"], line["time_ms_mean"]) == ("inf", "", "20.0")
    assert "| truth (oracle) | ∞ |" in FORMATS["md"](made)
    assert made.blocks[0].best == {("ssi_2d", "lucy_richardson_10", "psnr")} | {
        ("ssi_2d", variant, "ssim") for variant in ("gaussian", "lucy_richardson_10", "gaussian_tuned")
    }


def test_a_failed_row_shows_what_happened_and_no_number(made, tidy):
    line = tidy["median"]
    assert line["status"] == "raised: ValueError: 1 < 2"
    assert {line[key] for key in line if key.startswith(("psnr", "ssim", "time"))} == {""}
    assert "raised: ValueError: 1 \\< 2" in FORMATS["md"](made)
    assert 'class="rb-status" colspan="6">raised: ValueError: 1 &lt; 2</td>' in FORMATS["html"](made)
    assert r"\multicolumn{6}{c}{\emph{raised: ValueError: 1 $<$ 2}}" in FORMATS["tex"](made)


def test_a_row_that_failed_for_one_image_is_not_averaged(tmp_path):
    lines = [*made_up.lines(psnr=[20.0, 21.0]), {"image": "image_2", "status": "out of memory"}]
    scores, _ = made_up.write_row(tmp_path, "ssi_2d", "gaussian", lines)
    definition = made_up.table([made_up.section(PROBLEMS, ["gaussian"])], {"psnr": {}})
    spec = made_up.spec(definition, {"ssi_2d": {}}, VARIANTS, [("ssi_2d", "gaussian")])
    (result,) = make_table(spec, [scores], [], [], [], None).blocks[0].rows[0].results
    assert result.status == "out of memory (1 of 3 images)"
    assert result.cells["psnr"].ours is None


def test_published_numbers_stand_beside_with_their_own_digits(made):
    text = FORMATS["md"](made)
    assert "| method | PSNR [dB] ↑ | published | Δ | SSIM ↑ | time per image [ms] ↓ | published | told |" in text
    assert "| Gaussian | 22.00 ± 1.00 | 22.0 ± 1.10 | 0.00 | **0.625** | 20 | 46 | nothing |" in text
    assert "| input (identity) | 18.00 ± 1.00 | 17.8 | +0.20 | 0.625 | 20 | – | nothing |" in text


def test_notes_say_what_was_done(made):
    text = FORMATS["md"](made)
    for words in (
        "Scale small",
        "After a paper.",
        "measured on other images",
        "n = 2 images.",
        "A note.",
        "Paper & table 2; Paper on a GPU",
        "Times: shared, on A processor, 1 thread",
        "Tuned on validation images, which chose: Gaussian: kernel_size 5 on ssi_2d (2 evaluations)",
    ):
        assert words in text


def test_tex_escapes_and_balances(made):
    text = FORMATS["tex"](made)
    assert r"Median\_of\_3 \& 5\%" in text
    assert r"22.00\\[-3pt]{\scriptsize $\pm$ 1.00}" in text
    assert "MSE" not in text and "±" not in text and "Δ" not in text
    assert text.count("\\begin{") == text.count("\\end{")
    assert text.count("{") - text.count("\\{") == text.count("}") - text.count("\\}")


def test_names_between_backticks_stand_out_in_every_format(made):
    named = dataclasses.replace(made, notes=[*made.notes, "Say `a_b: &1` in it."])
    assert "Say `a_b: &1` in it." in FORMATS["md"](named)
    assert "Say <code>a_b: &amp;1</code> in it." in FORMATS["html"](named)
    assert r"Say \texttt{a\_b: \&1} in it." in FORMATS["tex"](named)


def test_html_is_an_ascii_fragment(made):
    text = FORMATS["html"](made)
    assert text.isascii() and text.startswith('<div class="rb-table">')
    assert "Median_of_3 &amp; 5%" in text and "<script" not in text


def test_repetitions_are_averaged_and_shards_joined(tmp_path):
    paths = [
        made_up.write_row(tmp_path, "ssi_2d", "gaussian", made_up.lines(psnr=[value]), repetition, part)[0]
        for repetition, part, value in [
            (1, "001-of-002", 20.0),
            (1, "002-of-002", 22.0),
            (2, "001-of-002", 30.0),
            (2, "002-of-002", 32.0),
        ]
    ]
    definition = made_up.table([made_up.section(PROBLEMS, ["gaussian"])], {"psnr": {}})
    row = ("ssi_2d", "gaussian", {"parts": 4, "trained_on": "ssi_2d"})
    spec = made_up.spec(definition, {"ssi_2d": {}}, VARIANTS, [row])
    table = make_table(spec, paths, [], [], [], None)
    (result,) = table.blocks[0].rows[0].results
    assert (result.images, result.repetitions, result.cells["psnr"].ours.mean) == (2, 2, 26.0)
    assert "mean over 2 repetitions" in FORMATS["md"](table)


def test_as_published_statistics_are_named_and_counted(tmp_path):
    scores, _ = made_up.write_row(tmp_path, "em_low", "gaussian", made_up.lines(mse=[0.5, 0.002]))
    section = made_up.section({"low dose": "em_low"}, ["gaussian"], statistics="as_published")
    spec = made_up.spec(
        made_up.table([section], {"mse": {"scale": 1000.0, "digits": 3}}),
        {"em_low": {"reading": "as_published"}},
        VARIANTS,
        [("em_low", "gaussian")],
    )
    table = make_table(spec, [scores], [], [], [], None)
    assert table.blocks[0].rows[0].results[0].cells["mse"].ours.mean == pytest.approx(0.007)
    text = FORMATS["md"](table)
    assert "clipped 1 values" in text and "7.000" in text
    assert next(csv.DictReader(io.StringIO(FORMATS["csv"](table))))["reading"] == "as_published"


def test_a_timed_row_names_its_machine_and_competes(tmp_path):
    scores, run = made_up.write_row(tmp_path, "ssi_2d", "gaussian", made_up.lines(psnr=[20.0]))
    definition = made_up.table([made_up.section(PROBLEMS, ["gaussian"])], {"time_ms": {"digits": 0}})
    spec = made_up.spec(definition, {"ssi_2d": {}}, VARIANTS, [("ssi_2d", "gaussian", {"timed": True})])
    text = FORMATS["md"](make_table(spec, [scores], [run], [], [], None))
    assert "**10**" in text and "each job alone on A processor, 1 thread" in text


def test_missing_scores_are_named(tmp_path):
    definition = made_up.table([made_up.section(PROBLEMS, ["gaussian"])], {"psnr": {}})
    spec = made_up.spec(definition, {"ssi_2d": {}}, VARIANTS, [("ssi_2d", "gaussian")])
    with pytest.raises(UserError, match="variant 'gaussian' on problem 'ssi_2d'"):
        make_table(spec, [], [], [], [], None)
