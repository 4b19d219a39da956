"""Write what is generated in docs/: the reference of the configuration and its JSON schemas.

`make docs` runs this; a test fails when a file here is not what it would write.
"""

import json
import sys
import types
import typing
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent / "src"))

from pydantic import BaseModel  # noqa: E402 (the line above makes the package importable)
from pydantic_core import PydanticUndefined  # noqa: E402

from reconbench.config import datasets, models, tables_and_figures  # noqa: E402

SECTIONS = [
    (models.Configuration, "Only in config.yaml"),
    (models.StudyFile, "Only in workflow/studies/*.yaml"),
    (models.Study, "In both"),
    (datasets.Dataset, "datasets"),
    (datasets.Series, "datasets: series"),
    (datasets.ComplexField, "datasets: field"),
    (datasets.RawBlocks, "datasets: raw"),
    (datasets.Film, "datasets: film"),
    (datasets.Crop, "datasets: crop"),
    (models.ProblemDefinition, "problems"),
    (models.Reference, "problems: forward and noise"),
    (models.Variant, "variants"),
    (models.Tuning, "variants: tune"),
    (models.StartFrom, "variants: start_from"),
    (models.Run, "runs"),
    (tables_and_figures.Table, "tables"),
    (tables_and_figures.TableSection, "tables: sections"),
    (tables_and_figures.Order, "tables: sections: order"),
    (tables_and_figures.Display, "tables and figures: metrics"),
    (tables_and_figures.Figure, "figures"),
]
INTRODUCTION = """# What can be configured

Made by `make docs` from the models in `src/reconbench/config`; do not edit.

`config.yaml` says what to run; each file in `workflow/studies` says what one paper did and what each scale means.
Any key of config.yaml can be given on the command line: `snakemake --config scale=paper mirror=../mirror -- TARGET`.
A bare word counts as a list of one. A scale overrides keys of its study: maps merge, lists are replaced, null removes.
All faults of a kind are reported at once, before anything runs, each with its file and line: first those of keys and
types, then those of names and of what does not fit together. Of a file that is no YAML, Snakemake says so.
"""


def schema(model: type[BaseModel]) -> str:
    """Return the JSON schema of a model, for editors."""
    return json.dumps(model.model_json_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def configuration() -> str:
    """Return the reference of every key."""
    parts = [INTRODUCTION]
    for model, heading in SECTIONS:
        parts.append(f"## {heading}\n\n{' '.join(model.__doc__.split())}\n\n{rows(model, 'key')}")
    return "\n".join(parts)


def rows(model: type[BaseModel], first: str) -> str:
    """Return a table of a model's fields."""
    lines = [f"| {first} | value | default | meaning |", "| --- | --- | --- | --- |"]
    lines += [
        f"| `{name}` | {kind(field.annotation)} | {default(field)} | {in_cell(field.description)} |"
        for name, field in model.model_fields.items()
        if model is models.Study or name not in models.Study.model_fields or not issubclass(model, models.Study)
    ]
    return "\n".join(lines) + "\n"


def kind(annotation: Any) -> str:
    """Return what a value may be, in a word or two."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return kind(arguments[0])
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(kind(member) for member in arguments if member is not type(None)))
    if origin is list:
        return f"list of {kind(arguments[0])}"
    if origin is dict:
        return f"map to {kind(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{anchor(annotation)})"
    return {"str": "text", "int": "number", "float": "number", "bool": "true or false"}.get(
        getattr(annotation, "__name__", ""), "anything"
    )


def anchor(model: type[BaseModel]) -> str:
    """Return the anchor of a model's heading."""
    heading = dict(SECTIONS)[model]
    return "".join(letter for letter in heading.lower().replace(" ", "-") if letter.isalnum() or letter in "-_")


def default(field: Any) -> str:
    """Return the default of a field in words."""
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value in (None, "", {}, []):
        return ""
    return f"`{json.dumps(value)}`"


def in_cell(text: str | None) -> str:
    """Return text that can stand in a cell of a table."""
    return " ".join((text or "").split()).replace("|", "\\|")


def generated() -> dict[Path, str]:
    """Return every generated file with its text."""
    return {
        DOCS / "config.schema.json": schema(models.Configuration),
        DOCS / "study.schema.json": schema(models.StudyFile),
        DOCS / "configuration.md": configuration(),
    }


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(DOCS.parent))
