"""The study of STEM images: what its sequence is tuned on, its repetitions, and what its notes say of speed."""

from pathlib import Path

import pytest

from reconbench import catalogue
from reconbench.config.loading import load
from reconbench.datasets.splits import number_of_images

HOME = Path(__file__).resolve().parents[2]
PGURE_SVT = {1: "every one of them", 2: "every second of them", 4: "every fourth of them"}


def study(scale, name="stem_denoising"):
    benchmark = load({"scale": scale, "studies": [name]}, HOME, [HOME / "config.yaml"])
    return next(loaded.study for loaded in benchmark.studies if loaded.name == name)


def params(chosen, variant):
    definition = chosen.variants[variant]
    return catalogue.get_method(definition.method).Params.model_validate(definition.params)


@pytest.mark.parametrize("scale", ["small", "paper"])
def test_the_sequence_has_the_rows_of_the_images_and_their_tuning(scale):
    """The sequence itself has nothing to validate on; the single images have the same noise at the same level."""
    chosen = study(scale)
    sequence, images = (chosen.problems[name] for name in ("stem_sequence", "stem_minus_5"))
    assert chosen.runs["stem_sequences"].variants == chosen.runs["stem_images"].variants
    assert chosen.variants["stem_gaussian_tuned"].learns_on("stem_sequence", sequence) == "stem_minus_5"
    assert sequence.noise == images.noise
    assert "validation" not in chosen.datasets[sequence.dataset].splits
    sections = chosen.tables["stem_denoising"].sections
    (shown,) = (section for section in sections if "stem_sequence" in section.problems.values())
    assert shown.variants == chosen.runs["stem_sequences"].variants


@pytest.mark.parametrize("name", ["stem_denoising", "diffuse_imaging"])
def test_what_is_trained_is_trained_three_times_at_the_scale_of_the_paper(name):
    """Not where a job is timed, where there is no truth, or where each of five images has a training of its own."""
    chosen = study("paper", name)
    variants = chosen.variants
    for title, run in chosen.runs.items():
        methods = [catalogue.get_method(variants[row].method) for row in run.variants if row in variants]
        trained = any(method.METHOD.trained_on for method in methods)
        scored = all(chosen.problems[problem].dataset for problem in run.problems)
        single = run.timed or not scored or not trained or title == "lensless_pairs"
        assert run.repetitions == (1 if single else 3), title


@pytest.mark.parametrize("scale", ["small", "paper"])
def test_speed_is_told_with_what_it_depends_on(scale):
    """The width of the network, the profile of BM3D and the patches of PGURE-SVT, as the variants have them."""
    chosen = study(scale)
    said = " ".join(chosen.tables["denoising_speed"].notes)
    network, bm3d, svt = (params(chosen, name) for name in ("mcnn", "stem_bm3d", "stem_pgure_svt"))
    published = type(svt)()
    assert f"patches of {svt.patch_size} pixels and {PGURE_SVT[svt.patch_step]}" in said
    assert f"(published {published.patch_size} and {published.patch_step})" in said
    if network.widths != type(network)().widths:
        assert f"{min(network.widths)} to {max(network.widths)} channels wide" in said
        full = type(network)().widths
        assert f"published {min(full)} to {max(full)}" in said
    assert (bm3d.profile == "low_complexity") == ("profile of low complexity" in said)


def test_rows_whose_noise_is_clipped_say_that_the_risk_is_not_valid():
    chosen = study("paper")
    assert "stem_pgure_svt" in chosen.runs["stem_2018"].variants
    assert "risk not valid for clipped noise" in chosen.variants["stem_pgure_svt"].title


def test_measured_images_are_all_shown_and_in_the_range_that_networks_are_trained_in():
    """Three STEM images, two frames of few electrons, and the maps of three elements; none has a truth."""
    paper = study("paper")
    figures = [paper.figures[name] for name in ("stem_measured_examples", "stem_low_dose_examples")]
    run = paper.runs["stem_measured"]
    images = {}
    for problem in run.problems:
        dataset = paper.datasets[paper.problems[problem].measured]
        assert dataset.normalise == "min_max"
        images[problem] = number_of_images(dataset.model_dump(), "test")
    assert images == {"stem_measured": 3, "stem_low_dose": 2, "stem_maps": 3}
    shown = {problem: figure.params["images"] for figure in figures for problem in figure.problems.values()}
    assert shown == images
    assert all(figure.variants == run.variants for figure in figures)
    assert run.examples == max(images.values())
