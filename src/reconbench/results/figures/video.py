"""A video: raw measurement, estimates and truth side by side, frame after frame."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from reconbench import catalogue
from reconbench.config.tables_and_figures import Figure
from reconbench.contracts import FigureKind, Parameters
from reconbench.errors import UserError
from reconbench.results import labels
from reconbench.results.figures._colours import Grey, as_rgb, is_coloured, own_limits
from reconbench.results.figures._kept import OF_ANOTHER_QUANTITY, errors_of, kept_names, line_of, words_of
from reconbench.results.figures._pages import Panel, Strip, draw_pages
from reconbench.results.figures._views import leading_middle
from reconbench.results.videos import Video
from reconbench.steps.scoring import evaluate

if TYPE_CHECKING:
    from reconbench.images import ImageRecord
    from reconbench.results.drawing import FigureData

FIGURE = FigureKind(
    name="video",
    title="Measurement, estimates and truth, frame after frame",
    reference="F. Wang et al. 2020, extended data videos",
    reads=frozenset({"scores", "examples", "truths", "measurements"}),
    own_variants=True,
    animated=True,
)


class Params(Parameters):
    """Parameters of a video."""

    frames: int = Field(100, ge=1, le=1000)
    """Frames shown at most: the first of a sequence, or the first images that were kept."""
    frames_per_second: float = Field(10.0, gt=0, le=50)
    """How fast they follow each other."""
    width: int = Field(256, ge=64, le=1024)
    """Width of a panel in pixels: smaller images are enlarged as often as they fit, larger ones are made smaller."""
    columns: int = Field(4, ge=1, le=12)
    """Panels in one line."""
    truth: bool = True
    """Whether the truth is shown, where there is one."""
    grey: Grey = "shared"
    """Whether all panels have the grey scale of the truth (of the measurement where there is none), or each its own."""


@dataclass(frozen=True)
class _Shown:
    """One panel: its frames, shape (y, x) or (c, y, x) each, with what they scored; or what happened instead."""

    title: str
    variant: str
    frames: Sequence[np.ndarray]
    errors: Sequence[Mapping[str, float]]
    status: str = "ok"
    own_scale: bool = False


@dataclass(frozen=True)
class _Reel:
    """What is shown of one problem: a sequence of one name, or single images of as many names as it has frames.

    `measured` and `truths` hold the frames, shape (y, x) or (c, y, x) each; `truths` none where there are none.
    """

    problem: str
    names: Sequence[str]
    is_sequence: bool
    measured: Sequence[np.ndarray]
    truths: Sequence[np.ndarray]

    @property
    def number(self) -> int:
        """How many frames there are."""
        return len(self.measured)

    def frames(self, records: Mapping[str, "ImageRecord"]) -> list[np.ndarray]:
        """Read the frames of an estimate; none where one of them is not there."""
        if any(name not in records for name in self.names):
            return []
        return _frames([records[name].load() for name in self.names], self.is_sequence, self.number)

    def name(self, frame: int) -> str:
        """Return the image that a frame is of."""
        return self.names[0 if self.is_sequence else frame]

    def caption(self, frame: int, number: int) -> str:
        """Return what is said of a frame, of so many."""
        said = f"frame {frame + 1} of {number}"
        return said if self.is_sequence else f"{said}: {self.name(frame)}"


def _frames(images: Sequence[np.ndarray], is_sequence: bool, number: int) -> list[np.ndarray]:
    """Return the first frames of a sequence, or the first images."""
    return list(images[0] if is_sequence else images)[:number]


def draw(spec: Mapping[str, Any], data: "FigureData") -> tuple[Video, list[dict[str, Any]]]:
    """Make the video.

    Of a problem whose images are sequences (t, y, x) the first that was kept is shown, of single images one after the
    other all that were kept. Black and white are the same in all frames of a panel. Under each frame stands what it
    scored: of a sequence the metrics of the figure are computed for each frame, with the parameters of the run.

    Parameters
    ----------
    spec : mapping
        What `Specs.figure` gives.
    data : FigureData

    Returns
    -------
    video : Video
    lines : list of dict
        The errors of every frame of every panel.

    Raises
    ------
    UserError
        If nothing was measured.
    """
    definition = Figure.model_validate(spec["definition"])
    params = Params.model_validate(definition.params)
    reels = {
        heading: _reel(spec, data, problem, definition.variants_of(heading), params.frames)
        for heading, problem in definition.problems.items()
    }
    number = min(reel.number for reel in reels.values())
    strips: list[Strip] = []
    lines: list[dict[str, Any]] = []
    for heading, reel in reels.items():
        shown = list(_shown(spec, data, reel, definition.variants_of(heading), params.truth))
        strips.append(_strip(spec, heading, reel, shown, params.grey))
        lines += _lines(reel, shown, number)
    first, *_ = reels.values()
    captions = [first.caption(frame, number) for frame in range(number)]
    pages = list(draw_pages(strips, params.columns, params.width, captions, _footer(spec, params)))
    return Video(pages, params.frames_per_second, poster=number // 2), lines


def _reel(spec: Mapping[str, Any], data: "FigureData", problem: str, variants: Sequence[str], number: int) -> _Reel:
    """Read what is shown of a problem, at most so many frames."""
    from reconbench.steps.measuring import scored_against

    names = kept_names(data, problem, variants)
    if not names:
        raise UserError(f"problem '{problem}' has no test images, of which '{FIGURE.name}' could show any")
    records = data.measurements[problem]
    is_sequence = records[names[0]].axes.startswith("T")
    names = names[: 1 if is_sequence else number]
    measured = [records[name].load() for name in names]
    known = data.truths.get(problem, {})
    truths = [] if any(name not in known for name in names) else [known[name].load() for name in names]
    target = spec["problems"][problem]["target"]
    truths = [scored_against(truth, seen, target) for truth, seen in zip(truths, measured, strict=False)]
    cut = [_frames(images, is_sequence, number) if images else [] for images in (measured, truths)]
    return _Reel(problem, names, is_sequence, *cut)


def _shown(
    spec: Mapping[str, Any], data: "FigureData", reel: _Reel, variants: Sequence[str], with_truth: bool
) -> Iterator[_Shown]:
    """Give the panels of a problem: the input, the methods, the truth."""
    controls = [variant for variant in variants if labels.is_control(variant, spec["variants"])]
    identity = next((variant for variant in controls if variant != labels.ORACLE), "")
    other = spec["problems"][reel.problem]["kind"] in OF_ANOTHER_QUANTITY
    nothing: list[Mapping[str, float]] = [{}] * reel.number
    errors = nothing if other else _errors(spec, data, reel, identity, reel.measured)
    yield _Shown("input", identity, reel.measured, errors, own_scale=other)
    for variant in variants:
        if variant not in controls:
            frames = reel.frames(data.examples.get((reel.problem, variant), {}))
            status = line_of(data, reel.problem, variant, reel.names[0]).get("status", "not scored")
            errors = _errors(spec, data, reel, variant, frames)
            yield _Shown(labels.variant_title(variant, spec["variants"]), variant, frames, errors, status)
    if with_truth and reel.truths:
        yield _Shown("truth", "", reel.truths, nothing)


def _errors(
    spec: Mapping[str, Any], data: "FigureData", reel: _Reel, variant: str, frames: Sequence[np.ndarray]
) -> list[Mapping[str, float]]:
    """Return what each frame scored: computed for those of a sequence, of which only the whole was scored."""
    if not reel.is_sequence:
        return [errors_of(line_of(data, reel.problem, variant, name)) for name in reel.names]
    if not frames or not reel.truths:
        return [{}] * reel.number
    metrics = _metrics(spec, reel.problem, variant)
    found = zip(frames, reel.truths, reel.measured, strict=True)
    return [{name: evaluate(*metric, *images) for name, metric in metrics.items()} for images in found]


def _metrics(spec: Mapping[str, Any], problem: str, variant: str) -> dict[str, tuple[ModuleType, Any]]:
    """Return the metrics of the figure with the parameters that the run has; the input may stand in none."""
    of_problem = {row["variant"]: row["metrics"] for row in spec["rows"] if row["problem"] == problem}
    given = of_problem.get(variant) or next(iter(of_problem.values()))
    modules = {metric: catalogue.get_metric(metric) for metric in spec["definition"]["metrics"]}
    return {metric: (module, module.Params.model_validate(given[metric])) for metric, module in modules.items()}


def _strip(spec: Mapping[str, Any], heading: str, reel: _Reel, shown: Sequence[_Shown], grey: Grey) -> Strip:
    """Make the panels of a problem."""
    kind = spec["problems"][reel.problem]["kind"]
    scale = reel.truths or reel.measured
    shared = float(min(frame.min() for frame in scale)), float(max(frame.max() for frame in scale))
    panels = []
    for one in shown:
        pictures = [_seen(frame, kind) for frame in one.frames]
        own = pictures and (one.own_scale or grey == "own")
        limits = own_limits(np.concatenate([picture.ravel() for picture in pictures])) if own else shared
        words = [words_of(errors, spec["definition"]["metrics"]) for errors in one.errors]
        panels.append(Panel(one.title, pictures, limits, words, one.status))
    return Strip(heading, panels)


def _seen(frame: np.ndarray, kind: str) -> np.ndarray:
    """Return what is seen of a frame: shape (y, x), in colour (y, x, 3)."""
    return as_rgb(frame) if is_coloured(frame.shape, kind) else leading_middle(frame, axes=2)


def _footer(spec: Mapping[str, Any], params: Params) -> str:
    words = {
        "shared": "Black and white are the smallest and largest value of the truth, of the input where there is none.",
        "own": "Each panel has a grey scale of its own.",
    }
    kinds = {spec["problems"][problem]["kind"] for problem in spec["definition"]["problems"].values()}
    other = " Inputs have their own." if params.grey == "shared" and kinds & {*OF_ANOTHER_QUANTITY} else ""
    return f"{words[params.grey]}{other} Scale {spec['scale']}."


def _lines(reel: _Reel, shown: Sequence[_Shown], number: int) -> Iterator[dict[str, Any]]:
    """Give the lines of the csv, one a frame, panel and metric."""
    for frame in range(number):
        for one in shown:
            about = {"problem": reel.problem, "frame": frame + 1, "image": reel.name(frame), "method": one.title}
            about |= {"variant": one.variant, "status": one.status}
            for metric, value in one.errors[frame].items() or [("", "")]:
                yield {**about, "metric": metric, "value": value}
