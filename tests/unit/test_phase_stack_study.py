"""The study of through-focus stacks: planes of the papers, fields that hold them, and no plane that is used twice."""

import csv
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml

from reconbench import catalogue
from reconbench.config.loading import load
from reconbench.datasets.preparing import prepare
from reconbench.errors import ConfigurationError, UserError
from reconbench.images import ImageWriter, read_index

HOME = Path(__file__).resolve().parents[2]
STUDY = HOME / "workflow" / "studies" / "phase_stack.yaml"
# Where the settings of some rows of the measured cell are chosen, by a plane that no row predicts.
CHOICE = HOME / "docs" / "results" / "phase_plane_choice"
SCALES = ("tiny", "small", "paper")
OPTICS = (
    "wavelength",
    "refractive_index",
    "pixel_size",
    "numerical_aperture",
    "aperture_smoothing",
    "phase_range",
    "object",
)


@pytest.fixture(scope="module", params=SCALES)
def study(request):
    benchmark = load({"scale": request.param, "studies": ["phase_stack"]}, HOME, [HOME / "config.yaml"])
    return next(loaded.study for loaded in benchmark.studies if loaded.name == "phase_stack")


def forward_of(problem):
    module = catalogue.get_forward_model(problem.forward.name)
    return module.Params.model_validate(problem.forward.params)


def planes_left_out(study):
    return {name: problem for name, problem in study.problems.items() if problem.kind == "plane_prediction"}


def test_twins_have_the_planes_of_the_papers():
    paper = load({"scale": "paper", "studies": ["phase_stack"]}, HOME, [HOME / "config.yaml"]).part("problems")
    cheek = np.array(forward_of(paper["phase_cheek_twin"]).distances)
    np.testing.assert_allclose(cheek, np.linspace(-256e-6, 256e-6, 129), atol=1e-12)
    hela = np.array(forward_of(paper["phase_hela_twin"]).distances)
    assert len(hela) == 51
    np.testing.assert_array_equal(hela, -hela[::-1])
    np.testing.assert_allclose(hela[26:], 1e-6 * 500 ** (np.arange(25) / 24), rtol=1e-6)


def test_fields_hold_their_distances(study):
    """Light of the finest detail stays within an image and its mirror images; pixels are those that are simulated."""
    run = {name for run in study.runs.values() for name in run.problems}
    for name in run | {study.problems[name].train_on for name in run} - {None}:
        problem = study.problems[name]
        dataset, optics = study.datasets[problem.dataset], forward_of(problem)
        if problem.kind != "phase_retrieval":
            continue
        sides = [min(dataset.size)]
        if dataset.splits.get("train"):
            sides = [min(study.variants["plane_network"].params["training"]["patch"])]
            assert sides[0] <= min(dataset.size)
        farthest = max(map(abs, optics.distances))
        assert 2 * sides[0] * optics.pixel_size**2 >= optics.wavelength * farthest / optics.refractive_index
        assert dataset.parameters["pixel_size"] == optics.pixel_size
        np.testing.assert_allclose(dataset.pixel_size, 1e9 * optics.pixel_size)


def test_the_network_learns_with_the_same_light_and_never_the_plane_that_is_left_out(study):
    planes = study.variants["plane_network"].params["planes"]
    for problem in planes_left_out(study).values():
        optics, learned = forward_of(problem), forward_of(study.problems[problem.train_on])
        assert {name: getattr(learned, name) for name in OPTICS} == {name: getattr(optics, name) for name in OPTICS}
        assert set(planes) == set(learned.distances)
        assert set(planes) <= set(optics.distances)
        assert optics.target not in optics.distances


def test_the_baseline_of_the_skill_is_the_nearest_plane(study):
    for run in study.runs.values():
        for name in run.problems:
            if "prediction_skill" not in run.metrics:
                continue
            optics = forward_of(study.problems[name])
            nearest = np.argmin(np.abs(np.array(optics.distances) - optics.target))
            assert run.metrics["prediction_skill"]["baseline"] == nearest


def test_the_measured_plane_that_is_left_out_is_no_part_of_its_stack(study):
    for problem in planes_left_out(study).values():
        stack, plane = study.datasets[problem.measured], study.datasets[problem.dataset]
        if stack.series is None:
            assert set(stack.parameters["distances"]).isdisjoint(plane.parameters["distances"])
            continue
        assert set(stack.series.planes).isdisjoint(plane.series.planes)
        assert list(plane.series.planes.values()) == [forward_of(problem).target]
        # The stage goes against the light, and focus is at 10 micrometres.
        for file, distance in {**stack.series.planes, **plane.series.planes}.items():
            stage = int(file[3:6]) * (-1 if file[2] == "m" else 1) if file != "z_0000um.png" else 0
            assert distance == pytest.approx((10 - stage) * 1e-6)


