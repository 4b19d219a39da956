"""A figure from its spec: what it may draw is read here, the drawing is done by its kind."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconbench import catalogue
from reconbench.images import ImageRecord, read_index
from reconbench.results import style
from reconbench.results.scores import Line, Pair, place, read_by_pair

Records = dict[str, ImageRecord]


@dataclass(frozen=True)
class FigureData:
    """What a figure may draw.

    Attributes
    ----------
    scores : dict
        For each pair of problem and variant its repetitions, in each the lines of scores.csv.
    examples : dict
        For each pair the estimates that were kept, by the name of the image; those of the first repetition.
    truths, measurements : dict
        For each problem the images of its test split, by name; no entry in `truths` where a problem has none.
    """

    scores: dict[Pair, list[list[Line]]]
    examples: dict[Pair, Records]
    truths: dict[str, Records]
    measurements: dict[str, Records]


def draw_figure(
    spec: Mapping[str, Any],
    scores: Sequence[Path],
    examples: Sequence[Path],
    truths: Sequence[Path],
    measurements: Sequence[Path],
    outputs: Mapping[str, Path],
) -> None:
    """Draw a figure and write it as svg and png, with a csv of what is drawn.

    Parameters
    ----------
    spec : mapping
        What `Specs.figure` gives.
    scores, examples : sequence of Path
        The scores.csv and examples.csv of every part of every row, in ``<problem>/<variant>/<repetition>/<part>/``.
    truths : sequence of Path
        The index.csv of the test split, in ``<dataset>/<split>/``, of each problem that has truths.
    measurements : sequence of Path
        The index.csv of the test split, in ``<problem>/<split>/``, of each problem.
    outputs : mapping
        Paths for `svg`, `png` and `csv`.
    """
    import matplotlib

    matplotlib.use("Agg")
    data = FigureData(read_by_pair(scores), read_examples(examples), *read_images(spec, truths, measurements))
    kind = catalogue.figure_kinds()[spec["definition"]["kind"]]
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **style.SETTINGS, "backend": "agg"}):
        figure, lines = kind.draw(spec, data)
        style.save(figure, outputs["svg"], outputs["png"])
    with open(outputs["csv"], "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def read_examples(paths: Sequence[Path]) -> dict[Pair, Records]:
    """Read the estimates that were kept, of the first repetition."""
    found: dict[Pair, Records] = {}
    first: dict[Pair, str] = {}
    for path in paths:
        problem, variant, repetition = place(path)
        if first.setdefault((problem, variant), repetition) == repetition:
            found.setdefault((problem, variant), {}).update(_by_name(path))
    return found


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


def _by_name(index: Path) -> Records:
    return {record.name: record for record in read_index(index)}
