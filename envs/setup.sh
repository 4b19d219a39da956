#!/bin/sh
# Make .venv complete: the hashed lock, then torch pinned by version. Does nothing when it is complete already.
#   PYTHON      the Python to use; by default the first of python3, python3.13, python3.12, python3.11 that fits
#   TORCH_ARGS  further arguments for installing torch, for instance another index for the CPU build
set -eu
cd "$(dirname "$0")/.."

fits='import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
torch=$(sed -n 's/^torch==//p' envs/requirements.in)
# The folder belongs to it, because an environment cannot be moved.
wanted="$(cksum < envs/requirements.lock) torch $torch ${TORCH_ARGS:-} $(pwd)"

if [ -f .venv/complete ] && [ "$(cat .venv/complete)" = "$wanted" ] && .venv/bin/python -c "$fits" 2>/dev/null; then
    exit 0
fi

found=""
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if "$candidate" -c "$fits" 2>/dev/null; then found=$candidate; break; fi
done
if [ -z "$found" ]; then
    echo "reconbench needs Python 3.11, 3.12 or 3.13, and found none; name one as: make PYTHON=/path/to/python3.12" >&2
    exit 1
fi
if ! "$found" -c 'import venv, ensurepip' 2>/dev/null; then
    echo "$found lacks the module venv; install it (Debian and Ubuntu: apt install python3-venv) and run make again" >&2
    exit 1
fi

if [ -L .venv ]; then
    echo ".venv is a link to $(readlink .venv), which setting up would empty; remove the link and run make again" >&2
    exit 1
fi

echo "Setting up .venv with $("$found" --version) ..."
"$found" -m venv --clear .venv
.venv/bin/python -m pip install --quiet --no-compile --require-hashes -r envs/requirements.lock
# shellcheck disable=SC2086 (several arguments)
.venv/bin/python -m pip install --quiet --no-compile "torch==$torch" ${TORCH_ARGS:-}
# On all cores, where pip would take one. Packages carry files for other Pythons, which need not compile.
.venv/bin/python -m compileall -qq -j 0 .venv/lib || true
echo "$wanted" > .venv/complete
