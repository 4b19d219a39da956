"""The study of through-focus stacks: planes of the papers, fields that hold them, and no plane that is used twice."""

from pathlib import Path

import numpy as np
import pytest

from reconbench import catalogue
from reconbench.config.loading import load

HOME = Path(__file__).resolve().parents[2]
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
    benchmark = load({"scale": request.param, "studies": ["phase_stack"]}, HOME, HOME / "config.yaml")
    return next(loaded.study for loaded in benchmark.studies if loaded.name == "phase_stack")


def forward_of(problem):
    module = catalogue.get_forward_model(problem.forward.name)
    return module.Params.model_validate(problem.forward.params)


def planes_left_out(study):
    return {name: problem for name, problem in study.problems.items() if problem.kind == "plane_prediction"}


def test_twins_have_the_planes_of_the_papers():
    paper = load({"scale": "paper", "studies": ["phase_stack"]}, HOME, HOME / "config.yaml").part("problems")
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