@pytest.fixture(scope="module")
def choice():
    """The study at the scale `paper`, with what chooses settings on another plane."""
    configuration = yaml.safe_load((CHOICE / "config.yaml").read_text(encoding="utf-8"))
    assert configuration["scale"] == "paper"
    return load(configuration, HOME)


def test_the_plane_that_settings_are_chosen_on_is_predicted_from_planes_without_those_left_out(choice):
    problems, datasets = choice.part("problems"), choice.part("datasets")
    there = problems["choice_plane"]
    chosen, stack = (datasets[name].series.planes for name in (there.dataset, there.measured))
    predicted, files = [], set()
    for name in ("phase_cell_minus_40", "phase_cell_80"):
        left_out, others = (datasets[part].series.planes for part in (problems[name].dataset, problems[name].measured))
        predicted += left_out
        files |= {*left_out, *others}
        optics = forward_of(there).model_dump(exclude={"distances", "target"})
        assert optics == forward_of(problems[name]).model_dump(exclude={"distances", "target"})
    assert files == {*stack, *chosen, *predicted}
    assert set(stack).isdisjoint({*chosen, *predicted})
    assert set(chosen).isdisjoint(predicted)
    assert [forward_of(there).target] == list(chosen.values())
    assert sorted(forward_of(there).distances) == sorted(stack.values())
    nearest = np.argmin(np.abs(np.array(forward_of(there).distances) - forward_of(there).target))
    for run in ("choice_plane", "choice_near_planes", "choice_networks"):
        assert choice.part("runs")[run].metrics["prediction_skill"]["baseline"] == nearest


@pytest.mark.parametrize(
    ("row", "candidates"),
    [
        ("plane_tie", "choice_tie"),
        ("plane_gptie_plain", "choice_gptie"),
        ("plane_gerchberg_saxton", "choice_gs"),
    ],
)
def test_rows_have_the_settings_that_the_other_plane_prefers(choice, row, candidates):
    """Of the recorded table, less GPTIE without the farthest planes, which is a check and no candidate."""
    best = best_of(choice, choice.part("runs")["choice_plane"].variants, candidates)
    settings = [solver_of(choice.part("variants")[name]) for name in (row, best)]
    assert settings[0] == settings[1]


def test_the_network_is_trained_as_the_other_plane_prefers(choice):
    problems, datasets, variants = (choice.part(part) for part in ("problems", "datasets", "variants"))
    names = choice.part("runs")["choice_networks"].variants
    best, row = variants[best_of(choice, names, "choice_network")], variants["plane_network"]
    trainings = []
    for candidate in map(variants.get, names):
        learned = problems[candidate.train_on or problems["choice_plane"].train_on]
        training = candidate.params.get("plane_weight"), learned.noise, datasets[learned.dataset].parameters
        assert training not in trainings
        trainings.append(training)
    assert best.params.get("plane_weight") == row.params.get("plane_weight")
    for name in ("phase_cell_minus_40", "phase_cell_80"):
        learned, preferred = (
            problems[trained]
            for trained in (problems[name].train_on, best.train_on or problems["choice_plane"].train_on)
        )
        assert learned.noise == preferred.noise
        assert forward_of(learned) == forward_of(preferred)
        assert datasets[learned.dataset].parameters == datasets[preferred.dataset].parameters


def best_of(choice, names, beginning):
    """The variant of the least error in the recorded table, of those whose name begins so."""
    with open(CHOICE / "phase_plane_choice.csv", encoding="utf-8", newline="") as file:
        errors = {row["variant"]: float(row["prediction_nrmse_mean"]) for row in csv.DictReader(file)}
    candidates = [name for name in names if name.startswith(beginning)]
    assert len(candidates) > 3
    return min(candidates, key=errors.__getitem__)


def solver_of(variant):
    """What solves, on which planes, and all its parameters, defaults included."""
    solver = catalogue.get_method(variant.params["by"])
    return variant.params["by"], variant.params.get("planes"), solver.Params(**variant.params.get("params", {}))


@pytest.fixture
def folders():
    """The configuration at the head of the study, of the measured stacks in folders."""
    lines = STUDY.read_text(encoding="utf-8").splitlines()
    shown = takewhile(lambda line: line != "#", lines[lines.index("#   datasets:") :])
    run = {"problems": ["cheek_cells", "hela_cells"], "variants": ["gptie"], "metrics": []}
    return {**yaml.safe_load("\n".join(line[1:] for line in shown)), "runs": {"measured_cells": run}}


