"""Everything at the scale `tiny`, once; then what does and what does not run again."""

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager

import pytest
import yaml
from snakemake_checkout import counted

from reconbench.config.sources import merged

# What is trained at this scale, and which estimates are made with it.
DNCNN = {("em_low", "dncnn")}
ATROUS_LOW = {("em_low", "atrous_low")}
# These start from what `atrous_low` has learned.
FINE_TUNED = {("em_ordinary", "atrous_ordinary"), ("em_low", "speed_batch_1")}
ATROUS = ATROUS_LOW | FINE_TUNED | {("em_low", "batch_2_momentum_0-2")}
BY_ATROUS = {("em_low", "atrous_low"), ("em_stem", "atrous_low"), ("em_low", "atrous_ordinary")}
BY_ATROUS |= {("em_speed", "speed_batch_1")}
# What has a network for each image, and is restored by that one alone.
SIAMESE = {("single_2d", name) for name in ("noise2self_2d", "noise2same_2d", "noise2same_d_2d_bounded")}
SIAMESE |= {("single_3d", "noise2same_3d")}
SINGLE = SIAMESE | {("single_2d", "ssi_2d_square")}
WIENER = {("wiener_2d_1_percent", "trainable_wiener_2d"), ("wiener_3d_1_percent", "trainable_wiener_3d")}
PHASE = {("phase_gradient", "multi_scale"), ("phase_gradient", "mean_of_phases"), ("phase_wave_8", "wave_batch")}
PHASE_STACK = {("phase_twin_waves", "plane_network")}
BY_PHASE_STACK = {("phase_twin_80", "plane_network")}
STEM = {("stem_mixed", name) for name in ("mdcnn_direct", "mdcnn_low_pass", "mcnn_first_stage")}
STEM |= {("stem_simulated", "mcnn")}
BY_STEM = {("stem_minus_5", name) for name in ("mdcnn_direct", "mdcnn_low_pass", "mcnn")}
BY_STEM |= {("stem_sequence", "mcnn"), ("stem_speed_128", "mcnn")}
DIFFUSE = {("diffuse_wall", "diffuse_network")}
# Shown for its kernels, and restored by nothing.
TOY = {("wiener_toy", "trainable_wiener_toy")}
TRAINED = DNCNN | ATROUS | SINGLE | WIENER | PHASE | PHASE_STACK | STEM | DIFFUSE | TOY
CHANGED = "CHANGED = 1\n\n\n"


@contextmanager
def edited(checkout, *edits):
    """Replace pieces of files, and put them back however the test ends."""
    before = {path: (checkout.folder / path).read_bytes() for path, _, _ in edits}
    try:
        for path, old, new in edits:
            checkout.edit(path, old, new)
        yield
    finally:
        for path, content in before.items():
            (checkout.folder / path).write_bytes(content)


def announced(said: str) -> tuple[set, set]:
    """Return the trainings and the estimates that a dry run announces, as pairs of problem and variant."""
    trained = re.findall(r"^Job \d+: Train (\S+) on (\S+)", said, re.MULTILINE)
    restored = re.findall(r"^Job \d+: Restore (\S+) with (\S+)", said, re.MULTILINE)
    return {(problem, variant) for variant, problem in trained}, set(restored)


def test_everything_is_there(finished):
    results = finished.folder / "results"
    shipped = [yaml.safe_load(path.read_text()) for path in (finished.folder / "workflow/studies").glob("*.yaml")]
    studies = [merged(study, study["scales"]["tiny"]) for study in shipped]
    report = (results / "report" / "index.html").read_text()
    files = {f"tables/{name}": ("csv", "md", "tex", "html") for study in studies for name in study["tables"]}
    for name, figure in ((name, figure) for study in studies for name, figure in study["figures"].items()):
        files[f"figures/{name}"] = ("webp" if figure["kind"] == "video" else "svg", "png", "csv")
    for name, suffixes in files.items():
        for suffix in (*suffixes, "provenance.json"):
            assert (results / f"{name}.{suffix}").stat().st_size > 0
        assert name in report


