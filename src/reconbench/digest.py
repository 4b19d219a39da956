"""A digest of the code that a job runs: it changes when the job's result might, and only then.

Snakemake does not follow what a script imports. So every rule carries `params: code=<digest>`: the SHA-256 of
all the project's files that the job can load, each taken as a syntax tree without comments, docstrings, layout
and the records (`METHOD` and its like), which describe and do not compute.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
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
        _, fingerprint = _read(path)
        summed.update(f"{path.name}:{fingerprint}\n".encode())
    return summed.hexdigest()[:16]


def closure(files: Iterable[Path], modules: Iterable[str] = ()) -> list[Path]:
    """Return the files given and all that they import from the project, sorted."""
    starts = [Path(file).resolve() for file in files]
    starts += [path for name in modules for path in _files_of(name)]
    return sorted(frozenset().union(*map(_reached, starts)))


@cache
def _reached(start: Path) -> frozenset[Path]:
    """Return a file and all that it imports from the project."""
    waiting, found = [start], set()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            imports, _ = _read(path)
            waiting += imports
    return frozenset(found)


@cache
def _read(path: Path) -> tuple[tuple[Path, ...], str]:
    """Return the project's files that a file imports, and the fingerprint of what it computes."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    imports = tuple(_imports(path, tree))
    return imports, hashlib.sha256(ast.dump(_Stripped().visit(tree)).encode()).hexdigest()


def _imports(path: Path, tree: ast.Module) -> Iterator[Path]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    # A script's own neighbours are imported by their bare names; importing a module runs the packages around it.
    neighbours = [path.parent / f"{name}.py" for name in names if "." not in name]
    around = [folder / "__init__.py" for folder in path.parents if folder.is_relative_to(SOURCE)]
    inside = [file for name in names if name.split(".")[0] == PACKAGE for file in _files_of(name)]
    yield from (file for file in [*neighbours, *around, *inside] if file.is_file())


def _files_of(name: str) -> list[Path]:
    """Return the files that importing a module of the project runs: the packages around it and itself."""
    parts = name.split(".")
    packages = [SOURCE.joinpath(*parts[:end], "__init__.py") for end in range(1, len(parts) + 1)]
    return [path for path in [*packages, SOURCE.joinpath(*parts).with_suffix(".py")] if path.is_file()]


class _Stripped(ast.NodeTransformer):
    """Leave out what explains and keep what computes."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:  # noqa: N802 (the name is ast's)
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:  # noqa: N802
        names = {target.id for target in node.targets if isinstance(target, ast.Name)}
        return None if names & RECORDS else self.generic_visit(node)
