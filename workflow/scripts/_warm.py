"""Have a job done by a fork of a process that has the libraries loaded already.

Python needs two seconds to import torch and three to import seaborn: more than most jobs of a small run work. So the
first job of a run starts a process (_warm_process.py) that imports them, and nothing of reconbench. From then on a job
hands over its command line, folder, environment and standard streams; a fork of that process runs the script as Python
itself would, and the job waits for it, passes signals on, and ends as it ended.

A job that leases a GPU or computes with several threads starts by itself, and so does every script that is run by hand:
RECONBENCH_WARM, where the process listens, is set by rules/common.smk, and on Linux only. It ends with the process id
of the Snakemake with which the process is to end.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import sys
import zlib
from pathlib import Path
from typing import Any

VARIABLE = "RECONBENCH_WARM"
PROGRAM = Path(__file__).with_name("_warm_process.py")
# What a job's lease of one thread and no GPU sets, which libraries read when they are loaded.
LEASED = {
    "CUDA_VISIBLE_DEVICES": "",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
}
STREAMS = 3
# Bytes in which the length of a job's words is sent before these.
LENGTH = 4
PASSED_ON = {signal.SIGTERM, signal.SIGINT}
# Without it, and outside of Slurm, a lease finds no GPU.
ASKS_FOR_GPUS = "nvidia-smi"


def hand_over() -> None:
    """Leave this process with the exit code of the fork that did its job; return where the job is to be done here."""
    address = os.environ.pop(VARIABLE, "")
    # Some builds of Python lack this, without which the process could not wait for its forks.
    if not address or not hasattr(os, "pidfd_open") or _leases_more():
        return
    job = {"arguments": sys.argv, "folder": str(Path.cwd()), "environment": dict(os.environ)}
    try:
        connection = _connect(address)
    except OSError as error:
        print(f"this job starts by itself, as no process could be started to fork from: {error}", file=sys.stderr)
        return
    with connection:
        code = _outcome(connection, json.dumps(job).encode())
    sys.exit(int(code) if code else "error: the process of which this job was a fork has ended; run the same again")


def _outcome(connection: socket.socket, job: bytes) -> str:
    """Return the exit code of the fork that does a job; nothing where the warm process has ended."""

    def pass_on(number: int, frame: Any) -> None:
        with contextlib.suppress(ConnectionError):
            connection.send(bytes([number]))

    # A signal that comes now has its turn after the job's words, not between them.
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    for number in PASSED_ON:
        signal.signal(number, pass_on)
    try:
        socket.send_fds(connection, [len(job).to_bytes(LENGTH, "big")], range(STREAMS))
        connection.sendall(job)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        return connection.makefile().readline()
    except ConnectionError:
        return ""


def _leases_more() -> bool:
    """Return whether this job takes more than one thread and no GPU."""
    given = dict(zip(sys.argv, sys.argv[1:], strict=False))
    may_find_gpus = "SLURM_JOB_ID" in os.environ or shutil.which(ASKS_FOR_GPUS) is not None
    return given.get("--threads", "1") != "1" or (given.get("--gpu", "0") != "0" and may_find_gpus)


def _connect(address: str) -> socket.socket:
    """Return a connection to the warm process, which is started if there is none."""
    owner = address.rpartition("-")[2]
    # One for each environment (with `--sdm conda` the jobs have other libraries than Snakemake), and another one where
    # these two files were changed meanwhile.
    spoken = sys.prefix.encode() + Path(__file__).read_bytes() + PROGRAM.read_bytes()
    place = Path(f"{address}-{zlib.crc32(spoken):x}")
    connection = socket.socket(socket.AF_UNIX)
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            connection.connect(str(place))
        except (FileNotFoundError, ConnectionRefusedError):
            place.unlink(missing_ok=True)
            _start(place, owner)
            connection.connect(str(place))
    return connection


def _start(place: Path, owner: str) -> None:
    import subprocess

    # Where a kernel or container refuses this, it does so here and not in the process.
    os.close(os.pidfd_open(int(owner)))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        # It outlives this job: in a session of its own, and without our streams, for whose end somebody waits.
        subprocess.Popen(
            [sys.executable, PROGRAM, str(listener.fileno()), owner],
            env={**os.environ, **LEASED},
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
