"""Timings of convolutions: what is counted, the job that measures, and the figure that draws."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import made_up
import pytest
import yaml

from reconbench.config.loading import load
from reconbench.config.sources import merged
from reconbench.digest import closure
from reconbench.errors import ConfigurationError, UserError
from reconbench.plan import Plan
from reconbench.results import style
from reconbench.results.drawing import draw_figure
from reconbench.results.figures import psf_convolution_speed
from reconbench.specs import Specs

HOME = Path(__file__).resolve().parents[2]
SCRIPT = HOME / "workflow/scripts/time_convolution.py"
# The layer sums with small kernels, and takes the FFT for the largest one of images.
MEASURED = {
    "sizes_2d": [3, 5, 21],
    "patch_2d": [40, 48],
    "batch_2d": 2,
    "sizes_3d": [1, 3],
    "patch_3d": [6, 5, 4],
    "batch_3d": 1,
    "rounds": 3,
    "gpu": 0,
}
CURVES = [(algorithm, way) for algorithm in ("direct", "fft") for way in ("forward", "forward+backward")]
NONE = {name: [] for name in ("scores", "examples", "truths", "measurements", "training", "models", "errors")}


def test_every_size_is_timed_by_both_algorithms_in_both_directions():
    from reconbench.steps.timing import time_convolution

    lines = time_convolution(MEASURED, "cpu")
    sizes = [(2, 3), (2, 5), (2, 21), (3, 1), (3, 3)]
    assert [(line["dimensions"], line["kernel_size"], line["algorithm"], line["direction"]) for line in lines] == [
        (*size, *curve) for size in sizes for curve in CURVES
    ]
    assert {line["rounds"] for line in lines} == {3}
    assert all(0 < line["least_milliseconds"] <= line["milliseconds"] for line in lines)
    for forward, both in zip(lines[::2], lines[1::2], strict=True):
        assert forward["milliseconds"] <= both["milliseconds"]
    chosen = {(line["dimensions"], line["kernel_size"]): line["algorithm"] for line in lines if line["chosen"]}
    assert chosen == {size: "fft" if size == (2, 21) else "direct" for size in sizes}
    assert sum(line["chosen"] for line in lines) == len(lines) / 2


def test_the_first_turn_is_not_counted(monkeypatch):
    """A clock that only the layer moves: by a minute when it is new, then by its turn, backward by a thousand more."""
    import torch

    from reconbench.steps import timing

    clock = [0.0]

    class Backward(torch.autograd.Function):
        @staticmethod
        def forward(ctx, image):
            return image.clone()

        @staticmethod
        def backward(ctx, gradient):
            clock[0] += 1000
            return gradient

    class Layer:
        def __init__(self, kernel, algorithm):
            self.turns = 0
            assert kernel.sum() == pytest.approx(1)

        def __call__(self, image):
            clock[0] += self.turns or 60
            self.turns += 1
            return Backward.apply(image)

    monkeypatch.setattr(timing, "PointSpreadConvolution", Layer)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])
    lines = timing.time_convolution({**MEASURED, "sizes_3d": [], "sizes_2d": [3]}, "cpu")
    found = {line["direction"]: (line["milliseconds"], line["least_milliseconds"]) for line in lines}
    # The turns take 1, 2 and 3 seconds.
    assert found == {"forward": (2e3, 1e3), "forward+backward": (1002e3, 1001e3)}


def test_the_step_writes_timings_of_one_thread(tmp_path):
    spec = {**MEASURED, "figure": "speed", "sizes_2d": [3], "sizes_3d": [3], "rounds": 1}
    command = [sys.executable, SCRIPT, "--spec", json.dumps(spec), "--code", "digest"]
    for name, file in {"timings": "timings.csv", "run": "run.json"}.items():
        command += ["--output", name, tmp_path / "made" / file]
    subprocess.run(command, check=True, capture_output=True)
    with open(tmp_path / "made/timings.csv", newline="") as file:
        assert [(line["algorithm"], line["direction"]) for line in csv.DictReader(file)] == 2 * CURVES
    run = json.loads((tmp_path / "made/run.json").read_text())
    assert (run["status"], run["device"], run["threads"], run["code"], run["spec"]) == ("ok", "cpu", 1, "digest", spec)


def test_the_digest_covers_the_layer():
    covered = {path.relative_to(HOME).as_posix() for path in closure([SCRIPT])}
    assert {"src/reconbench/networks/point_spread.py", "src/reconbench/convolution.py"} <= covered


# The figure


def timings(folder, fft_from, device="cpu"):
    """Write made-up timings for kernels of 3 to 9 pixels; the layer takes the FFT from one of them on."""
    lines = [
        (dimensions, size, algorithm, int((size >= fft_from) == (algorithm == "fft")), way, 10.0 * size, 5.0 * size, 3)
        for dimensions in (2, 3)
        for size in (3, 5, 7, 9)
        for algorithm, way in CURVES
    ]
    names = ["dimensions", "kernel_size", "algorithm", "chosen", "direction"]
    names += ["milliseconds", "least_milliseconds", "rounds"]
    paths = [folder / "timings.csv", folder / "run.json"]
    with open(paths[0], "w", newline="") as file:
        csv.writer(file).writerows([names, *lines])
    run = {"device": device, "device_name": "A processor", "threads": 1, "versions": {"torch": "2.99"}}
    paths[1].write_text(json.dumps(run))
    return paths


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Return a function that draws made-up timings, and gives the figure and the lines of the csv."""
    figures = []
    monkeypatch.setattr(style, "save", lambda figure, *paths: figures.append(figure))

    def draw(found):
        spec = made_up.spec(made_up.figure("psf_convolution_speed", {}, [], {}, **MEASURED), {}, {}, [])
        outputs = {suffix: tmp_path / f"figure.{suffix}" for suffix in ("svg", "png", "csv")}
        draw_figure(spec, **NONE, timings=found, outputs=outputs)
        with open(outputs["csv"], newline="") as file:
            return figures[-1], list(csv.DictReader(file))

    return draw


