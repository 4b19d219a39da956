"""Draw one figure, and write down the values that are drawn.

Input:  scores (scores.csv of every part of every row), examples (examples.csv of the same),
        truths (index.csv of the truths of each problem that has any), measurements (index.csv of each problem)
Output: svg, png, csv, provenance (json)
"""

import _step


def figure(step: _step.Step) -> None:
    from reconbench.results.drawing import draw_figure
    from reconbench.results.sources import write_sources

    draw_figure(step.spec, outputs=step.outputs, **step.inputs)
    write_sources(step.outputs["provenance"], step.spec, step.inputs, step.code)


if __name__ == "__main__":
    _step.main(figure, __doc__)
