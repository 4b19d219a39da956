"""A table in four formats: tidy csv, and what people read, as Markdown, LaTeX and an HTML fragment."""

import csv
import html
import io
import math
from collections.abc import Callable, Iterator

from reconbench.results.cells import HEADS, Shown, cells, layout, width
from reconbench.results.labels import TIME
from reconbench.results.published import as_printed
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
    left_out = () if cell.compared else ("_difference", "_std") if name == TIME else ("_difference",)
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
        title = _title(block)
        parts += [f"### {_markdown(title)}"] if title else []
        parts.append("\n".join(_markdown_rows(table, block)))
        parts.append(_markdown_list(block.notes))
    parts.append(_markdown_list(table.notes))
    return "\n\n".join(filter(None, parts)) + "\n"


def _title(block: Block) -> str:
    """Return the heading of a block, with that of its problem where it has but one."""
    return ", ".join(filter(None, [block.title, block.groups[0] if len(block.groups) == 1 else ""]))


def _markdown_rows(table: TableResult, block: Block) -> Iterator[str]:
    groups = layout(table, block)
    heads = [
        _markdown(("" if len(groups) == 1 else f"{heading}: ") + column.title if kind == "ours" else HEADS[kind])
        for heading, group in zip(block.groups, groups, strict=True)
        for column, kinds in group
        for kind in kinds
    ]
    yield f"| method | {' | '.join(heads)} | told |"
    yield f"|:--|{'--:|' * len(heads)}:--|"
    for row in block.rows:
        texts = [
            text
            for result, group in zip(row.results, groups, strict=True)
            for cell in cells(block, result, group)
            for text in [_markdown_cell(cell), *[""] * (cell.span - 1)]
        ]
        yield f"| {_markdown(row.method)} | {' | '.join(texts)} | {_markdown(row.told)} |"


def _markdown_cell(cell: Shown) -> str:
    text = _markdown(cell.text)
    return " ".join(filter(None, [f"**{text}**" if cell.bold else text, cell.light]))


def _markdown_list(notes: list[str]) -> str:
    return "\n".join(f"- {_markdown(note)}" for note in notes)


def _markdown(text: str) -> str:
    for character in "\\|*<":
        text = text.replace(character, f"\\{character}")
    return text


# LaTeX

_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "±": r"$\pm$",
    "−": "$-$",
    "×": r"$\times$",
    "∞": r"$\infty$",
    "Δ": r"$\Delta$",
    "σ": r"$\sigma$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "–": "--",
    **{small: f"$^{{{plain}}}$" for small, plain in zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True)},
}
_SHRUNK = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"


def as_latex(table: TableResult) -> str:
    """Return the table as LaTeX, for the packages booktabs and graphicx (which shrinks what is too wide)."""
    lines = [
        r"% \usepackage{booktabs,graphicx}",
        r"\begin{table}",
        r"\centering\setlength{\tabcolsep}{2.5pt}",
        rf"\caption{{{_latex(' '.join([table.title.rstrip('.') + '.', *table.about]))}}}",
        rf"\label{{tab:{table.name}}}",
    ]
    for block in table.blocks:
        title = _title(block)
        lines += [rf"\par\medskip\textbf{{{_latex(title)}}}\par\smallskip"] if title else []
        lines += [_SHRUNK, *_latex_rows(table, block), "}", *_latex_notes(block.notes)]
    return "\n".join([*lines, *_latex_notes(table.notes), r"\end{table}", ""])


def _latex_rows(table: TableResult, block: Block) -> Iterator[str]:
    groups = layout(table, block)
    columns = [(column, kinds) for group in groups for column, kinds in group]
    yield rf"\begin{{tabular}}{{l{'r' * sum(map(width, groups))}l}}"
    yield r"\toprule"
    if len(groups) > 1:
        yield from _latex_heads([(heading, width(group)) for heading, group in zip(block.groups, groups, strict=True)])
    yield from _latex_heads([(column.title, len(kinds)) for column, kinds in columns])
    kinds = [_latex(HEADS[kind]) for _, kinds in columns for kind in kinds]
    yield rf"method & {' & '.join(kinds)} & told \\"
    yield r"\midrule"
    for row in block.rows:
        texts = [
            _latex_cell(cell)
            for result, group in zip(row.results, groups, strict=True)
            for cell in cells(block, result, group)
        ]
        yield rf"{_latex(row.method)} & {' & '.join(texts)} & {_latex(row.told)} \\"
    yield r"\bottomrule"
    yield r"\end{tabular}"


def _latex_heads(heads: list[tuple[str, int]]) -> Iterator[str]:
    """Give a line of heads that span columns, and the rules under them."""
    yield "".join(rf" & \multicolumn{{{span}}}{{c}}{{{_latex(text)}}}" for text, span in heads).strip() + r" & \\"
    first, rules = 2, []
    for _, span in heads:
        rules.append(rf"\cmidrule(lr){{{first}-{first + span - 1}}}")
        first += span
    yield "".join(rules)


def _latex_cell(cell: Shown) -> str:
    text = rf"\textbf{{{_latex(cell.text)}}}" if cell.bold else _latex(cell.text)
    if cell.kind == "status":
        return rf"\multicolumn{{{cell.span}}}{{c}}{{\emph{{{text}}}}}"
    if cell.light:
        # The spread goes under the mean: side by side, a table of four metrics would not fit a page.
        return rf"\begin{{tabular}}{{@{{}}r@{{}}}}{text}\\[-3pt]{{\scriptsize {_latex(cell.light)}}}\end{{tabular}}"
    return text


def _latex_notes(notes: list[str]) -> list[str]:
    return [rf"\par\smallskip{{\footnotesize\raggedright {' '.join(map(_latex, notes))}\par}}"] if notes else []


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


