"""Methods that learn: what they are trained on and start from, and each fault of it in a sentence."""

from pathlib import Path

import pytest
import yaml

from reconbench.config.loading import load
from reconbench.config.sources import merged
from reconbench.errors import ConfigurationError

HOME = Path(__file__).resolve().parents[2]
SIMULATED = {"source": "simulated", "name": "micrographs", "size": [48, 48]}
NOISE = {"name": "poisson", "params": {"dose": {"law": "fixed", "value": 50}}}

STUDY = {
    "datasets": {
        "micrographs": {**SIMULATED, "splits": {"train": 4, "validation": 2, "test": 3}},
        "others": {**SIMULATED, "splits": {"validation": 2, "test": 3}},
        "seen": {"source": "folder", "path": "seen", "splits": {"test": ["*"]}},
    },
    "problems": {
        "low": {"kind": "denoising", "dataset": "micrographs", "noise": NOISE},
        "untrained": {"kind": "denoising", "dataset": "others", "noise": NOISE},
        "measured": {"kind": "denoising", "measured": "seen"},
        "paired": {"kind": "denoising", "dataset": "micrographs", "measured": "others"},
        "blurred": {"kind": "deconvolution", "dataset": "others", "forward": {"name": "ssi_blur"}, "noise": NOISE},
        "recorded": {"kind": "deconvolution", "measured": "others", "forward": {"name": "ssi_blur"}},
    },
    "variants": {
        "network": {"method": "dncnn", "train_on": "low"},
        "fine_tuned": {"method": "dncnn", "start_from": {"problem": "low", "variant": "network"}},
        "curve_only": {"method": "dncnn", "params": {"depth": 4}},
        "filter": {"method": "gaussian"},
        # Trained on the measurement, one network an image.
        "alone": {"method": "noise2same_deconvolution"},
    },
    "runs": {
        "main": {"problems": ["low"], "variants": ["network", "fine_tuned", "filter"], "metrics": ["mse"]},
        "elsewhere": {"problems": ["untrained", "measured"], "variants": ["network"], "metrics": ["mse"]},
        "single": {"problems": ["blurred", "recorded"], "variants": ["alone"], "metrics": ["mse"], "shards": 3},
    },
    "tables": {
        "trainings": {
            "title": "Trainings",
            "metrics": {"training_seconds": {}},
            "sections": [{"problems": {"low dose": "low"}, "variants": ["network", "curve_only"]}],
        }
    },
    "figures": {
        "curves": {
            "kind": "learning_curves",
            "title": "Curves",
            "problems": {"low dose": "low"},
            "variants": ["network", "curve_only"],
        },
        "scores": {
            "kind": "kde",
            "title": "Scores",
            "problems": {"low dose": "low"},
            "variants": ["network", "filter"],
            "metrics": {"mse": {}},
        },
    },
}


def loaded(folder: Path, override: dict | None = None):
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(merged(STUDY, override or {}), sort_keys=False))
    return load({"studies": [str(path)]}, HOME)


def started(problem: str, variant: str) -> dict:
    return {"variants": {"fine_tuned": {"start_from": {"problem": problem, "variant": variant}}}}


