import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import made_up
import pytest

from reconbench.results.report import write_report
from reconbench.results.sources import read_sources

HOME = Path(__file__).resolve().parents[2]
STUDY = {"name": "study", "title": "A <study>", "reference": "Someone 2018", "tables": ["made_up"], "figures": ["kde"]}
VOID = {"meta", "img", "br", "link", "source"}


class Page(HTMLParser):
    """Collects links and identifiers, and checks that every element is closed."""

    def __init__(self, text):
        super().__init__()
        self.links, self.identifiers, self.open, self.tags = [], [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.add(tag)
        self.links += [attributes[name] for name in ("href", "src", "srcset") if name in attributes]
        self.identifiers += [attributes["id"]] if "id" in attributes else []
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def run(script, spec, inputs, outputs):
    """Run a step script as the workflow does."""
    command = [
        sys.executable,
        HOME / "workflow" / "scripts" / f"{script}.py",
        "--spec",
        json.dumps(spec),
        "--code",
        "abc",
    ]
    for name, paths in inputs.items():
        command += ["--input", name, *paths]
    for name, path in outputs.items():
        command += ["--output", name, path]
    subprocess.run(command, check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Return a folder of results with one table, made by its script, and one figure."""
    root = tmp_path_factory.mktemp("report")
    scores, run_file = made_up.write_row(root, "ssi_2d", "gaussian", made_up.lines(psnr=[20.0, 21.0]))
    failed, _ = made_up.write_row(root, "ssi_2d", "median", made_up.lines(status="out of memory", number=2))
    variants = {"gaussian": made_up.variant("gaussian"), "median": made_up.variant("median")}
    definition = made_up.table([made_up.section({"images": "ssi_2d"}, list(variants))], {"psnr": {}, "time_ms": {}})
    spec = made_up.spec(definition, {"ssi_2d": {}}, variants, [("ssi_2d", name) for name in variants])
    tables = root / "results" / "tables"
    outputs = {suffix: tables / f"made_up.{suffix}" for suffix in ("csv", "md", "tex", "html")}
    outputs["provenance"] = tables / "made_up.provenance.json"
    run("table", spec, {"scores": [scores, failed], "runs": [run_file], "tuned": [], "published": []}, outputs)
    figures = root / "results" / "figures"
    figures.mkdir()
    for kind, picture in {"kde": "svg", "video": "webp"}.items():
        for suffix in (picture, "png", "csv"):
            (figures / f"{kind}.{suffix}").touch()
        figure = made_up.spec(made_up.figure(kind, {}, [], {}), {}, {}, [], kind)
        sources = {"spec": figure, "inputs": {}, "code": "def", "git_commit": None, "versions": {}}
        (figures / f"{kind}.provenance.json").write_text(json.dumps(sources))
    return root / "results"


@pytest.fixture(scope="module")
def page(results):
    output = results / "report" / "index.html"
    spec = {"scale": "small", "seed": 3, "studies": [{**STUDY, "figures": ["kde", "video", "examples"]}]}
    figures = [results / "figures" / f"{name}.png" for name in ("kde", "video")]
    run("report", spec, {"tables": [results / "tables" / "made_up.html"], "figures": figures}, {"report": output})
    return output.read_text()


def test_provenance_names_inputs_with_checksums_and_no_date(results):
    sources = read_sources(results / "tables" / "made_up.provenance.json")
    assert set(sources) == {"spec", "inputs", "code", "git_commit", "versions"}
    assert sources["code"] == "abc" and sources["spec"]["name"] == "made_up"
    assert [len(found["sha256"]) for found in sources["inputs"]["scores"]] == [64, 64]
    assert list(sources["spec"]["definition"]["metrics"]) == ["psnr", "time_ms"]


def test_every_link_leads_to_something_on_this_disk(results, page):
    found = Page(page)
    assert found.open == []
    assert len(found.identifiers) == len(set(found.identifiers))
    for link in found.links:
        if link.startswith("#"):
            assert link[1:] in found.identifiers
        else:
            assert link.startswith("../") and (results / "report" / link).resolve().is_file()


def test_the_page_needs_nothing_from_elsewhere(page):
    assert "script" not in Page(page).tags and "link" not in Page(page).tags
    assert "http" not in page and "@import" not in page and "url(" not in page
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page


def test_the_page_says_what_it_is_and_what_is_missing(page):
    for words in (
        "A &lt;study&gt;",
        "Someone 2018",
        "small: what a laptop",
        "<dd>3</dd>",
        "numpy 2",
        "psnr",
        "--config scale=small",
    ):
        assert words.lower() in page.lower()
    assert "figure examples is not made" in page
    assert "Median on ssi_2d: out of memory" in page


def test_a_video_moves_except_for_those_who_want_it_still(page):
    assert '<img src="../figures/kde.png"' in page and '<img src="../figures/video.webp"' in page
    assert 'media="print, (prefers-reduced-motion: reduce)" srcset="../figures/video.png"' in page
    for name in ("kde.svg", "video.webp", "video.png", "video.csv"):
        assert f'href="../figures/{name}"' in page
    assert "results/figures/kde.svg" in page and "results/figures/video.webp" in page
    assert "video.svg" not in page


def test_the_page_says_when_nothing_is_missing(results):
    output = results / "whole" / "index.html"
    output.parent.mkdir()
    write_report(
        {"scale": "small", "seed": 0, "studies": [{**STUDY, "tables": []}]}, [results / "figures" / "kde.png"], output
    )
    assert "Nothing is missing" in output.read_text()
