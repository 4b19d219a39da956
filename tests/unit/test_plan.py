"""What jobs are told and what they read."""

import json
from pathlib import Path

import pytest
import yaml

from reconbench.config.loading import load
from reconbench.plan import Plan
from reconbench.specs import Specs

HOME = Path(__file__).resolve().parents[2]
SHARD = "001-of-001"


def made(**config) -> tuple[Plan, Specs]:
    plan = Plan(load(config, HOME))
    return plan, Specs(plan, HOME)


@pytest.fixture(scope="module")
def small() -> tuple[Plan, Specs]:
    return made()


def test_targets_are_all_tables_figures_and_the_report(small):
    plan, _ = small
    assert len(plan.targets()) == 4 * len(plan.tables) + 3 * len(plan.figures) + 1
    assert plan.targets()[-1] == "results/report/index.html"


def test_a_video_is_written_as_one(small):
    plan, _ = small
    assert sorted([*plan.videos, *plan.drawings]) == sorted(plan.figures)
    for figure in plan.figures:
        moving = plan.figures[figure].kind == "video"
        assert plan.figure_suffixes(figure) == ("webp" if moving else "svg", "png", "csv")
        assert (figure in plan.videos) == moving


def test_specs_are_json_of_moderate_size(small):
    plan, specs = small
    for name in plan.tables:
        assert len(specs.table(name)) < 100_000
        assert json.loads(specs.table(name))["name"] == name


def test_learning_is_told_nothing_of_the_test_split(small):
    """What tuning and training read and are told does not depend on the test split in any way."""
    plan, specs = small
    other, other_specs = made()
    for dataset in other.datasets.values():
        dataset.splits["test"] = 1
    for problem, variant in [("em_low", "gaussian_tuned"), ("ssi_2d_tuning", "wiener_deconvolution_tuned")]:
        assert specs.tune(problem, variant) == other_specs.tune(problem, variant)
        assert specs.tune_code(problem, variant) == other_specs.tune_code(problem, variant)
        assert specs.train("em_low", "atrous_low", "1", "all") == other_specs.train("em_low", "atrous_low", "1", "all")
    assert specs.train_code("em_low", "atrous_low") == other_specs.train_code("em_low", "atrous_low")
    train, validation = ([f"results/small/data/micrographs/{split}/index.csv"] for split in ("train", "validation"))
    learned_from = plan.learned_from("em_low", "atrous_low", "all")
    assert {what: indexes for what, indexes in learned_from.items() if indexes} == {
        "training": train,
        "validation": validation,
    }
    _, *rules = (HOME / "workflow/rules/train.smk").read_text().split("\nrule ")
    assert [rule.split(":")[0] for rule in rules] == ["tune", "train"]
    for rule in rules:
        inputs = rule.split("output:")[0]
        assert "test" not in inputs
        assert "validation" in inputs


def test_a_variant_is_tuned_on_the_problem_it_names(small):
    plan, _ = small
    assert plan.tuned("ssi_2d", "wiener_deconvolution_tuned", "params.json") == [
        "results/small/models/ssi_2d_tuning/wiener_deconvolution_tuned/1/all/params.json"
    ]
    assert plan.tuned("em_low", "gaussian", "params.json") == []


def test_validation_images_may_be_those_of_another_dataset():
    plan, _ = made(scale="paper")
    assert plan.truth("phase_gradient", "validation") == ["results/paper/data/phase_kodak/validation/index.csv"]
    for split in ("train", "test"):
        assert plan.truth("phase_gradient", split) == [f"results/paper/data/phase_photographs/{split}/index.csv"]
    learned = plan.learned_from("phase_gradient", "multi_scale", "all")
    assert learned["validation"] == plan.truth("phase_gradient", "validation")
    small = made()[0]
    assert small.truth("phase_gradient", "validation") == ["results/small/data/phase_photographs/validation/index.csv"]


def test_a_trained_variant_lies_where_it_was_trained(small):
    plan, _ = small
    weights = ["results/small/models/em_low/atrous_low/1/all/weights.pt"]
    for problem in ("em_low", "em_ordinary", "em_stem"):
        assert plan.model(problem, "atrous_low", "1", SHARD, "weights.pt") == weights
    assert plan.model("em_ordinary", "dncnn", "1", SHARD, "run.json") == [
        "results/small/models/em_ordinary/dncnn/1/all/run.json"
    ]
    assert (
        plan.model("em_low", "gaussian", "1", SHARD, "weights.pt")
        == plan.model("em_low", "oracle", "1", SHARD, "run.json")
        == []
    )
    assert "no run of the studies" in plan.model("em_low", "batch_10", "1", SHARD, "weights.pt")[0]


def test_a_training_starts_from_the_same_repetition_of_another(small):
    plan, _ = small
    assert plan.started_from("atrous_ordinary", "2", "weights.pt") == [
        "results/small/models/em_low/atrous_low/2/all/weights.pt"
    ]
    assert plan.started_from("atrous_low", "2", "weights.pt") == plan.started_from("dncnn", "1", "run.json") == []


