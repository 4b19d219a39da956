"""What Snakemake would do: the number of jobs of each rule, not only its exit code."""

import itertools
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from reconbench.catalogue import figure_kinds, get_method
from reconbench.config.sources import merged

MODEL = "results/tiny/models/em_low/dncnn/1/all/run.json"


class Counted:
    """What one study's lists come to at a scale, by the words of docs/configuration.md and not by the plan.

    Each set holds what names one job of a rule.
    """

    def __init__(self, study: dict):
        self.study = study
        self.prepared, self.measured = set(), set()
        self.tuned, self.trained = set(), set()
        self.restored, self.scored = set(), set()
        for run in study["runs"].values():
            for problem, variant in itertools.product(run["problems"], run["variants"]):
                repetitions = run.get("repetitions", 1) if self.trained_on(variant) else 1
                parts = itertools.product(range(repetitions), range(run.get("shards", 1)))
                jobs = [(problem, variant, *part) for part in parts]
                self.add_scored(problem, variant, jobs)
                self.add_learned(problem, variant, range(repetitions))
                # One network an image, and so one a shard.
                self.trained.update(jobs if self.trained_on(variant) == "measurement" else ())
        for problem, variant in self.shown():
            self.add_learned(problem, variant, range(1))
        for figure in study["figures"].values():
            kind = figure_kinds()[figure["kind"]].FIGURE
            if "truths" in kind.reads:
                datasets = {study["problems"][problem]["dataset"] for problem in figure["problems"].values()}
                self.prepared.update((dataset, kind.truths_of) for dataset in datasets)
        self.timed = {name for name, figure in study["figures"].items() if figure["kind"] == "psf_convolution_speed"}

    def shown(self) -> Iterator[tuple[str, str]]:
        """Give problem and variant of all that tables and figures show; a figure of timings shows none."""
        sections = [section for table in self.study["tables"].values() for section in table["sections"]]
        for shown in [*sections, *self.study["figures"].values()]:
            variants = shown.get("variants", [])
            for heading, problem in shown.get("problems", {}).items():
                of_problem = variants[heading] if isinstance(variants, dict) else variants
                yield from ((problem, variant) for variant in of_problem)

    def definition(self, variant: str) -> dict:
        return self.study["variants"].get(variant, {"method": variant})

    def trained_on(self, variant: str) -> str | None:
        return None if variant == "oracle" else get_method(self.definition(variant)["method"]).METHOD.trained_on

    def add_scored(self, problem: str, variant: str, parts: list) -> None:
        self.scored.update(parts)
        self.restored.update(parts if variant != "oracle" else ())
        definition = self.study["problems"][problem]
        self.prepared.update((definition[key], "test") for key in ("dataset", "measured") if key in definition)
        self.measured.add((problem, "test"))

    def add_learned(self, problem: str, variant: str, repetitions: range) -> None:
        """Count what is learned of other images than those of the test split, and what its training starts from."""
        definition = self.definition(variant)
        on = definition.get("train_on") or self.study["problems"][problem].get("train_on", problem)
        dataset = self.study["problems"][on]["dataset"]
        if "tune" in definition:
            self.tuned.add((on, variant))
            self.measured.add((on, "validation"))
            self.prepared.add((dataset, "validation"))
        elif self.trained_on(variant) == "truth":
            self.add_trained(on, variant, repetitions)

    def add_trained(self, on: str, variant: str, repetitions: range) -> None:
        problem = self.study["problems"][on]
        self.trained.update((on, variant, repetition) for repetition in repetitions)
        self.prepared.update((dataset, "train") for dataset in [problem["dataset"], *problem.get("train_with", [])])
        self.prepared.add((problem["dataset"], "validation"))
        start = self.definition(variant).get("start_from")
        if start:
            self.add_trained(start["problem"], start["variant"], repetitions)

    def jobs(self) -> dict[str, int]:
        counts = {"prepare": self.prepared, "measure": self.measured, "tune": self.tuned, "train": self.trained}
        counts |= {"restore": self.restored, "score": self.scored}
        videos = {name for name, figure in self.study["figures"].items() if figure["kind"] == "video"}
        counts |= {"table": self.study["tables"], "figure": self.study["figures"].keys() - videos, "video": videos}
        counts |= {"time_convolution": self.timed}
        return {rule: len(jobs) for rule, jobs in counts.items()}


def counted(checkout, scale: str) -> list[Counted]:
    """Count every study that is shipped; none shares a name with another."""
    studies = [yaml.safe_load(path.read_text()) for path in (checkout.folder / "workflow/studies").glob("*.yaml")]
    return [Counted(merged(study, study["scales"][scale])) for study in studies]


def expected_jobs(checkout, scale: str) -> dict[str, int]:
    totals = Counter({"report": 1, "all": 1})
    for study in counted(checkout, scale):
        totals.update(study.jobs())
    return {rule: number for rule, number in totals.items() if number}


@pytest.mark.parametrize("scale, resources", [("tiny", []), ("small", ["--resources", "gpu=2"])])
def test_the_whole_benchmark(checkout, scale, resources):
    expected = expected_jobs(checkout, scale)
    assert expected["train"] > 9
    assert checkout.jobs("--config", f"scale={scale}", *resources) == expected


