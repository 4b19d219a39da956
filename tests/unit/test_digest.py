"""The digest of a job's code changes when what it computes may change, and only then."""

from pathlib import Path

import pytest

from reconbench import digest as digests

HOME = Path(__file__).resolve().parents[2]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package with a script beside it; returns a function that writes a file and forgets what was read."""
    monkeypatch.setattr(digests, "SOURCE", tmp_path / "src")

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for cached in (digests._read, digests._reached):
            cached.cache_clear()
        return path

    write("src/reconbench/__init__.py", '"""Package."""\n')
    write("src/reconbench/shared.py", "def half(x):\n    return x / 2\n")
    write("src/reconbench/other.py", "import reconbench.shared\n\nVALUE = 1\n")
    write("src/reconbench/unrelated.py", "VALUE = 1\n")
    write("scripts/_step.py", "def main():\n    from reconbench import shared\n")
    write("scripts/work.py", '"""Work."""\nimport _step\n\n\ndef work():\n    from reconbench.other import VALUE\n')
    return write


def current(tmp_path) -> str:
    return digests.digest([tmp_path / "scripts/work.py"])


def test_the_closure_follows_imports_inside_functions_and_neighbours(package, tmp_path):
    names = {path.name for path in digests.closure([tmp_path / "scripts/work.py"])}
    assert names == {"work.py", "_step.py", "__init__.py", "other.py", "shared.py"}


@pytest.mark.parametrize(
    "name, text",
    [
        (
            "src/reconbench/shared.py",
            '"""Docstring."""\n\n\ndef half(x):\n    """Halve."""\n    return x / 2  # comment\n',
        ),
        ("src/reconbench/shared.py", "def half(x):\n\n    return (x / 2)\n"),
        ("src/reconbench/shared.py", "METHOD = 'a title'\n\n\ndef half(x):\n    return x / 2\n"),
        ("src/reconbench/unrelated.py", "VALUE = 2\n"),
    ],
    ids=["comments and docstrings", "layout", "a record", "an unrelated file"],
)
def test_what_computes_nothing_else_leaves_it_alone(package, tmp_path, name, text):
    before = current(tmp_path)
    package(name, text)
    assert current(tmp_path) == before


@pytest.mark.parametrize(
    "name, text",
    [
        ("src/reconbench/shared.py", "def half(x):\n    return x / 3\n"),
        ("scripts/_step.py", "def main():\n    from reconbench import shared, other\n    print(1)\n"),
        ("scripts/work.py", "import _step\n\n\ndef work():\n    from reconbench.unrelated import VALUE\n"),
    ],
    ids=["a file that is imported by an import", "a neighbour", "the script"],
)
def test_what_computes_changes_it(package, tmp_path, name, text):
    before = current(tmp_path)
    package(name, text)
    assert current(tmp_path) != before


def test_modules_loaded_by_string_are_followed_when_named(package, tmp_path):
    script = tmp_path / "scripts/work.py"
    assert digests.digest([script]) != digests.digest([script], ["reconbench.unrelated"])


def test_a_step_does_not_depend_on_all_methods():
    names = {path.name for path in digests.closure([HOME / "workflow/scripts/restore.py"])}
    assert "restoring.py" in names
    assert not names & {path.name for path in (HOME / "src/reconbench/methods").glob("[!_]*.py")}
