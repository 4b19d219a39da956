"""Fetch one dataset of the registry, from its address or from a mirror, and check every file.

The environment says from where: RECONBENCH_MIRROR (a folder or an address), RECONBENCH_OFFLINE (not empty: refuse).
Output: index (index.csv of the files, with the folder files beside it)
"""

import _step


def fetch(step: _step.Step) -> None:
    import csv
    import os

    from reconbench.datasets.fetching import fetch
    from reconbench.datasets.registry import registered_files

    dataset, index = step.spec["dataset"], step.outputs["index"]
    # From where is no part of the spec: files that are there and checked need not come again from elsewhere.
    mirror, offline = os.environ.get("RECONBENCH_MIRROR") or None, bool(os.environ.get("RECONBENCH_OFFLINE"))
    partial = index.parent.parent / ".partial" / dataset
    fetch(dataset, index.parent / "files", partial, mirror, offline)
    with open(index, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "bytes", "sha256"])
        writer.writerows([entry.file, entry.bytes, entry.sha256] for entry in registered_files(dataset))


if __name__ == "__main__":
    _step.main(fetch, __doc__)
