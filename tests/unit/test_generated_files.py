"""What is generated is what its source would generate now."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2]


def script(path: str):
    spec = importlib.util.spec_from_file_location(Path(path).stem, HOME / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DOCS = script("docs/generate.py").generated()
ENVIRONMENTS = script("envs/lock.py").derived()


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_documentation_is_up_to_date(path):
    assert path.read_text(encoding="utf-8") == DOCS[path], "run: make docs"


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.name)
def test_environments_are_made_from_the_lock(path):
    assert path.read_text(encoding="utf-8") == ENVIRONMENTS[path], "run: python envs/lock.py --derived"


def test_the_lock_holds_what_is_asked_for_and_nothing_of_one_machine():
    lock = script("envs/lock.py")
    asked = lock.pins(HOME / "envs/requirements.in")
    locked = lock.pins(HOME / "envs/requirements.lock")
    assert set(lock.direct_names()) - {"torch"} <= locked.keys()
    assert {name: locked[name] for name in asked if name != "torch"} == {k: v for k, v in asked.items() if k != "torch"}
    text = (HOME / "envs/requirements.lock").read_text()
    assert not [line for line in text.splitlines() if line.startswith("-")], "options of pip are of one machine"
    assert not [word for word in ("file:", "torch", "nvidia") if word in text]


def test_every_step_runs_by_hand_with_help():
    scripts = {path.stem: path for path in (HOME / "workflow/scripts").glob("[!_]*.py")}
    # Two are for people only, and no step of the workflow.
    del scripts["retry"]
    assert "--method" in help_of(scripts.pop("restore_image"))
    assert {"train", "restore", "score"} < scripts.keys()
    for path in scripts.values():
        shown = help_of(path)
        assert "--spec" in shown
        assert "Output:" in shown


def help_of(path):
    return subprocess.run([sys.executable, path, "--help"], capture_output=True, text=True, check=True).stdout
