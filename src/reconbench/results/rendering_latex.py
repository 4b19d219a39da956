"""A table as LaTeX."""

import re
from collections.abc import Iterator

from reconbench.results.cells import HEADS, Shown, cells, layout, width
from reconbench.results.table_parts import Block, TableResult

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
        lines += [rf"\par\medskip\textbf{{{_latex(block.heading)}}}\par\smallskip"] if block.heading else []
        lines += [_SHRUNK, *_latex_rows(table, block), "}", *_latex_notes(block.notes)]
    return "\n".join([*lines, *_latex_notes(table.notes), r"\end{table}", ""])


def _latex_rows(table: TableResult, block: Block) -> Iterator[str]:
    groups = layout(table, block)
    columns = [(column, kinds) for group in groups for column, kinds in group]
    yield rf"\begin{{tabular}}{{{'r' * block.ranked}l{'r' * sum(map(width, groups))}{'l' * len(block.words)}}}"
    yield r"\toprule"
    if len(groups) > 1:
        named = [(heading, width(group)) for heading, group in zip(block.groups, groups, strict=True)]
        yield from _latex_heads(named, 1 + block.ranked, len(block.words))
    heads = [(column.title, len(kinds)) for column, kinds in columns]
    yield from _latex_heads(heads, 1 + block.ranked, len(block.words))
    kinds = [_latex(HEADS[kind]) for _, kinds in columns for kind in kinds]
    yield rf"{'rank & ' * block.ranked}method & {' & '.join([*kinds, *block.words])} \\"
    yield r"\midrule"
    for row in block.shown:
        texts = [
            _latex_cell(cell)
            for result, group in zip(row.results, groups, strict=True)
            for cell in cells(block, result, group)
        ]
        rank = f"{row.rank or ''} & " if block.ranked else ""
        method = rf"\emph{{{_latex(row.method)}}}" if row.kind == "mean" else _latex(row.method)
        words = map(_latex, block.words_of(row))
        yield rf"{rank}{method} & {' & '.join([*texts, *words])} \\"
        # A mean ends its group.
        if row.kind == "mean" and row is not block.shown[-1]:
            yield r"\midrule"
    yield r"\bottomrule"
    yield r"\end{tabular}"


def _latex_heads(heads: list[tuple[str, int]], before: int, after: int) -> Iterator[str]:
    """Give a line of heads that span columns, with so many columns around without any, and the rules under them."""
    spans = "".join(rf"& \multicolumn{{{span}}}{{c}}{{{_latex(text)}}} " for text, span in heads)
    yield rf"{'& ' * (before - 1)}{spans}{'& ' * after}\\"
    first, rules = before + 1, []
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
    return [rf"\par\smallskip{{\footnotesize\raggedright {' '.join(map(_latex_note, notes))}\par}}"] if notes else []


def _latex_note(note: str) -> str:
    """Return a note, in which names stand between backticks."""
    return re.sub("`([^`]+)`", r"\\texttt{\1}", _latex(note))


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
