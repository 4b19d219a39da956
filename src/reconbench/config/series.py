"""Checks of what a dataset says of the files of a through-focus series, and a problem of its planes."""

from collections.abc import Iterator
from typing import Any

from reconbench.config.datasets import Dataset
from reconbench.config.messages import unknown
from reconbench.config.models import ProblemDefinition
from reconbench.config.sources import Fault, Location
from reconbench.datasets.registry import registry

# Distances that differ by less are the same, in metres.
SAME_DISTANCE = 1e-9


def of_series(at: Location, dataset: Dataset) -> Iterator[Fault]:
    """Find a series that is made of no files, of unknown ones, of one plane twice, or scaled afterwards."""
    series = dataset.series
    if series is None:
        return
    if dataset.source not in ("registry", "folder"):
        yield at, f"a series is made of files, and the source '{dataset.source}' has none; take registry or folder"
        return
    if dataset.normalise != "none":
        yield at, "the planes of a series are intensities that belong together; say `normalise: none`"
    if dataset.source == "registry":
        known = [entry.file for entry in registry().get(dataset.name or "", ())]
        places = [(("planes", file), file) for file in series.planes]
        places += [(("reference",), series.reference)] if series.reference else []
        for place, file in places:
            if file not in known:
                yield (*at, *place), unknown(f"file of '{dataset.name}' named", file, known)
    distances = sorted(series.planes.values())
    for near, far in zip(distances, distances[1:], strict=False):
        if far - near < SAME_DISTANCE:
            yield (*at, "planes"), f"two planes are at the same distance, {near:g} m; give each its own"


def of_planes(at: Location, problem: ProblemDefinition, measured: Dataset | None, forward: Any) -> Iterator[Fault]:
    """Find a forward model whose planes are others than those of the series that it is said to measure.

    Parameters
    ----------
    at : tuple
        Place of the problem.
    problem : ProblemDefinition
    measured : Dataset or None
        The measured images of the problem.
    forward : Parameters
        Those of its forward model, valid ones.
    """
    if measured is None or measured.series is None or not hasattr(forward, "distances"):
        return
    there, said = sorted(measured.series.planes.values()), list(forward.distances)
    if len(there) != len(said) or any(abs(a - b) > SAME_DISTANCE for a, b in zip(there, said, strict=True)):
        shown = ", ".join(f"{distance:g}" for distance in there)
        yield (
            (*at, "forward", "params", "distances"),
            f"the planes of '{problem.measured}' are at {shown} m, in this order; give the same distances",
        )
