"""A table from its spec and the scores: rows, columns, ours and the published number, and the notes under it."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from reconbench.results import labels, notes, ordering, speeds
from reconbench.results.published import Published, read_published
from reconbench.results.runs import devices, read_runs
from reconbench.results.scores import Line, Pair, of_pair, place, read_by_pair
from reconbench.results.statistics import Summary, over_repetitions, status_of, summarise
from reconbench.results.table_parts import (
    PUBLISHED_ONLY,
    Block,
    Cell,
    Column,
    Place,
    Result,
    Row,
    TableResult,
    Tuned,
)
from reconbench.results.training import Run, over_trainings, trainings_of
from reconbench.steps.scoring import NO_TRUTH, OK

Spec = Mapping[str, Any]


def make_table(
    spec: Spec,
    scores: Sequence[Path],
    runs: Sequence[Path],
    tuned: Sequence[Path],
    trained: Sequence[Path],
    published: Path | None,
    measurements: Sequence[Path] = (),
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
    trained : sequence of Path
        The run.json of every repetition of the training of every row that learns, in folders of the same names.
    published : Path or None
        The published numbers.
    measurements : sequence of Path
        The index.csv of the test split, in ``<problem>/<split>/``, of each problem, where times of frames are shown.

    Raises
    ------
    UserError
        If a row has no scores, where any are shown, or no training, where any is.
    """
    definition = spec["definition"]
    columns = [_column(metric, display) for metric, display in definition["metrics"].items()]
    numbers = read_published(published)
    estimated, trainings = read_runs(runs), read_runs(trained)
    frames = speeds.read_frames(measurements)
    maker = _Maker(spec, columns, read_by_pair(scores), estimated, frames, read_tuned(tuned), trainings, numbers)
    blocks = [maker.block(section) for section in definition["sections"]]
    return TableResult(
        name=spec["name"],
        title=definition["title"],
        about=notes.about(spec),
        columns=columns,
        blocks=blocks,
        notes=notes.of_table(spec, blocks, columns, estimated, trainings, numbers),
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


class _Maker:
    """Makes blocks: what all of them share, kept together."""

    def __init__(
        self,
        spec: Spec,
        columns: Sequence[Column],
        scores: Mapping[Pair, list[list[Line]]],
        estimated: Mapping[Pair, Sequence[Run]],
        frames: speeds.Frames,
        tuned: Mapping[Pair, Tuned],
        trained: Mapping[Pair, Sequence[Run]],
        published: Published,
    ):
        self.spec = spec
        self.columns = columns
        self.scores = scores
        self.estimated = estimated
        self.frames = frames
        self.tuned = tuned
        self.trained = trained
        self.published = published
        self.rows = {(row["problem"], row["variant"]): row for row in spec["rows"]}
        of_training = [labels.is_of_training(column.metric) for column in columns]
        self.shows_scores, self.shows_training = not all(of_training), any(of_training)
        self.shows_devices = all(labels.is_of_time(column.metric) for column in columns)

    def block(self, section: Spec) -> Block:
        """Make the rows of a section."""
        variants = self.spec["variants"]
        rows = [
            Row(
                variant=variant,
                method=labels.variant_title(variant, variants),
                told=labels.told(variant, variants),
                kind="control" if labels.is_control(variant, variants) else "method",
                results=[self._result(section, problem, variant) for problem in section["problems"].values()],
                device=self._device(section, variant) if self.shows_devices else "",
            )
            for variant in section["variants"]
        ]
        stopped = self._oracle_stopped(section, rows)
        rows = [replace(row, method=f"{row.method}, oracle-stopped") if row is stopped else row for row in rows]
        rows = ordering.arranged(rows, section["order"])
        aside = self._published_only(section)
        return Block(
            title=section["title"],
            groups=list(section["problems"]),
            rows=[*rows, *aside],
            shown=[*ordering.shown(rows, section["order"]), *aside],
            best=self._best(rows),
            notes=notes.of_block(section, [*rows, *aside], self.spec, stopped is not None),
        )

    def _result(self, section: Spec, problem: str, variant: str) -> Result:
        row = self.rows[problem, variant]
        repetitions = of_pair(self.scores, problem, variant) if self.shows_scores else []
        trainings = trainings_of(self.trained, row) if self.shows_training else []
        status = _status(repetitions, trainings)
        ours = {
            column.metric: self._of_frames(section, problem, variant, column.metric, status)
            if column.metric in labels.FRAME_COLUMNS
            else _summary(repetitions, trainings, column.metric, section["statistics"], status)
            for column in self.columns
        }
        as_published = "as_published" in (section["statistics"], self.spec["problems"][problem]["reading"])
        return Result(
            problem=problem,
            variant=variant,
            reading="as_published" if as_published else "corrected",
            status=status,
            images=len(repetitions[0]) if repetitions else None,
            repetitions=len(repetitions or {run["repetition"] for run in trainings}),
            cells={metric: self._cell(section, problem, variant, metric, ours[metric]) for metric in ours},
            tuned=self.tuned.get((row["tuned_on"], variant)),
        )

    def _of_frames(self, section: Spec, problem: str, variant: str, metric: str, status: str) -> Summary | None:
        """Return a column of the times of frames, None where there is none."""
        own, first = (self._seconds(problem, name) for name in (variant, section["variants"][0]))
        if own is None or status not in (OK, NO_TRUTH):
            return None
        if metric == labels.FRAME_TIME:
            return own
        if metric == labels.FRAME_RATE:
            return speeds.as_rate(own)
        return None if first is None else speeds.as_ratio(own, first)

    def _seconds(self, problem: str, variant: str) -> Summary | None:
        """Return the seconds that a frame takes."""
        return speeds.seconds_per_frame(of_pair(self.scores, problem, variant), self.frames.get(problem, {}))

    def _device(self, section: Spec, variant: str) -> str:
        """Return what the estimates of a row were computed on."""
        pairs = [(problem, variant) for problem in section["problems"].values()]
        return devices(run for pair in pairs for run in self.estimated.get(pair, []))

    def _published_only(self, section: Spec) -> list[Row]:
        """Make the rows of which there are published numbers and none of ours."""
        return [
            Row(
                variant=name,
                method=f"{title}, {PUBLISHED_ONLY}",
                told="",
                kind=PUBLISHED_ONLY,
                results=[self._result_of_others(section, problem, name) for problem in section["problems"].values()],
            )
            for name, title in section["published_only"].items()
        ]

    def _result_of_others(self, section: Spec, problem: str, name: str) -> Result:
        cells = {column.metric: self._cell(section, problem, name, column.metric, None) for column in self.columns}
        return Result(problem, name, "", PUBLISHED_ONLY, images=None, repetitions=0, cells=cells, tuned=None)

    def _cell(self, section: Spec, problem: str, variant: str, metric: str, ours: Summary | None) -> Cell:
        printed = [
            self.published.value(variant, problem, metric, statistic) if section["published"] else None
            for statistic in ("mean", "std")
        ]
        return Cell(ours, *printed, compared=not (labels.is_of_time(metric) or labels.is_of_training(metric)))

    def _best(self, rows: list[Row]) -> frozenset[Place]:
        """Return where our best values stand, compared as they are displayed; the controls do not compete.

        Nor does training: how fast it is and where it ends says little of the estimates.
        """
        best: set[Place] = set()
        for column in self.columns:
            if labels.is_of_training(column.metric) or not labels.better(column.metric):
                continue
            choose = max if labels.better(column.metric) == "higher" else min
            for results in zip(*(row.results for row in rows if row.kind == "method"), strict=True):
                shown = {
                    result.place(column.metric): _as_shown(ours.mean * column.scale, column)
                    for result in results
                    if (ours := self._competing(result, column.metric)) is not None
                }
                best |= {place for place, value in shown.items() if value == choose(shown.values())}
        return frozenset(best)

    def _oracle_stopped(self, section: Spec, rows: Sequence[Row]) -> Row | None:
        """Return the best, on the first problem, of the rows that the section lists; None where none has a number."""
        means = {
            row.variant: ours.mean
            for row in rows
            if row.variant in section["oracle_stopped"]
            and (ours := self._competing(row.results[0], self.columns[0].metric)) is not None
        }
        if not means:
            return None
        choose = max if labels.better(self.columns[0].metric) == "higher" else min
        return choose((row for row in rows if row.variant in means), key=lambda row: means[row.variant])

    def _competing(self, result: Result, metric: str) -> Summary | None:
        """Return what a row brings to the contest for the best; a time that others shared does not enter."""
        ours = result.cells[metric].ours
        fair = not labels.is_of_time(metric) or self.rows[result.problem, result.variant]["timed"]
        return ours if fair and ours is not None and np.isfinite(ours.mean) else None


def _status(repetitions: list[list[Line]], trainings: Sequence[Run]) -> str:
    """Return what became of a row: of its estimates, or of its training where the table shows nothing else."""
    if repetitions:
        return status_of([line for lines in repetitions for line in lines])
    return status_of(trainings, "trainings") if trainings else OK


def _summary(
    repetitions: list[list[Line]], trainings: Sequence[Run], metric: str, statistics: str, status: str
) -> Summary | None:
    """Return a column over images and repetitions, None where it was not computed."""
    of_training = labels.is_of_training(metric)
    if status != OK and not (status == NO_TRUTH and (metric == labels.TIME or of_training)):
        return None
    if of_training:
        return over_trainings(trainings, metric)
    key, factor = ("seconds", 1000.0) if metric == labels.TIME else (metric, 1.0)
    values = [[line.get(key) for line in lines] for lines in repetitions]
    if any(value is None for lines in values for value in lines):
        return None
    return over_repetitions([summarise([value * factor for value in lines], metric, statistics) for lines in values])


def _column(metric: str, display: Spec) -> Column:
    title = labels.metric_title(metric, display["title"], display["scale"])
    digits = 0 if metric in labels.WHOLE and display["scale"] == 1 else display["digits"]
    significant = metric in labels.FRAME_COLUMNS
    return Column(metric, title, display["scale"], digits, display["spread"], significant)


def _as_shown(value: float, column: Column) -> float:
    return round(value, column.decimals(value))
