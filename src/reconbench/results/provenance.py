"""Where a result came from: run.json beside each model and each set of estimates."""

import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("numpy", "scipy", "scikit-image", "opencv-python-headless", "PyWavelets", "bm3d", "tifffile", "torch")
OK = "ok"
# A method that cannot be applied to what a problem measures; this is no failure.
NOT_APPLICABLE = "not applicable"
HOME = Path(__file__).resolve().parents[3]


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on, without importing them."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def git_commit(home: Path = HOME) -> str | None:
    """Return the commit of the checkout, marked where files differ from it; None outside of git."""
    try:
        command = ["git", "-C", str(home), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def peak_memory() -> dict[str, int]:
    """Return the most memory in bytes that this process held, on the host and, where one was used, on the GPU.

    With what it shares with the process that it is a fork of: a few hundred megabytes of libraries.
    """
    unit = 1 if sys.platform == "darwin" else 1024
    peak = {"host": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        peak["device"] = torch.cuda.max_memory_allocated()
    return peak


def device_name(device: str) -> str:
    """Return the name of the processor that computed."""
    if device == "cuda":
        return sys.modules["torch"].cuda.get_device_name()
    try:
        cpu_info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in cpu_info.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def write_run(
    path: Path,
    *,
    spec: Mapping[str, Any],
    code: str,
    device: str,
    threads: int,
    status: str = OK,
    seconds: float | None = None,
    pixels: int | None = None,
    training: Mapping[str, Any] | None = None,
) -> None:
    """Write run.json: what was done, by which code, on what, in which time.

    Parameters
    ----------
    path : Path
    spec : mapping
        What the job was told; the job can be repeated from it.
    code : str
        Digest of the code that ran.
    device : {"cpu", "cuda"}
    threads : int
    status : str
        ``"ok"``, or what happened.
    seconds : float, optional
        Seconds of computing, without start-up and files.
    pixels : int, optional
        Pixels computed in these seconds.
    training : mapping, optional
        How a training went: its data, steps and speed.
    """
    run = {
        "status": status,
        "seconds": seconds,
        "pixels_per_second": pixels / seconds if pixels and seconds else None,
        "peak_memory_bytes": peak_memory(),
        "device": device,
        "device_name": device_name(device),
        "threads": threads,
        "processors": os.cpu_count(),
        "versions": versions(),
        "code": code,
        "git_commit": git_commit(),
        **({} if training is None else {"training": dict(training)}),
        "spec": dict(spec),
    }
    path.write_text(json.dumps(run, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_status(path: Path) -> str:
    """Return the status that a run.json tells."""
    return json.loads(path.read_text(encoding="utf-8"))["status"]
