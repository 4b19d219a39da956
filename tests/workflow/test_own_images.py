"""A user's own images, named in a configuration: truths alone, measured images with truths, and without."""

import csv

import cv2
import numpy as np
import pytest
import yaml

METRICS = {"psnr": {"digits": 1}}
VARIANTS = ["identity", "gaussian"]


@pytest.fixture
def project(tmp_path):
    """Two folders of images and a configuration that uses them in three ways."""
    generator = np.random.default_rng(0)
    for name in ("one", "two"):
        truth = cv2.GaussianBlur(generator.random((40, 50)), (0, 0), 4)
        truth = np.uint8(255 * (truth - truth.min()) / np.ptp(truth))
        noisy = np.uint8(np.clip(truth + generator.normal(0, 20, truth.shape), 0, 255))
        for folder, image in (("truths", truth), ("seen", noisy)):
            (tmp_path / folder).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / folder / f"{name}.png"), image)
    dose = {"law": "fixed", "value": 40}
    problems = {
        "simulated": {"kind": "denoising", "dataset": "truths", "noise": {"name": "poisson", "params": {"dose": dose}}},
        "paired": {"kind": "denoising", "dataset": "truths", "measured": "seen"},
        "alone": {"kind": "denoising", "measured": "seen"},
    }
    configuration = {
        "studies": [],
        "datasets": {
            name: {"source": "folder", "path": name, "splits": {"test": ["*"]}, "normalise": "none"}
            for name in ("truths", "seen")
        },
        "problems": problems,
        "runs": {"mine": {"problems": list(problems), "variants": VARIANTS, "metrics": "psnr"}},
        "tables": {
            "mine": {
                "title": "Mine",
                "metrics": METRICS,
                "sections": [{"problems": {name: name}, "variants": VARIANTS} for name in problems],
            }
        },
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(configuration))
    return tmp_path


def test_own_images_become_a_table(checkout, project):
    checkout.succeeding("--configfile", str(project / "mine.yaml"), directory=project)
    with open(project / "results/tables/mine.csv") as file:
        rows = {(line["problem"], line["variant"]): line for line in csv.DictReader(file)}
    assert float(rows["paired", "gaussian"]["psnr_mean"]) > float(rows["paired", "identity"]["psnr_mean"])
    assert rows["simulated", "gaussian"]["n"] == "2"
    assert rows["alone", "gaussian"]["status"] == "no truth"
    assert rows["alone", "gaussian"]["psnr_mean"] == ""

    # What is changed in a folder, added or taken away, is prepared again, and nothing of another folder.
    asked = ("--configfile", str(project / "mine.yaml"))
    image = cv2.imread(str(project / "seen/two.png"), cv2.IMREAD_GRAYSCALE)
    (project / "seen/notes.txt").write_text("no image")
    assert checkout.jobs(*asked, directory=project) == {}
    cv2.imwrite(str(project / "seen/three.png"), image)
    assert checkout.jobs(*asked, directory=project)["prepare"] == 1
    (project / "seen/three.png").unlink()
    cv2.imwrite(str(project / "seen/two.png"), 255 - image)
    assert checkout.jobs(*asked, directory=project)["prepare"] == 1


def test_a_bad_image_is_named(checkout, project):
    cv2.imwrite(str(project / "truths" / "two.png"), np.full((40, 50), 7, np.uint8))
    target = "results/small/data/truths/test/index.csv"
    done = checkout.snakemake("--configfile", str(project / "mine.yaml"), "--", target, directory=project)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "two.png" in said
    assert "Traceback" not in said
