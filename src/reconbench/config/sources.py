"""YAML files read so that a fault can be placed: file, line and key."""

from collections.abc import Iterator, Mapping
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
    path : Path
    shown : str
        How messages name it.
    """

    def __init__(self, path: Path, shown: str):
        self.shown = shown
        self.lines: dict[Location, int] = {}
        self.duplicates: list[str] = []
        self.data: dict[str, Any] = self._read(path)

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
        _, line = self.nearest(location, scale)
        return f"{self.shown}, {key}" if line is None else f"{self.shown}, line {line}, {key}"

    def nearest(self, location: Location, scale: str | None = None) -> tuple[int, int | None]:
        """Return how much of a location the file has, as a number of keys, and the line of the last of these."""
        starts = ((), ("scales", scale)) if scale is None else (("scales", scale), ())
        for end in range(len(location), 0, -1):
            for start in starts:
                if (*start, *location[:end]) in self.lines:
                    return end, self.lines[*start, *location[:end]]
        return 0, None


class Layers:
    """The files of a configuration, each laid over those before it, and the command line over all of them.

    Parameters
    ----------
    paths : mapping of str to Path
        How messages name a file, and the file.
    data : dict
        What they make together.
    """

    shown = "the configuration"

    def __init__(self, paths: Mapping[str, Path], data: dict[str, Any]):
        self.sources = [Source(path, shown) for shown, path in paths.items()]
        self.duplicates = [sentence for source in self.sources for sentence in source.duplicates]
        self.data = data

    def place(self, location: Location, scale: str | None = None) -> str:
        """Return file, line and key of a location, in the last file that has most of it."""
        # Of equals `max` takes the first, and so the last file.
        source = max(reversed(self.sources), key=lambda source: source.nearest(location)[0], default=None)
        if source is None or not self._says(source, location):
            return f"{self.shown}, {'.'.join(map(str, location))}"
        return source.place(location)

    def _says(self, source: Source, location: Location) -> bool:
        """Say whether a file has a location, or what is around it, and with the value in use: maps are merged."""
        depth, line = source.nearest(location)
        said, used = (_within(data, location[:depth]) for data in (source.data, self.data))
        return line is not None and (said == used or isinstance(used, dict))


Placed = Source | Layers


def _within(data: Any, location: Location) -> Any:
    """Return what lies at a location, None where there is nothing or no more maps or lists."""
    for key in location:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return None
    return data


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
