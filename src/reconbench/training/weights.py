"""Weights on disk: tensors and a few plain words, never code."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import is_zipfile

from reconbench.contracts import Parameters, Problem
from reconbench.errors import UserError
from reconbench.training.checkpoints import UNREADABLE, write_aside

KEYS = {"about", "state"}


@dataclass(frozen=True)
class Weights:
    """Trained weights, and what they belong to.

    Attributes
    ----------
    about : mapping
        `method` (its name), `params`, `kind`, `forward`, `noise` of the problem it was trained on.
    state : mapping
        Tensors by name.
    """

    about: Mapping[str, Any]
    state: Mapping[str, Any]


def write_weights(path: Path, networks: Any, about: Mapping[str, Any]) -> None:
    """Write the weights of networks, in memory's own order of channels, with what they belong to.

    Raises
    ------
    UserError
        If the disk is full.
    """
    import torch

    state = {name: value.detach().cpu().contiguous() for name, value in networks.state_dict().items()}
    memory = BytesIO()
    torch.save({"about": json.dumps(dict(about), sort_keys=True), "state": state}, memory)
    write_aside(path, memory.getbuffer(), "the weights")


def read_weights(path: Path) -> Weights:
    """Read weights; nothing in the file is ever run.

    Raises
    ------
    UserError
        If the file is missing, is not one that `write_weights` made, or holds anything but tensors and text.
    """
    import torch

    if not path.is_file():
        raise UserError(f"there are no weights {path}; train the method first, or name another file")
    if path.stat().st_size == 0:
        raise UserError(f"the weights {path} are empty: their training failed, and run.json beside them says how")
    if not is_zipfile(path):
        # torch would take a file of another kind for a pickle.
        raise UserError(f"{path} does not hold weights of this package: it is no archive such as training writes")
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise UserError(
            f"{path} does not hold weights of this package: it must be a file that training wrote, with nothing but "
            f"tensors and text in it"
        ) from error
    if not isinstance(saved, dict) or set(saved) != KEYS:
        raise UserError(f"{path} does not hold weights of this package: it lacks {' and '.join(sorted(KEYS))}")
    return Weights(json.loads(saved["about"]), saved["state"])


def number_of_weights(networks: Any) -> int:
    """Return how many numbers training moves."""
    return sum(parameter.numel() for parameter in networks.parameters())


def load_into(networks: Any, state: Mapping[str, Any], path: Path) -> None:
    """Put weights into networks.

    Raises
    ------
    UserError
        If they are of another architecture; the sentence names the first difference.
    """
    own = networks.state_dict()
    for name in [*own, *state]:
        if name not in state:
            what = f"they lack '{name}'"
        elif name not in own:
            what = f"they have '{name}', which it has not"
        elif own[name].shape != state[name].shape:
            what = f"'{name}' has shape {tuple(state[name].shape)} there and {tuple(own[name].shape)} in it"
        else:
            continue
        raise UserError(
            f"the weights {path} are of another architecture than the network: {what}; give the parameters that the "
            "weights were trained with"
        )
    networks.load_state_dict(state)


def build_networks(method: ModuleType, problem: Problem, params: Parameters) -> Any:
    """Return the network of a method, several as a ModuleDict."""
    import torch

    networks = method.network(problem, params)
    return torch.nn.ModuleDict(networks) if isinstance(networks, Mapping) else networks


def load_networks(method: ModuleType, problem: Problem, params: Parameters, path: Path, device: str) -> Any:
    """Return the networks of a method with trained weights, ready to be applied.

    Raises
    ------
    UserError
        If the weights are not there, are those of another method, or do not fit.
    """
    weights = read_weights(path)
    name = method.METHOD.name
    if weights.about["method"] != name:
        raise UserError(f"the weights {path} are those of method '{weights.about['method']}', not of '{name}'")
    networks = build_networks(method, problem, params)
    load_into(networks, weights.state, path)
    # A method that applies them need not say that nothing is learned.
    return networks.to(device).eval().requires_grad_(False)
