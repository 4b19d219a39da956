"""A benchmark: a checked configuration with its studies at one scale."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from reconbench import catalogue
from reconbench.config.models import Configuration, Study, Variant
from reconbench.config.sources import Placed


@dataclass(frozen=True)
class LoadedStudy:
    """A study at the scale that was asked for, and where it came from."""

    name: str
    study: Study
    source: Placed
    folder: Path


@dataclass(frozen=True)
class Benchmark:
    """Everything that is to run, checked."""

    configuration: Configuration
    studies: tuple[LoadedStudy, ...]

    def part(self, part: str) -> dict[str, Any]:
        """Return all datasets, problems, tables or figures of all studies by name."""
        return {name: value for loaded in self.studies for name, value in getattr(loaded.study, part).items()}

    @cached_property
    def methods(self) -> dict[str, ModuleType]:
        """All methods by name, those of the user's folders included."""
        return catalogue.methods(self.configuration.method_folders)

    @cached_property
    def variants(self) -> dict[str, Variant]:
        """All variants by name; the name of a method stands for that method with its default parameters."""
        return {name: Variant(method=name) for name in self.methods} | self.part("variants")

    @property
    def scale(self) -> str:
        """The scale that was asked for."""
        return self.configuration.scale
