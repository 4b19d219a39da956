"""Write the report, one page that opens from disk, of the tables and figures that are there.

Input:  tables (html), figures (png)
Output: report (html, two folders below results)
"""

import _step


def report(step: _step.Step) -> None:
    from reconbench.results.report import write_report

    write_report(step.spec, [*step.inputs["tables"], *step.inputs["figures"]], step.outputs["report"])


if __name__ == "__main__":
    _step.main(report, __doc__)
