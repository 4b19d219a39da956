"""Checks of what tables and figures say of their rows, beyond that each of them is there."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from reconbench.config.messages import unknown
from reconbench.config.models import Variant
from reconbench.config.sections import ORACLE
from reconbench.config.sources import Fault, Location
from reconbench.config.tables_and_figures import Figure, Table, TableSection
from reconbench.contracts import FigureKind
from reconbench.errors import UserError
from reconbench.results.labels import TIME_COLUMNS, TRAINING_COLUMNS, better
from reconbench.results.published import read_published


def of_presence(at: Location, figure: Figure, kind: FigureKind) -> Iterator[Fault]:
    """Find a figure without problems and variants whose kind shows them, and one with them whose kind does not."""
    for key in ("problems", "variants"):
        if kind.shows_pairs and not getattr(figure, key):
            yield at, f"a figure of kind '{kind.name}' shows problems and variants; name its `{key}`"
        if not kind.shows_pairs and getattr(figure, key):
            yield (*at, key), f"a figure of kind '{kind.name}' shows timings of its own; leave `{key}` out"


def of_own_variants(at: Location, figure: Figure, kind: FigureKind) -> Iterator[Fault]:
    """Find variants of no problem, problems without variants, and both where the kind shows the same for all."""
    if figure.own_variants is None:
        return
    if not kind.own_variants:
        yield (*at, "variants"), f"a figure of kind '{kind.name}' shows the same variants for all problems; give a list"
        return
    for heading in figure.own_variants:
        if heading not in figure.problems:
            yield (*at, "variants", heading), unknown("heading in `problems`", heading, figure.problems)
    for heading in figure.problems:
        if not figure.variants_of(heading):
            yield (*at, "variants"), f"the problem under '{heading}' has no variants here; give it a list of them"


def of_section(
    at: Location, section: TableSection, table: Table, folder: Path, variants: Mapping[str, Variant]
) -> Iterator[Fault]:
    """Find what a section of a table says of its rows that does not fit them; `folder` is that of the study."""
    yield from of_oracle_stopped(at, section, table.metrics, variants)
    yield from of_order(at, section, table.metrics)
    yield from of_published_only(at, section, table.published and folder / "published" / table.published)


def of_order(at: Location, section: TableSection, metrics: Iterable[str]) -> Iterator[Fault]:
    """Find an order by what is no column, or by a column of which neither side is better."""
    if section.order is None:
        return
    by = section.order.by
    if by not in metrics:
        yield (*at, "order", "by"), unknown("column of this table", by, metrics)
    elif by in (*TIME_COLUMNS, *TRAINING_COLUMNS) and not better(by):
        yield (*at, "order", "by"), f"more of '{by}' is neither better nor worse; sort by another column"


def of_published_only(at: Location, section: TableSection, published: Path | None) -> Iterator[Fault]:
    """Find rows of published numbers that would show none, and rows that stand in the section already."""
    if not section.published_only:
        return
    at = (*at, "published_only")
    if published is None or not section.published:
        yield at, "these rows have published numbers only; name the table's `published` csv, and show its numbers here"
        return
    # That there is no such file is said of the table.
    if not published.is_file():
        return
    try:
        numbers = read_published(published)
    except UserError as error:
        yield at, str(error)
        return
    shown = set(section.problems.values())
    known = {variant for variant, problem, *_ in numbers.values if problem in shown}
    for name in section.published_only:
        if name in section.variants:
            yield (*at, name), "this is a row of the section already; its published numbers stand beside ours"
        elif name not in known:
            yield (*at, name), unknown(f"row of these problems in {published.name}", name, known - {*section.variants})


def of_oracle_stopped(
    at: Location, section: TableSection, metrics: Iterable[str], variants: Mapping[str, Variant]
) -> Iterator[Fault]:
    """Find what cannot be the best of one method: no row, rows of several methods, a metric that scores nothing."""
    rows = [name for name in section.variants if name != ORACLE]
    for name in section.oracle_stopped:
        if name not in rows:
            yield (*at, "oracle_stopped"), unknown("row of a method here", name, rows)
    methods = dict.fromkeys(variants[name].method for name in section.oracle_stopped if name in variants)
    if len(methods) > 1:
        yield (*at, "oracle_stopped"), f"these rows are of the methods {', '.join(methods)}; name rows of one method"
    first = next(iter(metrics), None)
    if section.oracle_stopped and first in (*TIME_COLUMNS, *TRAINING_COLUMNS):
        sentence = f"the best row is the best by the table's first metric, and '{first}' scores no estimates"
        yield (*at, "oracle_stopped"), sentence
