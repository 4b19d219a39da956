"""What every method promises, checked on whatever the catalogue finds."""

import ast
import itertools
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from parameter_checks import assert_described_and_bounded

from reconbench import catalogue
from reconbench.contracts import Method, NotToldError, Problem

METHODS = catalogue.methods()
UNTRAINED = {name: module for name, module in METHODS.items() if module.METHOD.trained_on is None}
SIZE = 40
# What a phase is retrieved from: planes on both sides of focus, unless the method is made for another instrument.
INSTRUMENTS = {
    "inverse_laplacian": ("intensity_gradient", {}),
    "ctf_single": ("through_focus", {"distances": (52e-6,)}),
    "predicted_plane": ("left_out_plane", {}),
}
LIGHT_IMPORTS = ("numpy", "pydantic", "reconbench.contracts", "reconbench.errors", "reconbench.training.settings")


@dataclass(frozen=True)
class Probe(Problem):
    """A problem that notes what it was asked."""

    asked: set = field(default_factory=set)

    def _tell(self, what, value):
        self.asked.add(what)
        return super()._tell(what, value)


def truth():
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    image = 0.3 + 0.2 * x + 0.4 * ((y - 0.4) ** 2 + (x - 0.5) ** 2 < 0.05)
    return image.astype(np.float32)


@cache
def wall():
    """A screen of the truth's size and a camera of half of it; one for all, as its singular values take a while."""
    diffuse_wall = catalogue.get_forward_model("diffuse_wall")
    return diffuse_wall.build(diffuse_wall.Params(screen_pixels=(SIZE, SIZE), camera_pixels=(SIZE // 2, SIZE // 2)))


def example(kind, told, name):
    """Return a measurement of a kind and the problem that goes with it, for a method."""
    source = np.random.default_rng(0)
    clean, forward = truth(), None
    if kind == "deconvolution":
        torch = pytest.importorskip("torch")
        blur = catalogue.get_forward_model("ssi_blur")
        forward = blur.build(blur.Params())
        clean = forward(torch.from_numpy(clean)).numpy()
    if kind in ("phase_retrieval", "plane_prediction"):
        torch = pytest.importorskip("torch")
        instrument, params = INSTRUMENTS.get(name, ("through_focus", {}))
        optics = catalogue.get_forward_model(instrument)
        forward = optics.build(optics.Params(**params))
        clean = forward(torch.from_numpy(clean)).numpy()
    if kind == "diffuse_imaging":
        torch = pytest.importorskip("torch")
        forward = wall()
        clean = forward(torch.from_numpy(np.stack([clean] * 3))).numpy()
    dose = 200.0
    measurement = (source.poisson(dose * np.clip(clean, 0, None)) / dose).astype(np.float32)
    problem = Probe(
        kind=kind,
        forward_model=forward,
        variance=lambda signal: np.clip(signal, 0, None) / dose,
        counts_per_unit=dose,
        pixel_size=(100.0, 100.0),
        wavelength=500.0,
        told=told,
    )
    return measurement, problem


def parameter_sets(module):
    """The defaults, then every value of the grid by itself."""
    yield module.Params()
    for name, values in module.METHOD.grid.items():
        for value in values:
            yield module.Params(**{name: value})


CASES = [
    pytest.param(name, kind, id=f"{name}-{kind}") for name in UNTRAINED for kind in sorted(UNTRAINED[name].METHOD.kinds)
]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Images are so small that more threads only wait for each other."""
    if any("deconvolution" in module.METHOD.kinds for module in UNTRAINED.values()):
        torch = pytest.importorskip("torch")
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(before)
    else:
        yield


@cache
def restored(name, kind):
    """Return parameters, measurement, estimate and what was asked, for each set of parameters."""
    module = METHODS[name]
    results = []
    for params in parameter_sets(module):
        measurement, problem = example(kind, module.METHOD.told, name)
        measurement.flags.writeable = False  # Whoever writes into it raises.
        estimate = module.restore(measurement, problem, params, "cpu")
        results.append((params, measurement, estimate, problem.asked))
    return results


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_restore_gives_a_finite_float32_image_and_leaves_the_measurement(name, kind):
    untouched, _ = example(kind, METHODS[name].METHOD.told, name)
    for params, measurement, estimate, _ in restored(name, kind):
        assert isinstance(estimate, np.ndarray)
        assert estimate.dtype == np.float32
        assert np.isfinite(estimate).all(), params
        assert not np.shares_memory(estimate, measurement)
        if kind in ("denoising", "deconvolution"):
            assert estimate.shape == measurement.shape
        np.testing.assert_array_equal(measurement, untouched)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_same_input_gives_the_same_bits_whatever_the_global_random_state(name, kind):
    module = METHODS[name]
    measurement, problem = example(kind, module.METHOD.told, name)
    _, _, first, _ = restored(name, kind)[0]
    np.random.seed(1)  # noqa: NPY002 - the point is that nobody reads the global state
    second = module.restore(measurement, problem, module.Params(), "cpu")
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_told_lists_exactly_what_is_asked(name, kind):
    asked = set().union(*(asked for *_, asked in restored(name, kind)))
    assert asked == METHODS[name].METHOD.told - {"kind of noise"}  # The kind of noise is not asked but built in.


@pytest.mark.parametrize(("name", "kind"), [case for case in CASES if UNTRAINED[case.values[0]].METHOD.told])
def test_a_method_that_is_told_nothing_fails_clearly(name, kind):
    module = METHODS[name]
    measurement, problem = example(kind, frozenset(), name)
    if not module.METHOD.told - {"kind of noise"}:
        pytest.skip("the kind of noise is not asked for")
    with pytest.raises(NotToldError, match=r"METHOD\.told does not list"):
        module.restore(measurement, problem, module.Params(), "cpu")


@pytest.mark.parametrize("name", METHODS)
def test_parameters_survive_json(name):
    module = METHODS[name]
    for params in parameter_sets(module):
        assert module.Params.model_validate_json(params.model_dump_json()) == params


@pytest.mark.parametrize("name", METHODS)
def test_record_is_complete(name):
    record, params = METHODS[name].METHOD, METHODS[name].Params()
    assert isinstance(record, Method)
    assert record.reference
    assert record.kinds
    assert "{" not in record.title.format(**params.model_dump())
    for values in itertools.product(*record.grid.values()):
        METHODS[name].Params(**dict(zip(record.grid, values, strict=True)))


@pytest.mark.parametrize("name", METHODS)
def test_parameters_are_described_and_bounded(name):
    assert_described_and_bounded(METHODS[name])


def module_level_imports(tree):
    """Names imported when the file is, hence not those inside functions."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


@pytest.mark.parametrize("name", METHODS)
def test_importing_a_method_imports_nothing_heavy(name):
    """Nor do the files that methods share, `_siamese.py` for instance, where it imports these."""
    file = Path(METHODS[name].__file__)
    waiting = [file]
    while waiting:
        for imported in module_level_imports(ast.parse(waiting.pop().read_text())):
            if imported.startswith("reconbench.methods._"):
                waiting.append(file.with_name(f"{imported.split('.')[2]}.py"))
                continue
            light = imported.startswith(LIGHT_IMPORTS) or imported.partition(".")[0] in sys.stdlib_module_names
            assert light, f"{imported} must be imported inside a function"
