"""Weights on disk: tensors and text, and a clear sentence for whatever else."""

import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from reconbench import catalogue  # noqa: E402
from reconbench.contracts import Problem  # noqa: E402
from reconbench.errors import UserError  # noqa: E402
from reconbench.training.weights import load_into, load_networks, read_weights, write_weights  # noqa: E402

DNCNN = catalogue.get_method("dncnn")
PROBLEM = Problem(kind="denoising")


def params(**given):
    return DNCNN.Params(**{"features": 4, "depth": 3, **given})


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "weights.pt"
    write_weights(path, DNCNN.network(PROBLEM, params()), {"method": "dncnn", "params": {"features": 4}})
    return path


def test_they_come_back_with_what_they_belong_to(written):
    weights = read_weights(written)
    assert weights.about == {"method": "dncnn", "params": {"features": 4}}
    assert all(isinstance(value, torch.Tensor) for value in weights.state.values())


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("save", [pickle.dump, lambda thing, file: torch.save(thing, file)])
def test_code_in_a_file_is_never_run(tmp_path, save):
    touched = tmp_path / "touched"
    with open(tmp_path / "weights.pt", "wb") as file:
        save({"about": "{}", "state": Evil(touched)}, file)
    with pytest.raises(UserError, match="does not hold weights of this package"):
        read_weights(tmp_path / "weights.pt")
    assert not touched.exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "are empty: their training failed"), (b"something else", "does not hold weights of this package")],
)
def test_files_of_another_kind(tmp_path, content, sentence):
    (tmp_path / "weights.pt").write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        read_weights(tmp_path / "weights.pt")


def test_files_that_are_absent_or_hold_other_tensors(tmp_path):
    with pytest.raises(UserError, match="there are no weights"):
        read_weights(tmp_path / "absent.pt")
    torch.save({"layer": torch.zeros(3)}, tmp_path / "other.pt")
    with pytest.raises(UserError, match="it lacks about and state"):
        read_weights(tmp_path / "other.pt")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"features": 8}, r"has shape \(4, 1, 3, 3\) there and \(8, 1, 3, 3\) in it"),
        # The last layer of the one has the name of a middle layer of the other.
        ({"depth": 4}, "has shape .* in it"),
    ],
)
def test_another_architecture_is_one_sentence(written, given, sentence):
    with pytest.raises(UserError, match=f"are of another architecture than the network: .*{sentence}"):
        load_networks(DNCNN, PROBLEM, params(**given), written, "cpu")


def test_tensors_that_are_missing_or_too_many_are_named():
    layer = torch.nn.Linear(2, 3)
    with pytest.raises(UserError, match="they lack 'bias'"):
        load_into(layer, {"weight": torch.zeros(3, 2)}, "weights.pt")
    with pytest.raises(UserError, match="they have 'scale', which it has not"):
        load_into(layer, {**layer.state_dict(), "scale": torch.zeros(1)}, "weights.pt")


def test_another_method_is_one_sentence(written):
    atrous = catalogue.get_method("atrous_encoder_decoder")
    with pytest.raises(UserError, match="are those of method 'dncnn', not of 'atrous_encoder_decoder'"):
        load_networks(atrous, PROBLEM, atrous.Params(width=4, middle_blocks=0), written, "cpu")


def test_loaded_networks_compute_the_same_and_are_in_evaluation_mode(written):
    networks = load_networks(DNCNN, PROBLEM, params(), written, "cpu")
    assert not networks.training
    assert not any(parameter.requires_grad for parameter in networks.parameters())
    image = np.random.default_rng(0).random((20, 30), dtype=np.float32)
    again = load_networks(DNCNN, PROBLEM, params(), written, "cpu")
    ours, theirs = (DNCNN.restore(image, PROBLEM, params(), "cpu", each) for each in (networks, again))
    np.testing.assert_array_equal(ours, theirs)
