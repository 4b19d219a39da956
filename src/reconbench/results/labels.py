"""Readable words for variants, metrics and what a method is told."""

from collections.abc import Mapping
from typing import Any

from reconbench import catalogue
from reconbench.config.sections import ORACLE

ORACLE_TITLE = "truth (oracle)"
IDENTITY = "identity"
TIME, FRAME_TIME, FRAME_RATE, TIME_RATIO = "time_ms", "frame_seconds", "frames_per_second", "time_ratio"
# Columns that come from the time that an estimate took: words, unit, and which way is better, "" where neither is.
_OF_TIME = {
    TIME: ("time per image", "ms", "lower"),
    FRAME_TIME: ("time per frame", "s", "lower"),
    FRAME_RATE: ("frames per second", "", "higher"),
    TIME_RATIO: ("time over that of the first row", "", ""),
}
TIME_COLUMNS = tuple(_OF_TIME)
# Those of them that need to know how many frames an image has.
FRAME_COLUMNS = (FRAME_TIME, FRAME_RATE, TIME_RATIO)
# Columns that come from the training of a row: words, and which way is better, "" where neither is.
_OF_TRAINING = {
    "training_seconds": ("training (s)", "lower"),
    "steps_per_second": ("steps per second", "higher"),
    "parameters": ("parameters", ""),
    "validation_error": ("validation error", "lower"),
    "last_validation_error": ("last validation error", "lower"),
}
TRAINING_COLUMNS = tuple(_OF_TRAINING)
# Those of them that another machine, or other jobs beside, would change.
TRAINING_TIMES = ("training_seconds", "steps_per_second")
# Counts: in plain units they have no decimals.
WHOLE = ("parameters",)
ARROWS = {"higher": "↑", "lower": "↓", "": ""}
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

Variants = Mapping[str, Mapping[str, Any]]


def variant_title(variant: str, variants: Variants) -> str:
    """Return readable words for a variant.

    Parameters
    ----------
    variant : str
        Its name.
    variants : mapping
        From name to `method` (what `catalogue.get_method` takes), `title`, `params` and `tuned`, as a spec has them.

    Returns
    -------
    str
        Its own title, else its method's with the parameters filled in. A tuned one without a title of its own is
        called tuned and leaves out the clauses with parameters: these differ from problem to problem.
    """
    if variant == ORACLE:
        return ORACLE_TITLE
    chosen = variants[variant]
    if chosen["title"]:
        return chosen["title"]
    title = catalogue.get_method(**chosen["method"]).METHOD.title
    if chosen["tuned"]:
        return ", ".join([*(clause for clause in title.split(", ") if "{" not in clause), "tuned"])
    return title.format(**chosen["params"])


def is_control(variant: str, variants: Variants) -> bool:
    """Whether a variant is the truth or the measurement itself, which are no methods to be compared."""
    return variant == ORACLE or variants[variant]["method"]["name"] == IDENTITY


def told(variant: str, variants: Variants) -> str:
    """Return in words what a variant's method is told besides the measurement."""
    if variant == ORACLE:
        return "the truth"
    return ", ".join(sorted(catalogue.get_method(**variants[variant]["method"]).METHOD.told)) or "nothing"


def is_of_training(metric: str) -> bool:
    """Whether a column comes from the training of a row and not from its estimates."""
    return metric in TRAINING_COLUMNS


def is_of_time(metric: str) -> bool:
    """Whether a column comes from the time that an estimate took."""
    return metric in TIME_COLUMNS


def better(metric: str) -> str:
    """Return which way is better, ``"higher"`` or ``"lower"``; ``""`` of a column that is no merit."""
    if is_of_training(metric):
        return _OF_TRAINING[metric][1]
    return _OF_TIME[metric][2] if is_of_time(metric) else catalogue.get_metric(metric).METRIC.better


def metric_title(metric: str, title: str = "", scale: float = 1.0) -> str:
    """Return the head of a metric's column: words, factor of display, unit, and an arrow to the better side, if any.

    Parameters
    ----------
    metric : str
    title : str
        Words to be used instead of the metric's own, its factor and its unit.
    scale : float
        Factor of display.
    """
    return f"{title or _own_title(metric, scale)} {ARROWS[better(metric)]}".rstrip()


def metric_name(metric: str, title: str = "") -> str:
    """Return the words for a column in a sentence, without its unit: those given, or its own."""
    if title or is_of_time(metric):
        return title or _OF_TIME[metric][0]
    return _OF_TRAINING[metric][0] if is_of_training(metric) else catalogue.get_metric(metric).METRIC.title


def value_words(metric: str, value: float, title: str, scale: float, digits: int) -> str:
    """Return a value with its metric's name and unit, for instance ``PSNR 21.1 dB``."""
    record = catalogue.get_metric(metric).METRIC
    name = title or f"{record.title}{_factor(scale)}"
    return f"{name} {value * scale:.{digits}f} {'' if title else record.unit}".strip()


def _own_title(metric: str, scale: float) -> str:
    if is_of_training(metric):
        return f"{_OF_TRAINING[metric][0]}{_factor(scale)}"
    if is_of_time(metric):
        words, unit, _ = _OF_TIME[metric]
    else:
        record = catalogue.get_metric(metric).METRIC
        words, unit = record.title, record.unit
    return f"{words}{_factor(scale)}" + (f" [{unit}]" if unit else "")


def _factor(scale: float) -> str:
    """Return what a shown value is to be multiplied with, as papers write it: (×10⁻³) where it is shown times 1000."""
    if scale == 1:
        return ""
    mantissa, exponent = f"{1 / scale:e}".split("e")
    return f" (×10{str(int(exponent)).translate(SUPERSCRIPTS)})" if float(mantissa) == 1 else f" (×{1 / scale:g})"
