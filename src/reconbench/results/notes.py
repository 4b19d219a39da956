"""What stands above and under a table, in words: the scale, the data, the statistics, times, tuning, exceptions."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reconbench.results import labels
from reconbench.results.published import Published
from reconbench.results.table_parts import Block, Column, Result, Row

Spec = Mapping[str, Any]
Runs = Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]

SCALES = {
    "tiny": "for tests only: too few images to conclude anything",
    "small": "what a laptop computes in minutes, on few and small images",
    "paper": "as many images as were published",
}
CLIPPING = (
    "Statistics as in the script of the paper: MSE above 0.012 counts as 0.012, SSIM is clipped to [0, 1], "
    "and what is not finite is replaced by the mean"
)


def about(spec: Spec) -> list[str]:
    """Return what stands between a table's title and its rows: scale, source, and how the data compare."""
    definition = spec["definition"]
    lines = [f"Scale {spec['scale']}: {SCALES[spec['scale']]}."]
    if definition["source"]:
        lines.append(f"After {definition['source']}.")
    if definition["published"]:
        same = "The published numbers are of the same images with the same noise."
        other = "The published numbers were measured on other images, to which a part of each difference is due."
        lines.append(same if definition["same_data"] else other)
    return [*lines, *filter(None, [definition["data_note"]])]


def of_block(section: Spec, rows: Sequence["Row"], spec: Spec) -> list[str]:
    """Return the notes under a block: number of images, statistics, what is undefined, and the study's own notes."""
    found = [_numbers(section, rows)]
    if section["statistics"] == "as_published":
        cells = [cell.ours for row in rows for result in row.results for cell in result.cells.values() if cell.ours]
        clipped, imputed = sum(ours.clipped for ours in cells), sum(ours.imputed for ours in cells)
        found.append(f"{CLIPPING}. Here that clipped {clipped} values and replaced {imputed}.")
    readings = {spec["problems"][problem]["reading"] for problem in section["problems"].values()}
    if "as_published" in readings:
        found.append("Noise, target and metrics follow the authors' code to the letter (reading as_published).")
    return [*found, *section["notes"]]


def of_table(
    spec: Spec, blocks: Sequence["Block"], columns: Sequence["Column"], runs: Runs, published: Published
) -> list[str]:
    """Return the notes under a table."""
    found = ["Bold: the best of ours in a column, the controls (input, truth) aside."]
    if any(column.spread for column in columns):
        found.append("± is the standard deviation over the images (divisor n).")
    sources = _sources(blocks, columns, published)
    if sources:
        found.append(f"Published numbers: {'; '.join(sources)}. Δ is ours minus published.")
    if any(column.metric == labels.TIME for column in columns):
        found += _times(spec, runs)
    results = [(row, result) for block in blocks for row in block.rows for result in row.results]
    if any(math.isnan(cell.ours.mean) for _, result in results for cell in result.cells.values() if cell.ours):
        found.append("Undefined: the metric has no value for at least one image, so the mean has none.")
    return [*found, *_tuning(results), *spec["definition"]["notes"]]


def _numbers(section: Spec, rows: Sequence["Row"]) -> str:
    first = rows[0].results
    counts = {result.images for result in first}
    if len(counts) == 1:
        sentence = f"n = {counts.pop()} images"
    else:
        sentence = ", ".join(
            f"{heading}: n = {result.images} images" for heading, result in zip(section["problems"], first, strict=True)
        )
    repetitions = max(result.repetitions for row in rows for result in row.results)
    if repetitions > 1:
        sentence += f"; of trained methods the mean over {repetitions} repetitions"
    return f"{sentence}."


def _sources(blocks: Sequence["Block"], columns: Sequence["Column"], published: Published) -> list[str]:
    """Return where the published numbers stand that are shown."""
    cells = [
        (row.variant, result.problem, column.metric, "mean")
        for block in blocks
        for row in block.rows
        for result in row.results
        for column in columns
        if result.cells[column.metric].published is not None
    ]
    return list(dict.fromkeys(published.sources[cell] for cell in cells))


def _times(spec: Spec, runs: Runs) -> list[str]:
    """Say on what each time was measured, and whether anything else ran beside."""
    alone, shared = [], []
    for row in spec["rows"]:
        (alone if row["timed"] else shared).extend(runs.get((row["problem"], row["variant"]), []))
    found = []
    if alone:
        found.append(f"Times: each job alone on {_machines(alone)}; a warm-up is not counted.")
    if shared:
        which = "Other times" if alone else "Times"
        found.append(f"{which}: shared, on {_machines(shared)}; other jobs may have run beside, so compare with care.")
    return found


def _machines(runs: Iterable[Mapping[str, Any]]) -> str:
    names = [f"{run['device_name']}, {run['threads']} {'thread' if run['threads'] == 1 else 'threads'}" for run in runs]
    return " and ".join(dict.fromkeys(names))


def _tuning(results: Iterable[tuple["Row", "Result"]]) -> list[str]:
    """Say for each tuned row what was chosen on the validation split, and of how many combinations."""
    chosen: dict[str, list[str]] = {}
    for row, result in results:
        if result.tuned is not None:
            values = ", ".join(f"{name} {value}" for name, value in result.tuned.chosen.items()) or "nothing"
            count = f"{result.tuned.evaluations} evaluation{'s' * (result.tuned.evaluations != 1)}"
            chosen.setdefault(row.method, []).append(f"{values} on {result.tuned.problem} ({count})")
    if not chosen:
        return []
    words = ". ".join(
        f"{method.removesuffix(', tuned')}: {'; '.join(dict.fromkeys(found))}" for method, found in chosen.items()
    )
    return [f"Tuned on validation images, which chose: {words}."]