def texts(figure):
    from matplotlib.text import Text

    return [text for text in figure.findobj(Text) if text.get_text()]


def test_the_figure_shows_both_algorithms_in_images_and_volumes(drawn, tmp_path):
    figure, lines = drawn(timings(tmp_path, fft_from=5))
    for axes, heading, patches in zip(figure.axes, ("2D", "3D"), ("40 × 48", "6 × 5 × 4"), strict=True):
        curves = [line for line in axes.lines if len(line.get_xdata()) == 4]
        assert len(curves) == 4
        assert len({(line.get_color(), line.get_linestyle()) for line in curves}) == 4
        for line in curves:
            assert list(line.get_ydata()) == [30, 50, 70, 90]
        assert axes.get_yscale() == "log"
        shown = [text.get_text() for text in texts(figure)]
        assert heading in shown
        assert any(text.endswith(f" of {patches} pixels") for text in shown)
    small_print = next(text.get_text() for text in texts(figure) if "Medians" in text.get_text())
    assert "A processor, 1 thread, torch 2.99" in small_print
    assert "3 rounds" in small_print
    assert len(lines) == 32
    assert lines[0] == {
        "patches": "2 patches of 40 × 48 pixels",
        "dimensions": "2",
        "kernel_size": "3",
        "algorithm": "direct",
        "chosen": "1",
        "direction": "forward",
        "milliseconds": "30.0",
        "least_milliseconds": "15.0",
        "rounds": "3",
    }


@pytest.mark.parametrize("fft_from", [3, 7, 9])
def test_the_size_from_which_the_layer_takes_the_fft_is_marked(drawn, tmp_path, fft_from):
    figure, _ = drawn(timings(tmp_path, fft_from))
    for axes in figure.axes:
        (mark,) = (line for line in axes.lines if len(line.get_xdata()) == 2)
        assert list(mark.get_xdata()) == [fft_from] * 2
        (words,) = axes.texts
        assert words.get_text().endswith(f"from {fft_from} on")


def test_no_size_is_marked_where_the_layer_never_takes_the_fft(drawn, tmp_path):
    figure, _ = drawn(timings(tmp_path, fft_from=11))
    assert [len(axes.lines) for axes in figure.axes] == [4, 4]
    assert not any("takes the FFT" in text.get_text() for text in texts(figure))


@pytest.mark.parametrize("fft_from", [3, 9])
def test_no_words_of_the_figure_cover_each_other(drawn, tmp_path, fft_from):
    figure, _ = drawn(timings(tmp_path, fft_from))
    figure.draw_without_rendering()
    words = [*figure.texts, *figure.legends[0].texts]
    for axes in figure.axes:
        words += [*axes.texts, axes.xaxis.label, axes.yaxis.label]
    boxes = [text.get_window_extent() for text in words if text.get_text()]
    assert len(boxes) == 14
    for number, box in enumerate(boxes):
        assert figure.bbox.contains(*box.min)
        assert figure.bbox.contains(*box.max)
        assert not [other for other in boxes[:number] if box.overlaps(other)]


