"""What Snakemake would do: the number of jobs of each rule, not only its exit code."""

import itertools
import os
import sys
from pathlib import Path

import pytest
import yaml

from reconbench.config.sources import merged

# Splits of datasets, and of problems.
PREPARED = {"tiny": {"prepare": 4, "measure": 5}, "small": {"prepare": 4, "measure": 8}}


def expected_jobs(checkout, scale: str) -> dict[str, int]:
    """Count from the studies' lists what the rules should come to: one job a pair of problem and variant."""
    restore = score = 0
    tuned = set()
    for path in (checkout.folder / "workflow/studies").glob("*.yaml"):
        study = yaml.safe_load(path.read_text())
        study = merged(study, study["scales"][scale] or {})
        for run in study["runs"].values():
            for problem, variant in itertools.product(run["problems"], run["variants"]):
                score += 1
                restore += variant != "oracle"
                definition = study["variants"].get(variant, {})
                if "tune" in definition:
                    tuned.add((definition.get("train_on", problem), variant))
    return {**PREPARED[scale], "tune": len(tuned), "restore": restore, "score": score}


@pytest.mark.parametrize("scale, resources", [("tiny", []), ("small", ["--resources", "gpu=2"])])
def test_the_whole_benchmark(checkout, scale, resources):
    expected = {**expected_jobs(checkout, scale), "table": 2, "figure": 3, "report": 1, "all": 1}
    assert checkout.jobs("--config", f"scale={scale}", *resources) == expected


def test_the_published_rows_at_the_scale_of_the_paper(checkout):
    targets = [f"results/paper/scores/ssi_2d/lucy_richardson_{n}/1/001-of-001/scores.csv" for n in (2, 5, 10, 20)]
    jobs = checkout.jobs("--config", "scale=paper", "--", *targets)
    assert jobs == {"fetch": 1, "prepare": 1, "measure": 1, "restore": 4, "score": 4}


def test_one_table_needs_its_own_study_only(checkout):
    jobs = checkout.jobs("--", "results/tables/deconvolution_2d_classical.md")
    assert jobs["table"] == 1
    assert (jobs["prepare"], jobs["measure"]) == (2, 2)
    assert jobs["score"] == jobs["restore"] + 1


def test_methods_can_be_left_out(checkout):
    everything = expected_jobs(checkout, "small")
    fewer = checkout.jobs("--config", "leave_out=bm3d")
    assert everything["restore"] - fewer["restore"] == 4
    assert everything["tune"] - fewer["tune"] == 2


def test_nothing_is_activated(checkout, monkeypatch):
    """Jobs find their Python beside snakemake, although PATH does not have it."""
    here = str(Path(sys.executable).parent)
    parts = [part for part in os.environ["PATH"].split(os.pathsep) if os.path.realpath(part) != os.path.realpath(here)]
    monkeypatch.setenv("PATH", os.pathsep.join(parts))
    checkout.succeeding("--config", "scale=tiny", "--", "results/tiny/data/micrographs/test/index.csv")


@pytest.mark.parametrize("arguments", [("seeed=1",), ("studies=em",)])
def test_a_fault_of_the_configuration_has_no_traceback(checkout, arguments):
    said = checkout.failing("-n", "--config", *arguments)
    assert "the configuration has 1 fault" in said


def test_a_folder_that_is_absent_is_a_fault_of_its_targets_only(checkout):
    assert checkout.jobs("--config", "scale=paper", "--", "results/downloads/em_sem_clean/index.csv") == {"fetch": 1}
    said = checkout.failing("--config", "scale=paper", "--", "results/paper/data/micrographs/test/index.csv")
    assert "data/warwick_micrographs" in said
    assert "docs/data.md" in said


def test_offline_says_what_is_missing(checkout):
    said = checkout.failing("--config", "offline=true", "--", "results/downloads/em_sem_clean/index.csv")
    assert "axons_sem_1.png" in said
    assert "MB" in said


def test_it_can_be_used_as_a_module(checkout, tmp_path):
    (tmp_path / "Snakefile").write_text(
        f"""
module reconbench:
    snakefile: {str(checkout.folder / "Snakefile")!r}
    config: {{"scale": "tiny"}}

use rule * from reconbench as bench_*
"""
    )
    target = "results/tiny/measurements/em_low/test/index.csv"
    said = checkout.succeeding("-s", str(tmp_path / "Snakefile"), "--", target, directory=tmp_path)
    assert "(Rule: bench_measure)" in said
    assert (tmp_path / target).is_file()


def test_a_pair_that_no_run_has_is_said_in_words(checkout):
    said = checkout.failing("-n", "--", "results/small/scores/em_low/lucy_richardson_2/1/001-of-001/scores.csv")
    assert "no run of the studies has variant 'lucy_richardson_2' on problem 'em_low'" in said
