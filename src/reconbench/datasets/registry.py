"""The registry: files that a program can fetch, with address, checksum, licence and what to cite."""

import csv
import difflib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from reconbench.errors import UserError


@dataclass(frozen=True)
class RegistryFile:
    """One file of a registered dataset.

    Attributes
    ----------
    dataset : str
    file : str
        Path inside the dataset's folder, with forward slashes.
    bytes : int
    sha256 : str
        Hexadecimal digits.
    url : str
        Public address, at a fixed commit.
    licence, citation : str
    """

    dataset: str
    file: str
    bytes: int
    sha256: str
    url: str
    licence: str
    citation: str


@lru_cache(maxsize=1)
def registry() -> dict[str, list[RegistryFile]]:
    """Return the files of every registered dataset, in the order of ``registry.csv``."""
    datasets: dict[str, list[RegistryFile]] = {}
    with open(Path(__file__).with_name("registry.csv"), newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            entry = RegistryFile(**{**line, "bytes": int(line["bytes"])})
            datasets.setdefault(entry.dataset, []).append(entry)
    return datasets


def registered_files(dataset: str) -> list[RegistryFile]:
    """Return the files of one dataset.

    Raises
    ------
    UserError
        If the registry does not have it; the message gives the nearest name.
    """
    datasets = registry()
    if dataset not in datasets:
        nearest = difflib.get_close_matches(dataset, datasets, n=1, cutoff=0.0)[0]
        raise UserError(f"the registry has no dataset '{dataset}'; the nearest name is '{nearest}'")
    return datasets[dataset]
