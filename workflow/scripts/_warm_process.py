"""The process that has the libraries loaded, and of which the jobs of a run are forks (see _warm.py).

python workflow/scripts/_warm_process.py LISTENER OWNER    the file descriptor of the socket where jobs ask for a fork,
                                                           and the process id of the Snakemake that is served
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import _warm

COMMON = ("numpy.random", "tifffile", "pydantic.main", "pydantic.fields", "scipy.ndimage", "cv2")
TORCH = (*COMMON, "torch", "scipy.fft")
METHODS = (*TORCH, "scipy.optimize", "scipy.stats", "bm3d", "pywt")
# What each script needs sooner or later; it is loaded when the first such job comes.
LIBRARIES = {
    "prepare.py": COMMON,
    "measure.py": TORCH,
    "tune.py": METHODS,
    "train.py": (*TORCH, "torch._dynamo"),
    "restore.py": METHODS,
    "score.py": COMMON,
    "table.py": COMMON,
    "figure.py": (*COMMON, "seaborn", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg"),
}
KILLED = 128
PR_SET_PDEATHSIG = 1


class WarmProcess:
    """Forks for every job that comes, and waits for nothing but file descriptors.

    Each of them stands beside what is done when it can be read. They are the socket of the next job, the end of the
    Snakemake that is served, the end of each fork, and the connection to the job that waits for that fork: from there
    comes the number of a signal, or nothing when the job was killed.
    """

    def __init__(self, listener: socket.socket, owner: int):
        # Not epoll, whose list the forks would share.
        self._awaited = selectors.PollSelector()
        self._await(listener, partial(self._next_job, listener))
        owner_ended = os.pidfd_open(owner)
        self._await(owner_ended, partial(self._forget, owner_ended, listener))

    def serve(self) -> dict[str, Any] | None:
        """Return None when Snakemake and the last job have ended; in each fork, at once, its job."""
        while self._awaited.get_map():
            for key, _ in self._awaited.select():
                # What came before it in this round may have ended it.
                job = key.data() if key.fd in self._awaited.get_map() else None
                if job is not None:
                    self._forget(*[key.fileobj for key in self._awaited.get_map().values()])
                    return job
        return None

    def _next_job(self, listener: socket.socket) -> dict[str, Any] | None:
        connection, _ = listener.accept()
        length, streams, _, _ = socket.recv_fds(connection, _warm.LENGTH, _warm.STREAMS)
        words = connection.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL)
        # A job that was killed has not said all.
        complete = length and len(words) == int.from_bytes(length, "big")
        job = json.loads(words) | {"streams": streams} if complete else None
        process = self._fork(job) if job else None
        if process == 0:
            connection.close()
            return job
        for stream in streams:
            os.close(stream)
        if process is None:
            connection.close()
        else:
            ended = os.pidfd_open(process)
            self._await(ended, partial(self._end, process, ended, connection))
            self._await(connection, partial(self._pass_on, process, connection))
        return None

    def _fork(self, job: dict[str, Any]) -> int | None:
        """Return 0 in a fork, its process id here, and nothing where the machine has no place for another process."""
        _load(LIBRARIES.get(Path(job["arguments"][0]).name, ()))
        try:
            process = os.fork()
        except OSError:
            return None
        # A group of its own, as in a shell: what the job starts is reached with it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.setpgid(process, process)
        if process == 0:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _warm.PASSED_ON)
            # Nobody would wait for it any more, and the job may be run again.
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        return process

    def _end(self, process: int, ended: int, connection: socket.socket) -> None:
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        with contextlib.suppress(BrokenPipeError):
            connection.sendall(b"%d\n" % (code if code >= 0 else KILLED - code))
        self._forget(ended, connection)

    def _pass_on(self, process: int, connection: socket.socket) -> None:
        word = connection.recv(1)
        number = signal.Signals(word[0]) if word else signal.SIGKILL
        if number == signal.SIGTERM:
            os.kill(process, number)
        else:
            # As from a terminal; and whoever is killed with SIGKILL cannot pass it on.
            os.killpg(process, number)

    def _await(self, source: int | socket.socket, then: Callable[[], dict[str, Any] | None]) -> None:
        self._awaited.register(source, selectors.EVENT_READ, then)

    def _forget(self, *sources: int | socket.socket) -> None:
        for source in sources:
            self._awaited.unregister(source)
            if isinstance(source, int):
                os.close(source)
            else:
                source.close()


def _load(libraries: tuple[str, ...]) -> None:
    for name in libraries:
        if name not in sys.modules:
            with contextlib.suppress(Exception):  # A fork that needs it meets the same error, and says so.
                importlib.import_module(name)
            # A fork that looked through all of this for garbage would copy it.
            gc.freeze()


def become(job: dict[str, Any]) -> None:
    """Run the script of a job in this process, as Python itself would have done, and end."""
    for number, stream in enumerate(job["streams"]):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    sys.argv = job["arguments"]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as ended:
        if ended.code not in (None, 0):
            raise
    sys.stdout.flush()
    sys.stderr.flush()
    # Python would take a third of a second to put away, piece by piece, what the kernel drops at once.
    os._exit(0)


if __name__ == "__main__":
    # It ends with Snakemake. A signal to all processes is for the jobs, which may have something to save.
    signal.pthread_sigmask(signal.SIG_BLOCK, _warm.PASSED_ON)
    gc.disable()
    own_job = WarmProcess(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])).serve()
    gc.enable()
    if own_job is not None:
        become(own_job)
