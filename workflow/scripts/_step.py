"""What the step scripts share: the command line, the lease of a device, and failures that become data.

python workflow/scripts/restore.py --spec FILE_OR_JSON --input NAME PATH... --output NAME PATH
                                   [--threads N] [--gpu N] [--on-error stop|record] [--time-limit S]
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from reconbench.devices import lease  # noqa: E402 (the line above makes it importable)
from reconbench.errors import UserError  # noqa: E402
from reconbench.failures import FAILED, note, run_in_child  # noqa: E402


@dataclass(frozen=True)
class Step:
    """One job: what it is told, what it reads and writes, and what it computes on."""

    spec: dict[str, Any]
    inputs: dict[str, list[Path]]
    outputs: dict[str, Path]
    code: str
    threads: int
    device: str = "cpu"

    def input(self, name: str) -> Path:
        """Return the one input of a name."""
        return self.inputs[name][0]

    def write_run(self, **facts: Any) -> None:
        """Write the run.json of this job."""
        from reconbench.results.provenance import write_run

        about = {"spec": self.spec, "code": self.code, "device": self.device, "threads": self.threads}
        write_run(self.outputs["run"], **about, **facts)


def main(work: Callable[[Step], None], about: str, failed: Callable[[Step, str], None] | None = None) -> None:
    """Run a step and leave the process with its exit code.

    Parameters
    ----------
    work : callable
        Does the step.
    about : str
        For --help.
    failed : callable, optional
        Writes the declared outputs of a step that failed, and run.json with what happened. A step that has
        it can be recorded: with `--on-error record` it runs in a child, and its failure is not the job's.
    """
    arguments = _arguments(about)
    step = Step(
        spec=_spec(arguments.spec),
        inputs=defaultdict(list, {name: [Path(path) for path in paths] for name, *paths in arguments.input}),
        outputs={name: Path(path) for name, path in arguments.output},
        code=arguments.code,
        threads=arguments.threads,
    )
    for path in step.outputs.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    if failed is not None and arguments.on_error == "record":
        what = run_in_child([*sys.argv, "--on-error", "stop"], arguments.time_limit)
        if what is not None:
            print(f"recorded, not stopped: {what}", file=sys.stderr)
            failed(step, what)
        sys.exit(0)
    try:
        with lease(arguments.gpu, arguments.threads) as device:
            work(Step(**{**vars(step), "device": device}))
    except UserError as error:
        note(error)
        print(f"error: {error}", file=sys.stderr)
        sys.exit(FAILED)
    except Exception as error:
        note(error)
        raise


def _arguments(about: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--spec", required=True, help="what to do: a JSON object, or a file that holds one (a run.json too)"
    )
    parser.add_argument(
        "--input", nargs="+", action="append", default=[], metavar=("NAME", "PATH"), help="files to read, by name"
    )
    parser.add_argument(
        "--output", nargs=2, action="append", default=[], metavar=("NAME", "PATH"), help="file to write"
    )
    parser.add_argument("--threads", type=int, default=1, help="threads to compute with")
    parser.add_argument("--gpu", type=int, default=0, help="GPUs to lease; 0 computes on the CPU")
    parser.add_argument("--code", default="", help="digest of the code, kept in run.json")
    parser.add_argument("--on-error", choices=("stop", "record"), default="stop", help="what a failure does")
    parser.add_argument(
        "--time-limit", type=float, default=0.0, help="seconds, 0 for none, where failures are recorded"
    )
    return parser.parse_args()


def _spec(text: str) -> dict[str, Any]:
    if not text.lstrip().startswith("{"):
        path = Path(text)
        if not path.is_file():
            sys.exit(f"error: --spec is neither a JSON object nor a file that is there: {text}")
        text = path.read_text(encoding="utf-8")
    try:
        spec = json.loads(text)
    except json.JSONDecodeError as error:
        sys.exit(f"error: --spec is not JSON: {error}")
    return spec.get("spec", spec)