def test_threads_of_the_host_are_not_those_of_a_gpu(drawn, tmp_path):
    figure, _ = drawn(timings(tmp_path, 5, device="cuda"))
    assert not any("thread" in text.get_text() for text in texts(figure))


def test_a_figure_without_timings_says_so(drawn):
    with pytest.raises(UserError, match=r"no timings\.csv and run\.json"):
        drawn([])


# The job

STUDY = {
    "datasets": {"seen": {"source": "simulated", "name": "micrographs", "size": [48, 48], "splits": {"test": 3}}},
    "problems": {"low": {"kind": "denoising", "dataset": "seen"}},
    "runs": {"main": {"problems": ["low"], "variants": ["identity", "gaussian"], "metrics": ["mse"]}},
    "figures": {
        "speed": {"kind": "psf_convolution_speed", "title": "Speed", "params": {"sizes_2d": [5, 9], "rounds": 2}},
        "spread": {
            "kind": "kde",
            "title": "Spread",
            "problems": {"low": "low"},
            "variants": ["gaussian"],
            "metrics": {"mse": {}},
        },
    },
}


def loaded(folder, override=None, **config):
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(merged(STUDY, override or {}), sort_keys=False))
    return load({"studies": [str(path)], "scale": "tiny", **config}, HOME)


def test_the_figure_reads_its_own_timings_and_nothing_else(tmp_path):
    plan = Plan(loaded(tmp_path))
    assert plan.timed_figures == ["speed"]
    assert plan.figure_files("speed", "timings") == [
        "results/tiny/timings/speed/timings.csv",
        "results/tiny/timings/speed/run.json",
    ]
    for what in ("scores", "examples", "errors", "training", "truths", "measurements"):
        assert plan.figure_files("speed", what) == []
    assert plan.figure_files("spread", "timings") == []
    assert "results/figures/speed.png" in plan.targets()


def test_the_job_is_told_what_the_figure_says(tmp_path):
    plan = Plan(loaded(tmp_path))
    told = json.loads(Specs(plan, HOME).time("speed"))
    defaults = psf_convolution_speed.Params().model_dump(mode="json")
    assert told == {**defaults, "figure": "speed", "sizes_2d": [5, 9], "rounds": 2}
    assert plan.figure_gpus("speed") == 0
    assert Plan(loaded(tmp_path, {"figures": {"speed": {"params": {"gpu": 1}}}})).figure_gpus("speed") == 1
    # Another caption times nothing again.
    other = Plan(loaded(tmp_path, {"figures": {"speed": {"title": "Faster"}}}))
    assert Specs(other, HOME).time("speed") == Specs(plan, HOME).time("speed")
    assert Specs(other, HOME).figure("speed") != Specs(plan, HOME).figure("speed")
    assert json.loads(Specs(plan, HOME).figure("speed"))["rows"] == []


def test_leaving_a_method_out_leaves_the_timing(tmp_path):
    assert list(Plan(loaded(tmp_path, leave_out=["gaussian"])).figures) == ["speed"]


@pytest.mark.parametrize(
    ("figure", "changed", "expected"),
    [
        ("spread", {"variants": []}, "a figure of kind 'kde' shows problems and variants; name its `variants`"),
        ("spread", {"problems": None}, "a figure of kind 'kde' shows problems and variants; name its `problems`"),
        (
            "speed",
            {"problems": {"low": "low"}},
            "kind 'psf_convolution_speed' shows timings of its own; leave `problems`",
        ),
        ("speed", {"variants": ["gaussian"]}, "shows timings of its own; leave `variants` out"),
        ("speed", {"params": {"sizes_2d": [3, 4]}}, "a kernel has an odd size, so that it has a middle, not 4"),
        ("speed", {"params": {"sizes_3d": []}}, "sizes_3d"),
        ("speed", {"params": {"repeats": 3}}, "unknown key 'repeats'"),
    ],
)
def test_faults_of_figures_are_found_before_anything_runs(tmp_path, figure, changed, expected):
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, {"figures": {figure: changed}})
    (line,) = str(caught.value).splitlines()[1:] if "\n" in str(caught.value) else [str(caught.value)]
    assert expected in line
