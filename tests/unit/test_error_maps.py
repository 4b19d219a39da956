"""The map of mean absolute errors: what scoring adds up, and the figure of it."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import made_up
import numpy as np
import pytest

from reconbench.images import ImageWriter, read_index
from reconbench.results.drawing import draw_figure
from reconbench.results.figures import error_maps
from reconbench.steps.scoring import MeanAbsoluteError

SCRIPT = Path(__file__).resolve().parents[2] / "workflow" / "scripts" / "score.py"
NONE = {name: [] for name in ("scores", "examples", "truths", "measurements", "training", "models", "timings")}
NAMES = ("mean", "minimum", "maximum", "frame_mean", "interior_mean")


def write_index(index, images):
    index.parent.mkdir(parents=True, exist_ok=True)
    with ImageWriter(index) as writer:
        for number, image in enumerate(images):
            writer.add(f"image_{number}", image)
    return index


def write_map(root, problem, variant, errors, number=4, part=made_up.PART, repetition=1):
    """Write errors.csv of one shard; None stands for one without a map."""
    index = made_up.folder(root, "scores", problem, variant, repetition, part) / "errors.csv"
    with ImageWriter(index, "errors") as writer:
        if errors is not None:
            writer.add("mean_absolute_error", errors, number=number)
    return index


def drawn(definition, errors, folder):
    folder.mkdir()
    outputs = {suffix: folder / f"figure.{suffix}" for suffix in ("svg", "png", "csv")}
    variants = {name: made_up.variant("gaussian", title=f"Method {name}") for name in definition["variants"]}
    problems = {problem: {} for problem in definition["problems"].values()}
    draw_figure(made_up.spec(definition, problems, variants, []), **NONE, errors=errors, outputs=outputs)
    with open(outputs["csv"], newline="") as file:
        return outputs, list(csv.DictReader(file))


def test_the_mean_is_that_of_all_images():
    rng = np.random.default_rng(0)
    estimates, targets = rng.random((2, 5, 6, 7)).astype(np.float32)
    errors = MeanAbsoluteError()
    assert errors.mean is None
    for estimate, target in zip(estimates, targets, strict=True):
        errors.add(estimate, target)
    expected = np.abs(estimates.astype(float) - targets.astype(float)).mean(axis=0)
    assert errors.number == 5
    assert errors.mean.dtype == np.float64
    np.testing.assert_allclose(errors.mean, expected, rtol=1e-14)


def test_images_of_several_shapes_have_no_mean():
    errors = MeanAbsoluteError()
    for shape in [(4, 4), (4, 5), (4, 4)]:
        errors.add(np.ones(shape, np.float32), np.zeros(shape, np.float32))
    assert errors.mean is None


@pytest.mark.parametrize("case", ["scored", "several shapes", "failed", "no truth", "oracle"])
def test_scoring_writes_the_map_where_there_is_one(tmp_path, case):
    rng = np.random.default_rng(0)
    shapes = [(8, 9), (8, 8)] if case == "several shapes" else [(8, 9), (8, 9)]
    truths, seen, estimates = ([rng.random(shape, np.float32) for shape in shapes] for _ in range(3))
    run = tmp_path / "run.json"
    run.write_text(json.dumps({"status": "out of memory" if case == "failed" else "ok"}))
    inputs = {
        "truth": [] if case == "no truth" else [write_index(tmp_path / "truth" / "index.csv", truths)],
        "measurement": [write_index(tmp_path / "seen" / "index.csv", seen)],
        "estimate": [] if case == "oracle" else [write_index(tmp_path / "estimate" / "index.csv", estimates)],
        "run": [run],
    }
    spec = {"metrics": {"mse": {}}, "target": "truth", "shard": "001-of-001", "examples": 0}
    command = [sys.executable, SCRIPT, "--spec", json.dumps(spec)]
    for name, paths in inputs.items():
        command += ["--input", name, *paths]
    for name in ("scores", "examples", "errors"):
        command += ["--output", name, tmp_path / "out" / f"{name}.csv"]
    subprocess.run(command, check=True)
    records = read_index(tmp_path / "out" / "errors.csv")
    assert (tmp_path / "out" / "errors").is_dir()
    if case not in ("scored", "oracle"):
        assert records == []
        return
    (record,) = records
    assert (record.name, record.number("number")) == ("mean_absolute_error", 2)
    expected = np.abs(np.array(estimates) - np.array(truths)).mean(axis=0) if case == "scored" else np.zeros((8, 9))
    np.testing.assert_allclose(record.load(), expected, rtol=1e-6)


def test_the_csv_tells_the_edges_from_the_inside(tmp_path):
    errors = np.full((40, 48), 0.25)
    errors[2:-2, 2:-2] = 0.125
    errors[0, 0], errors[20, 20] = 0.5, 0.0625
    definition = made_up.figure("error_maps", {"low dose": "low"}, ["a"], {})
    outputs, (line,) = drawn(definition, [write_map(tmp_path, "low", "a", errors)], tmp_path / "figure")
    frame = (40 * 48 - 36 * 44) * 0.25 + 0.25
    interior = 36 * 44 * 0.125 - 0.0625
    expected = [(frame + interior) / (40 * 48), 0.0625, 0.5, frame / (40 * 48 - 36 * 44), interior / (36 * 44)]
    assert [float(line[name]) for name in NAMES] == pytest.approx(expected, rel=1e-12)
    assert (line["status"], line["images"]) == ("ok", "4")
    assert outputs["png"].stat().st_size > 5000


def test_shards_count_by_their_images(tmp_path):
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 16, 16)).astype(np.float32)
    maps = [
        write_map(tmp_path, "low", "a", first, 1, "001-of-002"),
        write_map(tmp_path, "low", "a", second, 3, "002-of-002"),
        write_map(tmp_path, "low", "a", second * 100, 3, "001-of-002", repetition=2),
    ]
    definition = made_up.figure("error_maps", {"low dose": "low"}, ["a"], {}, corner=4)
    _, (line,) = drawn(definition, maps, tmp_path / "figure")
    expected = 0.25 * first.astype(float) + 0.75 * second.astype(float)
    assert line["images"] == "4"
    assert [float(line["mean"]), float(line["maximum"])] == pytest.approx([expected.mean(), expected.max()], rel=1e-12)


@pytest.mark.parametrize("other", [None, np.ones((16, 17))])
def test_without_a_common_map_the_panel_says_so(tmp_path, monkeypatch, other):
    shown = []
    monkeypatch.setattr(error_maps, "_draw_map", lambda axes, errors, params: shown.append(errors))
    maps = [
        write_map(tmp_path, "low", "a", np.ones((16, 16)), part="001-of-002"),
        write_map(tmp_path, "low", "a", other, part="002-of-002"),
        write_map(tmp_path, "low", "b", np.ones((16, 16))),
    ]
    definition = made_up.figure("error_maps", {"low dose": "low"}, ["a", "b"], {})
    _, (without, line) = drawn(definition, maps, tmp_path / "figure")
    assert without["status"].startswith("no map: ")
    assert [without[name] for name in ("images", *NAMES)] == [""] * 6
    assert float(line["mean"]) == 1
    assert len(shown) == 1


def test_a_volume_is_shown_as_the_mean_over_its_planes(tmp_path):
    volume = np.stack([np.full((16, 16), value, np.float32) for value in (0.25, 0.5, 0.75)])
    record = read_index(write_map(tmp_path, "low", "a", volume))[0]
    mean, images = error_maps.weighted_mean([record])
    np.testing.assert_array_equal(mean, np.full((16, 16), 0.5))
    assert images == 4


def test_equalisation_shows_a_grid_that_the_edges_hide():
    errors = np.full((64, 64), 0.017)
    errors[::2] += 0.0003
    errors[:2] = 0.032
    seen = error_maps.equalised(errors, 0.15)
    plain = (errors - errors.min()) / (errors.max() - errors.min())
    inside = np.s_[16:-16, 16:-16]
    assert np.ptp(plain[inside]) < 0.03
    assert np.ptp(seen[inside]) > 5 * np.ptp(plain[inside])
    assert 0 <= seen.min() <= seen.max() <= 1
    np.testing.assert_array_equal(error_maps.equalised(np.full((16, 16), 0.3), 0.15), 0)


def test_one_variant_has_its_problems_side_by_side():
    assert [len(row) for row in error_maps._rows(list("abcdef"), 1)] == [4, 2]
    assert [len(row) for row in error_maps._rows(list("abcdef"), 3)] == [3, 3]
    assert [len(row) for row in error_maps._rows(list("abcdefghij"), 5)] == [4, 1, 4, 1]


def test_a_figure_of_maps_is_the_same_each_time(tmp_path):
    errors = np.random.default_rng(0).random((32, 24))
    maps = [write_map(tmp_path, problem, "a", errors) for problem in ("low", "ordinary")]
    definition = made_up.figure("error_maps", {"low dose": "low", "ordinary dose": "ordinary"}, ["a"], {})
    first, _ = drawn(definition, maps, tmp_path / "first")
    second, _ = drawn(definition, maps, tmp_path / "second")
    for suffix in ("svg", "png", "csv"):
        assert first[suffix].read_bytes() == second[suffix].read_bytes()
