"""Where a table or a figure came from: one JSON file beside it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reconbench.images import sha256_of
from reconbench.results.provenance import HOME, git_commit, versions


def write_sources(path: Path, spec: Mapping[str, Any], inputs: Mapping[str, Sequence[Path]], code: str) -> None:
    """Write ``<table or figure>.provenance.json``; the same inputs give the same file, so it holds no date.

    Parameters
    ----------
    path : Path
    spec : mapping
        What the job was told; it can be repeated from it.
    inputs : mapping
        Files read, by the name of the input.
    code : str
        Digest of the code that ran.
    """
    sources = {
        "spec": dict(spec),
        "inputs": {
            name: [{"path": _shown(file), "sha256": sha256_of(file)} for file in files]
            for name, files in inputs.items()
        },
        "code": code,
        "git_commit": git_commit(),
        "versions": versions(),
    }
    # Not sorted: the order of columns and rows in the spec has a meaning.
    path.write_text(json.dumps(sources, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _shown(file: Path) -> str:
    """Return a path that means the same elsewhere: results as they were named, files of the checkout from its top."""
    inside = file.resolve().is_relative_to(HOME) and not file.resolve().is_relative_to(Path.cwd() / "results")
    return file.resolve().relative_to(HOME).as_posix() if inside else file.as_posix()


def read_sources(path: Path) -> dict[str, Any]:
    """Read what `write_sources` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))
