"""What stands above and under a table, in words: scale, data, statistics, times, training, tuning, exceptions."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reconbench import catalogue
from reconbench.config.tables_and_figures import Order
from reconbench.results import labels
from reconbench.results.provenance import OK
from reconbench.results.published import Published
from reconbench.results.runs import devices
from reconbench.results.table_parts import PUBLISHED_ONLY, Block, Column, Result, Row

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


def of_block(section: Spec, rows: Sequence["Row"], spec: Spec, oracle_stopped: bool) -> list[str]:
    """Return the notes under a block: images, order, times, statistics, what is chosen or lacking, the study's own."""
    scored = any(result.images is not None for row in rows for result in row.results)
    found = [_numbers(section, rows)] if scored else []
    found += _order(section, rows, spec)
    if labels.TIME_RATIO in spec["definition"]["metrics"]:
        found.append(_ratio(section, rows, spec))
    if section["statistics"] == "as_published":
        cells = [cell.ours for row in rows for result in row.results for cell in result.cells.values() if cell.ours]
        clipped, imputed = sum(ours.clipped for ours in cells), sum(ours.imputed for ours in cells)
        found.append(f"{CLIPPING}. Here that clipped {clipped} values and replaced {imputed}.")
    readings = {spec["problems"][problem]["reading"] for problem in section["problems"].values()}
    if "as_published" in readings:
        found.append("Noise, target and metrics follow the authors' code to the letter (reading as_published).")
    if oracle_stopped:
        found.append(_oracle_stopped(section, spec))
    if any(row.kind == PUBLISHED_ONLY for row in rows):
        found.append("Published only: rows of the paper for which there is no method here.")
    return [*found, *section["notes"]]


def of_table(
    spec: Spec,
    blocks: Sequence["Block"],
    columns: Sequence["Column"],
    runs: Runs,
    trained: Runs,
    published: Published,
) -> list[str]:
    """Return the notes under a table."""
    results = [(row, result) for block in blocks for row in block.shown for result in row.results]
    repetitions = _repetitions(spec, results)
    found = [*_best(columns), *_spread(columns, repetitions), *_trained(spec, repetitions)]
    sources = _sources(blocks, columns, published)
    if sources:
        found.append(f"Published numbers: {'; '.join(sources)}. Δ is ours minus published.")
    if any(labels.is_of_time(column.metric) for column in columns):
        found += _times(spec, runs)
    if any(column.metric in labels.TRAINING_TIMES for column in columns):
        found += _times_of_training(spec, trained)
    return [*found, *_undefined(results), *_tuning(results), *_instruments(spec), *spec["definition"]["notes"]]


def _numbers(section: Spec, rows: Sequence["Row"]) -> str:
    first = rows[0].results
    counts = {result.images for result in first}
    if len(counts) == 1:
        count = counts.pop()
        return f"n = {count} image{'' if count == 1 else 's'}."
    found = zip(section["problems"], first, strict=True)
    return f"{', '.join(f'{heading}: n = {result.images} images' for heading, result in found)}."


def _order(section: Spec, rows: Sequence["Row"], spec: Spec) -> list[str]:
    """Say by what the rows are sorted, and of a ranking which of them are shown."""
    if section["order"] is None:
        return []
    order = Order.model_validate(section["order"])
    where = f" on {next(iter(section['problems']))}" if len(section["problems"]) > 1 else ""
    by = f"by our {labels.metric_name(order.by, spec['definition']['metrics'][order.by]['title'])}{where}"
    if not order.is_ranking:
        return [f"Sorted {by}, the best row first."]
    ranked = sum(row.rank is not None for row in rows)
    if ranked <= order.best + order.worst:
        return [f"Ranked {by}."]
    ends = " and ".join(
        f"the {end}" if number == 1 else f"the {number} {end}"
        for end, number in (("best", order.best), ("worst", order.worst))
        if number
    )
    return [f"Ranked {by}: {ends} of {ranked} rows. All rows are in the csv, and bold looks at all of them."]


def _ratio(section: Spec, rows: Sequence["Row"], spec: Spec) -> str:
    """Say which row's time the others are compared with, and whether on one device."""
    first = labels.variant_title(section["variants"][0], spec["variants"])
    several = len({row.device for row in rows if row.device}) > 1
    aside = "; not all rows ran on its device" if several else ""
    return f"Ratios of times: the time of a frame over that of {first} on the same images{aside}."


def _oracle_stopped(section: Spec, spec: Spec) -> str:
    """Say of which rows one is called oracle-stopped, and by which metric."""
    metric, display = next(iter(spec["definition"]["metrics"].items()))
    names = [name for name in section["variants"] if name in section["oracle_stopped"]]
    rows = f"{len(names)} row{'s' * (len(names) != 1)}"
    titles = "; ".join(labels.variant_title(name, spec["variants"]) for name in names)
    where = f" on {next(iter(section['problems']))}" if len(section["problems"]) > 1 else ""
    return (
        f"oracle-stopped: of {rows} ({titles}) the one that is best by {labels.metric_name(metric, display['title'])}"
        f"{where}, chosen with the truth as in the paper; no method may do that."
    )