# What is changed in the study, and the whole fault without the file and the line.
FAULTS = {
    "groups that are not the figure's variants": (
        {"figures": {"curves": {"params": {"groups": {"one": ["network"]}}}}},
        "figures.curves.params: variant 'curve_only' is in the variants, and in no group; name it in both or in none",
    ),
    "start of a method that is not trained": (
        {"variants": {"filter": {"start_from": {"problem": "low", "variant": "network"}}}},
        "variants.filter.start_from: method 'gaussian' is not trained, so it starts from no weights; leave this out",
    ),
    "start from an unknown problem": (
        started("lwo", "network"),
        "variants.fine_tuned.start_from.problem: there is no problem 'lwo'; did you mean 'low'?",
    ),
    "start from an unknown variant": (
        started("low", "netwrok"),
        "variants.fine_tuned.start_from.variant: there is no variant 'netwrok'; did you mean 'network'?",
    ),
    "start from another method": (
        started("low", "atrous_encoder_decoder"),
        "variants.fine_tuned.start_from.variant: variant 'atrous_encoder_decoder' is of method "
        "'atrous_encoder_decoder', whose weights do not fit 'dncnn'",
    ),
    "start from a method that is not trained": (
        started("low", "filter"),
        "variants.fine_tuned.start_from.variant: variant 'filter' is of method 'gaussian', whose weights do not fit "
        "'dncnn'",
    ),
    "start from itself": (
        started("low", "fine_tuned"),
        "variants.fine_tuned.start_from.variant: 'fine_tuned starts from fine_tuned', which never begins",
    ),
    "start from a problem without images for training": (
        started("untrained", "network"),
        "variants.fine_tuned.start_from.problem: variant 'network' is trained on the train split of problem "
        "'untrained', which has no images in dataset 'others'; give that split some, or name another problem here",
    ),
    "start from measured images": (
        started("paired", "network"),
        "variants.fine_tuned.start_from.problem: variant 'network' is trained on the train split of problem "
        "'paired', which has no images in dataset 'others'; give that split some, or name another problem here",
    ),
    "start without a problem": (
        {"variants": {"fine_tuned": {"start_from": {"problem": None}}}},
        "variants.fine_tuned.start_from.problem: the key 'problem' is needed here",
    ),
    "tuning of a method that is trained": (
        {"variants": {"curve_only": {"tune": {}}}},
        "variants.curve_only.tune: method 'dncnn' is trained and not tuned; make variants of it instead",
    ),
    "training on an unknown problem": (
        {"variants": {"network": {"train_on": "lwo"}}},
        "variants.network.train_on: there is no problem 'lwo'; did you mean 'low'?",
    ),
    "training without images": (
        {"variants": {"network": {"train_on": "untrained"}}},
        "runs.main.variants: variant 'network' is trained on the train split of problem 'untrained', which has no "
        "images",
    ),
    "training on a problem that one solves, without images": (
        {"runs": {"elsewhere": {"variants": ["curve_only"], "problems": ["untrained"]}}},
        "runs.elsewhere.variants: variant 'curve_only' is trained on the train split of problem 'untrained', which has "
        "no images in dataset 'others'; give that split some, or give the variant a `train_on`",
    ),
    "training without truths": (
        {"runs": {"elsewhere": {"variants": ["curve_only"], "problems": ["measured"]}}},
        "runs.elsewhere.variants: variant 'curve_only' is trained on problem 'measured', which has no truths; give "
        "the variant a `train_on`",
    ),
    "training on measured images": (
        {"runs": {"elsewhere": {"variants": ["curve_only"], "problems": ["paired"]}}},
        "runs.elsewhere.variants: variant 'curve_only' is trained on the train split of problem 'paired', which has no "
        "images in dataset 'others'; give that split some, or give the variant a `train_on`",
    ),
    "tuning without truths": (
        {"variants": {"tuned": {"method": "gaussian", "tune": {}}}, "runs": {"elsewhere": {"variants": ["tuned"]}}},
        "runs.elsewhere.variants: variant 'tuned' is tuned on problem 'measured', which has no truths; give the "
        "variant a `train_on`",
    ),
    "a parameter of the training": (
        {"variants": {"network": {"params": {"training": {"patches": 3}}}}},
        "variants.network.params.training.patches: unknown key 'patches'; did you mean 'patch'?",
    ),
    "learning curve of a method that is not trained": (
        {"figures": {"curves": {"variants": ["network", "filter"]}}},
        "figures.curves.variants: variant 'filter' is not trained, and nothing but training is shown here",
    ),
    "learning curve of a variant that there is not": (
        {"figures": {"curves": {"variants": ["network", "oracle"]}}},
        "figures.curves.variants: there is no variant 'oracle'",
    ),
    "learning curve on a problem without images for training": (
        {"figures": {"curves": {"variants": ["curve_only"], "problems": {"low dose": "untrained"}}}},
        "figures.curves.variants: variant 'curve_only' is trained on the train split of problem 'untrained', which has "
        "no images",
    ),
    "columns of training for a method that is not trained": (
        {"tables": {"trainings": {"sections": [{"problems": {"low dose": "low"}, "variants": ["filter"]}]}}},
        "tables.trainings.sections.0.variants: variant 'filter' is not trained, and nothing but training is shown here",
    ),
    "columns of scores for a variant that is trained only": (
        {"tables": {"trainings": {"metrics": {"mse": {}}}}},
        "tables.trainings.sections.0.variants: no run scores variant 'curve_only' on problem 'low'",
    ),
    "figure of scores for a variant that is trained only": (
        {"figures": {"scores": {"variants": ["network", "curve_only"]}}},
        "figures.scores.variants: no run scores variant 'curve_only' on problem 'low'",
    ),
    "start from one network an image": (
        started("blurred", "alone"),
        "start_from.variant: variant 'alone' is trained for one image at a time; start from another",
    ),
    "shards of several images for one network an image": (
        {"runs": {"single": {"problems": ["blurred"], "shards": 1}}},
        "runs.single.shards: variant 'alone' trains one network for each image, so that a shard is one image; problem "
        "'blurred' has 3 test images: give the run `shards: 3`",
    ),
    "shards of several images that were recorded": (
        {"runs": {"single": {"problems": ["recorded"], "shards": 2}}},
        "runs.single.shards: variant 'alone' trains one network for each image, so that a shard is one image; problem "
        "'recorded' has 3 test images: give the run `shards: 3`",
    ),
    "one network an image trained on another problem": (
        {"variants": {"alone": {"train_on": "low"}}, "runs": {"single": {"problems": ["blurred"]}}},
        "single.variants: variant 'alone' is trained on the measurement that it restores; leave its `train_on` out",
    ),
    "a truth to compare with that there is not": (
        {"variants": {"alone": {"params": {"training": {"compare_with_truth": True}}}}},
        "runs.single.variants: variant 'alone' is to be compared with the truth while it is trained, and problem "
        "'recorded' has none; leave `compare_with_truth` out",
    ),
    "learning curve of one network an image without a run": (
        {"figures": {"curves": {"variants": ["alone"], "problems": {"low dose": "low"}}}},
        "figures.curves.variants: no run trains variant 'alone' on the test images of problem 'low'",
    ),
    "columns of training for one network an image without a run": (
        {"tables": {"trainings": {"sections": [{"problems": {"low dose": "low"}, "variants": ["alone"]}]}}},
        "tables.trainings.sections.0.variants: no run trains variant 'alone' on the test images of problem 'low'",
    ),
    "repetitions below one": (
        {"runs": {"main": {"repetitions": 0}}},
        "runs.main.repetitions: expected greater than or equal to 1, got 0",
    ),
}


