"""Score one shard: every metric for every image, and the estimates of a few named examples.

Input:  truth (index.csv, or nothing), measurement (index.csv),
        estimate (index.csv; nothing for the control `oracle`), run (run.json of the estimates, or nothing)
Output: scores (scores.csv), examples (examples.csv, with the folder examples beside it),
        errors (errors.csv, with the folder errors beside it: the map of mean absolute errors, where there is one)
"""

import _step


def score(step: _step.Step) -> None:
    from reconbench.images import ImageWriter, read_index, shard
    from reconbench.results.provenance import OK, read_status
    from reconbench.results.scores import write_scores
    from reconbench.steps import scoring

    spec = step.spec
    measurements = read_index(step.input("measurement"))
    chosen = scoring.example_names(spec["examples"], [record.name for record in measurements])
    here = shard(measurements, spec["shard"])
    truths = scoring.paired(here, [record for index in step.inputs["truth"] for record in read_index(index)])
    estimates = scoring.paired(here, [record for index in step.inputs["estimate"] for record in read_index(index)])
    status = next((read_status(run) for run in step.inputs["run"]), OK)
    lines = []
    errors = scoring.MeanAbsoluteError()
    with ImageWriter(step.outputs["examples"], folder="examples") as writer:
        for measurement, truth, estimate in zip(here, truths, estimates, strict=True):
            if status != OK:
                lines.append({"image": measurement.name, "status": status})
                continue
            image, line = scoring.score(spec["metrics"], spec["target"], truth, measurement, estimate, errors)
            lines.append(line)
            if measurement.name in chosen:
                axes = (truth or estimate).axes
                writer.add(measurement.name, image, axes, measurement.pixel_size)
    with ImageWriter(step.outputs["errors"], folder="errors") as writer:
        if errors.mean is not None:
            axes = next(truth.axes for truth in truths if truth is not None)
            writer.add("mean_absolute_error", errors.mean, axes, number=errors.number)
    write_scores(step.outputs["scores"], lines)


if __name__ == "__main__":
    _step.main(score, __doc__)
