"""run.json of many jobs, and what they ran on."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reconbench.results.scores import Pair, place

Run = Mapping[str, Any]


def read_runs(paths: Sequence[Path]) -> dict[Pair, list[dict[str, Any]]]:
    """Read the run.json files of estimates or of trainings with their repetition, by problem and variant."""
    found: dict[Pair, list[dict[str, Any]]] = {}
    # Rows on two problems may share one training, which is then given twice.
    for path in dict.fromkeys(paths):
        problem, variant, repetition = place(path)
        run = {**json.loads(path.read_text(encoding="utf-8")), "repetition": repetition}
        found.setdefault((problem, variant), []).append(run)
    return found


def devices(runs: Iterable[Run]) -> str:
    """Return in words what some jobs ran on: each device once, a processor with the threads that a job had."""
    return " and ".join(dict.fromkeys(map(_device, runs)))


def _device(run: Run) -> str:
    if run["device"] == "cuda":
        return run["device_name"]
    return f"{run['device_name']}, {run['threads']} {'thread' if run['threads'] == 1 else 'threads'}"
