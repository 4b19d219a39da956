"""Run again what failed and was recorded, and what follows from it; further arguments go to Snakemake.

python workflow/scripts/retry.py [--cores 4] [--config scale=paper]
"""

import subprocess
import sys
from pathlib import Path

import _step  # noqa: F401 (makes the package importable)

SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))


def failed_runs(results: Path) -> list[str]:
    """Return every run.json below a folder that tells of a failure."""
    from reconbench.results.provenance import NOT_APPLICABLE, OK, read_status

    return sorted(
        str(path) for path in results.glob("*/*/*/*/*/*/run.json") if read_status(path) not in (OK, NOT_APPLICABLE)
    )


def asked_for(arguments: list[str]) -> set[str]:
    """Return the files that Snakemake would make with these arguments."""
    command = [SNAKEMAKE, *arguments, "--summary"]
    listed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return {line.split("\t")[0] for line in listed.splitlines()}


def main() -> int:
    arguments = sys.argv[1:] or ["--cores", "all"]
    found = failed_runs(Path("results"))
    # Those of another scale, or of a variant that is configured no more, are let be.
    asked = asked_for(arguments) if found else set()
    failed = [path for path in found if path in asked]
    if not failed:
        print("nothing to retry: no run.json of what is configured tells of a failure")
        return 0
    print("again:", *failed, sep="\n  ")
    return subprocess.call([SNAKEMAKE, *arguments, "--forcerun", *failed])


if __name__ == "__main__":
    sys.exit(main())
