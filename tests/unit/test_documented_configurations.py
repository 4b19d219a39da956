"""What the documentation shows of a configuration can be written into config.yaml as it stands."""

import re
from pathlib import Path

import pytest
import yaml

from reconbench import catalogue
from reconbench.config.loading import load

HOME = Path(__file__).resolve().parents[2]


def blocks(page):
    text = (HOME / "docs" / page).read_text(encoding="utf-8")
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]


def loaded(block):
    return load({"studies": [], **block}, HOME)


@pytest.mark.parametrize("page", ["data.md", "diffuse_imaging.md"])
def test_blocks_load(page):
    found = blocks(page)
    assert found
    for block in found:
        assert loaded(block).part("datasets").keys() == block["datasets"].keys()


def test_elemental_maps_are_denoised_by_methods_without_training_and_shown():
    """All four images, where the study of STEM images has them, and no method that would need a truth."""
    (block,) = (block for block in blocks("data.md") if "elemental_maps" in block["datasets"])
    benchmark = loaded(block)
    study = load({"scale": "paper", "studies": ["stem_denoising"]}, HOME, [HOME / "config.yaml"])
    maps = benchmark.part("datasets")["elemental_maps"]
    assert maps.raw == study.part("datasets")["stem_maps"].raw
    assert set(maps.splits["test"]) == set(maps.raw.images)
    run, figure = benchmark.part("runs")["elemental_maps"], benchmark.part("figures")["elemental_maps"]
    variants = benchmark.part("variants")
    assert {variants[name].method for name in run.variants} == {"bm3d_anscombe_blind", "pgure_svt"}
    assert all(catalogue.get_method(variants[name].method).METHOD.trained_on is None for name in run.variants)
    assert all(variant.tune is None for variant in variants.values())
    assert benchmark.part("problems")["elemental_maps"].dataset is None
    assert figure.variants == run.variants
    assert figure.params["images"] == run.examples == 4
