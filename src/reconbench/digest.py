"""A digest of the code that a job runs: it changes when the job's result might, and only then.

Snakemake does not follow what a script imports. So every rule carries `params: code=<digest>`: the SHA-256 of
all the project's files that the job can load, each taken as a syntax tree without comments, docstrings, layout
and the records (`METHOD` and its like), which describe and do not compute.
"""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1]
PACKAGE = "reconbench"
RECORDS = frozenset({"METHOD", "FORWARD", "NOISE", "METRIC", "FIGURE", "SIMULATOR"})


def digest(files: Iterable[Path], modules: Iterable[str] = ()) -> str:
    """Return the digest of files and of all that they import from the project, directly or not.

    Parameters
    ----------
    files : iterable of Path
        Where to start: a step's script, a method's file.
    modules : iterable of str
        Names of modules that are loaded by string, where reading imports finds nothing.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    summed = hashlib.sha256()
    for path in closure(files, modules):
        summed.update(f"{path.name}:{_fingerprint(path)}\n".encode())
    return summed.hexdigest()[:16]


def closure(files: Iterable[Path], modules: Iterable[str] = ()) -> list[Path]:
    """Return the files given and all that they import from the project, sorted."""
    waiting = [Path(file).resolve() for file in files]
    waiting += [path for name in modules for path in _files_of(name)]
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imports(path)
    return sorted(found)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def _imports(path: Path) -> tuple[Path, ...]:
    names: list[str] = []
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    # A script's own neighbours are imported by their bare names.
    neighbours = [path.parent / f"{name}.py" for name in names if "." not in name]
    inside = [file for name in names if name.split(".")[0] == PACKAGE for file in _files_of(name)]
    return tuple(file for file in [*neighbours, *inside] if file.is_file())


def _files_of(name: str) -> list[Path]:
    """Return the files that importing a module of the project runs: the packages around it and itself."""
    parts = name.split(".")
    packages = [SOURCE.joinpath(*parts[:end], "__init__.py") for end in range(1, len(parts) + 1)]
    return [path for path in [*packages, SOURCE.joinpath(*parts).with_suffix(".py")] if path.is_file()]


@cache
def _fingerprint(path: Path) -> str:
    stripped = _Stripped().visit(ast.parse(path.read_text(encoding="utf-8"), str(path)))
    return hashlib.sha256(ast.dump(stripped).encode()).hexdigest()


class _Stripped(ast.NodeTransformer):
    """Leave out what explains and keep what computes."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:  # noqa: N802 (the name is ast's)
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:  # noqa: N802
        names = {target.id for target in node.targets if isinstance(target, ast.Name)}
        return None if names & RECORDS else self.generic_visit(node)