def of_single_images(plan: Plan) -> list[tuple[str, str]]:
    """The pairs whose networks are trained on the measurement, by the records of their methods."""
    return [
        (problem, variant)
        for problem, variant in plan.runs
        if variant != "oracle" and plan.methods[plan.variants[variant].method].METHOD.trained_on == "measurement"
    ]


def test_learned_kernels_are_shown_on_what_they_learned_from():
    plan, _ = made()
    assert plan.figure_files("wiener_kernels", "truths") == ["results/small/data/toy/train/index.csv"]
    assert all("/test/" in file for file in plan.figure_files("wiener_examples", "truths"))


def test_a_variant_that_learns_from_one_image_has_a_network_for_each_shard():
    plan, _ = made()
    pair = ("single_2d", "noise2same_2d")
    plan.runs[pair][0].shards = 2
    shards = ["001-of-002", "002-of-002"]
    assert pair in of_single_images(plan)
    assert list(plan.parts(*pair)) == [f"1/{shard}" for shard in shards]
    folders = [f"results/small/models/single_2d/noise2same_2d/1/{shard}" for shard in shards]
    for shard, folder in zip(shards, folders, strict=True):
        assert plan.model(*pair, "1", shard, "weights.pt") == [f"{folder}/weights.pt"]
    assert plan.trainings([pair, ("single_2d", "identity")], "run.json") == [f"{folder}/run.json" for folder in folders]
    assert plan.figure_files("deconvolution_2d_training", "training")[:2] == [
        f"results/small/models/single_2d/noise2self_2d/1/{shard}/training.csv" for shard in shards
    ]
    assert "no run of the studies" in plan.model("single_3d", "noise2same_2d", "1", SHARD, "weights.pt")[0]
    assert plan.trainings([("single_3d", "noise2same_2d")], "run.json") == []


def test_a_network_of_one_image_learns_from_its_measurement(small):
    plan, specs = small
    assert {problem for problem, _ in of_single_images(plan)} == {"single_2d", "single_3d"}
    for problem, variant in of_single_images(plan):
        learned = plan.learned_from(problem, variant, "001-of-002")
        assert learned["measurement"] == [f"results/small/measurements/{problem}/test/index.csv"]
        assert learned.keys() <= {"measurement", "truth"}
        first, second = (json.loads(specs.train(problem, variant, "1", f"{n}-of-002")) for n in ("001", "002"))
        assert {key for key in first if first[key] != second[key]} == {"part"}
    # There is no network for all images, and none on a problem that no run gives to the variant.
    for problem, part in (("single_2d", "all"), ("single_3d", "001-of-001")):
        learned = plan.learned_from(problem, "noise2same_2d", part)
        assert learned.keys() == {"measurement"}
        assert "no run of the studies" in learned["measurement"][0]


def test_a_network_of_one_image_is_shown_a_truth_only_to_compare_with(small):
    """Neither what its training reads nor what it is told speaks of a truth, if `compare_with_truth` is not set."""
    plan, specs = small
    compared = set()
    for problem, variant in of_single_images(plan):
        told = json.loads(specs.train(problem, variant, "1", "001-of-001"))
        truth = plan.learned_from(problem, variant, "001-of-001")["truth"]
        if told["params"]["training"]["compare_with_truth"]:
            compared.add(variant)
            assert truth == plan.truth(problem, "test")
        else:
            assert truth == []
        # The target says how an estimate is scored: it is needed to compare, and names no image.
        assert told.pop("target") == "truth"
        told["params"]["training"].pop("compare_with_truth")
        words = json.dumps(told)
        assert "truth" not in words
        assert f'"{plan.problems[problem].dataset}"' not in words
    assert "noise2same_2d" in compared
    assert "ssi_2d_square" not in compared


def test_learning_curves_read_trainings_and_nothing_else(small):
    plan, _ = small
    assert plan.figure_files("em_training", "training") == [
        "results/small/models/em_low/atrous_low/1/all/training.csv",
        "results/small/models/em_ordinary/atrous_ordinary/1/all/training.csv",
    ]
    assert all(plan.figure_files("em_training", what) == [] for what in ("scores", "examples", "truths"))
    assert plan.figure_files("em_denoising_kde", "training") == []


def test_every_repetition_is_trained_and_scored_by_itself(tmp_path):
    study = yaml.safe_load((HOME / "workflow/studies/em_denoising.yaml").read_text())
    study["runs"]["corrected"] |= {"repetitions": 3, "shards": 2}
    (tmp_path / "published").symlink_to(HOME / "workflow/studies/published")
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    plan, specs = made(studies=[str(tmp_path / "study.yaml")])
    assert list(plan.parts("em_low", "dncnn")) == [
        f"{repetition}/{shard}-of-002" for repetition in (1, 2, 3) for shard in ("001", "002")
    ]
    assert list(plan.parts("em_low", "gaussian")) == ["1/001-of-002", "1/002-of-002"]
    assert plan.trainings([("em_low", "dncnn"), ("em_low", "gaussian"), ("em_low", "oracle")], "run.json") == [
        f"results/small/models/em_low/dncnn/{repetition}/all/run.json" for repetition in (1, 2, 3)
    ]
    # What is only trained, and in no run, is trained once.
    assert len(plan.trainings([("em_low", "batch_10")], "run.json")) == 1
    assert len(plan.scores([("em_low", "dncnn")])) == len(plan.estimates([("em_low", "dncnn")])) == 6
    told = [json.loads(specs.train("em_low", "dncnn", repetition, "all")) for repetition in ("1", "2")]
    assert {key for key in told[0] if told[0][key] != told[1][key]} == {"repetition"}


