"""Prepare one split of a dataset: read or simulate its truths, crop and scale them, and check every image.

Input:  downloads (index.csv of the registry's files, or nothing)
Output: index (index.csv, with the folder images beside it)
"""

import _step


def prepare(step: _step.Step) -> None:
    from reconbench.datasets.preparing import prepare
    from reconbench.images import ImageWriter

    spec = step.spec
    downloads = next((index.parent / "files" for index in step.inputs["downloads"]), None)
    with ImageWriter(step.outputs["index"]) as writer:
        prepare(spec["definition"], spec["split"], spec["seed"], downloads, writer)


if __name__ == "__main__":
    _step.main(prepare, __doc__)
