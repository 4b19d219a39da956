"""A table in four formats: tidy csv, and what people read, as Markdown, LaTeX and an HTML fragment."""

import csv
import io
import math
from collections.abc import Callable, Iterator

from reconbench.results.cells import HEADS, Shown, cells, layout
from reconbench.results.labels import is_of_time
from reconbench.results.published import as_printed
from reconbench.results.rendering_html import as_html
from reconbench.results.rendering_latex import as_latex
from reconbench.results.table_parts import Block, Column, Result, TableResult

# csv


def as_csv(table: TableResult) -> str:
    """Return one line for each method and problem, in plain units and with all digits of ours."""
    text = io.StringIO()
    lines = list(_tidy(table))
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _tidy(table: TableResult) -> Iterator[dict[str, str | int | None]]:
    ranked = any(block.ranked for block in table.blocks)
    of_devices = any("device" in block.words for block in table.blocks)
    for block in table.blocks:
        for row in block.rows:
            for result in row.results:
                yield {
                    "method": row.method,
                    "problem": result.problem,
                    **{key: text for column in table.columns for key, text in _plain(column, result).items()},
                    "n": result.images,
                    "status": result.status,
                    "variant": row.variant,
                    "reading": result.reading,
                    "told": row.told,
                    "evaluations": "" if result.tuned is None else result.tuned.evaluations,
                    **({"rank": row.rank} if ranked else {}),
                    **({"device": row.device} if of_devices else {}),
                }


def _plain(column: Column, result: Result) -> dict[str, str]:
    cell, name = result.cells[column.metric], column.metric
    over_repetitions = column.spread == "repetitions"
    values = {
        f"{name}_mean": None if cell.ours is None else cell.ours.mean,
        f"{name}_std": _finite(cell.ours and cell.ours.std),
        **({f"{name}_std_repetitions": _finite(cell.ours and cell.ours.between)} if over_repetitions else {}),
        f"{name}_published": cell.published,
        f"{name}_difference": cell.difference,
    }
    left_out = () if cell.compared else ("_difference", "_std") if is_of_time(name) else ("_difference",)
    return {
        key: "" if value is None else repr(value) if isinstance(value, float) else as_printed(value)
        for key, value in values.items()
        if not key.endswith(left_out)
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


# Markdown


def as_markdown(table: TableResult) -> str:
    """Return the table as Markdown."""
    parts = [f"**{_markdown(table.title)}**", " ".join(map(_markdown, table.about))]
    for block in table.blocks:
        parts += [f"### {_markdown(block.heading)}"] if block.heading else []
        parts.append("\n".join(_markdown_rows(table, block)))
        parts.append(_markdown_list(block.notes))
    parts.append(_markdown_list(table.notes))
    return "\n\n".join(filter(None, parts)) + "\n"


def _markdown_rows(table: TableResult, block: Block) -> Iterator[str]:
    groups = layout(table, block)
    heads = [
        _markdown(("" if len(groups) == 1 else f"{heading}: ") + column.title if kind == "ours" else HEADS[kind])
        for heading, group in zip(block.groups, groups, strict=True)
        for column, kinds in group
        for kind in kinds
    ]
    yield f"|{' rank |' * block.ranked} method | {' | '.join([*heads, *block.words])} |"
    yield f"|{'--:|' * block.ranked}:--|{'--:|' * len(heads)}{':--|' * len(block.words)}"
    for row in block.shown:
        texts = [
            text
            for result, group in zip(row.results, groups, strict=True)
            for cell in cells(block, result, group)
            for text in [_markdown_cell(cell), *[""] * (cell.span - 1)]
        ]
        rank = f" {row.rank or ''} |" if block.ranked else ""
        method = f"*{_markdown(row.method)}*" if row.kind == "mean" else _markdown(row.method)
        words = [_markdown(text) for text in block.words_of(row)]
        yield f"|{rank} {method} | {' | '.join([*texts, *words])} |"


def _markdown_cell(cell: Shown) -> str:
    text = _markdown(cell.text)
    return " ".join(filter(None, [f"**{text}**" if cell.bold else text, cell.light]))


def _markdown_list(notes: list[str]) -> str:
    return "\n".join(f"- {_markdown(note)}" for note in notes)


def _markdown(text: str) -> str:
    for character in "\\|*<":
        text = text.replace(character, f"\\{character}")
    return text


FORMATS: dict[str, Callable[[TableResult], str]] = {
    "csv": as_csv,
    "md": as_markdown,
    "tex": as_latex,
    "html": as_html,
}
