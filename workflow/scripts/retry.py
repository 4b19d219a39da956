"""Run again what failed and was recorded, and what follows from it; further arguments go to Snakemake.

python workflow/scripts/retry.py [--cores 4] [--config scale=paper]
"""

import subprocess
import sys
from pathlib import Path

import _step  # noqa: F401 (makes the package importable)


def failed_runs(results: Path) -> list[str]:
    """Return every run.json below a folder that tells of a failure."""
    from reconbench.results.provenance import NOT_APPLICABLE, OK, read_status

    return sorted(
        str(path) for path in results.glob("*/*/*/*/*/*/run.json") if read_status(path) not in (OK, NOT_APPLICABLE)
    )


def main() -> int:
    failed = failed_runs(Path("results"))
    if not failed:
        print("nothing to retry: no run.json under results/ tells of a failure")
        return 0
    print("again:", *failed, sep="\n  ")
    arguments = sys.argv[1:] or ["--cores", "all"]
    return subprocess.call([str(Path(sys.executable).with_name("snakemake")), *arguments, "--forcerun", *failed])


if __name__ == "__main__":
    sys.exit(main())
