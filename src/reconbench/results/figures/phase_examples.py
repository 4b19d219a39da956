"""Phase retrieval side by side: input, prediction and truth of each method, and their Fourier ring correlation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from reconbench.config.messages import unknown
from reconbench.config.tables_and_figures import Figure
from reconbench.contracts import FigureKind, Parameters
from reconbench.errors import UserError
from reconbench.metrics._fourier_rings import ring_correlation, ring_frequencies
from reconbench.results import labels
from reconbench.results.figures._columns import Column, draw_columns
from reconbench.results.figures._kept import errors_of, kept_names, line_of, words_of

if TYPE_CHECKING:
    from reconbench.results.drawing import FigureData

FIGURE = FigureKind(
    name="phase_examples",
    title="Input, prediction, truth and Fourier ring correlation",
    reference="F. Wang et al. 2018, figure 2",
    reads=frozenset({"scores", "examples", "truths", "measurements"}),
    own_variants=True,
)

# Channels of a truth that is a wave: its amplitude, and its phase after it.
AMPLITUDE, LAST = 0, -1
DEFAULT_METRICS = {"mae": {"title": "", "scale": 1.0, "digits": 3}}


class Params(Parameters):
    """Parameters of the columns of images."""

    images: int = Field(1, ge=1, le=20)
    """Images shown of each problem, the first that were kept."""
    columns: int = Field(6, ge=1, le=12)
    """Columns beside each other; further ones stand below."""
    planes: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    """The plane of a stack that is shown as the input, heading to number, counted from 1; by default the first."""
    plane_labels: dict[str, str] = Field(default_factory=dict)
    """What that plane is, heading to words, for instance ``z = -52 µm``."""
    channels: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    """The channel that is shown of truths with several, heading to number, counted from 0; by default the last, which
    is the phase of a wave. So a problem may stand under two headings, its amplitude and its phase."""
    metrics_of: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Which of the figure's metrics stand on the predictions, heading to names; by default all."""
    less_median: bool = False
    """Show predictions less the median of their difference from the truth: the constant of a phase is arbitrary. An
    amplitude, the channel 0, is shown as it is."""
    errors: bool = False
    """Show prediction less truth too."""


def faults(definition: Figure, params: Params) -> Iterator[str]:
    """Say which parameters name headings that the figure does not have."""
    for key in ("planes", "plane_labels", "channels", "metrics_of"):
        for heading in getattr(params, key):
            if heading not in definition.problems:
                yield f"{key}: {unknown('heading of this figure named', heading, definition.problems)}"


def draw(spec: Mapping[str, Any], data: "FigureData") -> tuple[Any, list[dict[str, Any]]]:
    """Draw the columns, one for each method of each problem and image.

    Prediction and truth have the grey scale of the truth, the input has its own. On the prediction stands what it
    scored, by default its mean absolute error. Of truths that have an amplitude too, the phase is shown if nothing else
    is said. The Fourier ring correlation is that of the metric `frc_area`.

    Parameters
    ----------
    spec : mapping
        What `Specs.figure` gives.
    data : FigureData

    Returns
    -------
    figure : matplotlib.figure.Figure
    lines : list of dict
        The errors and the correlations of every prediction.

    Raises
    ------
    UserError
        If a parameter names a heading that the figure does not have, an image has no truth, or its stack lacks the
        plane that is asked for.
    """
    definition = Figure.model_validate(spec["definition"])
    params = Params.model_validate(definition.params)
    for fault in faults(definition, params):
        raise UserError(fault)
    columns: list[Column] = []
    lines: list[dict[str, Any]] = []
    for heading, problem in definition.problems.items():
        variants = [name for name in definition.variants_of(heading) if not labels.is_control(name, spec["variants"])]
        for name in kept_names(data, problem, variants)[: params.images]:
            shown = _shown(data, heading, problem, name, params)
            for variant in variants:
                columns.append(_column(spec, data, shown, variant, params))
                lines += _lines(shown, columns[-1], variant, _errors(data, shown, variant, params))
    footer = "Prediction and truth have one grey scale, from the truth's smallest to its largest value."
    if params.less_median:
        footer += " Phases are shown less the median of their difference from the truth."
    if params.errors:
        footer += (
            " Errors: prediction less truth, from black at minus a quarter of the truth's range to white at plus that."
        )
    footer += f" FRC: Fourier ring correlation of prediction and truth. Scale {spec['scale']}."
    return draw_columns(columns, params.columns, footer, params.errors), lines


