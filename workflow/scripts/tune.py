"""Search the parameters of a variant on the validation split.

Input:  truth, measurement (index.csv of the validation split)
Output: params (params.json), tuning (tuning.csv, one line an evaluation), run (run.json)
"""

import csv
import json

import _step


def tune(step: _step.Step) -> None:
    import time

    from reconbench.images import read_index
    from reconbench.steps.tuning import tune

    truths, measurements = read_index(step.input("truth")), read_index(step.input("measurement"))
    start = time.perf_counter()
    best, evaluations = tune(step.spec, truths, measurements, step.device)
    seconds = time.perf_counter() - start
    step.outputs["params"].write_text(json.dumps(best, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    with open(step.outputs["tuning"], "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(evaluations[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(evaluations)
    step.write_run(seconds=seconds, pixels=len(evaluations) * sum(record.pixels for record in measurements))


def failed(step: _step.Step, what: str) -> None:
    # Restoring finds these empty, sees why in run.json, and passes it on.
    step.outputs["params"].write_text("{}\n", encoding="utf-8")
    step.outputs["tuning"].write_text("", encoding="utf-8")
    step.write_run(status=what)


if __name__ == "__main__":
    _step.main(tune, __doc__, failed)
