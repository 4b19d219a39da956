"""A table from its spec and the scores: rows, columns, ours and the published number, and the notes under it."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reconbench.results import labels, notes
from reconbench.results.published import Published, read_published
from reconbench.results.scores import Line, Pair, of_pair, place, read_by_pair
from reconbench.results.statistics import Summary, over_repetitions, status_of, summarise
from reconbench.results.table_parts import Block, Cell, Column, Place, Result, Row, TableResult, Tuned
from reconbench.steps.scoring import NO_TRUTH, OK

Spec = Mapping[str, Any]


def make_table(
    spec: Spec, scores: Sequence[Path], runs: Sequence[Path], tuned: Sequence[Path], published: Path | None
) -> TableResult:
    """Make a table.

    Parameters
    ----------
    spec : mapping
        What `Specs.table` gives.
    scores : sequence of Path
        The scores.csv of every part of every row, in ``<problem>/<variant>/<repetition>/<part>/``.
    runs : sequence of Path
        The run.json of the estimates of every part, in folders of the same names.
    tuned : sequence of Path
        The params.json of every tuned row, in folders of the same names, each beside its tuning.csv.
    published : Path or None
        The published numbers.
    """
    definition = spec["definition"]
    columns = [_column(metric, display) for metric, display in definition["metrics"].items()]
    numbers = read_published(published)
    maker = _Maker(spec, columns, read_by_pair(scores), read_tuned(tuned), numbers)
    blocks = [maker.block(section) for section in definition["sections"]]
    return TableResult(
        name=spec["name"],
        title=definition["title"],
        about=notes.about(spec),
        columns=columns,
        blocks=blocks,
        notes=notes.of_table(spec, blocks, columns, read_runs(runs), numbers),
    )


def read_tuned(paths: Sequence[Path]) -> dict[Pair, Tuned]:
    """Read what tuning chose, by the problem that it was tuned on and the variant."""
    found = {}
    for path in paths:
        problem, variant, _ = place(path)
        params = json.loads(path.read_text(encoding="utf-8"))
        with open(path.with_name("tuning.csv"), newline="", encoding="utf-8") as file:
            evaluations = list(csv.DictReader(file))
        # A tuning that failed has none, and the row's status says why.
        if evaluations:
            *searched, _score = evaluations[0]
            found[problem, variant] = Tuned(problem, {name: params[name] for name in searched}, len(evaluations))
    return found


def read_runs(paths: Sequence[Path]) -> dict[Pair, list[dict[str, Any]]]:
    """Read the run.json files of estimates, by problem and variant."""
    found: dict[Pair, list[dict[str, Any]]] = {}
    for path in paths:
        problem, variant, _ = place(path)
        found.setdefault((problem, variant), []).append(json.loads(path.read_text(encoding="utf-8")))
    return found


class _Maker:
    """Makes blocks: what all of them share, kept together."""

    def __init__(
        self,
        spec: Spec,
        columns: Sequence[Column],
        scores: Mapping[Pair, list[list[Line]]],
        tuned: Mapping[Pair, Tuned],
        published: Published,
    ):
        self.spec = spec
        self.columns = columns
        self.scores = scores
        self.tuned = tuned
        self.published = published
        self.tuned_on = {(row["problem"], row["variant"]): row["tuned_on"] for row in spec["rows"]}
        self.timed = {(row["problem"], row["variant"]): row["timed"] for row in spec["rows"]}

    def block(self, section: Spec) -> Block:
        """Make the rows of a section."""
        variants = self.spec["variants"]
        rows = [
            Row(
                variant=variant,
                method=labels.variant_title(variant, variants),
                told=labels.told(variant, variants),
                control=labels.is_control(variant, variants),
                results=[self._result(section, problem, variant) for problem in section["problems"].values()],
            )
            for variant in section["variants"]
        ]
        return Block(
            title=section["title"],
            groups=list(section["problems"]),
            rows=rows,
            best=self._best(rows),
            notes=notes.of_block(section, rows, self.spec),
        )

    def _result(self, section: Spec, problem: str, variant: str) -> Result:
        repetitions = of_pair(self.scores, problem, variant)
        status = status_of([line for lines in repetitions for line in lines])
        as_published = "as_published" in (section["statistics"], self.spec["problems"][problem]["reading"])
        return Result(
            problem=problem,
            variant=variant,
            reading="as_published" if as_published else "corrected",
            status=status,
            images=len(repetitions[0]),
            repetitions=len(repetitions),
            cells={
                column.metric: self._cell(section, problem, variant, column.metric, repetitions, status)
                for column in self.columns
            },
            tuned=self.tuned.get((self.tuned_on.get((problem, variant)), variant)),
        )

    def _cell(
        self, section: Spec, problem: str, variant: str, metric: str, repetitions: list[list[Line]], status: str
    ) -> Cell:
        shown = status == OK or (status == NO_TRUTH and metric == labels.TIME)
        printed = [
            self.published.value(variant, problem, metric, statistic) if section["published"] else None
            for statistic in ("mean", "std")
        ]
        ours = _summary(repetitions, metric, section["statistics"]) if shown else None
        return Cell(ours, *printed, compared=metric != labels.TIME)

    def _best(self, rows: list[Row]) -> frozenset[Place]:
        """Return where our best values stand, compared as they are displayed; the controls do not compete."""
        best: set[Place] = set()
        for column in self.columns:
            choose = max if labels.better(column.metric) == "higher" else min
            for results in zip(*(row.results for row in rows if not row.control), strict=True):
                shown = {
                    result.place(column.metric): round(ours.mean * column.scale, column.digits)
                    for result in results
                    if (ours := self._competing(result, column.metric)) is not None
                }
                best |= {place for place, value in shown.items() if value == choose(shown.values())}
        return frozenset(best)

    def _competing(self, result: Result, metric: str) -> Summary | None:
        """Return what a row brings to the contest for the best; a time that others shared does not enter."""
        ours = result.cells[metric].ours
        fair = metric != labels.TIME or self.timed[result.problem, result.variant]
        return ours if fair and ours is not None and np.isfinite(ours.mean) else None


def _summary(repetitions: list[list[Line]], metric: str, statistics: str) -> Summary | None:
    """Return a metric over images and repetitions, None where it was not computed."""
    key, factor = ("seconds", 1000.0) if metric == labels.TIME else (metric, 1.0)
    values = [[line.get(key) for line in lines] for lines in repetitions]
    if any(value is None for lines in values for value in lines):
        return None
    return over_repetitions([summarise([value * factor for value in lines], metric, statistics) for lines in values])


def _column(metric: str, display: Spec) -> Column:
    title = labels.metric_title(metric, display["title"], display["scale"])
    return Column(metric, title, display["scale"], display["digits"], display["spread"])
