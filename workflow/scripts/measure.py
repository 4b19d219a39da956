"""Measure one split of a problem: from truths, through the forward model and the noise, to measurements.

Input:  truth (index.csv of the dataset; nothing where the measured images have none),
        measured (index.csv of measured images; nothing where they are simulated)
Output: index (index.csv, with the folder images beside it)
"""

import _step


def measure(step: _step.Step) -> None:
    from reconbench import randomness
    from reconbench.images import ImageWriter, read_index
    from reconbench.progress import progress
    from reconbench.steps.measuring import INSTRUMENT, ForwardModels, axes_of, check_pairs, measure

    spec = step.spec
    truths = [record for index in step.inputs["truth"] for record in read_index(index)]
    measured = [record for index in step.inputs["measured"] for record in read_index(index)]
    with ImageWriter(step.outputs["index"]) as writer:
        if measured:
            check_pairs(truths, measured)
            for record in measured:
                writer.add(record.name, record.load(), record.axes, record.pixel_size)
            return
        forwards = ForwardModels(spec["forward"])
        for number, record in enumerate(progress(truths, f"measure {spec['problem']}")):
            choice = forwards.choice(number)
            generator = randomness.generator(spec["seed"], "measure", spec["problem"], spec["split"], record.name)
            measurement, drawn = measure(record.load(), forwards.get(choice), spec["noise"], generator)
            notes = {f"drawn_{key}": value for key, value in drawn.items()}
            if choice is not None:
                notes[INSTRUMENT] = choice
            axes = axes_of(measurement, record.axes)
            writer.add(record.name, measurement, axes, record.pixel_size, **notes)


if __name__ == "__main__":
    _step.main(measure, __doc__)
