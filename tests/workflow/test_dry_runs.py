"""What Snakemake would do: the number of jobs of each rule, not only its exit code."""

import os
import sys
from pathlib import Path

import pytest

JOBS = {
    "tiny": {"prepare": 4, "measure": 4, "tune": 2, "restore": 29, "score": 32},
    "small": {"prepare": 4, "measure": 6, "tune": 27, "restore": 78, "score": 83},
}


@pytest.mark.parametrize("scale", JOBS)
def test_the_whole_benchmark(checkout, scale):
    expected = {**JOBS[scale], "table": 2, "figure": 3, "report": 1, "all": 1}
    assert checkout.jobs("--config", f"scale={scale}") == expected


def test_the_published_rows_at_the_scale_of_the_paper(checkout):
    targets = [f"results/paper/scores/ssi_2d/lucy_richardson_{n}/1/001-of-001/scores.csv" for n in (2, 5, 10, 20)]
    jobs = checkout.jobs("--config", "scale=paper", "--", *targets)
    assert jobs == {"fetch": 1, "prepare": 1, "measure": 1, "restore": 4, "score": 4}


def test_one_table(checkout):
    jobs = checkout.jobs("--config", "studies=deconvolution_2d", "--", "results/tables/deconvolution_2d_classical.md")
    assert jobs == {"prepare": 2, "measure": 2, "tune": 5, "restore": 14, "score": 15, "table": 1}


def test_a_limit_on_gpus_changes_no_job(checkout):
    assert checkout.jobs("--resources", "gpu=2") == checkout.jobs()


def test_nothing_is_activated(checkout, monkeypatch):
    """Jobs find their Python beside snakemake, although PATH does not have it."""
    here = str(Path(sys.executable).parent)
    parts = [part for part in os.environ["PATH"].split(os.pathsep) if os.path.realpath(part) != os.path.realpath(here)]
    monkeypatch.setenv("PATH", os.pathsep.join(parts))
    checkout.succeeding("--config", "scale=tiny", "--", "results/tiny/data/micrographs/test/index.csv")


@pytest.mark.parametrize("arguments", [("seeed=1",), ("scale=papre",), ("studies=em",), ("seed=one",)])
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
    config: {{"scale": "tiny", "studies": ["deconvolution_2d"]}}

use rule * from reconbench as bench_*
"""
    )
    said = checkout.succeeding("-n", "-s", str(tmp_path / "Snakefile"), directory=tmp_path)
    assert "bench_table" in said


def test_a_module_runs(checkout, tmp_path):
    (tmp_path / "Snakefile").write_text(
        f"""
module reconbench:
    snakefile: {str(checkout.folder / "Snakefile")!r}
    config: {{"scale": "tiny"}}

use rule * from reconbench
"""
    )
    target = "results/tiny/measurements/em_low/test/index.csv"
    checkout.succeeding("-s", str(tmp_path / "Snakefile"), "--", target, directory=tmp_path)
    assert (tmp_path / target).is_file()
