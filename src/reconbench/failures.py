"""Failures of a job as data: the job runs in a child, and what became of it is put in words."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

FAILED = 1
NOTE_VARIABLE = "RECONBENCH_FAILURE_NOTE"
WORDS = 200


def note(error: BaseException) -> None:
    """Leave word of an error for the parent that waits for this process, if there is one."""
    path = os.environ.get(NOTE_VARIABLE)
    if path:
        words = "out of memory" if isinstance(error, MemoryError) else f"raised: {type(error).__name__}: {error}"
        Path(path).write_text(" ".join(words.split())[:WORDS], encoding="utf-8")


def run_in_child(arguments: Sequence[str], time_limit: float, locks: Sequence[int] = ()) -> str | None:
    """Run a script in a child process and return what happened to it, None where all went well.

    Parameters
    ----------
    arguments : sequence of str
        The script and its arguments.
    time_limit : float
        Seconds; 0 for none.
    locks : sequence of int
        File descriptors whose locks the child inherits, so that none is free while it lives.

    Returns
    -------
    str or None
        ``raised: ...``, ``out of memory``, ``out of time ...`` or ``killed ...``.
    """
    with tempfile.TemporaryDirectory() as folder:
        word = Path(folder) / "note"
        environment = {**os.environ, NOTE_VARIABLE: str(word)}
        child = subprocess.Popen([sys.executable, *arguments], env=environment, pass_fds=locks)
        # The child stays in this session, so that Ctrl-C reaches it; SIGTERM reaches only us and is passed on.
        previous = signal.signal(signal.SIGTERM, lambda number, frame: _stop(child, number))
        try:
            code = child.wait(time_limit or None)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            return f"out of time: more than {time_limit:g} seconds"
        finally:
            signal.signal(signal.SIGTERM, previous)
        if code == 0:
            return None
        if code < 0:
            return f"killed by signal {signal.Signals(-code).name}"
        return word.read_text(encoding="utf-8") if word.is_file() else f"raised: exit code {code}"


def _stop(child: subprocess.Popen, number: int) -> None:
    """Stop with the child: being asked to stop is no failure of the method."""
    child.send_signal(number)
    child.wait()
    sys.exit(128 + number)
