"""A checkout of its own for tests that run Snakemake."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "config.yaml", "src", "workflow", "profiles", "envs")
SNAKEMAKE = Path(sys.executable).with_name("snakemake")


class Checkout:
    """A copy of what the workflow consists of, in a folder with a space in its name."""

    def __init__(self, folder: Path):
        self.folder = folder / "a checkout"
        self.folder.mkdir()
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        for part in PARTS:
            source, target = HOME / part, self.folder / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=ignored)
            else:
                shutil.copy(source, target)

    def snakemake(self, *arguments: str, directory: Path | None = None) -> subprocess.CompletedProcess:
        """Run Snakemake in the checkout, or with its results in another folder."""
        place = ["--directory", str(directory)] if directory else []
        command = [str(SNAKEMAKE), "--cores", "2", *place, *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=400, check=False)

    def jobs(self, *arguments: str, directory: Path | None = None) -> dict[str, int]:
        """Return how many jobs of each rule a dry run announces."""
        return counted(self.succeeding("-n", *arguments, directory=directory))

    def succeeding(self, *arguments: str, directory: Path | None = None) -> str:
        """Run Snakemake, expect success, and return all that it said."""
        done = self.snakemake(*arguments, directory=directory)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def failing(self, *arguments: str) -> str:
        """Run Snakemake, expect a failure without traceback, and return all that it said."""
        done = self.snakemake(*arguments)
        said = done.stdout + done.stderr
        assert done.returncode != 0, said
        assert "Traceback (most recent call last)" not in said, said
        return said

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a piece of a file."""
        file = self.folder / path
        text = file.read_text()
        assert old in text, f"{path} does not hold {old!r}"
        file.write_text(text.replace(old, new, 1))


def counted(said: str) -> dict[str, int]:
    """Read the table of job counts that Snakemake prints."""
    table = re.search(r"Job stats:\njob +count\n[- ]+\n((?:\S+ +\d+\n)+)", said)
    if table is None:
        assert "Nothing to be done" in said, said
        return {}
    counts = {rule: int(count) for rule, count in (line.split() for line in table.group(1).splitlines())}
    counts.pop("total")
    return counts
