"""A figure from its spec: what it may draw is read here, the drawing is done by its kind."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from reconbench import catalogue
from reconbench.errors import UserError
from reconbench.images import ImageRecord, read_index
from reconbench.results import style, videos
from reconbench.results.runs import read_runs
from reconbench.results.scores import Line, Pair, place, read_by_pair, read_scores

Records = dict[str, ImageRecord]
Read = TypeVar("Read")


@dataclass(frozen=True)
class Timings:
    """What was timed for a figure: the lines of timings.csv, as texts, and run.json."""

    lines: list[dict[str, str]]
    run: dict[str, Any]


@dataclass(frozen=True)
class FigureData:
    """What a figure may draw; empty where its kind does not declare in FIGURE.reads that it reads it.

    Attributes
    ----------
    scores : dict
        For each pair of problem and variant its repetitions, in each the lines of scores.csv.
    examples : dict
        For each pair the estimates that were kept, by the name of the image; those of the first repetition.
    truths, measurements : dict
        For each problem the images of its test split, by name (truths of the split that the kind asks for); no entry in
        `truths` where a problem has none.
    training : dict
        For each pair of a trained variant its trainings, of each the lines of training.csv; none where the training
        failed. There is one a repetition, and one an image where each has a network of its own. They are of the
        problem that the variant was trained on.
    models : dict
        For each pair of a trained variant the weights.pt of its trainings, an empty file where the training failed.
    errors : dict
        For each pair its maps of mean absolute errors, by the name of the shard; those of the first repetition. None
        where a shard has no map.
    timings : Timings or None
        What was timed for this figure.
    runs : dict
        For each pair the run.json of its estimates, one a part.
    """

    scores: dict[Pair, list[list[Line]]]
    examples: dict[Pair, Records]
    truths: dict[str, Records]
    measurements: dict[str, Records]
    training: dict[Pair, list[list[Line]]]
    models: dict[Pair, list[Path]]
    errors: dict[Pair, Records]
    timings: Timings | None
    runs: dict[Pair, list[dict[str, Any]]]


def draw_figure(
    spec: Mapping[str, Any],
    scores: Sequence[Path],
    examples: Sequence[Path],
    truths: Sequence[Path],
    measurements: Sequence[Path],
    training: Sequence[Path],
    models: Sequence[Path],
    errors: Sequence[Path],
    timings: Sequence[Path],
    outputs: Mapping[str, Path],
    runs: Sequence[Path] = (),
) -> None:
    """Draw a figure and write it as svg and png, a video as webp and png, with a csv of what is drawn.

    Parameters
    ----------
    spec : mapping
        What `Specs.figure` gives.
    scores, examples : sequence of Path
        The scores.csv and examples.csv of every part of every row, in ``<problem>/<variant>/<repetition>/<part>/``.
    truths : sequence of Path
        The index.csv in ``<dataset>/<split>/`` of each problem that has truths, of the split that the kind asks for.
    measurements : sequence of Path
        The index.csv of the test split, in ``<problem>/<split>/``, of each problem.
    training, models : sequence of Path
        The training.csv and weights.pt of every repetition of every trained row, in
        ``<trained on>/<variant>/<repetition>/<part>/``.
    errors : sequence of Path
        The errors.csv of every part of every row, in ``<problem>/<variant>/<repetition>/<part>/``.
    timings : sequence of Path
        The timings.csv and the run.json of what was timed for the figure, or nothing.
    outputs : mapping
        Paths for `svg`, `png` and `csv`; of a video for `webp`, `png` and `csv`.
    runs : sequence of Path
        The run.json of the estimates of every part of every row, in ``<problem>/<variant>/<repetition>/<part>/``.
    """
    import matplotlib

    matplotlib.use("Agg")
    data = FigureData(
        read_by_pair(scores),
        read_examples(examples),
        *read_images(spec, truths, measurements),
        read_training(spec, training),
        read_models(spec, models),
        read_errors(errors),
        read_timings(timings),
        read_runs(runs),
    )
    kind = catalogue.figure_kinds()[spec["definition"]["kind"]]
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **style.SETTINGS, "backend": "agg"}):
        drawn, lines = kind.draw(spec, data)
        if kind.FIGURE.animated:
            videos.save(drawn, outputs["webp"], outputs["png"])
        else:
            style.save(drawn, outputs["svg"], outputs["png"])
    with open(outputs["csv"], "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def read_examples(paths: Sequence[Path]) -> dict[Pair, Records]:
    """Read the estimates that were kept, of the first repetition."""
    found: dict[Pair, Records] = {}
    for pair, path in _of_first_repetition(paths):
        found.setdefault(pair, {}).update(_by_name(path))
    return found


def read_errors(paths: Sequence[Path]) -> dict[Pair, Records]:
    """Read the maps of mean absolute errors, of the first repetition, by shard; none where a shard has none."""
    found: dict[Pair, Records] = {}
    without: set[Pair] = set()
    for pair, path in _of_first_repetition(paths):
        records = read_index(path)
        found.setdefault(pair, {}).update({path.resolve().parent.name: record for record in records})
        if not records:
            without.add(pair)
    return {pair: {} if pair in without else maps for pair, maps in found.items()}


def read_training(spec: Mapping[str, Any], paths: Sequence[Path]) -> dict[Pair, list[list[Line]]]:
    """Read the learning curves of every trained row, from the problem that it was trained on."""
    return _of_trained_rows(spec, paths, read_scores)


def read_models(spec: Mapping[str, Any], paths: Sequence[Path]) -> dict[Pair, list[Path]]:
    """Return the weights of every trained row, unread: what is in them is known to a kind of figure alone."""
    return _of_trained_rows(spec, paths, lambda path: path)


def _of_trained_rows(
    spec: Mapping[str, Any], paths: Sequence[Path], read: Callable[[Path], Read]
) -> dict[Pair, list[Read]]:
    """Read a file of each training of every trained row, in ``<trained on>/<variant>/<repetition>/<part>/``.

    Raises
    ------
    UserError
        If some are given, but none of a trained row.
    """
    # A training that several problems share is listed once for each.
    found: dict[Pair, list[Read]] = {}
    for path in dict.fromkeys(paths):
        problem, variant, _ = place(path)
        found.setdefault((problem, variant), []).append(read(path))
    trained = [row for row in spec["rows"] if found and row["trained_on"]]
    for row in trained:
        if (row["trained_on"], row["variant"]) not in found:
            raise UserError(
                f"no {paths[0].name} was given for variant '{row['variant']}' on problem '{row['trained_on']}'"
            )
    return {(row["problem"], row["variant"]): found[row["trained_on"], row["variant"]] for row in trained}


def read_timings(paths: Sequence[Path]) -> Timings | None:
    """Read a timings.csv and the run.json beside it, None where none are given."""
    if not paths:
        return None
    table, run = paths
    with open(table, newline="", encoding="utf-8") as file:
        return Timings(list(csv.DictReader(file)), json.loads(run.read_text(encoding="utf-8")))


def read_images(
    spec: Mapping[str, Any], truths: Sequence[Path], measurements: Sequence[Path]
) -> tuple[dict[str, Records], dict[str, Records]]:
    """Read the indexes of the truths and of the measurements of each problem."""
    by_dataset = {path.resolve().parts[-3]: _by_name(path) for path in truths}
    by_problem = {path.resolve().parts[-3]: _by_name(path) for path in measurements}
    return (
        {
            problem: by_dataset[about["dataset"]]
            for problem, about in spec["problems"].items()
            if about["dataset"] in by_dataset
        },
        by_problem,
    )


def _of_first_repetition(paths: Sequence[Path]) -> Iterator[tuple[Pair, Path]]:
    """Give the files of the first repetition of each pair."""
    first: dict[Pair, str] = {}
    for path in paths:
        problem, variant, repetition = place(path)
        if first.setdefault((problem, variant), repetition) == repetition:
            yield (problem, variant), path


def _by_name(index: Path) -> Records:
    return {record.name: record for record in read_index(index)}