@dataclass(frozen=True)
class _Shown:
    """What all methods share that are shown of one image."""

    key: str
    heading: str
    problem: str
    name: str
    measured: np.ndarray
    measured_words: str
    truth: np.ndarray
    channel: int


def _shown(data: "FigureData", heading: str, problem: str, name: str, params: Params) -> _Shown:
    """Read the input and the truth of an image."""
    truth = data.truths.get(problem, {}).get(name)
    if truth is None:
        raise UserError(f"image '{name}' of problem '{problem}' has no truth, with which '{FIGURE.name}' compares")
    measurement = data.measurements[problem][name].load()
    words = [params.plane_labels[heading]] if heading in params.plane_labels else []
    if measurement.ndim > 2:
        plane = params.planes.get(heading, 1)
        if plane > len(measurement):
            raise UserError(
                f"there is no plane {plane} in the measurements of problem '{problem}', which have "
                f"{len(measurement)}; give one from 1 to {len(measurement)}"
            )
        several = len(measurement) > 1
        words = [*([f"{plane} of {len(measurement)}"] if several else []), *words]
        measurement = measurement[plane - 1]
    title = f"{heading}: {name}" if params.images > 1 else heading
    channel = params.channels.get(heading, LAST)
    seen = _channel(truth.load(), channel)
    return _Shown(heading, title, problem, name, measurement, ", ".join(words), seen, channel)


def _column(spec: Mapping[str, Any], data: "FigureData", shown: _Shown, variant: str, params: Params) -> Column:
    line = line_of(data, shown.problem, variant, shown.name)
    kept = data.examples.get((shown.problem, variant), {}).get(shown.name)
    prediction, correlation = None, np.empty(0)
    if kept is not None:
        prediction = _channel(kept.load(), shown.channel)
        correlation = ring_correlation(prediction, shown.truth)
        if params.less_median and shown.channel != AMPLITUDE:
            prediction = prediction - np.median(prediction - shown.truth)
    displays = spec["definition"]["metrics"] or DEFAULT_METRICS
    errors = _errors(data, shown, variant, params)
    return Column(
        heading=shown.heading,
        title=labels.variant_title(variant, spec["variants"]),
        measured=shown.measured,
        measured_words=shown.measured_words,
        prediction=prediction,
        prediction_words=words_of(errors, displays),
        status=line.get("status", "not scored"),
        truth=shown.truth,
        frequencies=ring_frequencies(shown.truth.shape)[: len(correlation)],
        correlation=correlation,
    )


def _errors(data: "FigureData", shown: _Shown, variant: str, params: Params) -> dict[str, float]:
    """Return what a prediction scored, by the metrics that are asked for under its heading."""
    errors = errors_of(line_of(data, shown.problem, variant, shown.name))
    wanted = params.metrics_of.get(shown.key, errors)
    return {metric: value for metric, value in errors.items() if metric in wanted}


def _channel(image: np.ndarray, channel: int) -> np.ndarray:
    """Return an image, or one of its channels."""
    if image.ndim == 2:
        return image
    if channel >= len(image):
        raise UserError(f"there is no channel {channel} in truths of shape {image.shape}; give one below {len(image)}")
    return image[channel]


def _lines(shown: _Shown, column: Column, variant: str, errors: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """Give the lines of the csv: one a metric, and one a ring with its frequency in cycles per pixel."""
    about = {"problem": shown.problem, "image": shown.name, "method": column.title, "variant": variant}
    about["status"] = column.status
    if not errors and not column.correlation.size:
        yield {**about, "quantity": "", "frequency": "", "value": ""}
    for metric, value in errors.items():
        yield {**about, "quantity": metric, "frequency": "", "value": value}
    quantity = "frc" if shown.channel == LAST else f"frc of channel {shown.channel}"
    for frequency, value in zip(column.frequencies.tolist(), column.correlation.tolist(), strict=True):
        yield {**about, "quantity": quantity, "frequency": frequency, "value": value}
