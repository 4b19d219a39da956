"""What the step scripts share: the command line, the lease of a device, and failures that become data.

python workflow/scripts/restore.py --spec FILE_OR_JSON --input NAME PATH... --output NAME PATH
                                   [--threads N] [--gpu N] [--on-error stop|record] [--time-limit S]
                                   [--checkpoint-seconds S]
"""

import _warm

# Before anything else is imported, which is the point of it.
_warm.hand_over()

import argparse
import gc
import json
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from reconbench.devices import lease
from reconbench.errors import NotApplicableError, StoppedError, UserError
from reconbench.failures import FAILED, note, run_in_child

# Importing torch makes a million objects that live as long as the process. To look through them again and again while
# there are ever more of them, and once more at the end, would take half a second of every job.
gc.set_threshold(100_000)


@dataclass(frozen=True)
class Step:
    """One job: what it is told, what it reads and writes, and what it computes on."""

    spec: dict[str, Any]
    inputs: dict[str, list[Path]]
    outputs: dict[str, Path]
    code: str
    threads: int
    checkpoint_seconds: float
    device: str = "cpu"

    def input(self, name: str) -> Path:
        """Return the one input of a name."""
        if len(self.inputs[name]) != 1:
            raise UserError(f"this step reads one file of the name '{name}': give `--input {name} PATH`")
        return self.inputs[name][0]

    def write_run(self, **facts: Any) -> None:
        """Write the run.json of this job."""
        from reconbench.results.provenance import write_run

        about = {"spec": self.spec, "code": self.code, "device": self.device, "threads": self.threads}
        write_run(self.outputs["run"], **about, **facts)


def main(
    work: Callable[[Step], None],
    about: str,
    failed: Callable[[Step, str], None] | None = None,
    alone: Callable[[Step], AbstractContextManager[int]] | None = None,
) -> None:
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
    alone : callable, optional
        Waits for and holds the lock of a step that must not run twice at once; gives its file descriptor, which a
        child inherits.
    """
    arguments = _arguments(about)
    step = Step(
        spec=_spec(arguments.spec),
        inputs=defaultdict(list, {name: [Path(path) for path in paths] for name, *paths in arguments.input}),
        outputs={name: Path(path) for name, path in arguments.output},
        code=arguments.code,
        threads=arguments.threads,
        checkpoint_seconds=arguments.checkpoint_seconds,
    )
    for path in step.outputs.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        locks = [stack.enter_context(alone(step))] if alone and not arguments.locked else []
        if failed is not None and arguments.on_error == "record":
            child = [*sys.argv, "--on-error", "stop", *(["--locked"] if locks else [])]
            what = run_in_child(child, arguments.time_limit, locks)
            if what is not None:
                print(f"recorded, not stopped: {what}", file=sys.stderr)
                failed(step, what)
            sys.exit(0)
        _run(work, step, arguments.gpu, failed)


def _run(work: Callable[[Step], None], step: Step, gpu: int, failed: Callable[[Step, str], None] | None) -> None:
    try:
        with lease(gpu, step.threads) as device:
            work(replace(step, device=device))
            gc.freeze()
    except UserError as error:
        if failed is not None and isinstance(error, NotApplicableError):
            from reconbench.results.provenance import NOT_APPLICABLE

            # No failure: the table says so, whatever `on_error` is.
            print(f"{NOT_APPLICABLE}: {error}", file=sys.stderr)
            failed(step, NOT_APPLICABLE)
            return
        note(error)
        print(f"error: {error}", file=sys.stderr)
        sys.exit(FAILED)
    except StoppedError as error:
        print(f"stopped: {error}", file=sys.stderr)
        sys.exit(128 + error.number)
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
    parser.add_argument("--locked", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--checkpoint-seconds", type=float, default=30.0, help="how often a training saves its state")
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