def loaded(configuration):
    return load({**configuration, "studies": ["phase_stack"]}, HOME)


def test_stacks_in_folders_are_configured_as_the_head_of_the_study_shows(folders):
    benchmark = loaded(folders)
    problems, datasets = benchmark.part("problems"), benchmark.part("datasets")
    for name in ("cheek_cells", "hela_cells"):
        optics = forward_of(problems[name])
        assert list(optics.distances) == list(datasets[name].series.planes.values())
        pixel = 1e-9 * datasets[name].pixel_size[0] * (datasets[name].downscale or 1)
        assert pixel == pytest.approx(optics.pixel_size)
    folders["problems"]["cheek_cells"]["forward"]["params"]["distances"][0] = -255e-6
    with pytest.raises(ConfigurationError, match="cheek_cells"):
        loaded(folders)


def test_a_stack_in_a_folder_is_one_image_of_its_planes(folders, tmp_path, monkeypatch):
    datasets = loaded(folders).part("datasets")
    monkeypatch.chdir(tmp_path)
    source = np.random.default_rng(0)
    for name, side in (("cheek_cells", 16), ("hela_cells", 8)):
        planes = source.random((3, 16, 16), dtype=np.float32)
        folder = tmp_path / datasets[name].path
        folder.mkdir()
        for file, plane in zip(datasets[name].series.planes, planes, strict=True):
            tifffile.imwrite(folder / file, plane)
        definition = datasets[name].model_dump(mode="json")
        definition["series"]["registered"] = False
        with ImageWriter(tmp_path / name / "index.csv") as writer:
            prepare(definition, "test", 0, None, writer)
        (record,) = read_index(tmp_path / name / "index.csv")
        assert (record.axes, record.shape) == ("CYX", (3, side, side))
        np.testing.assert_allclose(record.load(), planes.reshape(3, side, 16 // side, side, -1).mean((2, 4)), rtol=1e-5)


def test_half_the_pixels_of_the_hela_stack_hold_its_farthest_plane_and_all_of_them_do_not(folders):
    """And the cheek cells' hold theirs. Fields are twice the image, with its mirror image."""
    problems = loaded(folders).part("problems")
    module = catalogue.get_forward_model("through_focus")
    hela, cheek = (forward_of(problems[name]) for name in ("hela_cells", "cheek_cells"))
    module.build(hela)._require_field(2160, 2560, distance=500e-6)
    module.build(cheek)._require_field(2048, 2048, distance=256e-6)
    full = module.build(hela.model_copy(update={"pixel_size": 0.1625e-6}))
    full._require_field(4320, 5120, distance=297.89e-6)
    with pytest.raises(UserError, match="6549 pixels"):
        full._require_field(4320, 5120, distance=500e-6)


@pytest.mark.parametrize("scale", ["small", "paper"])
def test_planes_are_scored_where_no_light_from_beyond_the_field_comes(scale):
    """0.58 of the distance from each edge: an aperture of 0.5 bends light by no more."""
    study = load({"scale": scale, "studies": ["phase_stack"]}, HOME, [HOME / "config.yaml"])
    runs, datasets = study.part("runs"), study.part("datasets")
    scored = {
        "phase_twin_minus_40": 50e-6,
        "phase_twin_80": 70e-6,
        **({"phase_cell_minus_40": 50e-6, "phase_cell_80": 70e-6} if scale == "paper" else {}),
    }
    for name, distance in scored.items():
        (problem,) = runs[name].problems
        dataset = datasets[study.part("problems")[problem].dataset]
        width = dataset.pixel_size[0] * 1e-9 * (dataset.downscale or 1)
        margin = int(np.ceil(0.58 * distance / width))
        for params in runs[name].metrics.values():
            assert params["margin"] == [margin, margin], name


def test_the_measured_cell_is_divided_by_its_reference_and_cropped_alike_in_all_sets():
    datasets = load({"scale": "paper", "studies": ["phase_stack"]}, HOME, [HOME / "config.yaml"]).part("datasets")
    sets = [datasets[name].series for name in datasets if name.startswith("phase_cell_") and datasets[name].series]
    assert len(sets) == 4
    for series in sets:
        assert (series.reference, series.rows, series.columns) == ("reference.png", [60, 1084], [400, 1424])


def test_mftie_has_the_pairs_around_focus(study):
    """0 and 20, and -20 and 40 micrometres of the stage, on which focus is at 10."""
    for variant in study.variants.values():
        if variant.method == "predicted_plane" and variant.params.get("by") == "mftie":
            planes = np.array(variant.params["planes"])
            np.testing.assert_allclose(planes * 1e6, [-30, -10, 0, 10, 30])
