"""Faults in words: what was found, what was expected, and the nearest valid name."""

import difflib
import re
import types
import typing
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from reconbench.config.sources import Location

# Parts that pydantic adds to the location of a fault inside a union or behind a validator.
_TAG = re.compile(r"^(int|float|str|bool|list\[.*|dict\[.*|literal\[.*|function-.*|constrained-.*|nullable.*)$")


def nearest(name: Any, valid: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` or, where nothing is near, the valid names."""
    valid = sorted(valid)
    close = difflib.get_close_matches(str(name), valid, n=1, cutoff=0.5)
    if close:
        return f"; did you mean '{close[0]}'?"
    if not valid:
        return ""
    shown = ", ".join(valid[:12]) + (", ..." if len(valid) > 12 else "")
    return f"; valid are: {shown}"


def unknown(what: str, name: Any, valid: Iterable[str]) -> str:
    """Say that nothing of this name is known."""
    return f"there is no {what} '{name}'{nearest(name, valid)}"


def faults(error: ValidationError, model: type[BaseModel]) -> list[tuple[Location, str]]:
    """Return location and sentence for each fault that pydantic found, one for each location."""
    found: dict[Location, list[str]] = {}
    for item in error.errors():
        location = tuple(item["loc"])
        tags = next((i for i, part in enumerate(location) if _is_tag(part)), len(location))
        # What lies behind a tag is one way among several to read the same value.
        found.setdefault(location[:tags], []).append(_sentence(item, model))
    return [(location, _joined(sentences)) for location, sentences in found.items()]


def _is_tag(part: str | int) -> bool:
    return isinstance(part, str) and bool(_TAG.match(part))


def _joined(sentences: list[str]) -> str:
    return " or ".join(dict.fromkeys(sentences))


def _sentence(item: Any, model: type[BaseModel]) -> str:
    location, given = item["loc"], item.get("input")
    if location and location[-1] == "[key]":
        valid = re.findall(r"'([^']*)'", item.get("ctx", {}).get("expected", ""))
        rule = nearest(given, valid) if valid else "; a name is letters, digits, '_' and '-'"
        return f"'{given}' is not valid here{rule}"
    match item["type"]:
        case "extra_forbidden":
            return f"unknown key '{location[-1]}'{nearest(location[-1], valid_keys(model, location[:-1]))}"
        case "missing":
            return f"the key '{location[-1]}' is needed here"
        case "literal_error":
            valid = re.findall(r"'([^']*)'", item["ctx"]["expected"])
            return f"expected {' or '.join(valid)}, got {given!r}{nearest(given, valid) if len(valid) > 1 else ''}"
        case "string_pattern_mismatch":
            return f"{given!r} is not a name: a name is letters, digits, '_' and '-'"
        case "value_error":
            return str(item["ctx"]["error"])
        case _:
            expected = item["msg"].removeprefix("Input should be ")
            return f"expected {expected}, got {_short(given)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def valid_keys(model: type[BaseModel], location: Location) -> list[str]:
    """Return the keys that a model knows at a location."""
    here: Any = model
    for part in location:
        here = _inside(here, part)
    inner = _model_in(here)
    return list(inner.model_fields) if inner else []


def _inside(annotation: Any, part: str | int) -> Any:
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel) and part in option.model_fields:
            return option.model_fields[part].annotation
        origin, arguments = typing.get_origin(option), typing.get_args(option)
        if origin is dict:
            return arguments[1]
        if origin is list:
            return arguments[0]
    return None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _options(annotation: Any) -> list[Any]:
    """Return what an annotation may be: the members of a union, without the wrapping of Annotated."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _options(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [option for member in typing.get_args(annotation) for option in _options(member)]
    return [annotation]