# HTML

_STYLE = """
.rb-table { line-height: 1.4; }
.rb-table .rb-caption { margin: 0 0 .3rem; font-weight: 600; }
.rb-table p, .rb-table ul { margin: .2rem 0 .8rem; max-width: 60rem; }
.rb-table .rb-about, .rb-table ul { color: var(--muted, #59636e); font-size: .86rem; }
.rb-table ul { padding-left: 1.1rem; }
.rb-table h4 { margin: 1.2rem 0 .3rem; font-size: .95rem; }
.rb-table .rb-scroll { overflow-x: auto; max-width: 100%; margin-bottom: .5rem; }
.rb-table table { border-collapse: collapse; font-size: .8rem; font-variant-numeric: tabular-nums;
  border-top: 2px solid currentColor; border-bottom: 2px solid currentColor; }
.rb-table th, .rb-table td { padding: .22rem .3rem; white-space: nowrap; font-weight: 400; text-align: right; }
.rb-table thead th { text-align: center; font-weight: 600; }
.rb-table thead .rb-head { border-bottom: 1px solid var(--line, #d8dcdf); white-space: normal; min-width: 4.5rem; }
.rb-table thead tr:last-child th { font-weight: 400; font-size: .75rem; text-align: right; }
.rb-table tbody tr:first-child > * { border-top: 1px solid currentColor; }
.rb-table tbody tr:hover > * { background: var(--hover, #f1f4f6); }
.rb-table .rb-first { padding-left: .8rem; }
.rb-table .rb-published, .rb-table .rb-difference, .rb-table .rb-light, .rb-table .rb-told,
.rb-table thead tr:last-child th, .rb-table .rb-control > * { color: var(--muted, #59636e); }
.rb-table .rb-light { display: block; font-size: .72rem; line-height: 1.1; }
.rb-table .rb-told { padding-left: .9rem; white-space: normal; min-width: 5.5rem; }
.rb-table .rb-status { color: var(--alarm, #a4281e); font-style: italic; padding-left: .9rem; }
.rb-table tbody th { position: sticky; left: 0; background: var(--page, Canvas); white-space: normal; min-width: 7rem; }
.rb-table tbody th, .rb-table thead tr th.rb-method, .rb-table tr .rb-told, .rb-table .rb-status { text-align: left; }
.rb-table thead tr th.rb-told { text-align: left; }
@media (min-width: 60rem) { .rb-table tbody th { min-width: 13rem; } }
"""


def as_html(table: TableResult) -> str:
    """Return the table as an HTML fragment with its own style; all of it ASCII, so that it opens by itself, too."""
    parts = [
        f'<div class="rb-table"><style>{_STYLE}</style>',
        f'<p class="rb-caption">{html.escape(table.title)}</p>',
        f'<p class="rb-about">{html.escape(" ".join(table.about))}</p>',
    ]
    for block in table.blocks:
        parts += [f"<h4>{html.escape(block.title)}</h4>"] if block.title else []
        parts += ['<div class="rb-scroll" tabindex="0"><table>', *_html_rows(table, block), "</table></div>"]
        parts.append(_html_list(block.notes))
    parts += [_html_list(table.notes), "</div>\n"]
    return "\n".join(filter(None, parts)).encode("ascii", "xmlcharrefreplace").decode("ascii")


def _html_rows(table: TableResult, block: Block) -> Iterator[str]:
    groups = layout(table, block)
    columns = [(column, kinds) for group in groups for column, kinds in group]
    compared = any(len(kinds) > 1 for _, kinds in columns)
    yield "<thead>"
    names = zip(block.groups, groups, strict=True)
    yield _html_heads([("", 1), *((heading, width(group)) for heading, group in names), ("", 1)])
    yield _html_heads([("", 1), *((column.title, len(kinds)) for column, kinds in columns), ("", 1)])
    yield '<tr><th scope="col" class="rb-method">method</th>'
    for kind in (kind for _, kinds in columns for kind in kinds):
        yield f'<th scope="col"{_first(kind)}>{HEADS[kind] if compared else ""}</th>'
    yield '<th scope="col" class="rb-told">told</th></tr></thead><tbody>'
    for row in block.rows:
        yield f'<tr{" class=rb-control" if row.control else ""}><th scope="row">{html.escape(row.method)}</th>'
        for result, group in zip(row.results, groups, strict=True):
            yield from map(_html_cell, cells(block, result, group))
        yield f'<td class="rb-told">{html.escape(row.told)}</td></tr>'
    yield "</tbody>"


def _html_heads(heads: list[tuple[str, int]]) -> str:
    texts = (
        f'<th colspan="{span}" class="{"rb-head" if text else ""}">{html.escape(text)}</th>' for text, span in heads
    )
    return f"<tr>{''.join(texts)}</tr>"


def _first(kind: str) -> str:
    return ' class="rb-first"' if kind == "ours" else ""


def _html_cell(cell: Shown) -> str:
    text = html.escape(cell.text)
    text = f"<strong>{text}</strong>" if cell.bold else text
    light = f' <span class="rb-light">{html.escape(cell.light)}</span>' if cell.light else ""
    name = "rb-first" if cell.kind == "ours" else f"rb-{cell.kind}"
    return f'<td class="{name}" colspan="{cell.span}">{text}{light}</td>'


def _html_list(notes: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{html.escape(note)}</li>' for note in notes)}</ul>" if notes else ""


FORMATS: dict[str, Callable[[TableResult], str]] = {
    "csv": as_csv,
    "md": as_markdown,
    "tex": as_latex,
    "html": as_html,
}
