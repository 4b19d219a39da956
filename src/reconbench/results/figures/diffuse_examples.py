"""Images from diffuse light side by side: measurement, prediction, screen, and how far the two are apart."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from reconbench.config.tables_and_figures import Figure
from reconbench.contracts import FigureKind, Parameters
from reconbench.errors import UserError
from reconbench.results import labels
from reconbench.results.figures._colours import as_rgb, is_coloured
from reconbench.results.figures._kept import kept_names, line_of
from reconbench.results.figures._rows import Row, draw_rows
from reconbench.results.figures._views import leading_middle, limits_of

if TYPE_CHECKING:
    from reconbench.results.drawing import FigureData

FIGURE = FigureKind(
    name="diffuse_examples",
    title="Measurement, prediction, screen and absolute difference",
    reference="F. Wang et al. 2020, figure 4",
    reads=frozenset({"scores", "examples", "truths", "measurements"}),
    own_variants=True,
)

HEADS = ("measurement", "prediction", "screen", "absolute difference")


class Params(Parameters):
    """Parameters of the rows of images."""

    images: int = Field(1, ge=1, le=20)
    """Images shown of each problem, spread over those that were kept: the first ones are often of one scene."""


def draw(spec: Mapping[str, Any], data: "FigureData") -> tuple[Any, list[dict[str, Any]]]:
    """Draw the rows, one for each method of each image.

    Prediction and screen have the brightness of the screen, the measurement has its own. The difference is the mean
    over the colours of its absolute value, in one scale for all rows; on it stands its mean, the MAE.

    Parameters
    ----------
    spec : mapping
        What `Specs.figure` gives.
    data : FigureData

    Returns
    -------
    figure : matplotlib.figure.Figure
    lines : list of dict
        The MAE and the largest difference of every row.

    Raises
    ------
    UserError
        If an image has no truth.
    """
    definition = Figure.model_validate(spec["definition"])
    params = Params.model_validate(definition.params)
    rows: list[Row] = []
    lines: list[dict[str, Any]] = []
    for heading, problem in definition.problems.items():
        variants = [name for name in definition.variants_of(heading) if not labels.is_control(name, spec["variants"])]
        for name in _spread(kept_names(data, problem, variants), params.images):
            title = f"{heading}: {name}" if params.images > 1 else heading
            for variant in variants:
                rows.append(_row(spec, data, title, problem, name, variant))
                lines += _lines(problem, name, variant, rows[-1])
    footer = (
        "Prediction and screen have one brightness, from the screen's smallest to its largest value; the measurement "
        f"has its own. Difference: mean over the colours. Scale {spec['scale']}."
    )
    return draw_rows(rows, HEADS, footer), lines


def _spread(names: Sequence[str], number: int) -> list[str]:
    """Return so many of the names, or all, from the first on at even distances."""
    number = min(number, len(names))
    return [names[index * len(names) // number] for index in range(number)]


def _row(spec: Mapping[str, Any], data: "FigureData", heading: str, problem: str, name: str, variant: str) -> Row:
    truth = data.truths.get(problem, {}).get(name)
    if truth is None:
        raise UserError(f"image '{name}' of problem '{problem}' has no truth, with which '{FIGURE.name}' compares")
    kind = spec["problems"][problem]["kind"]
    screen = _seen(truth.load(), kind)
    measured = _seen(data.measurements[problem][name].load(), kind)
    kept = data.examples.get((problem, variant), {}).get(name)
    prediction = difference = None
    words = ""
    if kept is not None:
        prediction = _seen(kept.load(), kind)
        difference = np.abs(prediction.astype(np.float64) - screen)
        words = f"MAE {difference.mean():.3f}"
        difference = difference if difference.ndim == 2 else difference.mean(axis=2)
    return Row(
        heading=heading,
        title=labels.variant_title(variant, spec["variants"]),
        measured=measured,
        measured_limits=limits_of([measured])[0],
        truth=screen,
        prediction=prediction,
        difference=difference,
        words=words,
        status=line_of(data, problem, variant, name).get("status", "not scored"),
    )


def _seen(image: np.ndarray, kind: str) -> np.ndarray:
    """Return what is seen of an image: shape (y, x), in colour (y, x, 3)."""
    return as_rgb(image) if is_coloured(image.shape, kind) else leading_middle(image, axes=2)


def _lines(problem: str, name: str, variant: str, row: Row) -> Iterator[dict[str, Any]]:
    """Give the line of the csv, its numbers empty where there is no prediction."""
    about = {"problem": problem, "image": name, "method": row.title, "variant": variant, "status": row.status}
    none = row.difference is None
    numbers = ("", "") if none else (float(row.difference.mean()), float(row.difference.max()))
    yield {**about, **dict(zip(("mae", "largest_difference"), numbers, strict=True))}
