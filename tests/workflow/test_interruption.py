"""Killed at any moment, the same command goes on and gives what an undisturbed run gives."""

import os
import signal
import subprocess
import time

from snakemake_checkout import SNAKEMAKE

ARGUMENTS = ["--config", "scale=tiny", "--", "results/tiny/scores/em_low/median_tuned/1/001-of-001/scores.csv"]


def scores(folder) -> list[str]:
    lines = (folder / ARGUMENTS[-1]).read_text().splitlines()
    return [line.rsplit(",", 1)[0] for line in lines]  # The last column is seconds.


def test_a_killed_run_goes_on(checkout, tmp_path):
    disturbed, undisturbed = tmp_path / "disturbed", tmp_path / "undisturbed"
    for folder in (disturbed, undisturbed):
        folder.mkdir()
    command = [str(SNAKEMAKE), "--cores", "2", "--directory", str(disturbed), *ARGUMENTS]
    process = subprocess.Popen(
        command, cwd=checkout.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    measured = disturbed / "results/tiny/measurements/em_low/validation/index.csv"
    deadline = time.monotonic() + 120
    while not measured.is_file() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert measured.is_file()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    locked = checkout.snakemake(*ARGUMENTS, directory=disturbed)
    if locked.returncode:
        assert "unlock" in locked.stdout + locked.stderr
        checkout.succeeding("--unlock", directory=disturbed)
        checkout.succeeding(*ARGUMENTS, directory=disturbed)
    checkout.succeeding(*ARGUMENTS, directory=undisturbed)
    assert scores(disturbed) == scores(undisturbed)
