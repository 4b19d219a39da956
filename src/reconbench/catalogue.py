"""What there is: methods, forward models, noises, metrics and the like, found by scanning their folders.

A file is known by its name; files that begin with an underscore are helpers and not looked at. Looking one up by
name imports that one alone.
"""

import difflib
import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from reconbench.contracts import Description, FigureKind, Method, Metric, Parameters
from reconbench.errors import UserError

Folders = Iterable[str | Path]


@dataclass(frozen=True)
class _Part:
    """One of the things that are one file each, and what such a file must hold besides `Params`."""

    noun: str
    package: str
    functions: tuple[str, ...]
    record: str = ""
    record_type: type = object


_METHOD = _Part("method", "reconbench.methods", ("restore",), "METHOD", Method)
_FORWARD = _Part("forward model", "reconbench.forward", ("build",), "FORWARD", Description)
_NOISE = _Part("noise", "reconbench.noise", ("draw", "apply", "variance", "gain"), "NOISE", Description)
_METRIC = _Part("metric", "reconbench.metrics", ("metric",), "METRIC", Metric)
_SIMULATOR = _Part("simulator", "reconbench.datasets.simulators", ("simulate",))
_FIGURE = _Part("kind of figure", "reconbench.results.figures", ("draw",), "FIGURE", FigureKind)


def methods(folders: Folders = ()) -> dict[str, ModuleType]:
    """Return all methods, those of the user's folders included, by name.

    Parameters
    ----------
    folders : iterable of path-like
        Folders of methods, one Python file each, against the working directory.

    Returns
    -------
    dict
        From name to module, sorted by name.

    Raises
    ------
    UserError
        If a folder is missing, two files have one name, or a file cannot be imported or lacks something.
    """
    return _all(_METHOD, folders)


def forward_models() -> dict[str, ModuleType]:
    """Return all forward models by name."""
    return _all(_FORWARD)


def noises() -> dict[str, ModuleType]:
    """Return all noises by name."""
    return _all(_NOISE)


def metrics() -> dict[str, ModuleType]:
    """Return all metrics by name."""
    return _all(_METRIC)


def simulators() -> dict[str, ModuleType]:
    """Return all simulators of truths by name."""
    return _all(_SIMULATOR)


def figure_kinds() -> dict[str, ModuleType]:
    """Return all kinds of figures by name."""
    return _all(_FIGURE)


def file_in(name: str, folders: Folders = ()) -> str | None:
    """Return the file of a user's own method, None for one of the package.

    Raises
    ------
    UserError
        If there is no method of this name; the message gives the nearest one.
    """
    file = _file(_METHOD, name, folders)
    return None if file.parent == _own_folder(_METHOD) else str(file)


def get_method(name: str, file: str | Path | None = None) -> ModuleType:
    """Return one method, and import no other.

    Parameters
    ----------
    name : str
    file : path-like, optional
        Where it is a user's own, as `file_in` gives it.

    Raises
    ------
    UserError
        If it is not there, cannot be imported or lacks something.
    """
    if file is None:
        return _get(_METHOD, name)
    if not Path(file).is_file():
        raise UserError(f"the method {name!r} should be in {file}, which does not exist")
    return _load(_METHOD, Path(file))


def get_forward_model(name: str) -> ModuleType:
    """Return one forward model; a UserError gives the nearest name."""
    return _get(_FORWARD, name)


def get_noise(name: str) -> ModuleType:
    """Return one noise; a UserError gives the nearest name."""
    return _get(_NOISE, name)


def get_metric(name: str) -> ModuleType:
    """Return one metric; a UserError gives the nearest name."""
    return _get(_METRIC, name)


def get_simulator(name: str) -> ModuleType:
    """Return one simulator; a UserError gives the nearest name."""
    return _get(_SIMULATOR, name)


def _all(part: _Part, folders: Folders = ()) -> dict[str, ModuleType]:
    return {name: _load(part, file) for name, file in _files(part, folders).items()}


def _get(part: _Part, name: str) -> ModuleType:
    return _load(part, _file(part, name))


def _file(part: _Part, name: str, folders: Folders = ()) -> Path:
    files = _files(part, folders)
    if name in files:
        return files[name]
    near = difflib.get_close_matches(name, files, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(files)}"
    raise UserError(f"there is no {part.noun} {name!r}; {hint}")


def _files(part: _Part, folders: Folders = ()) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for folder in (_own_folder(part), *map(Path, folders)):
        if not folder.is_dir():
            raise UserError(f"the folder of {part.noun}s {folder} does not exist")
        for file in folder.glob("[!_]*.py"):
            if file.stem in files:
                raise UserError(
                    f"{file} has the name of another {part.noun}, {files[file.stem]}; give one of them another name"
                )
            files[file.stem] = file
    return dict(sorted(files.items()))


def _own_folder(part: _Part) -> Path:
    return Path(next(iter(importlib.import_module(part.package).__path__)))


def _load(part: _Part, file: Path) -> ModuleType:
    if file.parent == _own_folder(part):
        module = importlib.import_module(f"{part.package}.{file.stem}")
    else:
        module = _load_by_path(part, file)
    _check(part, module, file)
    return module


def _load_by_path(part: _Part, file: Path) -> ModuleType:
    """Import a user's file under a name that is the same in every process, and only once in this one."""
    place = hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]
    name = f"reconbench_user_{place}_{file.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # Before it runs: pydantic looks up annotations there.
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise UserError(f"the {part.noun} {file} cannot be imported: {type(error).__name__}: {error}") from error
    return module


def _check(part: _Part, module: ModuleType, file: Path) -> None:
    params = getattr(module, "Params", None)
    if not (isinstance(params, type) and issubclass(params, Parameters)):
        raise UserError(f"the {part.noun} {file} lacks a class Params derived from reconbench.contracts.Parameters")
    for function in part.functions:
        if not callable(getattr(module, function, None)):
            raise UserError(f"the {part.noun} {file} lacks the function {function}")
    if part.record:
        _check_record(part, module, file)


def _check_record(part: _Part, module: ModuleType, file: Path) -> None:
    record = getattr(module, part.record, None)
    if not isinstance(record, part.record_type):
        raise UserError(f"the {part.noun} {file} lacks the record {part.record}, a {part.record_type.__name__}")
    if record.name != file.stem:
        raise UserError(
            f"the {part.noun} {file} calls itself {record.name!r} in {part.record}; it must be {file.stem!r}"
        )
    if getattr(record, "trained_on", None):
        _check_trained(module, file)


def _check_trained(module: ModuleType, file: Path) -> None:
    for function in ("network", "loss"):
        if not callable(getattr(module, function, None)):
            raise UserError(f"the method {file} is trained, and lacks the function {function}")
    if "training" not in module.Params.model_fields:
        raise UserError(
            f"the method {file} is trained, and its Params lack the field `training`, of a class derived from "
            "reconbench.training.settings.Training"
        )
