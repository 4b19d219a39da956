"""Times of frames: the columns of a table, the device of each row, and frames per second against the size."""

import csv
import io

import made_up
import numpy as np
import pytest

from reconbench.errors import UserError
from reconbench.images import ImageWriter
from reconbench.results import labels, style
from reconbench.results.drawing import draw_figure
from reconbench.results.rendering import FORMATS
from reconbench.results.tables import make_table

VARIANTS = {
    "network": made_up.variant("gaussian", title="Network"),
    "network_gpu": made_up.variant("gaussian", title="Network"),
    "bm3d": made_up.variant("median", title="BM3D"),
    "lost": made_up.variant("wavelet", title="Lost"),
}
# Of each problem the shape of its images; of the second these are sequences of four frames.
SHAPES = {"small": (16, 16), "moving": (4, 32, 32)}
# Seconds of an image of the first problem and of a sequence of the second.
SECONDS = {"network": (0.5, 8.0), "network_gpu": (0.002, 0.04), "bm3d": (11.0, 176.0)}
GPU = {"device": "cuda", "device_name": "A card"}
METRICS = {"frame_seconds": {}, "frames_per_second": {"digits": 3}, "time_ratio": {}}


@pytest.fixture
def timed(tmp_path):
    """Return scores, run.json files and indexes of two problems; one method failed."""
    found = {"scores": [], "runs": [], "measurements": []}
    for place, (problem, shape) in enumerate(SHAPES.items()):
        index = tmp_path / "results" / "small" / "measurements" / problem / "test" / "index.csv"
        index.parent.mkdir(parents=True)
        with ImageWriter(index) as writer:
            for number in range(2):
                writer.add(f"image_{number}", np.zeros(shape), "TYX" if len(shape) == 3 else "YX")
        found["measurements"].append(index)
        for variant in VARIANTS:
            lines = made_up.lines(status="out of memory", number=2)
            if variant in SECONDS:
                # The two images take half as long and one and a half times as long.
                lines = made_up.lines(mae=[0.1, 0.1])
                for line, factor in zip(lines, (0.5, 1.5), strict=True):
                    line["seconds"] = factor * SECONDS[variant][place]
            run = GPU if variant == "network_gpu" else {}
            scores, path = made_up.write_row(tmp_path, problem, variant, lines, run=run)
            found["scores"].append(scores)
            found["runs"].append(path)
    return found


def rows(timed=True):
    return [(problem, variant, {"timed": timed}) for problem in SHAPES for variant in VARIANTS]


def table(found, metrics=METRICS, variants=tuple(VARIANTS), measurements=None, **changed):
    sections = [made_up.section({problem: problem}, list(variants), **changed) for problem in SHAPES]
    spec = made_up.spec(made_up.table(sections, metrics), {problem: {} for problem in SHAPES}, VARIANTS, rows())
    indexes = found["measurements"] if measurements is None else measurements
    return make_table(spec, found["scores"], found["runs"], [], [], None, indexes)


def tidy(made):
    return {(line["problem"], line["variant"]): line for line in csv.DictReader(io.StringIO(FORMATS["csv"](made)))}


def test_a_frame_of_a_sequence_takes_its_part_of_the_time(timed):
    found = tidy(table(timed))
    for place, problem in enumerate(SHAPES):
        frames = (1, 4)[place]
        for variant, seconds in SECONDS.items():
            line, expected = found[problem, variant], seconds[place] / frames
            assert float(line["frame_seconds_mean"]) == pytest.approx(expected)
            assert float(line["frames_per_second_mean"]) == pytest.approx(1 / expected)
            assert float(line["time_ratio_mean"]) == pytest.approx(seconds[place] / SECONDS["network"][place])
    assert {found[problem, "lost"]["time_ratio_mean"] for problem in SHAPES} == {""}
    assert found["small", "lost"]["status"] == "out of memory"


def test_each_row_says_on_what_it_was_measured(timed):
    made = table(timed)
    text = FORMATS["md"](made)
    head = "| method | time per frame [s] ↓ | frames per second ↑ | time over that of the first row | device | told |"
    assert head in text
    # Significant digits, for what spans orders of magnitude; a ratio is no merit, so that none is the best.
    assert "| Network | 0.50 | 2.00 | 1.0 | A processor, 1 thread | nothing |" in text
    assert "| Network | **0.0020** | **500** | 0.0040 | A card | nothing |" in text
    assert "| BM3D | 11 | 0.0909 | 22 | A processor, 1 thread | nothing |" in text
    assert "| Lost | out of memory |  |  | A processor, 1 thread | nothing |" in text
    ratio = (
        "Ratios of times: the time of a frame over that of Network on the same images; not all rows ran on its device."
    )
    assert text.count(ratio) == 2
    assert "Times: each job alone on A processor, 1 thread and A card" in text
    assert {line["device"] for line in tidy(made).values()} == {"A processor, 1 thread", "A card"}
    assert FORMATS["html"](made).count(">A card</td>") == 2
    tex = FORMATS["tex"](made)
    assert r"ours & device & told \\" in tex and r"\begin{tabular}{lrrrll}" in tex


