"""A method that fails is a row that says what happened, and can be tried again."""

import csv
import subprocess
import sys

import pytest
import yaml

METHOD = '''
import os
import signal
import time

from pydantic import Field

from reconbench.contracts import Method, Parameters
from reconbench.errors import NotApplicableError


class Params(Parameters):
    """One that changes nothing."""

    strength: float = Field(1.0, ge=0)
    """Nothing."""


METHOD = Method(
    name="{name}", title="{name}", reference="a test", doi="", kinds=frozenset({{"denoising"}})
)


def restore(measurement, problem, params, device):
    {body}
    return measurement.copy()
'''
BODIES = {
    "raises": 'raise ValueError("the middle is missing")',
    "killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "slow": "time.sleep(60)",
    "hungry": "raise MemoryError",
    "fine": "pass",
    "elsewhere": 'raise NotApplicableError("it needs two planes")',
    "cropped": "return measurement[1:]",
}
TUNED, TUNED_ELSEWHERE = "raises_tuned", "elsewhere_tuned"
ROWS = [*BODIES, TUNED, TUNED_ELSEWHERE]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A user's folder with methods of their own, four of which fail, and a study that runs them."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "methods").mkdir()
    for name, body in BODIES.items():
        (folder / "methods" / f"{name}.py").write_text(METHOD.format(name=name, body=body))
    study = {
        "time_limit": 5,
        "datasets": {
            "micrographs": {
                "source": "simulated",
                "name": "micrographs",
                "size": [32, 32],
                "splits": {"validation": 1, "test": 2},
            }
        },
        "problems": {
            "low": {
                "kind": "denoising",
                "dataset": "micrographs",
                "noise": {"name": "poisson", "params": {"dose": {"law": "fixed", "value": 50}}},
            }
        },
        "variants": {
            name: {"method": name.removesuffix("_tuned"), "tune": {"grid": {"strength": [1, 2]}}}
            for name in (TUNED, TUNED_ELSEWHERE)
        },
        "runs": {"main": {"problems": ["low"], "variants": ROWS, "metrics": ["mse"]}},
        "tables": {
            "results": {
                "title": "Results",
                "metrics": {"mse": {"digits": 4}},
                "sections": [{"problems": {"low dose": "low"}, "variants": ROWS}],
            }
        },
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    return folder


CONFIG = ["--config", "studies=study.yaml", "method_folders=methods", "scale=tiny"]


def rows(project):
    with open(project / "results/tables/results.csv") as file:
        return {line["variant"]: line for line in csv.DictReader(file)}


def test_failures_are_rows_and_can_be_retried(checkout, project):
    checkout.succeeding(*CONFIG, "on_error=record", directory=project)
    found = rows(project)
    assert found["raises"]["status"] == "raised: ValueError: the middle is missing"
    assert found["killed"]["status"] == "killed by signal SIGKILL"
    assert found["slow"]["status"].startswith("out of time")
    assert found["hungry"]["status"] == "out of memory"
    assert found["fine"]["status"] == "ok"
    assert "'cropped' gave an estimate of shape (31, 32) for image" in found["cropped"]["status"]
    assert found[TUNED]["status"] == "not tuned: raised: ValueError: the middle is missing"
    assert found["elsewhere"]["status"] == found[TUNED_ELSEWHERE]["status"] == "not applicable"
    assert [name for name in BODIES if found[name]["mse_mean"]] == ["fine"]
    shown = (project / "results/tables/results.md").read_text()
    assert "the middle is missing" in shown
    assert checkout.jobs(*CONFIG, "on_error=record", directory=project) == {}

    # How failures are taken is no part of what a job computes.
    assert checkout.jobs(*CONFIG, directory=project) == {}

    (project / "methods" / "raises.py").write_text(METHOD.format(name="raises", body="pass"))
    checkout.succeeding(*CONFIG, "on_error=record", directory=project)
    assert rows(project)["raises"]["status"] == rows(project)[TUNED]["status"] == "ok"

    retry = [sys.executable, str(checkout.folder / "workflow/scripts/retry.py"), "-n", "-s"]
    retry += [str(checkout.folder / "Snakefile"), "--cores", "2", *CONFIG, "on_error=record"]
    said = subprocess.run(retry, cwd=project, capture_output=True, text=True, check=True).stdout
    again = said.split("again:")[1].split("Config file")[0]
    assert [name for name in BODIES if f"/{name}/" in again] == ["killed", "slow", "hungry", "cropped"]
    said = subprocess.run([*retry, "scale=small"], cwd=project, capture_output=True, text=True, check=True).stdout
    assert said.startswith("nothing to retry: no run.json of what is configured tells of a failure")


def test_what_does_not_apply_stops_nothing(checkout, project):
    rows_of = [f"results/tiny/scores/low/{name}/1/001-of-001/scores.csv" for name in ("elsewhere", TUNED_ELSEWHERE)]
    checkout.succeeding(*CONFIG, "--forceall", "--", *rows_of, directory=project)
    for path in rows_of:
        with open(project / path) as file:
            assert [line["status"] for line in csv.DictReader(file)] == ["not applicable"] * 2


def test_stopping_is_the_default(checkout, project):
    (project / "methods" / "raises.py").write_text(METHOD.format(name="raises", body=BODIES["raises"]))
    target = "results/tiny/estimates/low/raises/1/001-of-001/run.json"
    done = checkout.snakemake(*CONFIG, "--", target, directory=project)
    assert done.returncode != 0
    assert "the middle is missing" in done.stdout + done.stderr
