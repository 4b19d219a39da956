"""The phase study: its planes are those of the papers, and its fields hold the distances at every scale."""

from pathlib import Path

import pytest

from reconbench import catalogue
from reconbench.config.loading import load
from reconbench.plan import Plan

HOME = Path(__file__).resolve().parents[2]
# Planes of the HeLa stack at either side of focus: 25 of them, from 1 to 500 micrometres.
STACK = [500 ** (place / 24) for place in range(25)]
FARTHEST = {4: 1.30, 8: 6.13, 10: 10.28, 32: 48.6}


@pytest.fixture(scope="module", params=["tiny", "small", "paper"])
def plan(request):
    return Plan(load({"scale": request.param}, HOME))


@pytest.mark.parametrize("number", FARTHEST)
def test_waves_are_seen_in_planes_of_the_stack(plan, number):
    distances = [1e6 * distance for distance in plan.problems[f"phase_wave_{number}"].forward.params["distances"]]
    assert len(distances) == number
    assert distances == sorted(distances)
    assert distances[: number // 2] == [-distance for distance in distances[: number // 2 - 1 : -1]]
    assert max(distances) == pytest.approx(FARTHEST[number], abs=0.05)
    for distance in distances[number // 2 :]:
        assert min(abs(distance / plane - 1) for plane in STACK) < 1e-6


def test_fields_hold_the_distances_and_have_the_pixels_of_their_objects(plan):
    sizes = {"phase_photographs": 512 if plan.scale == "paper" else 64}
    for name, problem in plan.problems.items():
        if problem.kind != "phase_retrieval" or problem.forward.name == "intensity_gradient":
            continue
        if plan.scale == "tiny" and not any(name == scored for scored, _ in plan.runs):
            continue
        dataset = plan.datasets[problem.dataset]
        module = catalogue.get_forward_model(problem.forward.name)
        forward = module.build(module.Params.model_validate(problem.forward.params))
        if dataset.source == "simulated":
            assert dataset.parameters["pixel_size"] == forward.pixel_size, name
        size = sizes.get(problem.dataset) or (dataset.size or [112])[0]
        for position in forward.positions:
            forward._require_field(2 * size, 2 * size, forward._distance(position))
    if plan.scale != "tiny":
        photographs = plan.problems["phase_two_planes"].forward.params
        module = catalogue.get_forward_model("through_focus")
        assert sizes["phase_photographs"] * module.Params.model_validate(photographs).pixel_size == pytest.approx(
            158.7e-6, rel=1e-3
        )