def test_on_one_device_a_ratio_needs_no_caution(timed):
    text = FORMATS["md"](table(timed, variants=["network", "bm3d"]))
    assert "on the same images." in text and "not all rows" not in text


def test_other_tables_have_no_column_of_devices(timed):
    made = table(timed, metrics={"mae": {}, "time_ms": {}})
    assert "device" not in next(iter(tidy(made).values())) and "| told |" in FORMATS["md"](made)


def test_the_fastest_row_is_the_best_and_can_come_first(timed):
    order = {"by": "frames_per_second", "best": 0, "worst": 0}
    made = table(timed, order=order)
    block = made.blocks[0]
    assert [row.variant for row in block.rows] == ["network_gpu", "network", "bm3d", "lost"]
    assert {variant for _, variant, _ in block.best} == {"network_gpu"}
    # The ratio stays that to the row which the study lists first.
    assert block.rows[1].results[0].cells["time_ratio"].ours.mean == 1


def test_a_number_of_frames_that_is_not_known_is_named(timed):
    with pytest.raises(UserError, match="how many frames image 'image_0' has"):
        table(timed, measurements=[])


def test_heads_say_what_a_time_is():
    assert labels.metric_title("frame_seconds", scale=1000.0) == "time per frame (×10⁻³) [s] ↓"
    assert labels.metric_title("time_ms") == "time per image [ms] ↓"
    assert labels.metric_name("frames_per_second") == "frames per second"
    assert set(labels.FRAME_COLUMNS) < set(labels.TIME_COLUMNS)


# The figure


@pytest.fixture
def drawn(timed, tmp_path, monkeypatch):
    """Return a function that draws frames per second: the figure and the lines of the csv."""
    figures = []
    monkeypatch.setattr(style, "save", lambda figure, *paths: figures.append(figure))
    kinds = ("examples", "truths", "training", "models", "errors", "timings")

    def draw(variants, alone=True):
        definition = made_up.figure("speed", {problem: problem for problem in SHAPES}, variants, {})
        spec = made_up.spec(definition, {problem: {} for problem in SHAPES}, VARIANTS, rows(alone))
        outputs = {suffix: tmp_path / f"figure.{suffix}" for suffix in ("svg", "png", "csv")}
        draw_figure(spec, **timed, **{kind: [] for kind in kinds}, outputs=outputs)
        with open(outputs["csv"], newline="") as file:
            return figures[-1], list(csv.DictReader(file))

    return draw


def texts(figure):
    from matplotlib.text import Text

    return [text.get_text().replace("\n", " ") for text in figure.findobj(Text) if text.get_text()]


def test_a_line_a_variant_with_the_kind_of_its_device(drawn):
    figure, lines = drawn(list(VARIANTS))
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    curves = {tuple(line.get_ydata()): list(line.get_xdata()) for line in axes.lines}
    expected = {
        tuple(frames / taken for frames, taken in zip((1, 4), seconds, strict=True)) for seconds in SECONDS.values()
    }
    assert {tuple(np.round(curve, 9)) for curve in curves} == {tuple(np.round(curve, 9)) for curve in expected}
    assert list(curves.values()) == [[16**2, 32**2]] * 3
    said = texts(figure)
    assert {"Network (CPU)", "Network (GPU)", "BM3D (CPU)", "16 × 16", "32 × 32"} <= set(said)
    (small_print,) = (text for text in said if "Scale small" in text)
    assert "CPU: A processor, 1 thread. GPU: A card." in small_print
    assert "machine for itself" in small_print
    assert "No point: Lost on 16 × 16 (out of memory)." in small_print
    assert [line["frames_per_second"] for line in lines if line["variant"] == "network"] == ["2.0", "0.5"]
    assert [(line["status"], line["frame_seconds"]) for line in lines if line["variant"] == "lost"] == [
        ("out of memory", "")
    ] * 2


def test_times_that_were_shared_say_so(drawn):
    figure, _ = drawn(["network", "bm3d"], alone=False)
    assert any("Other jobs may have run beside" in text for text in texts(figure))
