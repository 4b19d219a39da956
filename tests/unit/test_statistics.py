import math

import numpy as np
import pytest

from reconbench.results.scores import place, read_by_pair, read_scores, write_scores
from reconbench.results.statistics import over_repetitions, status_of, summarise


def test_scores_are_read_as_they_were_written(tmp_path):
    lines = [
        {"image": "a", "status": "ok", "psnr": np.float32(0.1), "ssim": 0.1 + 0.2, "seconds": 0.5},
        {"image": "b", "status": "ok", "psnr": math.inf, "ssim": 1.0, "seconds": None},
        {"image": "c", "status": "raised: ValueError: a, b"},
    ]
    write_scores(tmp_path / "scores.csv", lines)
    text = (tmp_path / "scores.csv").read_text()
    assert text.splitlines()[0] == "image,status,psnr,ssim,seconds"
    assert text.splitlines()[2] == "b,ok,inf,1.0,"
    first, second, third = read_scores(tmp_path / "scores.csv")
    assert (first["psnr"], first["ssim"]) == (float(np.float32(0.1)), 0.1 + 0.2)
    assert second["psnr"] == math.inf and second["seconds"] is None
    assert third == {"image": "c", "status": "raised: ValueError: a, b", "psnr": None, "ssim": None, "seconds": None}


def test_scores_of_no_images_and_of_failures_have_their_columns(tmp_path):
    write_scores(tmp_path / "empty.csv", [])
    assert (tmp_path / "empty.csv").read_text() == "image,status,seconds\n"


def test_shards_are_joined_and_repetitions_kept_apart(tmp_path):
    paths = []
    for repetition, part, image in [("1", "001-of-002", "a"), ("1", "002-of-002", "b"), ("2", "001-of-002", "a")]:
        path = tmp_path / "scores" / "em_low" / "median" / repetition / part / "scores.csv"
        path.parent.mkdir(parents=True)
        write_scores(path, [{"image": image, "status": "ok", "mse": 1.0}])
        paths.append(path)
    assert place(paths[0]) == ("em_low", "median", "1")
    first, second = read_by_pair(paths)["em_low", "median"]
    assert [line["image"] for line in first] == ["a", "b"]
    assert [line["image"] for line in second] == ["a"]


def test_corrected_statistics_are_plain():
    summary = summarise([0.01, 0.02, 0.06], "mse")
    assert (summary.n, summary.mean, summary.std) == (3, pytest.approx(0.03), pytest.approx(np.std([0.01, 0.02, 0.06])))
    assert (summary.clipped, summary.imputed) == (0, 0)


def test_corrected_statistics_average_nothing_in_silently():
    assert summarise([1.0, math.inf], "psnr").mean == math.inf
    assert math.isnan(summarise([1.0, math.nan], "ssim").mean)


@pytest.mark.filterwarnings("error")
def test_as_published_statistics_clip_and_then_impute():
    mse = summarise([0.002, 0.004, 0.5, math.inf, math.nan], "mse", "as_published")
    used = [0.002, 0.004, 0.012, 0.012, np.mean([0.002, 0.004, 0.012, 0.012])]
    assert (mse.mean, mse.std) == (pytest.approx(np.mean(used)), pytest.approx(np.std(used)))
    assert (mse.clipped, mse.imputed) == (2, 1)
    ssim = summarise([-0.2, 0.5, 0.9], "ssim", "as_published")
    assert (ssim.mean, ssim.clipped, ssim.imputed) == (pytest.approx(np.mean([0, 0.5, 0.9])), 1, 0)
    assert math.isnan(summarise([math.nan], "ssim", "as_published").mean)


def test_as_published_statistics_know_no_other_metric():
    assert summarise([40.0, math.inf], "psnr", "as_published").mean == math.inf


def test_repetitions_are_averaged():
    joined = over_repetitions([summarise([1.0, 3.0], "mse"), summarise([2.0, 8.0], "mse")])
    assert (joined.n, joined.mean, joined.std) == (2, 3.5, 2.0)


def test_status_counts_the_images_that_failed():
    fine, failed = {"status": "ok"}, {"status": "out of memory"}
    assert status_of([fine, fine]) == "ok"
    assert status_of([failed, failed]) == "out of memory"
    assert status_of([fine, failed, fine]) == "out of memory (1 of 3 images)"
    assert status_of([]) == "no images"
