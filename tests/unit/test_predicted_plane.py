"""A plane that was not measured: what predicts it, how its error is taken, and the simulated twin of the real stack."""

import numpy as np
import pytest
from pydantic import ValidationError

from reconbench.contracts import Problem
from reconbench.datasets.preparing import prepare
from reconbench.datasets.simulators import absorbing_cells
from reconbench.errors import NotApplicableError, UserError
from reconbench.forward import left_out_plane, through_focus
from reconbench.images import ImageWriter, read_index
from reconbench.methods import predicted_plane, tie
from reconbench.methods._left_out_plane import predicted_intensity
from reconbench.metrics import prediction_nrmse, prediction_skill

torch = pytest.importorskip("torch")
from through_focus_planes import OPTICS, intensities, shifted, textures  # noqa: E402

SIZE = 128
PHASE_RANGE = 2.0
TARGET = -24e-6
DISTANCES = (-48e-6, -12e-6, -6e-6, 0.0, 6e-6, 12e-6, 36e-6)
NEAREST = DISTANCES.index(-12e-6)
MARGIN = {"margin": (36, 36)}
BASELINES = ("nearest_plane", "linear_interpolation", "zero_phase")


def smooth_specimen():
    """Absorbing blobs in a field that goes on as its reflection, so that the edges tell nothing wrong."""
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    source = np.random.default_rng(3)
    phase = np.zeros((SIZE, SIZE))
    for _ in range(14):
        middle, sigma = source.uniform(20, SIZE - 20, 2), source.uniform(4, 9)
        phase += source.uniform(0.3, 1) * np.exp(-((y - middle[0]) ** 2 + (x - middle[1]) ** 2) / (2 * sigma**2))
    phase /= phase.max()
    return np.stack([1 - 0.1 * phase, phase])


@pytest.fixture(scope="module")
def specimen():
    return smooth_specimen()


@pytest.fixture(scope="module")
def stack(specimen):
    noise = np.random.default_rng(0).normal(0, 0.005, (len(DISTANCES), SIZE, SIZE))
    return (intensities(specimen, DISTANCES, PHASE_RANGE) + noise).astype(np.float32)


@pytest.fixture(scope="module")
def truth(specimen):
    return intensities(specimen, (TARGET,), PHASE_RANGE)[0].astype(np.float32)


def instrument(**others):
    given = {**OPTICS, "phase_range": PHASE_RANGE, "distances": DISTANCES, "target": TARGET} | others
    return left_out_plane.build(left_out_plane.Params(**given))


def problem(forward=None):
    told = frozenset({"forward model"})
    return Problem(kind="plane_prediction", forward_model=forward or instrument(), told=told)


def predicted(stack, **params):
    return predicted_plane.restore(stack, problem(), predicted_plane.Params(**params), "cpu")


def error(estimate, truth, **others):
    return prediction_nrmse.metric(estimate, truth, prediction_nrmse.Params(**MARGIN, **others))


@pytest.fixture(scope="module")
def errors_of_baselines(stack, truth):
    return {name: error(predicted(stack, by=name), truth) for name in BASELINES}


# What predicts it.


def test_the_true_phase_predicts_the_plane_better_than_all_baselines(specimen, stack, truth, errors_of_baselines):
    focus = stack[DISTANCES.index(0.0)]
    phase = (PHASE_RANGE * specimen[1]).astype(np.float32)
    ours = error(predicted_intensity(focus, phase, instrument(), "cpu"), truth)
    assert ours < 0.1
    assert ours < 0.15 * min(errors_of_baselines.values())


def test_without_noise_the_true_wave_gives_the_very_plane(specimen, truth):
    focus = (specimen[0] ** 2).astype(np.float32)
    estimate = predicted_intensity(focus, (PHASE_RANGE * specimen[1]).astype(np.float32), instrument(), "cpu")
    np.testing.assert_allclose(estimate, truth, atol=2e-5)


SOLVERS = {
    "tie": {"planes": (-6e-6, 0.0, 6e-6)},
    "gptie": {},
    "mftie": {"planes": (-12e-6, -6e-6, 0.0, 6e-6, 12e-6)},
    "gerchberg_saxton": {"params": {"start": "mftie", "iterations": 10}},
}


