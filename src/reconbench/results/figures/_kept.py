"""What figures of images ask of their data: which images were kept of a problem, and what each of them scored."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconbench.results import labels

if TYPE_CHECKING:
    from reconbench.results.drawing import FigureData

# Kinds of problem whose measurement is not an image of what its truth is an image of.
OF_ANOTHER_QUANTITY = ("phase_retrieval", "diffuse_imaging")


def kept_names(data: "FigureData", problem: str, variants: Sequence[str]) -> list[str]:
    """Return the images that can be shown: those kept of any variant, or all where every variant failed."""
    kept = {name for variant in variants for name in data.examples.get((problem, variant), {})}
    return [name for name in data.measurements[problem] if name in kept or not kept]


def line_of(data: "FigureData", problem: str, variant: str, name: str) -> dict[str, Any]:
    """Return the scores of one image in the first repetition, whose estimates are shown."""
    lines = data.scores.get((problem, variant), [[]])[0]
    return next((line for line in lines if line["image"] == name), {})


def errors_of(line: Mapping[str, Any]) -> dict[str, float]:
    """Return the value of each metric that an image has."""
    return {
        key: value for key, value in line.items() if key not in ("image", "status", "seconds") and value is not None
    }


def words_of(errors: Mapping[str, float], displays: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the value of each metric that is displayed in words, for instance ``PSNR 21.1 dB``."""
    return [
        labels.value_words(metric, errors[metric], display["title"], display["scale"], display["digits"])
        for metric, display in displays.items()
        if metric in errors
    ]
