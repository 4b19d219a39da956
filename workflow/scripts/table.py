"""Make one table, with the published numbers beside ours, in four formats.

Input:  scores (scores.csv of every part of every row), runs (run.json of their estimates),
        tuned (params.json of tuned rows), trained (run.json of every training of trained rows),
        measurements (index.csv of each problem, where times of frames are shown),
        published (csv with published numbers, or nothing)
Output: csv, md, tex, html, provenance (json)
"""

import _step


def table(step: _step.Step) -> None:
    from reconbench.results.rendering import FORMATS
    from reconbench.results.sources import write_sources
    from reconbench.results.tables import make_table

    inputs = step.inputs
    published = next(iter(inputs["published"]), None)
    names = ("scores", "runs", "tuned", "trained")
    made = make_table(step.spec, *(inputs[name] for name in names), published, inputs["measurements"])
    for suffix, render in FORMATS.items():
        step.outputs[suffix].write_text(render(made), encoding="utf-8")
    write_sources(step.outputs["provenance"], step.spec, inputs, step.code)


if __name__ == "__main__":
    _step.main(table, __doc__)