@pytest.mark.parametrize("by", SOLVERS)
def test_every_solver_predicts_better_than_all_baselines(by, stack, truth, errors_of_baselines):
    assert error(predicted(stack, by=by, **SOLVERS[by]), truth) < 0.8 * min(errors_of_baselines.values())


def test_baselines_are_what_their_names_say(stack):
    np.testing.assert_array_equal(predicted(stack, by="nearest_plane"), stack[NEAREST])
    between = stack[0] / 3 + stack[NEAREST] * 2 / 3
    np.testing.assert_allclose(predicted(stack, by="linear_interpolation"), between, rtol=1e-5)
    focus = stack[DISTANCES.index(0.0)]
    flat = np.stack([np.sqrt(focus.clip(min=0)), np.zeros_like(focus)]).astype(np.float64)
    np.testing.assert_allclose(predicted(stack, by="zero_phase"), intensities(flat, (TARGET,))[0], atol=2e-5)


def test_planes_in_disorder_predict_the_same(stack):
    order = [4, 0, 6, 3, 1, 5, 2]
    forward = instrument(distances=tuple(DISTANCES[number] for number in order))
    for params in ({"by": "linear_interpolation"}, {"by": "tie", "planes": (-6e-6, 6e-6)}):
        chosen = predicted_plane.Params(**params)
        estimate = predicted_plane.restore(stack[order], problem(forward), chosen, "cpu")
        np.testing.assert_allclose(estimate, predicted(stack, **params), atol=1e-5)


def test_a_solver_gets_the_planes_it_is_given_and_its_parameters(stack, monkeypatch):
    seen = []
    solve = tie.restore

    def spy(measurement, problem, params, device):
        seen.append((measurement, problem.forward.distances, params, problem.kind))
        return solve(measurement, problem, params, device)

    monkeypatch.setattr(tie, "restore", spy)
    predicted(stack, by="tie", planes=(12e-6, -6e-6), params={"regularisation": 1e-3})
    ((measurement, distances, params, kind),) = seen
    assert distances == (12e-6, -6e-6)
    np.testing.assert_array_equal(measurement, stack[[5, 2]])
    assert params == tie.Params(regularisation=1e-3)
    assert kind == "phase_retrieval"


def test_what_cannot_be_predicted_is_said(stack):
    with pytest.raises(UserError, match=r"no plane is measured at 1e-06 m; there are some at -4.8e-05, -1.2e-05"):
        predicted(stack, by="tie", planes=(0.0, 1e-6))
    with pytest.raises(UserError, match="beyond all"):
        beyond = problem(instrument(target=37e-6))
        predicted_plane.restore(stack, beyond, predicted_plane.Params(by="linear_interpolation"), "cpu")
    with pytest.raises(NotApplicableError, match="leaves out none"):
        plain = through_focus.build(through_focus.Params(**OPTICS, distances=DISTANCES))
        predicted_plane.restore(stack, problem(plain), predicted_plane.Params(), "cpu")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"by": "tie", "params": {"degre": 1}}, "tie refuses its degre"),
        ({"by": "mftie", "params": {"order": 0}}, "mftie refuses its order"),
        ({"by": "zero_phase", "planes": (0.0,)}, "solves nothing"),
        ({"by": "nearest_plane", "params": {"degree": 1}}, "solves nothing"),
    ],
)
def test_parameters_of_a_solver_are_checked_before_anything_runs(given, message):
    with pytest.raises(ValidationError, match=message):
        predicted_plane.Params(**given)


# How its error is taken.


@pytest.fixture(scope="module")
def fine_plane():
    return intensities(textures(SIZE, seed=5), (-30e-6,), 1.0)[0]


def test_one_shift_is_taken_out_wherever_it_lies(fine_plane):
    for shift in ((0.0, 0.0), (0.4, -0.7), (3.3, -4.6)):
        moved = shifted(fine_plane, shift)
        assert error(moved, fine_plane, largest_shift=5) < 0.02
    assert error(shifted(fine_plane, (3.3, -4.6)), fine_plane, largest_shift=2) > 0.5


