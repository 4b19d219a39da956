"""A table as an HTML fragment."""

import html
import re
from collections.abc import Iterator

from reconbench.results.cells import HEADS, Shown, cells, layout, width
from reconbench.results.table_parts import Block, TableResult

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
.rb-table thead tr:last-child th, .rb-table .rb-control > *, .rb-table .rb-published-only > *,
.rb-table .rb-rank { color: var(--muted, #59636e); }
.rb-table .rb-mean > * { font-style: italic; border-bottom: 1px solid var(--line, #d8dcdf); }
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
    before = 1 + block.ranked
    after = len(block.words)
    yield _html_heads([("", before), *((heading, width(group)) for heading, group in names), ("", after)])
    yield _html_heads([("", before), *((column.title, len(kinds)) for column, kinds in columns), ("", after)])
    rank = '<th scope="col" class="rb-rank">rank</th>' if block.ranked else ""
    yield f'<tr>{rank}<th scope="col" class="rb-method">method</th>'
    for kind in (kind for _, kinds in columns for kind in kinds):
        yield f'<th scope="col"{_first(kind)}>{HEADS[kind] if compared else ""}</th>'
    words = "".join(f'<th scope="col" class="rb-told">{word}</th>' for word in block.words)
    yield f"{words}</tr></thead><tbody>"
    for row in block.shown:
        kind = "" if row.kind == "method" else f' class="rb-{row.kind.replace(" ", "-")}"'
        rank = f'<td class="rb-rank">{row.rank or ""}</td>' if block.ranked else ""
        yield f'<tr{kind}>{rank}<th scope="row">{html.escape(row.method)}</th>'
        for result, group in zip(row.results, groups, strict=True):
            yield from map(_html_cell, cells(block, result, group))
        words = "".join(f'<td class="rb-told">{html.escape(text)}</td>' for text in block.words_of(row))
        yield f"{words}</tr>"
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
    return f"<ul>{''.join(f'<li>{_html_note(note)}</li>' for note in notes)}</ul>" if notes else ""


def _html_note(note: str) -> str:
    """Return a note, in which names stand between backticks."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(note))