def _best(columns: Sequence["Column"]) -> list[str]:
    """Say what is bold, where anything can be."""
    of_training = [labels.is_of_training(column.metric) for column in columns]
    if all(of_training):
        return []
    aside = " Columns of training are no ranking and have none." if any(of_training) else ""
    return [f"Bold: the best of ours in a column, the controls (input, truth) aside.{aside}"]


def _spread(columns: Sequence["Column"], repetitions: Sequence[int]) -> list[str]:
    """Say what is spread: values over the images, and over the repetitions where it is of training."""
    of_training = [labels.is_of_training(column.metric) for column in columns if column.spread is True]
    found = []
    if any(column.spread == "repetitions" for column in columns):
        found.append("± is the standard deviation over the repetitions of the training (divisor n).")
    if not all(of_training):
        found.append("± is the standard deviation over the images (divisor n).")
    if any(of_training) and max(repetitions, default=0) > 1:
        found.append("± of training is the standard deviation over the repetitions (divisor n).")
    return found


def _repetitions(spec: Spec, results: Iterable[tuple["Row", "Result"]]) -> list[int]:
    """Return how many repetitions trained rows have, each number once, in order."""
    trained = {(row["problem"], row["variant"]) for row in spec["rows"] if row["trained_on"]}
    return sorted({result.repetitions for _, result in results if (result.problem, result.variant) in trained})


def _trained(spec: Spec, repetitions: Sequence[int]) -> list[str]:
    """Say of how many trainings a row is the mean."""
    if not repetitions:
        return []
    each = {row["one_network_an_image"] for row in spec["rows"] if row["trained_on"]}
    what = {frozenset({True}): " for each image", frozenset({False}): ""}.get(frozenset(each), " (or one an image)")
    least, most = repetitions[0], repetitions[-1]
    if most == 1:
        return [f"Trained rows: 1 training{what or ' each'}."]
    number = f"{most}" if least == most else f"{least} to {most}"
    return [f"Trained rows: each is the mean over {number} repetitions of its training{what}."]


def _sources(blocks: Sequence["Block"], columns: Sequence["Column"], published: Published) -> list[str]:
    """Return where the published numbers stand that are shown."""
    cells = [
        (row.variant, result.problem, column.metric, "mean")
        for block in blocks
        for row in block.shown
        for result in row.results
        for column in columns
        if result.cells[column.metric].published is not None
    ]
    return list(dict.fromkeys(published.sources[cell] for cell in cells))


def _times(spec: Spec, runs: Runs) -> list[str]:
    """Say on what each time was measured, and whether anything else ran beside."""
    alone, shared = _by_company(spec, runs, "problem")
    found = []
    if alone:
        found.append(f"Times: each job alone on {devices(alone)}; a warm-up is not counted.")
    if shared:
        which = "Other times" if alone else "Times"
        found.append(f"{which}: shared, on {devices(shared)}; other jobs may have run beside, so compare with care.")
    return found


def _times_of_training(spec: Spec, trained: Runs) -> list[str]:
    """Say the same of the trainings."""
    # One that failed has no time, and may not know its device.
    ended = {pair: [run for run in runs if run["status"] == OK] for pair, runs in trained.items()}
    alone, shared = _by_company(spec, ended, "trained_on")
    found = []
    if alone:
        found.append(f"Times of training: each job alone on {devices(alone)}.")
    if shared:
        which = "Other times of training" if alone else "Times of training"
        found.append(f"{which}: shared, on {devices(shared)}; measured while other jobs ran, so compare with care.")
    return found


def _by_company(spec: Spec, runs: Runs, problem: str) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Return the runs of all rows that had the machine for themselves, and those that shared it.

    Their problem is the one that a row has under the key `problem`.
    """
    alone, shared = [], []
    for row in spec["rows"]:
        (alone if row["timed"] else shared).extend(runs.get((row[problem], row["variant"]), []))
    return alone, shared


def _instruments(spec: Spec) -> list[str]:
    """Return what the forward models of the problems have to say of themselves, with the problem where it matters."""
    said: dict[str, list[str]] = {}
    for section in spec["definition"]["sections"]:
        for heading, problem in section["problems"].items():
            if about := spec["problems"][problem].get("forward"):
                module = catalogue.get_forward_model(about["name"])
                noise = spec["problems"][problem]["noise"] or {"params": {}}
                sentence = module.note(module.Params.model_validate(about["params"]), noise)
                said.setdefault(sentence, []).append(heading)
    if len(said) == 1:
        return list(said)
    return [f"{', '.join(dict.fromkeys(headings))}: {sentence}" for sentence, headings in said.items()]


def _undefined(results: Iterable[tuple["Row", "Result"]]) -> list[str]:
    """Say why a mean is undefined, where one is."""
    of_training = {
        labels.is_of_training(metric)
        for _, result in results
        for metric, cell in result.cells.items()
        if cell.ours and math.isnan(cell.ours.mean)
    }
    where = " or ".join("training" if found else "image" for found in sorted(of_training))
    return [f"Undefined: the metric has no value for at least one {where}, so the mean has none."] if where else []


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
