"""Make requirements.lock, environment.yaml and Dockerfile from requirements.in.

`python envs/lock.py` resolves anew with uv and writes all three; `--derived` keeps the lock and writes
only the other two. Torch and its CUDA set stay out of the hashed lock, because a machine may bring its
own build of them; torch is pinned by version instead, and the version pins its CUDA set.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHON = "3.11"
LEFT_OUT = re.compile(r"^(torch|triton|cuda-.*|nvidia-.*)$")


def pins(requirements: Path) -> dict[str, str]:
    """Exact versions in a requirements file, by lower-case name."""
    found = re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", requirements.read_text(), flags=re.MULTILINE)
    return {name.lower(): version for name, version in found}


def direct_names() -> dict[str, str]:
    """Names that requirements.in asks for, in its order, each with the marker that says where it is wanted."""
    lines = (HERE / "requirements.in").read_text().splitlines()
    asked = [line.partition(";") for line in lines if line and not line.startswith("#")]
    return {re.split(r"[=<>\s]", name)[0].lower(): "".join(marker) for name, *marker in asked}


def compile_lock(target: Path, *options: str) -> None:
    # A machine's own folders of wheels must not find their way into a lock that others use.
    environment = {k: v for k, v in os.environ.items() if k not in ("UV_FIND_LINKS", "PIP_FIND_LINKS")}
    command = ["uv", "pip", "compile", "-q", "--universal", "--python-version", PYTHON, *options]
    command += ["--no-header", "--no-annotate", "-o", str(target), str(HERE / "requirements.in")]
    subprocess.run(command, check=True, env=environment)


def resolve() -> None:
    lock = HERE / "requirements.lock"
    plain = HERE / "requirements.plain.tmp"
    compile_lock(plain)
    left_out = [name for name in pins(plain) if LEFT_OUT.match(name)]
    plain.unlink()
    compile_lock(lock, "--generate-hashes", *(f"--no-emit-package={name}" for name in left_out))


def conda_environment() -> str:
    locked = pins(HERE / "requirements.lock") | pins(HERE / "requirements.in")
    lines = [
        "# Made from requirements.lock by envs/lock.py; do not edit.",
        "name: reconbench",
        "channels: [conda-forge, nodefaults]",
        "dependencies:",
        f"  - python={PYTHON}",
        "  - pip",
        "  - pip:",
        *(f"      - {name}=={locked[name]}{' ' * bool(marker)}{marker}" for name, marker in direct_names().items()),
    ]
    return "\n".join(lines) + "\n"


def dockerfile() -> str:
    torch = pins(HERE / "requirements.in")["torch"]
    return f"""# Made from requirements.lock by envs/lock.py; do not edit.
# docker build -f envs/Dockerfile -t reconbench .   (--build-arg TORCH_ARGS="..." for another torch build)
FROM python:{PYTHON}-slim
ARG TORCH_ARGS=""
RUN apt-get update && apt-get install -y --no-install-recommends make git && rm -rf /var/lib/apt/lists/*
COPY envs/requirements.lock /tmp/requirements.lock
RUN pip install --no-cache-dir --require-hashes -r /tmp/requirements.lock \\
    && pip install --no-cache-dir torch=={torch} ${{TORCH_ARGS}}
COPY . /reconbench
WORKDIR /reconbench
CMD ["snakemake", "--cores", "all"]
"""


def derived() -> dict[Path, str]:
    return {HERE / "environment.yaml": conda_environment(), HERE / "Dockerfile": dockerfile()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--derived", action="store_true", help="keep requirements.lock, write the rest")
    if not parser.parse_args().derived:
        resolve()
    for path, text in derived().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
