"""The learned kernels of a trainable Wiener filter, and what each of them sees of the image that it learned from."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from reconbench.config.tables_and_figures import Figure
from reconbench.contracts import FigureKind, Parameters
from reconbench.errors import UserError
from reconbench.results import labels, style

if TYPE_CHECKING:
    from reconbench.results.drawing import FigureData, Records

FIGURE = FigureKind(
    name="wiener_kernels",
    title="Learned kernels of a trainable Wiener filter, and the magnitude of an image behind each",
    reference="Moskalev 2019, dictionary of optimal regularizers",
    reads=frozenset({"models", "truths"}),
    truths_of="train",
    own_variants=True,
)

# Inches: the width of a tile, the gap between two, the words above each, the gap between kernels and magnitudes.
TILE, GAP, ABOVE, BETWEEN = 0.7, 0.05, 0.14, 0.3
# Inches: the margin, the heading of a strip with the words over its grids, a line and a letter of small print.
MARGIN, HEADING, LINE, LETTER = 0.08, 0.46, 0.15, 0.058
# White is the value below which so many percent of the pixels lie: a few bright ones would leave the rest black.
WHITE = 98
FAILED = "no weights: the training failed"


class Params(Parameters):
    """Parameters of the learned kernels."""

    columns: int = Field(6, ge=3, le=16)
    """Kernels in one line."""


@dataclass(frozen=True)
class _Strip:
    """The kernels of one training, none where it failed, and an image behind each of them."""

    heading: str
    about: Mapping[str, Any]
    image: str
    kernels: np.ndarray
    magnitudes: np.ndarray

    def rows(self, columns: int) -> int:
        """Return the number of lines of tiles."""
        return -(-len(self.kernels) // columns)

    @property
    def tall(self) -> float:
        """The height of the higher of the two kinds of tiles, in inches."""
        shapes = [tiles.shape[-2:] for tiles in (self.kernels, self.magnitudes) if len(tiles)]
        return TILE * max((height / width for height, width in shapes), default=1.0)

    def height(self, columns: int) -> float:
        """Return the height in inches."""
        return HEADING + self.rows(columns) * (ABOVE + self.tall + GAP) + GAP


def draw(spec: Mapping[str, Any], data: "FigureData") -> tuple[Any, list[dict[str, Any]]]:
    """Draw the kernels of the first training of each variant, and beside them the magnitude of an image behind each.

    A kernel is drawn from blue (negative) over white (0) to red, each in a range of its own, with its number and its
    norm above it. The magnitude is |g * x|, x the first image of the training split, reflected at its edges. Of
    volumes the middle plane is drawn.

    Parameters
    ----------
    spec : mapping
        What `Specs.figure` gives.
    data : FigureData

    Returns
    -------
    figure : matplotlib.figure.Figure
    lines : list of dict
        Every value of every kernel.

    Raises
    ------
    UserError
        If a variant does not learn, its weights hold no kernels, or they do not fit the image.
    """
    from matplotlib.figure import Figure as Canvas

    definition = Figure.model_validate(spec["definition"])
    columns = Params.model_validate(definition.params).columns
    strips = [
        _strip(spec, data, heading, problem, variant)
        for heading, problem in definition.problems.items()
        for variant in definition.variants_of(heading)
    ]
    grid = columns * (TILE + GAP) - GAP
    width = 2 * grid + BETWEEN + 2 * MARGIN
    footer = textwrap.wrap(_footer(spec, strips), int((width - 2 * MARGIN) / LETTER))
    height = top = sum(strip.height(columns) for strip in strips) + LINE * (len(footer) + 0.8)
    figure = Canvas(figsize=(width, height))
    for strip in strips:
        _draw_strip(figure, strip, top, columns)
        top -= strip.height(columns)
    figure.text(MARGIN / width, 0.07 / height, "\n".join(footer), color=style.MUTED, fontsize=7.5)
    return figure, [line for strip in strips for line in _lines(strip)]


def kernels_of(state: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Return the kernels that weights stand for (Moskalev 2019, "Weights decoupling").

    Parameters
    ----------
    state : mapping
        The weights by name. Those of the kernels are called `direction`, v of shape (n, [z,] y, x), and `scale`, s of
        shape (n,), with any words and a dot before them, for instance of one of several blocks.

    Returns
    -------
    ndarray or None
        s (v - mean v) / ||v - mean v||, of all blocks in order; None where there are no such weights.
    """
    found = []
    for name, values in state.items():
        *block, last = name.split(".")
        scale = state.get(".".join([*block, "scale"]))
        if last != "direction" or scale is None:
            continue
        flat = np.asarray(values, np.float64).reshape(len(values), -1)
        varying = flat - flat.mean(axis=1, keepdims=True)
        norm = np.linalg.norm(varying, axis=1, keepdims=True).clip(min=np.finfo(float).tiny)
        found.append((np.reshape(scale, (-1, 1)) * varying / norm).reshape(values.shape))
    return np.concatenate(found) if found else None


def _strip(spec: Mapping[str, Any], data: "FigureData", heading: str, problem: str, variant: str) -> _Strip:
    """Read the kernels of one variant and look at the image of a problem through each."""
    from scipy import ndimage

    title = labels.variant_title(variant, spec["variants"])
    kernels = _read(data.models.get((problem, variant), []), variant)
    name, image = _first_image(data.truths.get(problem, {}), problem)
    if len(kernels) and kernels.ndim - 1 != image.ndim:
        raise UserError(
            f"the kernels of variant '{variant}' have {kernels.ndim - 1} axes, and image '{name}' of problem "
            f"'{problem}' has {image.ndim}; show a problem of the kind that it was trained on"
        )
    magnitudes = [np.abs(_middle(ndimage.convolve(image, kernel, mode="reflect"))) for kernel in kernels]
    return _Strip(
        heading=f"{heading}: {title}" if heading else title,
        about={"problem": problem, "method": title, "variant": variant},
        image=name,
        kernels=kernels,
        magnitudes=np.array(magnitudes),
    )


