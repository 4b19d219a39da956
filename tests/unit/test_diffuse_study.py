"""The study of diffuse light: what a pair that is left out has no part in, and a network trained as it is described."""

from pathlib import Path

import pytest

from reconbench import catalogue
from reconbench.config.loading import load
from reconbench.datasets.splits import candidates, members, name_of

HOME = Path(__file__).resolve().parents[2]
SCALES = ("tiny", "small", "paper")


def study(scale):
    benchmark = load({"scale": scale, "studies": ["diffuse_imaging"]}, HOME, [HOME / "config.yaml"])
    return next(loaded.study for loaded in benchmark.studies if loaded.name == "diffuse_imaging")


def names(dataset):
    """Return the names of the images of each split."""
    definition = dataset.model_dump()
    files = members(definition, candidates(definition))
    return {split: {name_of(file, dataset.files) for file in found} for split, found in files.items()}


def test_each_pair_is_left_out_once():
    """Trained on three, validated on a fourth, tested on the fifth; and the two images of a scene go together."""
    paper = study("paper")
    tested, validated = [], []
    for problem in paper.runs["lensless_pairs"].problems:
        definition = paper.problems[problem]
        truths, measured = (names(paper.datasets[name]) for name in (definition.dataset, definition.measured))
        assert truths == measured
        assert [len(truths[split]) for split in ("train", "validation", "test")] == [3, 1, 1]
        assert len(set().union(*truths.values())) == 5
        assert paper.datasets[definition.dataset].files != paper.datasets[definition.measured].files
        assert definition.forward is None and definition.noise is None
        tested += truths["test"]
        validated += truths["validation"]
    assert len(set(tested)) == len(set(validated)) == 5
    assert "n = 5" in paper.tables["lensless_pairs"].title


def test_what_was_recorded_is_not_flipped():
    """The diffuser stays as it is, so that a flipped pair is none; and the whole image is what it acts on."""
    paper = study("paper")
    params = paper.variants["lensless_network"].params
    assert params["training"]["augmentation"] is False
    assert tuple(params["training"]["patch"]) == tuple(paper.datasets["lensed_im43"].resize)


@pytest.mark.parametrize("scale", SCALES)
def test_walls_and_screens_fit_each_other(scale):
    """Both walls have the same pixels, which are those of the screens, and the second one has no gloss."""
    chosen = study(scale)
    module = catalogue.get_forward_model("diffuse_wall")
    glossy, pure = (
        module.Params.model_validate(chosen.problems[name].forward.params)
        for name in ("diffuse_wall", "diffuse_wall_lambertian")
    )
    assert pure == glossy.model_copy(update={"glossy_share": 0.0}) != glossy
    dataset = chosen.datasets["diffuse_screens"]
    assert list(glossy.screen_pixels) == list(dataset.resize or dataset.crop.size)


def test_the_network_is_the_published_one_at_the_scale_of_the_paper():
    method = catalogue.get_method("diffuse_network")
    params = method.Params.model_validate(study("paper").variants["diffuse_network"].params)
    published = method.Params()
    assert params.model_copy(update={"training": published.training}) == published
    assert params.training.model_copy(update={"patch": published.training.patch}) == published.training