def test_jobs_of_networks_ask_for_a_gpu(small):
    plan, _ = small
    found = {name: plan.gpus(name) for name in ("atrous_low", "dncnn", "speed_batch_1_cpu", "gaussian")}
    assert found == {"atrous_low": 1, "dncnn": 1, "speed_batch_1_cpu": 0, "gaussian": 0}


def test_a_training_has_the_time_limit_of_its_study():
    """That of a variant in no run too, and the one of config.yaml where no study has its own."""
    plan, _ = made(time_limit=3)
    pairs = [("em_low", "atrous_low"), ("em_ordinary", "dncnn"), ("em_low", "batch_10")]
    assert [plan.time_limit(*pair) for pair in pairs] == [600, 600, 600]
    plan, _ = made(time_limit=3, studies=[], problems={}, variants={"mine": {"method": "dncnn"}})
    assert plan.time_limit("anything", "mine") == plan.time_limit("anything", "dncnn") == 3
    plan, _ = made(studies=[])
    assert plan.time_limit("anything", "dncnn") == 0


def test_the_oracle_has_no_estimates(small):
    plan, _ = small
    assert plan.estimate("em_low", "oracle", "1/001-of-001", "index.csv") == []
    assert plan.scores([("em_low", "oracle")]) == ["results/small/scores/em_low/oracle/1/001-of-001/scores.csv"]


def test_titles_and_policies_are_no_part_of_what_a_job_is_told(small):
    _, specs = small
    _, others = made(on_error="record", keep_estimates=False, mirror="/somewhere", offline=True, time_limit=3)
    arguments = ("em_low", "gaussian", "1", "001-of-001")
    assert specs.restore(*arguments) == others.restore(*arguments)
    assert specs.score(*arguments) == others.score(*arguments)
    assert specs.prepare("ssi", "test") == others.prepare("ssi", "test")
    assert specs.train("em_low", "dncnn", "1", "all") == others.train("em_low", "dncnn", "1", "all")


def test_the_seed_reaches_every_draw(small):
    _, specs = small
    _, others = made(seed=1)
    assert specs.prepare("micrographs", "test") != others.prepare("micrographs", "test")
    assert specs.measure("em_low", "test") != others.measure("em_low", "test")
    assert specs.train("em_low", "dncnn", "1", "all") != others.train("em_low", "dncnn", "1", "all")


@pytest.mark.parametrize(
    "scale, choice, kept",
    [("small", "auto", True), ("paper", "auto", False), ("paper", True, True), ("small", False, False)],
)
def test_estimates_are_kept_as_chosen(scale, choice, kept):
    plan, _ = made(scale=scale, keep_estimates=choice)
    assert plan.keeps_estimates == kept


def test_editing_one_method_changes_the_digests_of_its_jobs_only(small):
    _, specs = small
    codes = {name: specs.restore_code("em_low", name) for name in ("gaussian", "gaussian_tuned", "median")}
    assert codes["gaussian"] == codes["gaussian_tuned"] != codes["median"]
    trained = {name: specs.train_code("em_low", name) for name in ("atrous_low", "batch_10", "dncnn")}
    assert trained["atrous_low"] == trained["batch_10"] != trained["dncnn"]


def test_what_is_trained_on_besides_and_what_was_measured(small):
    """Datasets that a problem trains with, and recorded images in place of those that are made anew."""
    plan, _ = small
    other, _ = made()
    other.problems["em_low"].train_with = ["large_micrographs"]
    other.problems["em_low"].measured = "recorded"
    before, after = (one.learned_from("em_low", "atrous_low", "all") for one in (plan, other))
    assert after["training"] == [*before["training"], "results/small/data/large_micrographs/train/index.csv"]
    assert after["training_measured"] == ["results/small/data/recorded/train/index.csv"]
    assert after["validation"] == before["validation"]


def test_a_file_of_the_registry_that_an_instrument_reads_is_fetched_first():
    """A folder of files is one output, so that a job waits for its index; a file of a user's own is there."""
    plan, _ = made(scale="paper", studies=["diffuse_imaging"])
    assert plan.instrument_files("caustic_shot") == ["results/downloads/diffuse_diffusercam/index.csv"]
    plan.problems["caustic_shot"].forward.params["path"] = "bead.tif"
    assert plan.instrument_files("caustic_shot") == ["bead.tif"]
    assert plan.instrument_files("diffuse_wall") == []
