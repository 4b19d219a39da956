"""Train the networks of a variant; go on from the checkpoint beside the outputs, if there is one of this very training.

Input:  training, validation (index.csv of truths), start (weights to start from, or nothing),
        start_run (run.json of those, or nothing)
Output: weights (weights.pt), training (training.csv, one line a validation), run (run.json)
"""

from contextlib import contextmanager

import _step


def train(step: _step.Step) -> None:
    from reconbench.images import read_index
    from reconbench.results.provenance import OK, read_status
    from reconbench.steps.training import already_trained, data_digest, train_networks
    from reconbench.training.checkpoints import folder_beside
    from reconbench.training.records import write_training
    from reconbench.training.weights import write_weights

    started_from = next((read_status(run) for run in step.inputs["start_run"]), OK)
    if started_from != OK:
        failed(step, f"the training it starts from failed: {started_from}")
        return
    training, validation = read_index(step.input("training")), read_index(step.input("validation"))
    start = next(iter(step.inputs["start"]), None)
    data = data_digest(training, validation, start)
    if already_trained(step.outputs, step.spec, step.code, data):
        return
    folder = folder_beside(step.outputs["run"])
    networks, progress, checkpoint = train_networks(
        step.spec, step.code, training, validation, start, folder, step.device, step.checkpoint_seconds
    )
    write_weights(step.outputs["weights"], networks, about(step.spec))
    write_training(step.outputs["training"], progress.lines)
    step.write_run(seconds=progress.seconds, training={"data": data, **progress.facts()})
    checkpoint.remove()


def about(spec: dict) -> dict:
    return {"method": spec["method"]["name"], **{key: spec[key] for key in ("params", "kind", "forward", "noise")}}


def failed(step: _step.Step, what: str) -> None:
    from reconbench.training.records import write_training

    # What comes after finds these empty, sees why in run.json, and passes it on.
    step.outputs["weights"].write_bytes(b"")
    write_training(step.outputs["training"], [])
    step.write_run(status=what)


@contextmanager
def alone(step: _step.Step):
    from reconbench.training.checkpoints import folder_beside, locked

    with locked(folder_beside(step.outputs["run"])) as descriptor:
        yield descriptor


if __name__ == "__main__":
    _step.main(train, __doc__, failed, alone)
