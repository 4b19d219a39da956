"""Which device a job computes on, and with how many threads.

Snakemake counts GPUs but hands none out, so a job takes one itself, by a lock on a file that the kernel
releases however the process ends.
"""

import fcntl
import getpass
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

POLL_SECONDS = 0.5
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


@contextmanager
def lease(gpu: int, threads: int) -> Iterator[str]:
    """Hold the devices of one job; a script's first act, before torch is imported.

    Only where torch would see just what is leased (no GPU, and the number of threads) may it be there already.

    Parameters
    ----------
    gpu : int
        Number of GPUs: 0 hides all of them; more takes as many as the machine has, up to that number.
    threads : int
        Threads for torch, OpenCV and BLAS, where the libraries read them from the environment.

    Yields
    ------
    str
        ``"cpu"``, or ``"cuda"`` with CUDA_VISIBLE_DEVICES set to what was leased. Without any GPU it is the
        CPU, which run.json then says.
    """
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    with ExitStack() as stack:
        if gpu == 0:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        elif "SLURM_JOB_ID" not in os.environ:
            candidates = visible_gpus()
            wanted = min(gpu, len(candidates))
            held = [stack.enter_context(_one_of(candidates)) for _ in range(wanted)]
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(held)
        device = "cuda" if os.environ.get("CUDA_VISIBLE_DEVICES") else "cpu"
        torch = sys.modules.get("torch")
        if torch is not None and (device != "cpu" or torch.get_num_threads() != threads):
            raise RuntimeError("torch was imported before the lease: it has seen the devices and the threads already")
        yield device


def visible_gpus() -> list[str]:
    """Return the UUIDs of the machine's GPUs, within the user's own CUDA_VISIBLE_DEVICES."""
    try:
        query = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
        listed = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    uuids = dict(line.split(", ") for line in listed.strip().splitlines())
    own = os.environ.get("CUDA_VISIBLE_DEVICES")
    if own is None:
        return list(uuids.values())
    chosen = [uuids.get(part.strip(), part.strip()) for part in own.split(",") if part.strip()]
    return [uuid for uuid in chosen if uuid in uuids.values()]


@contextmanager
def _one_of(candidates: list[str]) -> Iterator[str]:
    folder = Path(tempfile.gettempdir()) / f"reconbench-{getpass.getuser()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    said = False
    while True:
        for uuid in candidates:
            file = open(folder / f"{uuid}.lock", "w")  # noqa: SIM115 (closed below, after the lease)
            if _locked(file):
                with file:
                    yield uuid
                return
            file.close()
        if not said:
            print(f"waiting for one of {len(candidates)} GPUs, all of them leased", file=sys.stderr, flush=True)
            said = True
        time.sleep(POLL_SECONDS)


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
