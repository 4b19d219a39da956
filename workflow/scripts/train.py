"""Train the networks of a variant; go on from the checkpoint beside the outputs, if there is one of this very training.

Input:  training, validation (index.csv of truths, one or more) of a method that is trained on truths, and where images
        are measured ones training_measured, validation_measured (index.csv); measurement (index.csv), and truth
        (index.csv) if training.csv is to say how far the estimates are from it, of one that is trained on the image it
        restores; start (weights to start from, or nothing), start_run (run.json of those, or nothing)
Output: weights (weights.pt), training (training.csv, one line a validation), run (run.json)
"""

from contextlib import contextmanager

import _step


def train(step: _step.Step) -> None:
    from reconbench.results.provenance import OK, read_status
    from reconbench.steps.training import already_trained, train_networks
    from reconbench.training.checkpoints import folder_beside
    from reconbench.training.records import write_training
    from reconbench.training.weights import number_of_weights, write_weights

    started_from = next((read_status(run) for run in step.inputs["start_run"]), OK)
    if started_from != OK:
        failed(step, f"the training it starts from failed: {started_from}")
        return
    data = training_data(step)
    if already_trained(step.outputs, step.spec, step.code, data.digest):
        return
    folder = folder_beside(step.outputs["run"])
    networks, progress, checkpoint = train_networks(
        step.spec, step.code, data, folder, step.device, step.checkpoint_seconds
    )
    write_weights(step.outputs["weights"], networks, about(step.spec))
    write_training(step.outputs["training"], progress.lines)
    facts = {"data": data.digest, "parameters": number_of_weights(networks), **progress.facts()}
    step.write_run(seconds=progress.seconds, training=facts)
    checkpoint.remove()


def training_data(step: _step.Step):
    from reconbench.errors import UserError
    from reconbench.images import read_index, shard
    from reconbench.steps.scoring import paired
    from reconbench.steps.training import TrainingData

    def records(name: str) -> list:
        return [record for index in step.inputs[name] for record in read_index(index)]

    start = next(iter(step.inputs["start"]), None)
    if not step.inputs["measurement"]:
        splits = ("training", "validation", "training_measured", "validation_measured")
        return TrainingData(**{split: records(split) for split in splits}, start=start)
    measured = shard(read_index(step.input("measurement")), step.spec["part"])
    if len(measured) != 1:
        raise UserError(f"part {step.spec['part']} has {len(measured)} images; a network is trained on one measurement")
    return TrainingData(measurement=measured[0], truth=paired(measured, records("truth"))[0], start=start)


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
