"""What lets a training survive: its state on disk, and the lock on its folder."""

import errno
import fcntl
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from reconbench.errors import UserError

FOLDER = "checkpoint"
POLL_SECONDS = 0.5
# What torch raises on files that are damaged, cut off, or hold more than tensors and plain values.
UNREADABLE = (OSError, EOFError, RuntimeError, LookupError, TypeError, ValueError, AttributeError, UnpicklingError)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
Key = Mapping[str, Any]


def folder_beside(output: Path) -> Path:
    """Return the folder of the checkpoint of a training, beside its outputs; Snakemake does not know of it."""
    return output.parent / FOLDER


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Hold the lock of a checkpoint's folder, so that two processes never train the same.

    The kernel releases it however the process ends; a child inherits it with the file descriptor.

    Yields
    ------
    int
        The file descriptor.
    """
    folder.mkdir(parents=True, exist_ok=True)
    waited = False
    with open(folder / "lock", "w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waited:
                    print(f"waiting for another process that trains in {folder.parent}", file=sys.stderr, flush=True)
                waited = True
                time.sleep(POLL_SECONDS)
        yield file.fileno()


class Checkpoint:
    """The last state of one training.

    Parameters
    ----------
    folder : Path
    key : mapping
        Everything that the training depends on, for instance spec, code and data. A state of another key is never
        taken up.
    """

    def __init__(self, folder: Path, key: Key):
        self.path = folder / "state.pt"
        self.key = dict(key)

    def load(self) -> dict[str, Any] | None:
        """Return the state that was saved, None where there is none to go on from; standard error says why."""
        import torch

        if not self.path.is_file():
            return None
        try:
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
            key, state = saved["key"], saved["state"]
        except UNREADABLE as error:
            _say(f"the checkpoint {self.path} cannot be read ({type(error).__name__}); training starts at step 0")
            return None
        other = [name for name in self.key if key.get(name) != self.key[name]]
        if other:
            _say(f"the checkpoint {self.path} is of other {' and '.join(other)}; training starts at step 0")
            return None
        _say(f"training goes on from the checkpoint at step {state['step']}")
        return state

    def save(self, state: Mapping[str, Any]) -> None:
        """Write a state aside and put it in the place of the last one.

        Raises
        ------
        UserError
            If the disk is full; the earlier checkpoint is intact then.
        """
        import torch

        memory = BytesIO()
        torch.save({"key": self.key, "state": dict(state)}, memory)
        write_aside(self.path, memory.getbuffer(), "the checkpoint")

    def remove(self) -> None:
        """Remove the state, when the training is done."""
        self.path.unlink(missing_ok=True)


def write_aside(path: Path, content: bytes | memoryview, what: str) -> None:
    """Write a file under another name, make sure it is on disk, and rename it: it is there whole or not at all.

    Raises
    ------
    UserError
        If the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".new")
    try:
        with open(aside, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        if error.errno in FULL:
            earlier = "; the earlier one is intact" if path.is_file() else ""
            raise UserError(f"the disk is full: {what} {path} could not be written{earlier}") from error
        raise


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
