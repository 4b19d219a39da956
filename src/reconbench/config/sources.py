"""YAML files read so that a fault can be placed: file, line and key."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from reconbench.errors import ConfigurationError

# The parser in C takes a tenth of the time; a PyYAML that was built without it reads the same.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Location = tuple[str | int, ...]
# Where something is wrong, and the sentence about it.
Fault = tuple[Location, str]


class Source:
    """A YAML file with its data and the line of each key.

    Parameters
    ----------
    path : Path or None
        The file; None for data that came from no file.
    shown : str
        How messages name it.
    data : dict, optional
        Data that override the file's, for instance from the command line.
    """

    def __init__(self, path: Path | None, shown: str, data: dict[str, Any] | None = None):
        self.shown = shown
        self.lines: dict[Location, int] = {}
        self.duplicates: list[str] = []
        read: Any = {}
        if path is not None and path.is_file():
            read = self._read(path)
        self.data: dict[str, Any] = read if data is None else data

    def _read(self, path: Path) -> Any:
        loader = LOADER(path.read_text(encoding="utf-8"))
        try:
            node = loader.get_single_node()
            # Before the data are made, which moves merged keys (<<) to where they are merged.
            lines = list(_walk(node, ()))
            data = (loader.construct_document(node) if node else None) or {}
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f", line {mark.line + 1}" if mark else ""
            problem = getattr(error, "problem", None) or "not readable"
            raise ConfigurationError([f"{self.shown}{line}: this is not YAML ({problem})"]) from None
        finally:
            loader.dispose()
        if not isinstance(data, dict):
            raise ConfigurationError([f"{self.shown}: expected keys with values, got {data!r}"])
        for location, line in lines:
            if location in self.lines:
                where = ".".join(map(str, location))
                self.duplicates.append(f"{self.shown}, line {line}, {where}: this key stands twice; keep one")
            self.lines[location] = line
        return data

    def place(self, location: Location, scale: str | None = None) -> str:
        """Return file, line and key of a location, in the overrides of a scale if it is said there."""
        key = ".".join(map(str, location))
        starts = ((), ("scales", scale)) if scale is None else (("scales", scale), ())
        # The nearest enclosing key that the file has; what the scale overrides stands first.
        enclosing = [(*start, *location[:end]) for end in range(len(location), 0, -1) for start in starts]
        line = next((self.lines[place] for place in enclosing if place in self.lines), None)
        return f"{self.shown}, {key}" if line is None else f"{self.shown}, line {line}, {key}"


def _walk(node: yaml.Node | None, location: Location) -> Iterator[tuple[Location, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*location, key.value)
            yield here, key.start_mark.line + 1
            yield from _walk(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            here = (*location, index)
            yield here, value.start_mark.line + 1
            yield from _walk(value, here)


def merged(base: Any, override: Any) -> Any:
    """Return `base` with `override` laid over it: maps merge, everything else is replaced, None removes a key."""
    if not (isinstance(base, dict) and isinstance(override, dict)):
        return override
    result = dict(base)
    for key, value in override.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(base.get(key), value)
    return result
