"""The report: one page that opens from disk, with the tables and figures that are there and how each was made."""

import csv
import html
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from reconbench.catalogue import figure_kinds
from reconbench.results.notes import SCALES
from reconbench.results.provenance import NOT_APPLICABLE, git_commit, versions
from reconbench.results.sources import read_sources
from reconbench.results.table_parts import PUBLISHED_ONLY
from reconbench.steps.scoring import NO_TRUTH, OK

Spec = Mapping[str, Any]
KINDS = ("tables", "figures")
Made = tuple[str, str]
TABLE_LINKS = ("csv", "md", "tex", "html")

STYLE = """
:root { color-scheme: light dark; --page: #fdfdfc; --text: #1c2024; --muted: #59636e; --line: #d8dcdf;
  --link: #0b5fa5; --alarm: #a4281e; --card: #fff; --hover: #f1f4f6; }
@media (prefers-color-scheme: dark) { :root { --page: #15181b; --text: #e4e7ea; --muted: #9aa4ae; --line: #353b41;
  --link: #7fb8ec; --alarm: #f0897f; --card: #fff; --hover: #1f2429; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 84rem; margin: 0 auto; padding: 1.5rem clamp(1rem, 3vw, 2.5rem) 4rem; }
h1 { font-size: 1.9rem; margin: .5rem 0 .2rem; letter-spacing: -.01em; }
h2 { font-size: 1.4rem; margin: 3rem 0 .2rem; padding-top: 1rem; border-top: 1px solid var(--line); }
a { color: var(--link); text-underline-offset: .15em; }
p { max-width: 60rem; }
.reference, .facts, .links, summary, figcaption .source { color: var(--muted); font-size: .9rem; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 1rem 0; max-width: 60rem; }
.facts dt { font-weight: 600; color: var(--text); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.missing { border-left: 3px solid var(--alarm); padding-left: .8rem; }
nav ul { margin: .3rem 0; padding-left: 1.2rem; }
article { margin: 2rem 0 3rem; }
figure { margin: 0; }
figure img { display: block; max-width: min(100%, 62rem); height: auto; background: var(--card); padding: .5rem;
  border: 1px solid var(--line); border-radius: 4px; }
figcaption { margin: .6rem 0; max-width: 60rem; font-weight: 600; }
figcaption .source { font-weight: 400; }
.links a { margin-right: .7rem; }
details pre { overflow-x: auto; background: var(--hover); padding: .6rem .8rem; border-radius: 4px; font-size: .82rem; }
@media (max-width: 40rem) { .facts { grid-template-columns: 1fr; } .facts dd { margin-bottom: .4rem; } }
"""


def write_report(spec: Spec, items: Sequence[Path], output: Path) -> None:
    """Write the report.

    Parameters
    ----------
    spec : mapping
        `scale`, `seed`, and `studies`: each with name, title, reference, and the names of its tables and figures.
    items : sequence of Path
        The tables (html) and figures (png) that are there.
    output : Path
        ``results/report/index.html``. Links are relative to it, so that the folder results can be moved.
    """
    results = output.parent.parent
    made = {(item.resolve().parent.name, item.stem) for item in items if item.is_file()}
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>reconbench, scale {_text(spec['scale'])}</title><style>{STYLE}</style></head><body><main>",
        *_head(spec, results, made),
        *(part for study in spec["studies"] for part in _study(study, results, made)),
        "</main></body></html>\n",
    ]
    output.write_text("\n".join(parts), encoding="utf-8")


def _text(value: Any) -> str:
    return html.escape(str(value))


def _head(spec: Spec, results: Path, made: Collection[Made]) -> Iterator[str]:
    """Give the title, what this run was, what is missing, and the contents."""
    facts = {
        "Scale": f"{spec['scale']}: {SCALES[spec['scale']]}",
        "Seed": spec["seed"],
        "Commit": git_commit() or "unknown: not a git checkout",
        "Versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
    }
    yield "<h1>reconbench</h1><p>Image reconstruction in microscopy: the same measurements for every method, scored the"
    yield "same way, with the published numbers beside ours.</p>"
    yield f'<dl class="facts">{"".join(f"<dt>{name}</dt><dd>{_text(fact)}</dd>" for name, fact in facts.items())}</dl>'
    missing = [*_not_made(spec, made), *_failures(spec, results, made)]
    if missing:
        yield f'<div class="missing"><strong>Missing</strong><ul>{"".join(f"<li>{line}</li>" for line in missing)}</ul>'
        yield "</div>"
    else:
        yield "<p>Nothing is missing: every table and figure is here, and no method failed.</p>"
    yield "<nav><strong>Contents</strong><ul>"
    for study in spec["studies"]:
        yield f'<li><a href="#study-{_text(study["name"])}">{_text(study["title"])}</a><br>'
        for kind in KINDS:
            names = [name for name in study[kind] if (kind, name) in made]
            if names:
                yield f"{kind}: {', '.join(_link_to(kind, name) for name in names)}<br>"
        yield "</li>"
    yield "</ul></nav>"


