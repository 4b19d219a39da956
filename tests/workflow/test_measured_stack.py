"""The measured through-focus stack of a real cell: a plane that no method has seen, predicted from the others."""

import os

import pytest

from reconbench.contracts import Problem
from reconbench.datasets.fetching import fetch
from reconbench.datasets.preparing import prepare
from reconbench.images import ImageWriter, read_index

MIRROR = os.environ.get("RECONBENCH_MIRROR")
pytestmark = pytest.mark.skipif(
    not MIRROR, reason="the planes are absent: RECONBENCH_MIRROR names no mirror that holds them"
)
torch = pytest.importorskip("torch")

NAME = "phase_throughfocus_cell"
# Micrometres of the stage, which goes against the light; focus is at 10.
FOCUS = 10
PLANES = (160, 80, 40, 20, 10, 0, -10, -20, -40, -80, -160)
# The plane left out, its nearest neighbour, and pixels of 0.32 micrometres that light crosses from beyond the image.
LEFT_OUT = {-40: (-20, 91), 80: (40, 127)}
# Where settings are chosen, and its margin. It is predicted without the planes that are left out.
CHOSEN_AT, MARGIN_THERE = -80, 163
# NRMSE of each, as first measured.
BASELINES = {
    "nearest_plane": {-40: 0.851, 80: 0.993},
    "linear_interpolation": {-40: 0.771, 80: 0.883},
    "zero_phase": {-40: 1.003, 80: 0.998},
}
SOLVERS = {
    "tie": {-40: 0.630, 80: 0.621},
    "gptie": {-40: 0.680, 80: 0.779},
    "mftie": {-40: 0.648, 80: 0.604},
    "gerchberg_saxton": {-40: 0.624, 80: 0.557},
}
CHOSEN = {"tie": (0, 10, 20), "mftie": (-20, 0, 10, 20, 40), "gerchberg_saxton": (-20, 0, 10, 20, 40)}
# The study has 100 iterations, which take half a minute.
SETTINGS = {"gerchberg_saxton": {"start": "mftie"}}
# Skill of one of them against the nearest plane, likewise.
SKILL_OF_GERCHBERG_SAXTON = {-40: 0.266, 80: 0.439}


def distance(plane):
    return (FOCUS - plane) * 1e-6


def file_of(plane):
    return "z_0000um.png" if plane == 0 else f"z_{'m' if plane < 0 else 'p'}{abs(plane):03d}um.png"


def prepared(folder, downloads, planes):
    definition = {
        "source": "registry",
        "name": NAME,
        "splits": {"test": 1},
        "normalise": "none",
        "downscale": 2,
        "pixel_size": [160, 160],
        "series": {
            "planes": {file_of(plane): distance(plane) for plane in planes},
            "reference": "reference.png",
            "rows": [60, 1084],
            "columns": [400, 1424],
            "registered": True,
        },
    }
    with ImageWriter(folder / "index.csv") as writer:
        prepare(definition, "test", 0, downloads, writer)
    (record,) = read_index(folder / "index.csv")
    return record


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cell")
    fetch(NAME, folder / "files", folder / "partial", mirror=MIRROR)
    return folder / "files"


@pytest.fixture(scope="module", params=LEFT_OUT)
def left_out(request, downloads, tmp_path_factory):
    """The plane left out, the stack without it, and itself."""
    folder = tmp_path_factory.mktemp("prepared")
    others = [plane for plane in PLANES if plane != request.param]
    return (
        request.param,
        prepared(folder / "stack", downloads, others),
        prepared(folder / "plane", downloads, [request.param]),
    )


def problem_of(stack, target):
    """The instrument that measured planes of the stage and not the target, as a problem."""
    from reconbench.forward import left_out_plane

    optics = left_out_plane.Params(
        wavelength=532e-9,
        pixel_size=0.32e-6,
        numerical_aperture=0.5,
        aperture_smoothing=0,
        phase_range=1,
        object="wave",
        distances=tuple(map(distance, stack)),
        target=distance(target),
    )
    told = frozenset({"forward model"})
    return Problem(kind="plane_prediction", forward_model=left_out_plane.build(optics), told=told)


def predicted(measurement, problem, name, settings):
    from reconbench.methods import predicted_plane

    planes = {"planes": tuple(distance(other) for other in CHOSEN[name])} if name in CHOSEN else {}
    params = predicted_plane.Params(by=name, params=settings, **planes)
    return predicted_plane.restore(measurement, problem, params, "cpu")


def errors(left_out):
    """NRMSE of every baseline and solver, and the skill of Gerchberg-Saxton."""
    from reconbench.metrics import prediction_nrmse, prediction_skill

    target, stack, plane = left_out
    others = [plane for plane in PLANES if plane != target]
    problem = problem_of(others, target)
    nearest, margin = LEFT_OUT[target]
    scored = {"margin": (margin, margin), "largest_shift": 8}
    scoring = prediction_nrmse.Params(**scored)
    skill = prediction_skill.Params(**scored, baseline=others.index(nearest))
    measurement, truth = stack.load(), plane.load()
    estimates = {name: predicted(measurement, problem, name, SETTINGS.get(name, {})) for name in (*BASELINES, *SOLVERS)}
    found = {name: prediction_nrmse.metric(estimate, truth, scoring) for name, estimate in estimates.items()}
    return found, prediction_skill.metric(estimates["gerchberg_saxton"], truth, skill, measurement)


def test_the_stack_is_one_image_of_planes_in_the_order_of_z(left_out):
    target, stack, plane = left_out
    assert (stack.axes, stack.shape) == ("CYX", (10, 512, 512))
    assert (plane.axes, plane.shape) == ("YX", (512, 512))
    assert stack.name == plane.name == NAME
    noted = [float(place) for place in stack.notes["distances"].split()]
    assert noted == pytest.approx([distance(other) for other in PLANES if other != target])


def test_every_solver_predicts_the_plane_better_than_every_baseline(left_out):
    found, skill = errors(left_out)
    assert max(found[name] for name in SOLVERS) < min(found[name] for name in BASELINES)
    for name, measured in {**BASELINES, **SOLVERS}.items():
        assert found[name] == pytest.approx(measured[left_out[0]], abs=0.005), name
    assert skill == pytest.approx(SKILL_OF_GERCHBERG_SAXTON[left_out[0]], abs=0.01)
    assert skill == pytest.approx(1 - found["gerchberg_saxton"] / found["nearest_plane"], abs=1e-6)


def test_settings_are_told_apart_by_a_plane_that_no_row_predicts(downloads, tmp_path):
    """Without the planes left out: GPTIE is better where it is not regularised, Gerchberg-Saxton where MFTIE begins."""
    from reconbench.metrics import prediction_nrmse

    others = [plane for plane in PLANES if plane not in LEFT_OUT and plane != CHOSEN_AT]
    measurement = prepared(tmp_path / "stack", downloads, others).load()
    truth = prepared(tmp_path / "plane", downloads, [CHOSEN_AT]).load()
    problem = problem_of(others, CHOSEN_AT)
    scoring = prediction_nrmse.Params(margin=(MARGIN_THERE, MARGIN_THERE), largest_shift=8)

    def error(name, settings):
        return prediction_nrmse.metric(predicted(measurement, problem, name, settings), truth, scoring)

    assert error("gptie", {"regularisation": 0}) < 0.9 * error("gptie", {})
    few = {"iterations": 5}
    assert error("gerchberg_saxton", {**few, "start": "mftie"}) < 0.8 * error("gerchberg_saxton", few)
