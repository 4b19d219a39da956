"""Checks of what tables and figures say of their rows, beyond that each of them is there."""

from collections.abc import Iterable, Iterator, Mapping

from reconbench.config.messages import unknown
from reconbench.config.models import ORACLE, Figure, TableSection, Variant
from reconbench.config.sources import Fault, Location
from reconbench.contracts import FigureKind
from reconbench.results.labels import TIME, TRAINING_COLUMNS


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
    if section.oracle_stopped and first in (TIME, *TRAINING_COLUMNS):
        sentence = f"the best row is the best by the table's first metric, and '{first}' scores no estimates"
        yield (*at, "oracle_stopped"), sentence
