"""Have a job done by a fork of a process that has the libraries loaded already.

Python needs two seconds to import torch and three to import seaborn: more than most jobs of a small run work. So the
first job of a run starts a process (_warm_process.py) that imports them, and nothing of reconbench. From then on a job
hands over its command line, folder, environment and standard streams; a fork of that process runs the script as Python
itself would, and the job waits for it, passes signals on, and ends as it ended.

A job that leases a GPU or computes with several threads starts by itself, and so does every script that is run by hand:
RECONBENCH_WARM, where the process listens, is set by rules/common.smk, and on Linux only. It ends with the process id
of the Snakemake with which the process is to end.
"""

import fcntl
import json
import os
import shutil
import signal
import socket
import sys
import zlib
from pathlib import Path

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
# Without it a lease finds no GPU.
ASKS_FOR_GPUS = "nvidia-smi"


def hand_over() -> None:
    """Leave this process with the exit code of the fork that did its job; return where the job is to be done here."""
    address = os.environ.pop(VARIABLE, "")
    if not address or _leases_more():
        return
    job = {"arguments": sys.argv, "folder": str(Path.cwd()), "environment": dict(os.environ)}
    with _connect(address) as connection:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, frame: connection.send(bytes([number])))
        socket.send_fds(connection, [b"\n"], range(STREAMS))
        connection.sendall(json.dumps(job).encode() + b"\n")
        code = connection.makefile().readline()
    sys.exit(int(code) if code else "error: the process of which this job was a fork has ended; run the same again")


def _leases_more() -> bool:
    """Return whether this job takes more than one thread and no GPU."""
    given = dict(zip(sys.argv, sys.argv[1:], strict=False))
    return given.get("--threads", "1") != "1" or (given.get("--gpu", "0") != "0" and bool(shutil.which(ASKS_FOR_GPUS)))


def _connect(address: str) -> socket.socket:
    """Return a connection to the warm process, which is started if there is none."""
    owner = address.rpartition("-")[2]
    # One for each environment: with `--sdm conda` the jobs have other libraries than Snakemake.
    place = Path(f"{address}-{zlib.crc32(sys.prefix.encode()):x}")
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
            cwd="/",
        )
