"""The phase study: its planes are those of the papers, and its fields hold the distances at every scale."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from reconbench import catalogue
from reconbench.config.loading import load
from reconbench.images import ImageWriter, read_index
from reconbench.methods import multi_scale_network
from reconbench.plan import Plan
from reconbench.specs import Specs

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


def batches_of(variant, plan, records, folder, monkeypatch):
    """The measurements and targets that a variant of the study is trained on, in their order."""
    from reconbench.steps.training import TrainingData, train_networks

    seen, loss = [], multi_scale_network.loss

    def watched(networks, batch, problem, params):
        seen.append((batch.measurement.numpy().copy(), batch.target.numpy().copy()))
        return loss(networks, batch, problem, params)

    spec = json.loads(Specs(plan, HOME).train("phase_gradient", variant, "1", "all"))
    with monkeypatch.context() as patched:
        patched.setattr(multi_scale_network, "loss", watched)
        train_networks(spec, "", TrainingData(records, records[:1]), folder / variant, "cpu", 1e9)
    return seen


def test_the_networks_that_are_compared_see_the_same_batches_in_the_same_order(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    plan = Plan(load({"scale": "tiny", "studies": ["phase_retrieval"]}, HOME))
    with ImageWriter(tmp_path / "index.csv") as writer:
        for number, image in enumerate(np.random.default_rng(0).random((4, 48, 48), dtype=np.float32)):
            writer.add(f"image_{number}", image)
    records = read_index(tmp_path / "index.csv")
    networks = ("multi_scale", "u_net", "u_net_slow")
    multi_scale, *others = (batches_of(name, plan, records, tmp_path, monkeypatch) for name in networks)
    assert len(multi_scale) >= 4
    for other in others:
        assert len(other) == len(multi_scale)
        for (measurement, target), (own_measurement, own_target) in zip(other, multi_scale, strict=True):
            np.testing.assert_array_equal(measurement, own_measurement)
            np.testing.assert_array_equal(target, own_target)
    assert not np.array_equal(multi_scale[0][1], multi_scale[1][1])


@pytest.mark.parametrize("scale", ["small", "paper"])
def test_every_problem_of_phases_has_the_controls(scale):
    """And they know nothing but the phases to learn on, which are the same for all of them."""
    plan = Plan(load({"scale": scale, "studies": ["phase_retrieval"]}, HOME))
    sections = plan.study_of("tables", "phase_retrieval").study.tables["phase_retrieval"].sections
    for section in sections:
        assert section.variants[:2] == ["best_constant", "mean_of_phases"]
        for problem in section.problems.values():
            assert plan.problems[problem].dataset == plan.problems["phase_gradient"].dataset
            for name in section.variants[:2]:
                assert plan.variants[name].learns_on(problem, plan.problems[problem]) == "phase_gradient"


def test_errors_within_a_turn_have_the_period_of_the_phase():
    plan = Plan(load({"scale": "paper", "studies": ["phase_retrieval"]}, HOME))
    shown = plan.table_pairs("phase_within_a_turn")
    assert {problem for problem, _ in shown} == {"phase_astigmatic", "phase_astigmatic_32", "phase_field"}
    for problem, variant in shown:
        forward = plan.problems[problem].forward
        module = catalogue.get_forward_model(forward.name)
        phase_range = module.Params.model_validate(forward.params).phase_range
        metric = catalogue.metrics()["mae_wrapped"].Params.model_validate(
            plan.runs[problem, variant][0].metrics["mae_wrapped"]
        )
        assert metric.period * phase_range == pytest.approx(2 * np.pi)


def documented_photographs():
    """What docs/phase_retrieval.md says of photographs of one's own."""
    text = (HOME / "docs" / "phase_retrieval.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    return yaml.safe_load(block)


@pytest.mark.parametrize("own", [{}, documented_photographs()], ids=["scenes", "photographs"])
def test_networks_at_paper_see_as_many_images_of_the_size_and_epochs_as_the_paper_says(own):
    """1024 phases or 2048 waves, 512 x 512, 32 epochs. The network of the measured cell is not the paper's."""
    plan = Plan(load({"scale": "paper", "studies": ["phase_retrieval"], **own}, HOME))
    assert plan.datasets["phase_scenes"].source == ("folder" if own else "simulated")
    counted = {}
    for problem, variant in plan.runs:
        if plan.variants[variant].method != "multi_scale_network" or problem == "phase_field":
            continue
        names = [plan.problems[problem].dataset, *plan.problems[problem].train_with]
        counted[problem] = sum(plan.datasets[name].splits["train"] for name in names)
        training = multi_scale_network.Params.model_validate(plan.variants[variant].params).training
        steps = sum(phase.steps for phase in training.phases)
        assert steps * training.batch == 32 * counted[problem], (problem, variant)
        assert training.patch == (512, 512)
        for dataset in map(plan.datasets.get, names):
            assert [512, 512] in (dataset.size, dataset.resize) or dataset.name == "natural_cid22_512"
    waves = {name for name in counted if name.startswith("phase_wave")}
    assert {counted[name] for name in waves} == {2048}
    assert {counted[name] for name in counted.keys() - waves} == {1024}
    assert len(counted) == 10


PHASES = {"phase_range": 1.5, "pixel_size": 0.31e-6, "reading": "corrected"}
TURNS = {"phase_range": 2 * np.pi, "pixel_size": 0.31e-6, "reading": "corrected"}
HELA = {
    "wavelength": 525e-9,
    "refractive_index": 1.518,
    "numerical_aperture": 1.35,
    "convergence": 0.05,
    "object": "wave",
}
INSTRUMENTS = {
    "phase_defocus_minus": {**PHASES, "distances": (-108e-6,)},
    "phase_defocus_plus": {**PHASES, "distances": (108e-6,)},
    "phase_two_planes": {**PHASES, "distances": (-52e-6, 52e-6)},
    "phase_astigmatic": {**TURNS, "rotations": 1},
    "phase_astigmatic_32": {**TURNS, "rotations": 32},
    **{f"phase_wave_{number}": {**HELA, "phase_range": 1.0, "pixel_size": 80e-6 / 512} for number in FARTHEST},
    "phase_field": {**HELA, "phase_range": 6.0, "pixel_size": 0.35e-6},
}


@pytest.fixture(scope="module")
def as_in_the_papers():
    return Plan(load({"scale": "paper", "studies": ["phase_retrieval"]}, HOME))


@pytest.mark.parametrize("problem", INSTRUMENTS)
def test_instruments_are_those_of_the_papers(problem, as_in_the_papers):
    reference = as_in_the_papers.problems[problem].forward
    module = catalogue.get_forward_model(reference.name)
    params = module.Params.model_validate(reference.params)
    for key, value in INSTRUMENTS[problem].items():
        assert getattr(params, key) == (value if isinstance(value, str) else pytest.approx(value)), key


def test_what_the_networks_of_the_papers_are(as_in_the_papers):
    """Seven side outputs for phases, and three, of bottleneck cells, for amplitude and phase."""

    def params(name):
        return multi_scale_network.Params.model_validate(as_in_the_papers.variants[name].params)

    default = multi_scale_network.Params()
    for name, outputs in {"multi_scale": 7, "u_net": 0, "u_net_slow": 0, "u_net_fast": 0}.items():
        chosen = params(name)
        assert (chosen.widths, chosen.outer_kernel, chosen.cells) == (default.widths, 31, "plain")
        assert (chosen.side_outputs, chosen.normalisation) == (outputs, "none")
    for kind in ("batch", "group", "none"):
        chosen = params(f"wave_{kind}")
        assert (chosen.normalisation, chosen.side_outputs, chosen.cells) == (kind, 3, "bottleneck")
    rates = {
        phase.learning_rate for name in ("u_net", "u_net_slow", "u_net_fast") for phase in params(name).training.phases
    }
    assert rates == {3e-4, 1e-3, 3e-3}


def test_convergence_is_compared_by_steps_and_seconds_in_three_repetitions(as_in_the_papers):
    figure = as_in_the_papers.figures["phase_convergence"]
    assert figure.variants == ["multi_scale", "u_net_slow", "u_net", "u_net_fast"]
    assert figure.params["against"] == ["step", "seconds"]
    for variant in figure.variants:
        assert as_in_the_papers.runs["phase_gradient", variant][0].repetitions == 3
    assert as_in_the_papers.problems["phase_gradient"].noise.params == {"deviation": 0.01}
    assert all(as_in_the_papers.datasets[name].splits["test"] == 16 for name in ("phase_photographs", "phase_cells"))