def test_every_method_ran(finished):
    methods = {path.stem for path in (finished.folder / "src/reconbench/methods").glob("[!_]*.py")}
    runs = (finished.folder / "results/tiny/estimates").rglob("run.json")
    assert methods == {json.loads(run.read_text())["spec"]["method"]["name"] for run in runs}


def test_every_training_ended_and_left_no_checkpoint(finished):
    models = finished.folder / "results/tiny/models"
    weights = sorted(models.rglob("weights.pt"))
    assert {tuple(path.relative_to(models).parts[:2]) for path in weights} == TRAINED
    for path in weights:
        run = json.loads(path.with_name("run.json").read_text())
        steps = sum(phase["steps"] for phase in run["spec"]["params"]["training"]["phases"])
        assert (run["status"], run["training"]["steps"]) == ("ok", steps)
    assert not list(models.rglob("state.pt*"))


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
        ("src/reconbench/methods/dncnn.py", 'title="DnCNN"', 'title="The DnCNN"'),
        ("src/reconbench/methods/ssi.py", 'title="SSI"', 'title="Self-Supervised Inversion"'),
        ("src/reconbench/networks/dncnn.py", "class DnCNN", "# A comment.\n\n\nclass DnCNN"),
        ("src/reconbench/training/loop.py", "Do all steps", "Take all steps"),
        ("src/reconbench/images.py", "Read the image as float32", "Read one image as float32"),
    ]
    with edited(finished, *edits):
        assert finished.jobs() == {}


def test_editing_a_method_runs_its_jobs_and_what_follows(finished):
    expected = {"tune": 1, "restore": 2, "score": 2, "table": 1, "figure": 1, "report": 1, "all": 1}
    with edited(finished, ("src/reconbench/methods/median.py", "import cv2", "import cv2 as cv2")):
        assert finished.jobs() == expected


def test_changing_one_parameter_runs_that_variant(finished):
    with edited(finished, ("workflow/studies/deconvolution.yaml", "{iterations: 10}", "{iterations: 11}")):
        assert finished.jobs() == {"restore": 1, "score": 1, "table": 1, "report": 1, "all": 1}


# What is edited, and which trainings and estimates that makes again.
EDITS_OF_TRAINING = {
    "a network": ("src/reconbench/networks/dncnn.py", "class DnCNN", f"{CHANGED}class DnCNN", DNCNN, DNCNN),
    "another network": (
        "src/reconbench/networks/atrous.py",
        "class AtrousEncoderDecoder",
        f"{CHANGED}class AtrousEncoderDecoder",
        ATROUS,
        BY_ATROUS,
    ),
    "the loop": (
        "src/reconbench/training/loop.py",
        "class _Loop",
        f"{CHANGED}class _Loop",
        TRAINED,
        DNCNN | BY_ATROUS | SINGLE | WIENER | PHASE | BY_PHASE_STACK | BY_STEM | DIFFUSE,
    ),
    "a loss": (
        "src/reconbench/training/siamese.py",
        "class Passes",
        f"{CHANGED}class Passes",
        SIAMESE,
        SIAMESE,
    ),
    "a parameter of a variant from which others start": (
        "workflow/studies/em_denoising.yaml",
        "    train_on: em_low\n",
        "    train_on: em_low\n    params: {training: {momentum: 0.6}}\n",
        ATROUS_LOW | FINE_TUNED,
        BY_ATROUS,
    ),
}


@pytest.mark.parametrize("path, old, new, trained, restored", EDITS_OF_TRAINING.values(), ids=EDITS_OF_TRAINING.keys())
def test_an_edit_trains_again_what_depends_on_it(finished, path, old, new, trained, restored):
    with edited(finished, (path, old, new)):
        said = finished.succeeding("-n")
    assert announced(said) == (trained, restored)
    counts = counted(said)
    assert counts.keys() - {"video"} == {"train", "restore", "score", "table", "figure", "report", "all"}
    assert counts["score"] == len(restored)


