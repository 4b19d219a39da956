import csv
import subprocess
import sys
from pathlib import Path

import made_up
import numpy as np
import pytest

from reconbench.images import ImageWriter
from reconbench.results import style
from reconbench.results.drawing import draw_figure
from reconbench.results.figures import _panels, kde

SOURCE = Path(__file__).resolve().parents[2] / "src"
VARIANTS = {
    "identity": made_up.variant("identity"),
    "gaussian": made_up.variant("gaussian"),
    "median": made_up.variant("median"),
    "wavelet": made_up.variant("wavelet"),
}
PROBLEMS = {"low dose": "em_low", "ordinary dose": "em_ordinary"}
NUMBER = 12


def write_images(index, images, folder="images"):
    index.parent.mkdir(parents=True, exist_ok=True)
    with ImageWriter(index, folder) as writer:
        for number, image in enumerate(images):
            writer.add(f"image_{number}", image)
    return index


@pytest.fixture
def inputs(tmp_path):
    """Return what a figure reads: two problems, with the oracle, one method that failed, and two images kept."""
    rng = np.random.default_rng(0)
    truths = rng.random((2, 24, 32)).astype(np.float32)
    small = tmp_path / "results" / "small"
    kinds = ("scores", "examples", "truths", "measurements", "training", "models", "errors", "timings")
    found = {kind: [] for kind in kinds}
    found["truths"].append(write_images(small / "data" / "truths" / "test" / "index.csv", truths))
    for problem in PROBLEMS.values():
        index = small / "measurements" / problem / "test" / "index.csv"
        found["measurements"].append(write_images(index, truths * 0.5))
        for place, variant in enumerate(["oracle", *VARIANTS]):
            values = {
                "mse": 0.001 * (1 + rng.random(NUMBER)) * place,
                "ssim": np.minimum(1, 1 - place * rng.random(NUMBER)),
            }
            lines = made_up.lines(**{name: list(map(float, numbers)) for name, numbers in values.items()})
            if variant == "wavelet":
                lines = made_up.lines(status="out of memory", number=NUMBER)
            scores, _ = made_up.write_row(tmp_path, problem, variant, lines)
            found["scores"].append(scores)
            kept = [] if variant == "wavelet" else truths
            found["examples"].append(write_images(scores.with_name("examples.csv"), kept, "examples"))
    return found


def drawn(definition, inputs, folder, target="truth"):
    folder.mkdir()
    outputs = {suffix: folder / f"figure.{suffix}" for suffix in ("svg", "png", "csv")}
    problems = {problem: {"target": target} for problem in PROBLEMS.values()}
    draw_figure(made_up.spec(definition, problems, VARIANTS, []), **inputs, outputs=outputs)
    with open(outputs["csv"], newline="") as file:
        return outputs, list(csv.DictReader(file))


def test_densities_are_those_of_scipy_with_one_factor():
    from scipy.stats import gaussian_kde

    rng = np.random.default_rng(1)
    values = {"a": rng.normal(size=30), "b": rng.normal(2, 0.5, size=50)}
    places = np.linspace(-3, 5, 200)
    curves = kde.densities(values, places)
    expected = {name: gaussian_kde(found, "scott")(places) for name, found in values.items()}
    highest = max(curve.max() for curve in expected.values())
    assert max(curve.max() for curve in curves.values()) == 1.0
    for name, curve in curves.items():
        np.testing.assert_allclose(curve * highest, expected[name], rtol=0, atol=1e-9)


def test_kde_writes_the_curves_and_the_values_that_they_are_made_of(inputs, tmp_path):
    from scipy.stats import gaussian_kde

    definition = made_up.figure(
        "kde", PROBLEMS, ["oracle", *VARIANTS], {"mse": {"scale": 1000.0}, "ssim": {}}, points=50
    )
    outputs, lines = drawn(definition, inputs, tmp_path / "figure")
    assert list(lines[0]) == ["problem", "metric", "method", "variant", "what", "value", "density"]
    for problem in PROBLEMS.values():
        for metric in ("mse", "ssim"):
            panel = [line for line in lines if (line["problem"], line["metric"]) == (problem, metric)]
            curves = [line for line in panel if line["what"] == "curve"]
            assert max(float(line["density"]) for line in curves) == 1.0
            assert {line["variant"] for line in curves} == {"identity", "gaussian", "median"}
            values = {
                name: [float(line["value"]) for line in panel if line["what"] == "image" and line["variant"] == name]
                for name in ("identity", "gaussian", "median")
            }
            assert set(map(len, values.values())) == {NUMBER}
            places = [float(line["value"]) for line in curves if line["variant"] == "median"]
            expected = {name: gaussian_kde(found, "scott")(places) for name, found in values.items()}
            highest = max(curve.max() for curve in expected.values())
            shown = [float(line["density"]) for line in curves if line["variant"] == "median"]
            np.testing.assert_allclose(shown, expected["median"] / highest, rtol=0, atol=1e-9)
    assert outputs["png"].stat().st_size > 10_000