def _read(weights: list[Path], variant: str) -> np.ndarray:
    """Return the kernels of the first training, none of one that failed."""
    # Reading weights needs torch, for a second. Other figures do without it, so it is imported no earlier than here.
    from reconbench.training.weights import read_weights

    if not weights:
        raise UserError(f"variant '{variant}' is not trained; a figure of kind '{FIGURE.name}' shows learned kernels")
    if not weights[0].stat().st_size:
        return np.empty((0, 1, 1))
    kernels = kernels_of({name: values.numpy() for name, values in read_weights(weights[0]).state.items()})
    if kernels is None:
        raise UserError(
            f"the weights of variant '{variant}' hold no kernels, which are called 'direction' and 'scale'; a figure "
            f"of kind '{FIGURE.name}' shows trainable Wiener filters"
        )
    return kernels


def _first_image(truths: "Records", problem: str) -> tuple[str, np.ndarray]:
    """Return name and pixels of the first truth, float64."""
    for name, record in truths.items():
        return name, record.load().astype(np.float64)
    raise UserError(
        f"problem '{problem}' has no truths to train on, and a figure of kind '{FIGURE.name}' shows one; show the "
        "problem that the variant is trained on"
    )


def _middle(pixels: np.ndarray) -> np.ndarray:
    """Return an image, or the middle plane of a volume."""
    return pixels if pixels.ndim == 2 else pixels[len(pixels) // 2]


def _draw_strip(figure: Any, strip: _Strip, top: float, columns: int) -> None:
    """Draw the kernels on the left and the magnitudes on the right, below a height."""
    width, height = figure.get_size_inches()
    right = MARGIN + columns * (TILE + GAP) - GAP + BETWEEN
    small = {"color": style.MUTED, "fontsize": 7.5, "va": "top"}
    figure.text(MARGIN / width, (top - 0.07) / height, strip.heading, fontsize=9.5, fontweight="bold", va="top")
    figure.text(MARGIN / width, (top - 0.27) / height, _about_kernels(strip), **small)
    if not len(strip.kernels):
        return
    behind = f"magnitude of {strip.image} convolved with each"
    figure.text(right / width, (top - 0.27) / height, behind, **small)
    for index, (kernel, magnitude) in enumerate(zip(strip.kernels, strip.magnitudes, strict=True)):
        row, column = divmod(index, columns)
        across = column * (TILE + GAP)
        under = top - HEADING - row * (ABOVE + strip.tall + GAP) - ABOVE
        largest = np.abs(kernel).max() or 1.0
        shades = {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest, "interpolation": "nearest"}
        _draw_tile(figure, _middle(kernel), (MARGIN + across, under), f"{index + 1}", _norm(kernel), **shades)
        greys = {"cmap": "gray", "vmin": 0.0, "vmax": np.percentile(magnitude, WHITE) or 1.0}
        _draw_tile(figure, magnitude, (right + across, under), f"{index + 1}", "", **greys)


def _draw_tile(
    figure: Any, pixels: np.ndarray, corner: tuple[float, float], number: str, norm: str, **how: Any
) -> None:
    """Draw one tile with its top left corner at a place in inches, its number and its norm above it."""
    width, height = figure.get_size_inches()
    left, top = corner
    tall = TILE * pixels.shape[0] / pixels.shape[1]
    axes = figure.add_axes((left / width, (top - tall) / height, TILE / width, tall / height))
    axes.imshow(pixels, aspect="auto", **how)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_linewidth(0.5)
    above = {"color": style.MUTED, "fontsize": 6.5, "va": "bottom"}
    figure.text(left / width, (top + 0.015) / height, number, **above)
    figure.text((left + TILE) / width, (top + 0.015) / height, norm, ha="right", **above)


def _about_kernels(strip: _Strip) -> str:
    if not len(strip.kernels):
        return FAILED
    count = len(strip.kernels)
    return f"{count} kernel{'s' * (count != 1)} of {' × '.join(map(str, strip.kernels.shape[1:]))} pixels"


def _norm(kernel: np.ndarray) -> str:
    return f"{np.linalg.norm(kernel):#.2g}".rstrip(".")


def _footer(spec: Mapping[str, Any], strips: list[_Strip]) -> str:
    """Say how to read the tiles."""
    volumes = any(strip.kernels.ndim == 4 for strip in strips)
    return (
        f"Scale {spec['scale']}. Of the first training.{' Middle planes.' * volumes} Kernels: blue negative, white 0, "
        "red positive, each in its own range; its norm stands above it at the right. Magnitudes: black is 0, white the "
        f"value that {100 - WHITE} % of the pixels exceed; of the first image that they have learned from."
    )


def _lines(strip: _Strip) -> Iterator[dict[str, Any]]:
    """Give the lines of the csv: one a value, its place counted from the middle of the kernel in pixels."""
    names = ("z", "y", "x")[3 - (strip.kernels.ndim - 1) :]
    if not len(strip.kernels):
        yield {**strip.about, "status": FAILED, **dict.fromkeys(("kernel", "norm", "z", "y", "x", "value"), "")}
    for number, kernel in enumerate(strip.kernels, start=1):
        about = {**strip.about, "status": "ok", "kernel": number, "norm": float(np.linalg.norm(kernel)), "z": ""}
        for place in product(*map(range, kernel.shape)):
            offsets = [index - size // 2 for index, size in zip(place, kernel.shape, strict=True)]
            yield {**about, **dict(zip(names, offsets, strict=True)), "value": float(kernel[place])}
