"""A job holds its devices by a lock that the kernel releases."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2]


@pytest.fixture
def machine(tmp_path):
    """A machine with two pretend GPUs; runs a program in it and returns the process."""
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho '0, GPU-aaaa'\necho '1, GPU-bbbb'\n")
    tool.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tool.parent}:{os.environ['PATH']}",
        "TMPDIR": str(tmp_path),
        "PYTHONPATH": str(HOME / "src"),
    }
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        environment.pop(name, None)

    def start(program: str, **more: str) -> subprocess.Popen:
        text = "import os, sys\nfrom reconbench.devices import lease\n" + textwrap.dedent(program)
        command = [sys.executable, "-c", text]
        return subprocess.Popen(
            command,
            env={**environment, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )

    return start


HOLD = """
with lease({gpu}, 1) as device:
    print(device, os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    sys.stdin.read()
"""


def test_a_job_without_gpu_sees_none(machine):
    out, _ = machine(HOLD.format(gpu=0)).communicate()
    assert out.split() == ["cpu"]


def test_two_jobs_hold_two_gpus_and_a_third_waits_until_one_is_killed(machine):
    first, second = machine(HOLD.format(gpu=1)), machine(HOLD.format(gpu=1))
    held = {first.stdout.readline().strip(), second.stdout.readline().strip()}
    assert held == {"cuda GPU-aaaa", "cuda GPU-bbbb"}
    third = machine(HOLD.format(gpu=1))
    assert "waiting for one of 2 GPUs" in third.stderr.readline()
    first.kill()
    assert third.stdout.readline().strip() in held
    for process in (first, second, third):
        process.communicate()


SHARE = """
import time
with lease(1, 1) as device:
    start = time.time()
    time.sleep(0.2)
    print(os.environ["CUDA_VISIBLE_DEVICES"], start, time.time())
"""


def test_six_jobs_that_no_limit_holds_back_share_two_gpus(machine):
    """The user forgot `--resources gpu=2`, so that Snakemake starts all of them at once."""
    jobs = [machine(SHARE) for _ in range(6)]
    ended = [job.communicate(timeout=60) for job in jobs]
    assert all(job.returncode == 0 for job in jobs), ended
    stays: dict[str, list[tuple[float, float]]] = {}
    for out, _ in ended:
        device, start, end = out.split()
        stays.setdefault(device, []).append((float(start), float(end)))
    assert sum(map(len, stays.values())) == 6
    assert set(stays) <= {"GPU-aaaa", "GPU-bbbb"}
    for times in stays.values():
        times.sort()
        assert all(end <= start for (_, end), (start, _) in zip(times, times[1:], strict=False)), times
    assert any("waiting for one of 2 GPUs, all of them leased" in said for _, said in ended)


def test_the_users_own_choice_of_gpus_is_kept(machine):
    out, _ = machine(HOLD.format(gpu=2), CUDA_VISIBLE_DEVICES="1").communicate()
    assert out.split() == ["cuda", "GPU-bbbb"]


def test_under_slurm_the_schedulers_choice_is_kept(machine):
    out, _ = machine(HOLD.format(gpu=1), SLURM_JOB_ID="7", CUDA_VISIBLE_DEVICES="0").communicate()
    assert out.split() == ["cuda", "0"]


@pytest.mark.parametrize(("gpu", "threads"), [(1, 1), (0, 2)])
def test_a_lease_of_more_than_torch_has_seen_comes_before_torch(machine, gpu, threads):
    out, said = machine(f"import torch\nwith lease({gpu}, {threads}): pass\n", OMP_NUM_THREADS="1").communicate()
    assert "torch was imported before the lease" in said


def test_a_lease_of_what_torch_has_seen_may_come_after_it(machine):
    """The warm process of which jobs are forks has loaded torch for one thread and no GPU."""
    process = machine("import torch\nwith lease(0, 1) as device: print(device)\n", OMP_NUM_THREADS="1")
    assert process.communicate()[0].split() == ["cpu"]


def test_threads_reach_the_libraries(machine):
    program = """
    with lease(0, 1):
        import cv2, torch
        print(cv2.getNumThreads(), torch.get_num_threads())
    """
    assert machine(program).communicate()[0].split() == ["1", "1"]
