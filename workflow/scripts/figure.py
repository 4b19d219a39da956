"""Draw one figure or video, and write down the values that are drawn.

Input:  scores (scores.csv of every part of every row), examples and errors (examples.csv and errors.csv of the same),
        truths (index.csv of the truths of each problem that has any), measurements (index.csv of each problem),
        training and models (training.csv and weights.pt of every repetition of every trained row), runs (run.json of
        the estimates of every part of every row), timings (timings.csv and run.json of what was timed for the figure);
        nothing of what the kind does not read
Output: svg (of a video webp), png, csv, provenance (json)
"""

import _step

INPUTS = ("scores", "examples", "truths", "measurements", "training", "models", "errors", "timings", "runs")


def figure(step: _step.Step) -> None:
    from reconbench.results.drawing import draw_figure
    from reconbench.results.sources import write_sources

    inputs = {name: step.inputs[name] for name in INPUTS}
    draw_figure(step.spec, **inputs, outputs=step.outputs)
    write_sources(step.outputs["provenance"], step.spec, inputs, step.code)


if __name__ == "__main__":
    _step.main(figure, __doc__)