def test_editing_a_metric_scores_again_and_restores_nothing(finished):
    with edited(finished, ("src/reconbench/metrics/smi.py", "def metric(", f"{CHANGED}def metric(")):
        jobs = finished.jobs()
    assert jobs.keys() == {"score", "table", "figure", "report", "all"}
    scores = finished.folder / "results/tiny/scores"
    assert jobs["score"] == sum(len(list((scores / problem).iterdir())) for problem in ("ssi_2d", "single_2d"))


def test_editing_a_kind_of_figure_draws_its_figures(finished):
    """One figure of distributions, five of learning curves; nothing is trained or restored again."""
    kinds = [f"src/reconbench/results/figures/{kind}.py" for kind in ("kde", "learning_curves")]
    with edited(finished, *((path, "def draw(", f"{CHANGED}def draw(") for path in kinds)):
        assert finished.jobs() == {"figure": 6, "report": 1, "all": 1}


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


def check_coverage(checkout, folder, step, run, inputs, outputs):
    """Repeat a job from its run.json, and hold what it loads against what its digest covers."""
    spec = json.loads(run.read_text())["spec"]
    named = [f"reconbench.methods.{spec['method']['name']}", f"reconbench.noise.{spec['noise']['name']}"]
    named += [f"reconbench.forward.{spec['forward']['name']}"] if spec["forward"] else []
    script = checkout.folder / f"workflow/scripts/{step}.py"
    command = [sys.executable, "-c", WATCHED, script, json.dumps(named), "--spec", run]
    for name, paths in inputs.items():
        command += ["--input", name, *paths]
    for name, file in outputs.items():
        command += ["--output", name, folder / file]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    loaded, covered = (set(map(os.path.realpath, paths)) for paths in json.loads(done.stdout.splitlines()[-1]))
    assert loaded <= covered


@pytest.mark.parametrize(
    "problem, variant, model",
    [
        ("em_low", "bm3d_anscombe_blind", None),
        ("ssi_2d", "chambolle_pock_tv", None),
        ("em_low", "atrous_ordinary", "em_ordinary/atrous_ordinary/1/all"),
        ("single_2d", "ssi_2d_square", "single_2d/ssi_2d_square/1/001-of-001"),
    ],
)
def test_what_restoring_loads_lies_in_what_its_digest_covers(finished, tmp_path, problem, variant, model):
    results = finished.folder / "results/tiny"
    run = results / "estimates" / problem / variant / "1/001-of-001/run.json"
    inputs = {
        "measurement": [results / "measurements" / problem / "test/index.csv"],
        "weights": [results / "models" / model / "weights.pt"] if model else [],
        "training": [results / "models" / model / "run.json"] if model else [],
    }
    check_coverage(finished, tmp_path, "restore", run, inputs, {"index": "index.csv", "run": "run.json"})


START = "models/em_low/atrous_low/1/all"
TRAININGS = {
    "em_ordinary/atrous_ordinary/1/all": {
        "training": "data/micrographs/train/index.csv",
        "validation": "data/micrographs/validation/index.csv",
        "start": f"{START}/weights.pt",
        "start_run": f"{START}/run.json",
    },
    "single_2d/noise2same_2d/1/001-of-001": {
        "measurement": "measurements/single_2d/test/index.csv",
        "truth": "data/single_images/test/index.csv",
    },
}


@pytest.mark.parametrize("model, inputs", TRAININGS.items(), ids=TRAININGS)
def test_what_training_loads_lies_in_what_its_digest_covers(finished, tmp_path, model, inputs):
    results = finished.folder / "results/tiny"
    outputs = {"weights": "weights.pt", "training": "training.csv", "run": "run.json"}
    paths = {name: [results / path] for name, path in inputs.items()}
    check_coverage(finished, tmp_path, "train", results / "models" / model / "run.json", paths, outputs)
