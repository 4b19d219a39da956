"""Restore one shard of a test split: from measurements to estimates.

Input:  measurement (index.csv), params and tuning (params.json and run.json of a tuned variant, or nothing),
        weights and training (weights.pt and run.json of a trained variant, or nothing)
Output: index (index.csv, with the folder images beside it), run (run.json)
"""

import json

import _step


def restore(step: _step.Step) -> None:
    from reconbench.images import ImageWriter, read_index, shard
    from reconbench.results.provenance import NOT_APPLICABLE, OK, read_status
    from reconbench.steps.restoring import Restorer, restore_images

    for name, done in {"tuning": "tuned", "training": "trained"}.items():
        status = next((read_status(run) for run in step.inputs[name]), OK)
        if status != OK:
            failed(step, status if status == NOT_APPLICABLE else f"not {done}: {status}")
            return
    params = dict(step.spec["params"])
    for tuned in step.inputs["params"]:
        params |= json.loads(tuned.read_text(encoding="utf-8"))
    records = shard(read_index(step.input("measurement")), step.spec["shard"])
    restorer = Restorer(step.spec, params, step.device, next(iter(step.inputs["weights"]), None))
    with ImageWriter(step.outputs["index"]) as writer:
        seconds = restore_images(restorer, records, writer, f"restore {step.spec['variant']}")
    step.write_run(seconds=seconds, pixels=sum(record.pixels for record in records))


def failed(step: _step.Step, what: str) -> None:
    from reconbench.images import ImageWriter

    with ImageWriter(step.outputs["index"]):
        pass
    step.write_run(status=what)


if __name__ == "__main__":
    _step.main(restore, __doc__, failed)