def _link_to(kind: str, name: str) -> str:
    """Return a link to a table or a figure; the two may share a name."""
    return f'<a href="#{kind}-{name}">{name}</a>'


def _not_made(spec: Spec, made: Collection[Made]) -> Iterator[str]:
    for study in spec["studies"]:
        for kind in KINDS:
            yield from (f"{kind[:-1]} {_text(name)} is not made" for name in study[kind] if (kind, name) not in made)


def _failures(spec: Spec, results: Path, made: Collection[Made]) -> Iterator[str]:
    """Say which rows of which tables show what happened instead of numbers."""
    for name in (name for study in spec["studies"] for name in study["tables"] if ("tables", name) in made):
        with open(results / "tables" / f"{name}.csv", newline="", encoding="utf-8") as file:
            for line in csv.DictReader(file):
                if line["status"] not in (OK, NO_TRUTH, NOT_APPLICABLE, PUBLISHED_ONLY):
                    words = f"{line['method']} on {line['problem']}: {line['status']}"
                    yield f"in {_link_to('tables', name)}, {_text(words)}"


def _study(study: Spec, results: Path, made: Collection[Made]) -> Iterator[str]:
    yield f'<section><h2 id="study-{_text(study["name"])}">{_text(study["title"])}</h2>'
    if study["reference"]:
        yield f'<p class="reference">{_text(study["reference"])}</p>'
    for name in study["tables"]:
        if ("tables", name) in made:
            fragment = (results / "tables" / f"{name}.html").read_text(encoding="utf-8")
            yield f'<article id="tables-{name}">{fragment}{_links("tables", name, TABLE_LINKS)}'
            yield f"{_how(results, 'tables', name, 'md')}</article>"
    for name in study["figures"]:
        if ("figures", name) in made:
            definition = read_sources(results / "figures" / f"{name}.provenance.json")["spec"]["definition"]
            suffix = "webp" if figure_kinds()[definition["kind"]].FIGURE.animated else "svg"
            yield f'<article id="figures-{name}">{_figure(definition, name, suffix)}'
            yield f"{_links('figures', name, (suffix, 'png', 'csv'))}{_how(results, 'figures', name, suffix)}</article>"
    yield "</section>"


def _figure(definition: Mapping[str, Any], name: str, suffix: str) -> str:
    title = _text(definition["title"])
    source = f' <span class="source">After {_text(definition["source"])}.</span>' if definition["source"] else ""
    path = f"../figures/{name}"
    image = f'<img src="{path}.png" alt="{title}" loading="lazy">'
    if suffix == "webp":
        # The poster for those who want nothing to move, and on paper.
        still = f'<source media="print, (prefers-reduced-motion: reduce)" srcset="{path}.png">'
        video = f'<img src="{path}.webp" alt="{title}" loading="lazy">'
        image = f"<picture>{still}{video}</picture>"
    return f'<figure><a href="{path}.{suffix}">{image}</a><figcaption>{title}.{source}</figcaption></figure>'


def _links(folder: str, name: str, suffixes: Sequence[str]) -> str:
    links = "".join(f'<a href="../{folder}/{name}.{suffix}">{suffix}</a>' for suffix in suffixes)
    return f'<p class="links">Files: {links}</p>'


def _how(results: Path, folder: str, name: str, suffix: str) -> str:
    """Return how an item was made: the command, the state of the code, and the link to all its sources."""
    provenance = f"{folder}/{name}.provenance.json"
    sources = read_sources(results / provenance)
    spec = sources["spec"]
    settings = f"scale={spec['scale']} seed={spec['seed']}"
    command = f"snakemake --cores 2 --config {settings} -- results/{folder}/{name}.{suffix}"
    count = sum(map(len, sources["inputs"].values()))
    commit = f"commit {_text(sources['git_commit'])}" if sources["git_commit"] else "no git checkout"
    return (
        f"<details><summary>How it was made</summary><pre>{_text(command)}</pre><p>At {commit}, code digest "
        f'<code>{_text(sources["code"])}</code>, from {count} files: <a href="../{provenance}">specification, inputs '
        "with checksums, versions</a>.</p></details>"
    )