def faults(folder: Path, override: dict) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        loaded(folder, override)
    return caught.value.faults


@pytest.mark.parametrize("override, expected", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_of_learning_is_said_once_with_its_place(tmp_path, override, expected):
    found = faults(tmp_path, override)
    assert len([fault for fault in found if expected in fault]) == 1, found


def test_the_study_that_the_faults_are_made_from_has_none(tmp_path):
    assert loaded(tmp_path).variants["fine_tuned"].start_from.variant == "network"


@pytest.mark.parametrize("name", [name for name in FAULTS if "one network an image" in name or "several" in name])
def test_a_fault_of_one_network_an_image_is_the_only_one(tmp_path, name):
    """Nothing is said of splits for training, of which such a method needs none."""
    assert len(faults(tmp_path, FAULTS[name][0])) == 1


def test_one_network_an_image_needs_no_images_but_those_of_the_test_split(tmp_path):
    """Its training is shown of the problems that a run gives it; a number of images that is not known is no fault."""
    shown = {"figures": {"curves": {"variants": ["alone"], "problems": {"low dose": "blurred"}}}}
    shown["problems"] = {"recorded": {"measured": "seen"}}
    assert loaded(tmp_path, shown).part("figures")["curves"].variants == ["alone"]


def test_trainings_that_wait_for_each_other_are_a_fault_of_both(tmp_path):
    start = {"start_from": {"problem": "low", "variant": "fine_tuned"}}
    found = faults(tmp_path, {"variants": {"network": start}})
    sentences = [fault.partition(": ")[2] for fault in found]
    assert sentences == [
        "'network starts from fine_tuned starts from network', which never begins",
        "'fine_tuned starts from network starts from fine_tuned', which never begins",
    ]


def test_faults_of_learning_come_in_one_message(tmp_path):
    override = merged(started("lwo", "netwrok"), {"variants": {"curve_only": {"tune": {}}}})
    assert len(faults(tmp_path, override)) == 3
