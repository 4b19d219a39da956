"""The table of paper 004, met to the printed digit on the benchmark's own images."""

import csv
import os
import time
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2]
VARIANTS = ("identity", "lucy_richardson_2", "lucy_richardson_5", "lucy_richardson_10", "lucy_richardson_20")
PUBLISHED = HOME / "workflow/studies/published/deconvolution_2d_classical.csv"
PER_IMAGE = Path(__file__).with_name("ssi_per_image.csv")
MIRROR = os.environ.get("RECONBENCH_MIRROR")
pytestmark = pytest.mark.skipif(
    not MIRROR, reason="the 22 images are absent: RECONBENCH_MIRROR names no mirror that holds them"
)


@pytest.fixture(scope="module")
def scores(checkout, tmp_path_factory):
    """Scores of every image, by variant."""
    folder = tmp_path_factory.mktemp("published")
    targets = {name: f"results/paper/scores/ssi_2d/{name}/1/001-of-001/scores.csv" for name in VARIANTS}
    start = time.monotonic()
    checkout.succeeding("--config", "scale=paper", f"mirror={MIRROR}", "--", *targets.values(), directory=folder)
    print(f"made in {time.monotonic() - start:.0f} seconds")
    found = {}
    for name, target in targets.items():
        with open(folder / target) as file:
            found[name] = list(csv.DictReader(file))
    return found


def test_all_means_agree_to_the_printed_digit(scores):
    with open(PUBLISHED) as file:
        lines = [line for line in csv.DictReader(file) if line["metric"] != "time_ms"]
    assert len(lines) == 25
    for line in lines:
        values = [float(score[line["metric"]]) for score in scores[line["variant"]]]
        assert len(values) == 22
        digits = len(line["value"].partition(".")[2])
        half_a_unit = 0.5 * 10**-digits
        assert abs(sum(values) / 22 - float(line["value"])) <= half_a_unit, line


def test_every_image_agrees_with_an_independent_computation(scores):
    with open(PER_IMAGE) as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 5 * 22
    for line in lines:
        found = next(row for row in scores[line["variant"]] if row["image"].startswith(line["image"]))
        assert float(found["psnr"]) == pytest.approx(float(line["psnr"]), abs=0.011), line
        assert float(found["ssim"]) == pytest.approx(float(line["ssim"]), abs=0.0011), line
