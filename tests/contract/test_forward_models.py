"""What every forward model promises, checked on whatever the catalogue finds."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import tifffile
from parameter_checks import assert_described_and_bounded

from reconbench import catalogue
from reconbench.contracts import Description
from reconbench.errors import UserError

torch = pytest.importorskip("torch")
MODULES = catalogue.forward_models()
FOLDER = TemporaryDirectory()  # goes when the tests end


def bead():
    path = Path(FOLDER.name) / "bead.tif"
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 1000, (9, 7)).astype(np.uint16))
    return str(path)


# What those need that cannot be built from their defaults.
NEEDED = {"measured_psf": {"path": bead()}, "caustic": {"path": bead(), "beyond": (2, 3)}}
PARAMS = {name: module.Params(**NEEDED.get(name, {})) for name, module in MODULES.items()}
CHOICES = {name: module.choices(PARAMS[name]) for name, module in MODULES.items() if hasattr(module, "choices")}
MODELS = {name: module.build(PARAMS[name]) for name, module in MODULES.items() if name not in CHOICES} | {
    f"{name}, {choice}": MODULES[name].build(PARAMS[name], choice)
    for name, choices in CHOICES.items()
    for choice in choices
}
LINEAR = [name for name, model in MODELS.items() if hasattr(model, "adjoint")]
CONVOLUTIONS = [name for name, model in MODELS.items() if hasattr(model, "kernel")]
WITH_TRANSFER_FUNCTION = [name for name, model in MODELS.items() if hasattr(model, "transfer_function")]


def random_tensor(shape, seed):
    return torch.from_numpy(np.random.default_rng(seed).random(shape))


def truth_shape(name):
    """(y, x), or (z, y, x) for a volume's kernel; not square, so that axes cannot be mixed up unseen.

    A screen has the size that its parameters say.
    """
    if hasattr(MODELS[name], "screen_pixels"):
        return MODELS[name].screen_pixels
    return (24, 40, 34)[-getattr(getattr(MODELS[name], "kernel", None), "ndim", 2) :]


@pytest.mark.parametrize("name", MODELS)
def test_shape_batches_and_input(name):
    model, shape = MODELS[name], truth_shape(name)
    truth = random_tensor((3, *shape), 0)
    before = truth.clone()
    measured = model(truth)
    assert tuple(measured.shape) == (3, *model.measurement_shape(shape))
    assert measured.dtype == truth.dtype
    torch.testing.assert_close(model(truth[1]), measured[1])
    torch.testing.assert_close(truth, before, rtol=0, atol=0)


@pytest.mark.parametrize("name", MODELS)
def test_is_differentiable(name):
    truth = random_tensor(truth_shape(name), 0).requires_grad_()
    MODELS[name](truth).square().sum().backward()
    assert torch.isfinite(truth.grad).all()
    assert truth.grad.abs().sum() > 0


@pytest.mark.parametrize("name", LINEAR)
def test_is_linear(name):
    model, shape = MODELS[name], truth_shape(name)
    one, two = random_tensor(shape, 0), random_tensor(shape, 1)
    torch.testing.assert_close(model(2 * one - 3 * two), 2 * model(one) - 3 * model(two), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", LINEAR)
def test_adjoint_satisfies_its_definition(name):
    """<A x, y> = <x, A* y>; and the gradient of the left side, which autograd computes by itself, is A* y."""
    model, shape = MODELS[name], truth_shape(name)
    truth = random_tensor(shape, 0).requires_grad_()
    measurement = random_tensor(model.measurement_shape(shape), 1)
    product = (model(truth) * measurement).sum()
    returned = model.adjoint(measurement)
    torch.testing.assert_close(product.detach(), (truth.detach() * returned).sum(), rtol=1e-6, atol=0)
    product.backward()
    torch.testing.assert_close(truth.grad, returned, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_kernel_keeps_the_energy_and_its_middle(name):
    model = MODELS[name]
    assert model.kernel.sum() == pytest.approx(1, abs=1e-6)
    assert all(size % 2 for size in model.kernel.shape)
    shape = tuple(2 * size + 1 for size in model.kernel.shape)
    point = torch.zeros(shape, dtype=torch.float64)
    point[tuple(size // 2 for size in shape)] = 1
    image = model(point).numpy()
    assert image.sum() == pytest.approx(1, abs=1e-6)
    inside = tuple(slice(size // 2 + 1, size // 2 + 1 + size) for size in model.kernel.shape)
    np.testing.assert_allclose(image[inside], model.kernel, atol=1e-8)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_adjoint_where_the_truth_is_smaller_than_the_kernel(name):
    """However little there is of an image, or of a volume along z."""
    model = MODELS[name]
    shape = (5, 30, 11)[-model.kernel.ndim :]
    truth, measurement = random_tensor(shape, 0), random_tensor(shape, 1)
    torch.testing.assert_close((model(truth) * measurement).sum(), (truth * model.adjoint(measurement)).sum())


@pytest.mark.parametrize("name", WITH_TRANSFER_FUNCTION)
def test_transfer_function_is_that_of_the_model(name):
    """On a periodic grid it gives what the model gives, where the truth is dark towards its edges."""
    model = MODELS[name]
    truth = random_tensor(truth_shape(name), 0)
    truth = torch.nn.functional.pad(truth, [20] * 2 * truth.ndim)
    spectrum = torch.fft.rfftn(truth) * model.transfer_function(truth.shape, truth.dtype)
    torch.testing.assert_close(torch.fft.irfftn(spectrum, s=truth.shape), model(truth), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", CHOICES)
def test_choices_are_different_names(name):
    choices = CHOICES[name]
    assert choices
    assert all(isinstance(choice, str) and choice for choice in choices)
    assert len(set(choices)) == len(choices)


@pytest.mark.parametrize("name", [name for name, module in MODULES.items() if hasattr(module, "files")])
def test_files_are_those_that_it_reads(name):
    """Without them it cannot be built, and says which one it misses."""
    files = MODULES[name].files(PARAMS[name])
    assert files
    for file in map(Path, files):
        away = file.rename(file.with_suffix(".away"))
        with pytest.raises(UserError, match=file.name):
            MODULES[name].build(PARAMS[name])
        away.rename(file)


@pytest.mark.parametrize("name", MODULES)
def test_record_and_parameters(name):
    module, params = MODULES[name], PARAMS[name]
    assert isinstance(module.FORWARD, Description)
    assert module.FORWARD.title
    assert module.FORWARD.reference
    assert_described_and_bounded(module)
    assert module.Params.model_validate_json(params.model_dump_json()) == params