@pytest.mark.parametrize("gpus, asked", [(2, 1), (0, 0)])
def test_a_training_asks_for_the_gpus_that_there_are(checkout, gpus, asked):
    """Snakemake cuts what a job asks for down to what it is given: gpu=0 means the CPU."""
    said = checkout.succeeding("-n", "-p", "--resources", f"gpu={gpus}", "--config", "scale=tiny", "--", MODEL)
    (command,) = (line for line in said.splitlines() if "train.py" in line)
    assert f" --gpu {asked} " in command


def test_a_training_on_one_image_reads_its_truth_only_to_compare_with(checkout):
    """At the scale `small` the networks of Papkov et al. note how far they are from it, and SSI does not."""
    models = [
        f"results/small/models/single_2d/{name}/1/002-of-002/run.json" for name in ("noise2same_2d", "ssi_2d_square")
    ]
    said = checkout.succeeding("-n", "-p", "--", *models)
    commands = [" ".join(line.split()) for line in said.splitlines() if "train.py" in line]
    compared, alone = sorted(commands, key=lambda command: "ssi_2d_square" in command)
    measured = "results/small/measurements/single_2d/test/index.csv"
    truth = "results/small/data/single_images/test/index.csv"
    nothing = " ".join(f"--input {split} --input {split}_measured" for split in ("training", "validation"))
    assert f"{nothing} --input measurement {measured} --input truth {truth} --input" in compared
    assert f"{nothing} --input measurement {measured} --input truth --input" in alone
    assert "results/small/data" not in alone


def test_the_published_rows_at_the_scale_of_the_paper(checkout):
    targets = [f"results/paper/scores/ssi_2d/lucy_richardson_{n}/1/001-of-001/scores.csv" for n in (2, 5, 10, 20)]
    jobs = checkout.jobs("--config", "scale=paper", "--", *targets)
    assert jobs == {"fetch": 1, "prepare": 1, "measure": 1, "restore": 4, "score": 4}


def test_each_image_of_the_benchmark_has_a_network_of_its_own_at_the_scale_of_the_paper(checkout):
    shards = [f"{number:03d}-of-022" for number in range(1, 23)]
    targets = [f"results/paper/scores/single_2d/ssi_2d_square/1/{shard}/scores.csv" for shard in shards]
    jobs = checkout.jobs("--config", "scale=paper", "--", *targets)
    assert jobs == {"fetch": 1, "prepare": 1, "measure": 1, "train": 22, "restore": 22, "score": 22}


def test_one_table_needs_its_own_study_only(checkout):
    jobs = checkout.jobs("--", "results/tables/deconvolution_2d_classical.md")
    assert jobs["table"] == 1
    assert (jobs["prepare"], jobs["measure"]) == (2, 2)
    assert jobs["score"] == jobs["restore"] + 1


@pytest.mark.parametrize("method", ["bm3d", "atrous_encoder_decoder", "ssi"])
def test_methods_can_be_left_out(checkout, method):
    everything, expected = expected_jobs(checkout, "small"), {"restore": 0, "tune": 0, "train": 0}
    for study in counted(checkout, "small"):
        for rule, jobs in {"restore": study.restored, "tune": study.tuned, "train": study.trained}.items():
            expected[rule] += sum(study.definition(variant)["method"] == method for _, variant, *_ in jobs)
    fewer = checkout.jobs("--config", f"leave_out={method}")
    assert any(expected.values())
    assert {rule: everything[rule] - fewer[rule] for rule in expected} == expected


def test_a_video_has_outputs_of_its_own(checkout, tmp_path):
    """A study of a user's own, with a video of its test images and a table of speeds, which reads the measurements."""
    study = {
        "datasets": {
            "clusters": {"source": "simulated", "name": "atomic_clusters", "size": [64, 64], "splits": {"test": 2}}
        },
        "problems": {"clusters_low": {"kind": "denoising", "dataset": "clusters"}},
        "runs": {
            "own": {"problems": "clusters_low", "variants": ["identity", "gaussian"], "metrics": ["mae"], "examples": 2}
        },
        "tables": {
            "own_speed": {
                "title": "Speed",
                "metrics": {"frame_seconds": {}, "time_ratio": {}},
                "sections": [{"problems": {"": "clusters_low"}, "variants": ["gaussian"]}],
            }
        },
        "figures": {
            "own_video": {"kind": "video", "title": "Video", "problems": {"": "clusters_low"}, "variants": ["gaussian"]}
        },
    }
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(study))
    chosen = ["--config", f"studies={path}"]
    said = checkout.succeeding(
        "-n", "-p", *chosen, "--", "results/figures/own_video.webp", "results/tables/own_speed.md"
    )
    assert "Make video own_video" in said and "rule figure:" not in said
    (video,) = (" ".join(line.split()) for line in said.splitlines() if "figure.py" in line)
    for suffix in ("webp", "png", "csv"):
        assert f"--output {suffix} results/figures/own_video.{suffix}" in video
    (table,) = (" ".join(line.split()) for line in said.splitlines() if "table.py" in line)
    assert "--input measurements results/small/measurements/clusters_low/test/index.csv" in table
    assert "own_video.svg" in checkout.failing("-n", *chosen, "--", "results/figures/own_video.svg")
    assert checkout.jobs(*chosen)["video"] == 1


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