def test_kde_keeps_the_limits_that_it_is_given(inputs, tmp_path):
    definition = made_up.figure("kde", PROBLEMS, ["gaussian"], {"mse": {}}, limits={"mse": [0.0, 0.0045]})
    _, lines = drawn(definition, inputs, tmp_path / "figure")
    places = [float(line["value"]) for line in lines if line["what"] == "curve"]
    assert (min(places), max(places)) == (0.0, 0.0045)


def test_kde_names_methods_whose_images_all_lie_beyond_its_axes(inputs, tmp_path):
    from matplotlib.figure import Figure

    def footers(limits):
        definition = made_up.figure("kde", PROBLEMS, ["identity", "gaussian"], {"mse": {}}, limits={"mse": limits})
        texts = []
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Figure, "text", lambda self, x, y, text, **_: texts.append(text.replace("\n", " ")))
            drawn(definition, inputs, tmp_path / str(limits[0]))
        return " ".join(texts)

    assert "beyond the axes: " not in footers([0.0, 1.0])
    assert "All images beyond the axes: " in footers([0.9, 1.0])


def test_kde_of_nothing_but_failures_is_still_a_figure(inputs, tmp_path):
    definition = made_up.figure("kde", {"low dose": "em_low"}, ["wavelet"], {"mse": {}})
    _, (line,) = drawn(definition, inputs, tmp_path / "figure")
    assert (line["variant"], line["what"]) == ("wavelet", "no value")


def test_a_figure_is_the_same_each_time(inputs, tmp_path):
    definition = made_up.figure("kde", PROBLEMS, ["identity", "gaussian"], {"mse": {}})
    first, _ = drawn(definition, inputs, tmp_path / "first")
    second, _ = drawn(definition, inputs, tmp_path / "second")
    for suffix in ("svg", "png", "csv"):
        assert first[suffix].read_bytes() == second[suffix].read_bytes()
    assert b"<text" not in first["svg"].read_bytes()


def test_examples_show_truth_and_input_once_and_what_happened(inputs, tmp_path):
    definition = made_up.figure("examples", PROBLEMS, ["oracle", *VARIANTS], {}, corner=8, images=2, columns=3)
    outputs, lines = drawn(definition, inputs, tmp_path / "figure")
    first = [line for line in lines if (line["problem"], line["image"]) == ("em_low", "image_0")]
    assert [line["method"] for line in first if line["metric"] in ("", "mse")] == [
        "truth",
        "input",
        "Gaussian",
        "Median",
        "Wavelet",
    ]
    assert {line["image"] for line in lines} == {"image_0", "image_1"}
    assert {line["status"] for line in lines if line["variant"] == "wavelet"} == {"out of memory"}
    assert outputs["png"].stat().st_size > 10_000


def test_examples_have_the_grey_scale_of_what_is_scored(inputs, tmp_path, monkeypatch):
    limits = []
    monkeypatch.setattr(_panels, "draw_image", lambda axes, pixels, found, square: limits.append(found))
    definition = made_up.figure("examples", {"low dose": "em_low"}, ["gaussian"], {})
    drawn(definition, inputs, tmp_path / "figure", target="mean_matched")
    ((low, high),) = set(limits)
    # The measurement is half the truth, and so is the truth when it is scaled to the measurement's mean.
    assert 0 <= low < 0.05 and 0.45 < high <= 0.5


def test_lines_are_told_apart():
    names = [f"method_{number}" for number in range(24)]
    styles = style.line_styles([*names, "identity"], {"identity"})
    assert len(set(styles.values())) == 25


def test_kinds_are_read_without_a_plotting_library():
    program = (
        "import sys\n"
        "from reconbench import catalogue\n"
        "print(*catalogue.figure_kinds())\n"
        "heavy = ('matplotlib', 'seaborn', 'pandas', 'scipy', 'skimage', 'torch')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(SOURCE)})
    kinds = "diffuse_examples error_maps examples kde learning_curves phase_examples psf_convolution_speed speed video"
    assert found.stdout.splitlines() == [f"{kinds} wiener_kernels", "[]"]
