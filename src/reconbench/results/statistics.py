"""What a table says of many images: number, mean and standard deviation of a metric, in two readings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from reconbench.steps.scoring import OK

Statistics = Literal["corrected", "as_published"]

# Lowest and highest value that the script of paper 002 lets through (misc/denoise_method_stats.py).
AS_PUBLISHED_LIMITS = {"mse": (None, 0.012), "ssim": (0.0, 1.0)}


@dataclass(frozen=True)
class Summary:
    """A metric over images, or over trainings.

    Attributes
    ----------
    n : int
        Number of images, or of trainings.
    mean, std : float
        Mean, and standard deviation with divisor n, as `numpy.std` and paper 002's script have it. Infinite or not
        a number where a value is, so that nothing is averaged in silently.
    between : float
        Standard deviation (divisor n) of the means of several repetitions; not a number where there is one.
    clipped, imputed : int
        How many values the statistics of paper 002 changed; 0 in the corrected reading.
    """

    n: int
    mean: float
    std: float
    between: float = float("nan")
    clipped: int = 0
    imputed: int = 0


def summarise(values: Sequence[float], metric: str, statistics: Statistics = "corrected") -> Summary:
    """Summarise a metric over images.

    Parameters
    ----------
    values : sequence of float
        One for each image, at least one.
    metric : str
        Name of the metric.
    statistics : {"corrected", "as_published"}
        `as_published` does what the script of paper 002 does: it clips the MSE to at most 0.012 and the SSIM to
        [0, 1], then replaces what is not finite by the mean of what is. Other metrics it does not know.
    """
    numbers = np.asarray(values, dtype=np.float64)
    clipped = imputed = 0
    if statistics == "as_published" and metric in AS_PUBLISHED_LIMITS:
        limited = np.clip(numbers, *AS_PUBLISHED_LIMITS[metric])
        clipped = int(np.sum(limited != numbers) - np.isnan(numbers).sum())
        finite = np.isfinite(limited)
        imputed = int(np.sum(~finite))
        numbers = np.where(finite, limited, limited[finite].mean() if finite.any() else np.nan)
    with np.errstate(invalid="ignore"):
        mean, std = float(numbers.mean()), float(numbers.std())
    return Summary(numbers.size, mean, std, clipped=clipped, imputed=imputed)


def over_repetitions(summaries: Sequence[Summary]) -> Summary:
    """Return the mean over repetitions of the means and of the standard deviations over images, and their spread."""
    means = [summary.mean for summary in summaries]
    with np.errstate(invalid="ignore"):
        between = float(np.std(means)) if len(means) > 1 else float("nan")
    return Summary(
        n=summaries[0].n,
        mean=float(np.mean(means)),
        between=between,
        std=float(np.mean([summary.std for summary in summaries])),
        clipped=sum(summary.clipped for summary in summaries),
        imputed=sum(summary.imputed for summary in summaries),
    )


def status_of(lines: Sequence[Mapping[str, Any]], what: str = "images") -> str:
    """Return ``"ok"`` if every line has that status, else what happened, with the number of lines if not to all.

    Parameters
    ----------
    lines : sequence of mapping
        Each with its `status`: the scores of images, or the run.json files of trainings.
    what : str
        What a line stands for, in the plural.
    """
    if not lines:
        return f"no {what}"
    unlike = [line["status"] for line in lines if line["status"] != OK]
    if not unlike:
        return OK
    return unlike[0] if len(unlike) == len(lines) else f"{unlike[0]} ({len(unlike)} of {len(lines)} {what})"