def test_no_gain_and_no_offset_is_fitted(fine_plane):
    inside = fine_plane[36:-36, 36:-36]
    assert error(fine_plane + 0.1, fine_plane) == pytest.approx(0.1 / inside.std(), rel=1e-3)
    gain = np.sqrt(np.mean((0.2 * inside) ** 2)) / inside.std()
    assert error(1.2 * fine_plane, fine_plane) == pytest.approx(gain, rel=0.02)


def test_its_own_mean_scores_one(fine_plane):
    flat = np.full_like(fine_plane, fine_plane[36:-36, 36:-36].mean())
    assert error(flat, fine_plane) == pytest.approx(1, rel=1e-9)


def test_what_lies_in_the_margin_does_not_count(fine_plane):
    spoiled = np.full_like(fine_plane, 9.0)
    inside = (slice(30, -30),) * 2
    spoiled[inside] = fine_plane[inside]
    assert error(spoiled, fine_plane) < 1e-2


def test_skill_is_relative_to_the_plane_that_is_named(stack, truth):
    def skill(estimate):
        params = prediction_skill.Params(**MARGIN, baseline=NEAREST)
        return prediction_skill.metric(estimate, truth, params, stack)

    assert skill(stack[NEAREST]) == 0
    assert skill(truth) == pytest.approx(1, abs=1e-6)
    far = stack[0]
    assert skill(far) == pytest.approx(1 - error(far, truth) / error(stack[NEAREST], truth))
    assert skill(far) < 0


def test_bad_parameters_are_said(stack, truth):
    for given, message in (
        ({"margin": (64, 64)}, "leaves nothing"),
        ({"margin": (10, 10), "largest_shift": 11}, "at most the margin, 10"),
    ):
        with pytest.raises(UserError, match=message):
            prediction_nrmse.metric(stack[0], truth, prediction_nrmse.Params(**given))
    with pytest.raises(UserError, match="constant"):
        error(stack[0], np.ones_like(truth))
    with pytest.raises(UserError, match="plane 7 of a measurement that has 7"):
        prediction_skill.metric(stack[0], truth, prediction_skill.Params(**MARGIN, baseline=7), stack)


# The simulated twin.


def simulated(tmp_path, distances, **others):
    definition = {
        "source": "simulated",
        "name": "through_focus_cells",
        "size": [64, 64],
        "splits": {"test": 1},
        "normalise": "none",
        "parameters": {"distances": list(distances), "pixel_size": 1.28e-6, **others},
    }
    with ImageWriter(tmp_path / "index.csv") as writer:
        prepare(definition, "test", 0, None, writer)
    (record,) = read_index(tmp_path / "index.csv")
    return record


def test_cells_and_noise_are_the_same_whichever_other_planes_there_are(tmp_path):
    all_planes = simulated(tmp_path, (-20e-6, 0.0, 20e-6, 40e-6))
    some = simulated(tmp_path / "some", (20e-6, -20e-6))
    one = simulated(tmp_path / "one", (0.0,))
    assert (all_planes.axes, one.axes) == ("CYX", "YX")
    assert all_planes.name == one.name
    np.testing.assert_array_equal(all_planes.load()[[2, 0]], some.load())
    np.testing.assert_array_equal(all_planes.load()[1], one.load())


def test_noise_differs_from_plane_to_plane_and_has_its_level(tmp_path):
    noisy, clean = (simulated(tmp_path / str(noise), (-20e-6, 20e-6), noise=noise).load() for noise in (0.05, 0))
    below, above = noisy - clean
    assert below.std() == pytest.approx(0.05, rel=0.05)
    assert abs(np.corrcoef(below.ravel(), above.ravel())[0, 1]) < 0.05


def test_cells_absorb_where_they_delay():
    chosen = absorbing_cells.Params(absorption=0.3)
    amplitude, phase = absorbing_cells.simulate(np.random.default_rng(0), (64, 48), chosen)
    np.testing.assert_allclose(amplitude, 1 - 0.3 * phase, rtol=1e-6)
    assert (phase.min(), phase.max()) == (0, 1)
