"""Time of the convolution with a point spread function against the size of its kernel, by the sum and by FFT."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from reconbench.contracts import FigureKind, Parameters
from reconbench.errors import UserError
from reconbench.results import style

if TYPE_CHECKING:
    from reconbench.results.drawing import FigureData

FIGURE = FigureKind(
    name="psf_convolution_speed",
    title="Time of the convolution with a point spread function",
    reference="Papkov et al. 2023, section 2.0.4",
    reads=frozenset({"timings"}),
)

# Inches: the axes, what is left, right and below of them, heading and words above, a line and a letter of small print.
WIDTH, HEIGHT = 3.05, 2.2
LEFT, RIGHT, BELOW, ABOVE = 0.72, 0.28, 0.48, 0.46
LINE, LETTER = 0.16, 0.058
# As many sizes have a tick each; of more, only round ones.
TICKS = 7
# An axis that spans more than this factor has only powers of ten.
WIDE = 100

TITLES = {"direct": "direct", "fft": "FFT"}
DIRECTIONS = {"forward+backward": "forward and backward", "forward": "forward"}


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError(f"a kernel has an odd size, so that it has a middle, not {size}")
    return size


KernelSizes = Annotated[
    list[Annotated[int, Field(ge=1, le=257), AfterValidator(_odd)]], Field(min_length=1, max_length=100)
]
Pixels = Annotated[int, Field(ge=1, le=4096)]


class Params(Parameters):
    """What is timed for the figure."""

    sizes_2d: KernelSizes = [3, 5, 7, 9, 17, 31]
    """Widths of the kernels for images, in pixels; odd."""
    sizes_3d: KernelSizes = [3, 5, 7, 9]
    """Widths of the kernels for volumes, in pixels; odd."""
    patch_2d: tuple[Pixels, Pixels] = (128, 128)
    """Shape of each image, (y, x) in pixels."""
    patch_3d: tuple[Pixels, Pixels, Pixels] = (64, 64, 64)
    """Shape of each volume, (z, y, x) in pixels."""
    batch_2d: int = Field(16, ge=1, le=1024)
    """Images that are convolved at once."""
    batch_3d: int = Field(4, ge=1, le=1024)
    """Volumes that are convolved at once."""
    rounds: int = Field(5, ge=1, le=1000)
    """How often each size is timed, after a turn that is not counted."""
    gpu: int = Field(0, ge=0, le=1)
    """GPUs that the timing asks for: 0 measures one thread of the CPU."""


@dataclass(frozen=True)
class _Panel:
    """What one panel shows."""

    heading: str
    patches: str
    lines: Sequence[Mapping[str, Any]]

    @property
    def sizes(self) -> list[int]:
        """The sizes of kernels, each once."""
        return sorted({line["kernel_size"] for line in self.lines})

    @property
    def fft_from(self) -> int | None:
        """The size from which on the layer takes the FFT by itself, None where it does not take it to the end."""
        by_sum = [line["kernel_size"] for line in self.lines if line["algorithm"] == "direct" and line["chosen"]]
        return min((size for size in self.sizes if size > max(by_sum, default=0)), default=None)

    def curve(self, algorithm: str, direction: str) -> tuple[list[int], list[float]]:
        """Return sizes and milliseconds of one curve."""
        found = {
            line["kernel_size"]: line["milliseconds"]
            for line in self.lines
            if (line["algorithm"], line["direction"]) == (algorithm, direction)
        }
        return self.sizes, [found[size] for size in self.sizes]


def draw(spec: Mapping[str, Any], data: "FigureData") -> tuple[Any, list[dict[str, Any]]]:
    """Draw a panel for images and one for volumes: median milliseconds against the width of the kernel.

    A dotted line stands at the size from which on the layer takes the FFT by itself.

    Parameters
    ----------
    spec : mapping
        What `Specs.figure` gives.
    data : FigureData

    Returns
    -------
    figure : matplotlib.figure.Figure
    lines : list of dict
        The times that are drawn, and the least ones.

    Raises
    ------
    UserError
        If no timings were given.
    """
    from matplotlib.figure import Figure

    if data.timings is None:
        raise UserError(f"no timings.csv and run.json were given for figure '{spec['name']}'")
    params = Params.model_validate(spec["definition"]["params"])
    lines = [_numbers(line) for line in data.timings.lines]
    panels = [
        _panel(lines, 2, params.batch_2d, params.patch_2d),
        _panel(lines, 3, params.batch_3d, params.patch_3d),
    ]
    width = len(panels) * (LEFT + WIDTH + RIGHT)
    footer = textwrap.wrap(_footer(spec, data.timings.run, params), int((width - 0.1) / LETTER))
    styles = _styles()
    legend = [
        (f"{TITLES[algorithm]}, {DIRECTIONS[direction]}", found) for (algorithm, direction), found in styles.items()
    ]
    under = style.legend_size(legend, width - LEFT)[1]
    below = BELOW + under + LINE * (len(footer) + 0.6)
    height = ABOVE + HEIGHT + below
    figure = Figure(figsize=(width, height))
    for column, panel in enumerate(panels):
        left = column * (LEFT + WIDTH + RIGHT) + LEFT
        axes = figure.add_axes((left / width, below / height, WIDTH / width, HEIGHT / height))
        top = {"y": (height - 0.09) / height, "va": "top"}
        figure.text(left / width, s=panel.heading, fontsize=9.5, fontweight="bold", **top)
        figure.text((left + WIDTH) / width, s=panel.patches, ha="right", color=style.MUTED, fontsize=7.5, **top)
        _draw_panel(axes, panel, styles)
        axes.set_ylabel("" if column else "milliseconds")
    style.draw_legend(figure, legend, (LEFT, below - BELOW), width - LEFT)
    figure.text(0.06 / width, 0.06 / height, "\n".join(footer), color=style.MUTED, fontsize=7.5)
    return figure, [{"patches": panel.patches, **line} for panel in panels for line in panel.lines]


def _numbers(line: Mapping[str, str]) -> dict[str, Any]:
    """Return a line of timings.csv with its numbers read."""
    whole = {key: int(line[key]) for key in ("dimensions", "kernel_size", "chosen", "rounds")}
    return {**line, **whole, **{key: float(line[key]) for key in ("milliseconds", "least_milliseconds")}}


def _panel(lines: Sequence[Mapping[str, Any]], dimensions: int, batch: int, patch: Sequence[int]) -> _Panel:
    patches = f"{batch} {'patch' if batch == 1 else 'patches'} of {' × '.join(map(str, patch))} pixels"
    return _Panel(f"{dimensions}D", patches, [line for line in lines if line["dimensions"] == dimensions])


def _styles() -> dict[tuple[str, str], tuple[str, tuple]]:
    """Return colour and dashes of each curve: a colour an algorithm, dashes for the forward pass alone."""
    return {
        (algorithm, direction): (colour, dashes)
        for algorithm, colour in zip(TITLES, style.COLOURS, strict=False)
        for direction, dashes in zip(DIRECTIONS, style.DASHES, strict=False)
    }


def _draw_panel(axes: Any, panel: _Panel, styles: Mapping[tuple[str, str], tuple[str, tuple]]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    for (algorithm, direction), (colour, dashes) in styles.items():
        line = {"color": colour, "linestyle": style.dashed(dashes), "linewidth": 1.4}
        axes.plot(*panel.curve(algorithm, direction), **line, marker="o", markersize=2.6, zorder=3)
    axes.set_yscale("log")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("width of the kernel (pixels)")
    if len(panel.sizes) <= TICKS:
        axes.set_xticks(panel.sizes)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(7, integer=True, steps=[1, 2, 5, 10]))
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0,) if high / low > WIDE else (1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    _mark(axes, panel)


def _mark(axes: Any, panel: _Panel) -> None:
    """Draw a line at the size from which on the layer takes the FFT, with its words above the axes."""
    if panel.fft_from is None:
        return
    across = axes.get_xaxis_transform()
    line = {"color": style.MUTED, "linewidth": 0.9, "linestyle": style.dashed(style.DASHES[2]), "clip_on": False}
    axes.plot([panel.fft_from] * 2, [0, 1.02], transform=across, zorder=1, **line)
    words = f"the layer takes the FFT from {panel.fft_from} on"
    low, high = axes.get_xlim()
    end = high - (high - low) * len(words) * LETTER / WIDTH
    axes.text(min(panel.fft_from, end), 1.03, words, transform=across, color=style.MUTED, fontsize=7.5)


def _footer(spec: Mapping[str, Any], run: Mapping[str, Any], params: Params) -> str:
    """Say on what was measured, and how often."""
    threads = "" if run["device"] == "cuda" else f", {run['threads']} thread{'s' * (run['threads'] != 1)}"
    return (
        f"Scale {spec['scale']}. {run['device_name']}{threads}, torch {run['versions']['torch']}."
        f" Medians of {params.rounds} rounds after one that is not counted; the two take turns."
    )
