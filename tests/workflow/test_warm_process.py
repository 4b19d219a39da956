"""A job that is a fork of the warm process does, says and ends as the same script run by itself."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reconbench.devices import THREAD_VARIABLES, lease

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
HANDED_OVER = f"import sys\nsys.path.insert(0, {str(SCRIPTS)!r})\nimport _warm\n_warm.hand_over()\nimport os\n"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the warm process runs on Linux only")


class Run:
    """What the jobs of one run of Snakemake share: an owner, and the place where its warm process listens."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.owner = subprocess.Popen(["sleep", "300"])
        self.address = folder / f"warm-{self.owner.pid}"

    def start(self, program: str, *arguments: str, name: str = "job.py", warm: bool = True, **more: str):
        """Start a script as Snakemake would; `warm` is whether it may hand itself over."""
        script = self.folder / name
        script.write_text(HANDED_OVER + program)
        address = {"RECONBENCH_WARM": str(self.address)} if warm else {}
        return subprocess.Popen(
            [sys.executable, str(script), *arguments],
            env={**os.environ, **address, **more},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell makes what it starts in the background, as these tests may be, deaf to it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def ended(self, *arguments: str, **options) -> tuple[int, str, str]:
        """Return the exit code of a script, and what it said."""
        process = self.start(*arguments, **options)
        said = process.communicate(timeout=60)
        return process.returncode, *said

    def warm_process(self) -> int:
        """Return the process id of the warm process."""
        return int(self.ended("print(os.getppid())")[1])


@pytest.fixture
def run(tmp_path):
    started = Run(tmp_path)
    yield started
    started.owner.kill()
    started.owner.wait()


def gone(process: int) -> bool:
    """Return whether a process ends within some seconds."""
    deadline = time.monotonic() + 20
    while Path(f"/proc/{process}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return not Path(f"/proc/{process}").exists()


def wait_for(file: Path) -> str:
    """Return what is in a file, as soon as there is anything."""
    deadline = time.monotonic() + 20
    while not (file.is_file() and file.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return file.read_text()


STATE = """
import json
state = {"arguments": sys.argv, "folder": os.getcwd(), "name": __name__, "file": __file__, "own": os.environ["OWN"]}
print(json.dumps({**state, "warm": os.environ.get("RECONBENCH_WARM"), "modules": sorted(sys.modules)}))
print("a warning", file=sys.stderr)
"""


def test_a_fork_finds_what_the_job_was_given(run):
    told = [json.loads(run.ended(STATE, "--spec", "{}", warm=warm, OWN="value")[1]) for warm in (True, False)]
    fork, alone = ({key: value for key, value in state.items() if key != "modules"} for state in told)
    assert fork == alone
    assert fork["own"] == "value"
    assert not any(name.startswith("reconbench") for name in told[0]["modules"])


def test_jobs_are_forks_of_one_process(run):
    first = run.warm_process()
    assert first == run.warm_process()
    assert first != os.getpid()
    assert int(run.ended("print(os.getppid())", warm=False)[1]) == os.getpid()


def test_jobs_that_come_at_once_share_one_process(run):
    jobs = [run.start("print(os.getppid())", name=f"job_{number}.py") for number in range(6)]
    assert len({job.communicate(timeout=60)[0] for job in jobs}) == 1


@pytest.mark.parametrize(
    ("program", "code", "word"),
    [
        ("print('done', file=sys.stderr)", 0, "done"),
        ("sys.exit(3)", 3, ""),
        ("sys.exit('error: no such thing')", 1, "error: no such thing"),
        ("raise ValueError('a fault')", 1, "ValueError: a fault"),
        ("import a_module_that_is_not_there", 1, "ModuleNotFoundError"),
        ("import signal; os.kill(os.getpid(), signal.SIGKILL)", 128 + signal.SIGKILL, ""),
    ],
)
def test_a_job_ends_as_its_fork(run, program, code, word):
    ended, _, said = run.ended(program)
    assert ended == code
    assert word in said


PATIENT = """
import signal, time
def stop(number, frame):
    print("stopped by", number, flush=True)
    sys.exit(7)
signal.signal(signal.SIGTERM, stop)
with open("process", "w") as file:
    file.write(str(os.getpid()))
time.sleep(60)
"""


def test_a_job_passes_signals_on(run):
    job = run.start(PATIENT)
    wait_for(run.folder / "process")
    job.terminate()
    said, _ = job.communicate(timeout=20)
    assert said.split() == ["stopped", "by", str(int(signal.SIGTERM))]
    assert job.returncode == 7


def test_a_killed_job_takes_its_fork_with_it(run):
    job = run.start(PATIENT)
    fork = int(wait_for(run.folder / "process"))
    job.kill()
    job.communicate(timeout=20)
    assert gone(fork)
    assert run.ended("print('next')")[:2] == (0, "next\n")


def test_the_process_ends_with_snakemake_but_not_before_the_last_job(run):
    job = run.start("import time; open('process', 'w').write('here'); time.sleep(0.5); print(os.getppid())")
    wait_for(run.folder / "process")
    run.owner.kill()
    run.owner.wait()
    said, _ = job.communicate(timeout=20)
    assert job.returncode == 0
    assert gone(int(said))


def test_a_job_says_that_the_process_was_killed_and_the_next_starts_another(run):
    first = run.warm_process()
    job = run.start(PATIENT)
    fork = int(wait_for(run.folder / "process"))
    os.kill(first, signal.SIGKILL)
    _, said = job.communicate(timeout=20)
    assert job.returncode == 1
    assert "has ended; run the same again" in said
    assert gone(fork)
    assert run.warm_process() != first


@pytest.mark.parametrize("leased", [("--threads", "2"), ("--gpu", "1")])
def test_a_job_that_leases_more_than_one_thread_starts_by_itself(run, leased, tmp_path):
    (tmp_path / "bin").mkdir()
    asked = tmp_path / "bin" / "nvidia-smi"
    asked.write_text("#!/bin/sh\n")
    asked.chmod(0o755)
    path = f"{asked.parent}{os.pathsep}{os.environ['PATH']}"
    parents = [int(run.ended("print(os.getppid())", *given, PATH=path)[1]) for given in (leased, ())]
    assert parents[0] == os.getpid() != parents[1]


def test_a_restoration_finds_the_libraries_loaded_for_one_thread_and_no_gpu(run):
    program = """
    loaded = "torch" in sys.modules
    import torch
    print(loaded, torch.get_num_threads(), torch.cuda.is_initialized())
    """.replace("    ", "")
    assert run.ended(program, name="restore.py")[1].split() == ["True", "1", "False"]


def test_it_loads_the_libraries_under_the_lease_of_one_thread_and_no_gpu(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    with monkeypatch.context() as leased:
        for name in (*THREAD_VARIABLES, "CUDA_VISIBLE_DEVICES"):
            leased.setenv(name, "set by the lease")
        with lease(0, 1):
            expected = {name: os.environ[name] for name in (*THREAD_VARIABLES, "CUDA_VISIBLE_DEVICES")}
    assert expected == importlib.import_module("_warm").LEASED


def test_words_of_any_length_are_handed_over(run):
    long = "x" * 100_000
    environment = {f"LONG_{number}": long for number in range(10)}
    jobs = [
        run.start("print(len(os.environ['LONG_9']))", name=f"job_{number}.py", **environment) for number in range(3)
    ]
    assert [job.communicate(timeout=60)[0] for job in jobs] == ["100000\n"] * 3


def test_a_job_that_is_stopped_while_it_waits_for_its_fork_is_stopped(run):
    """The first job to restore waits for seconds until torch is loaded."""
    job = run.start("import time\ntime.sleep(60)", name="restore.py")
    time.sleep(0.5)
    job.terminate()
    job.communicate(timeout=30)
    assert job.returncode in (-signal.SIGTERM, 128 + signal.SIGTERM)


CHILD = """
import subprocess
child = subprocess.Popen(["sleep", "60"])
with open("process", "w") as file:
    file.write(str(child.pid))
child.wait()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_a_job_has_started_ends_with_it(run, number):
    job = run.start(CHILD)
    child = int(wait_for(run.folder / "process"))
    job.send_signal(number)
    job.communicate(timeout=20)
    assert gone(child)


def test_a_signal_to_all_processes_leaves_a_job_the_time_to_save(run):
    warm = run.warm_process()
    job = run.start(PATIENT)
    fork = int(wait_for(run.folder / "process"))
    os.kill(warm, signal.SIGTERM)
    os.kill(fork, signal.SIGTERM)
    said, _ = job.communicate(timeout=20)
    assert said.split() == ["stopped", "by", str(int(signal.SIGTERM))]
    assert job.returncode == 7


def test_where_no_process_can_be_started_the_job_says_so_and_starts_by_itself(run):
    run.address = run.folder / ("a long name" * 12) / f"warm-{run.owner.pid}"
    code, parent, said = run.ended("print(os.getppid())")
    assert (code, int(parent)) == (0, os.getpid())
    assert "this job starts by itself, as no process could be started to fork from" in said


def test_within_slurm_a_job_that_leases_a_gpu_starts_by_itself(run):
    assert int(run.ended("print(os.getppid())", "--gpu", "1", SLURM_JOB_ID="7")[1]) == os.getpid()
