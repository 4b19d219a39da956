"""Everything at the scale `tiny`, once; then what does and what does not run again."""

import json
import os
import subprocess
import sys

import pytest

TABLES = ("em_denoising", "deconvolution_2d_classical")
FIGURES = ("em_denoising_kde", "em_denoising_examples", "deconvolution_2d_examples")


def test_everything_is_there(finished):
    results = finished.folder / "results"
    for name in TABLES:
        for suffix in ("csv", "md", "tex", "html", "provenance.json"):
            assert (results / "tables" / f"{name}.{suffix}").stat().st_size > 0
    for name in FIGURES:
        for suffix in ("svg", "png", "csv", "provenance.json"):
            assert (results / "figures" / f"{name}.{suffix}").stat().st_size > 0
    assert "em_denoising" in (results / "report" / "index.html").read_text()


def test_every_method_ran(finished):
    methods = {path.stem for path in (finished.folder / "src/reconbench/methods").glob("[!_]*.py")}
    runs = (finished.folder / "results/tiny/estimates").rglob("run.json")
    assert methods == {json.loads(run.read_text())["spec"]["method"]["name"] for run in runs}


def test_a_second_run_does_nothing(finished):
    assert finished.jobs() == {}


def test_touching_every_file_and_every_result_runs_nothing(finished):
    for part in ("Snakefile", "config.yaml", "src", "workflow", "envs", "profiles", "results"):
        place = finished.folder / part
        for path in [place, *sorted(place.rglob("*.*"))]:
            os.utime(path)
    assert finished.jobs() == {}


def test_what_only_explains_runs_nothing(finished):
    """A method's title, a comment, the docstring of a file that all jobs share."""
    edits = [
        ("src/reconbench/methods/median.py", 'title="Median"', 'title="Median filter"'),
        ("src/reconbench/methods/median.py", "def restore(", "# A comment.\n\n\ndef restore("),
        ("src/reconbench/images.py", "Read the image as float32", "Read one image as float32"),
    ]
    for path, old, new in edits:
        finished.edit(path, old, new)
    assert finished.jobs() == {}
    for path, old, new in edits:
        finished.edit(path, new, old)


def test_editing_a_method_runs_its_jobs_and_what_follows(finished):
    path, old, new = "src/reconbench/methods/median.py", "import cv2", "import cv2 as cv2"
    finished.edit(path, old, new)
    expected = {"tune": 1, "restore": 3, "score": 3, "table": 1, "figure": 1, "report": 1, "all": 1}
    assert finished.jobs() == expected
    finished.edit(path, new, old)


def test_changing_one_parameter_runs_that_variant(finished):
    path, old = "workflow/studies/deconvolution_2d.yaml", "{iterations: 10}"
    finished.edit(path, old, "{iterations: 11}")
    assert finished.jobs() == {"restore": 1, "score": 1, "table": 1, "report": 1, "all": 1}
    finished.edit(path, "{iterations: 11}", old)


def test_editing_a_metric_scores_again_and_restores_nothing(finished):
    path, old, new = "src/reconbench/metrics/smi.py", "def metric(", "CHANGED = 1\n\n\ndef metric("
    finished.edit(path, old, new)
    jobs = finished.jobs()
    assert jobs.keys() == {"score", "table", "figure", "report", "all"}
    assert jobs["score"] == len(list((finished.folder / "results/tiny/scores/ssi_2d").iterdir()))
    finished.edit(path, new, old)


def test_editing_a_figure_draws_that_figure(finished):
    path, old, new = "src/reconbench/results/figures/kde.py", "def draw(", "CHANGED = 1\n\n\ndef draw("
    finished.edit(path, old, new)
    assert finished.jobs() == {"figure": 1, "report": 1, "all": 1}
    finished.edit(path, new, old)


def test_a_table_by_name_is_made_again_alone(finished):
    table = finished.folder / "results/tables/em_denoising.md"
    before = table.read_text()
    table.unlink()
    assert finished.jobs("--", "results/tables/em_denoising.md") == {"table": 1}
    finished.succeeding("--", "results/tables/em_denoising.md")
    assert table.read_text() == before


# Runs a script as a job does, then prints what Python loaded of the project and what the digest covers.
WATCHED = """
import json, runpy, sys
from pathlib import Path

script, named = sys.argv[1], json.loads(sys.argv.pop(2))
sys.argv = sys.argv[1:]
sys.path.insert(0, str(Path(script).parent))
runpy.run_path(script, run_name="__main__")
loaded = [module.__file__ for name, module in sys.modules.items() if name.split(".")[0] == "reconbench"]
from importlib import import_module
from reconbench.digest import closure
covered = closure([script, *(Path(import_module(name).__file__) for name in named)])
print(json.dumps([loaded, list(map(str, covered))]))
"""


@pytest.mark.parametrize("problem, variant", [("em_low", "bm3d_anscombe_blind"), ("ssi_2d", "chambolle_pock_tv")])
def test_what_a_job_loads_lies_in_what_its_digest_covers(finished, tmp_path, problem, variant):
    results = finished.folder / "results" / "tiny"
    run = results / "estimates" / problem / variant / "1" / "001-of-001" / "run.json"
    spec = json.loads(run.read_text())["spec"]
    named = [f"reconbench.methods.{spec['method']['name']}", f"reconbench.noise.{spec['noise']['name']}"]
    named += [f"reconbench.forward.{spec['forward']['name']}"] if spec["forward"] else []
    command = [sys.executable, "-c", WATCHED, finished.folder / "workflow/scripts/restore.py", json.dumps(named)]
    command += ["--spec", run, "--input", "measurement", results / "measurements" / problem / "test" / "index.csv"]
    command += ["--input", "params", "--input", "tuning"]
    command += ["--output", "index", tmp_path / "index.csv", "--output", "run", tmp_path / "run.json"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    loaded, covered = (set(map(os.path.realpath, paths)) for paths in json.loads(done.stdout.splitlines()[-1]))
    assert loaded <= covered
