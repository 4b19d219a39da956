"""The frames of a video as pages in pixels: panels with titles above them, and below them words that change."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reconbench.results import style

# Pixels: around and between panels, a heading, a line of text, a letter of a title and of small print.
GAP, HEADING, LINE, LETTER, SMALL = 10, 22, 15, 7.0, 6.2
DOTS_PER_INCH = 100

Limits = tuple[float, float]


@dataclass(frozen=True)
class Panel:
    """What one place of a page shows, frame after frame.

    Attributes
    ----------
    title : str
    pictures : sequence of ndarray
        One a frame, shape (y, x) or of RGB (y, x, 3); none where there is nothing to be shown.
    limits : tuple of float
        The values that are black and white.
    words : sequence of sequence of str
        What stands under each of them: parts that are not torn apart.
    status : str
        What happened where there are no pictures.
    """

    title: str
    pictures: Sequence[np.ndarray]
    limits: Limits
    words: Sequence[Sequence[str]]
    status: str = "ok"


@dataclass(frozen=True)
class Strip:
    """Panels of one problem under a heading, side by side in one or more lines."""

    heading: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class _Place:
    """A panel with the top left corner of its pictures, in pixels, and the height kept for them."""

    panel: Panel
    left: int
    top: int
    tall: int


def draw_pages(strips: Sequence[Strip], columns: int, width: int, captions: Sequence[str], footer: str) -> Iterator:
    """Draw the frames of a video.

    What stands still is drawn once; pictures are put into a copy of it, and matplotlib draws the words that change.

    Parameters
    ----------
    strips : sequence of Strip
    columns : int
        Panels in a line, at most.
    width : int
        Of a panel, in pixels. Smaller pictures are enlarged as often as they fit, larger ones are made smaller.
    captions : sequence of str
        What stands at the bottom of each frame; there are as many frames.
    footer : str
        What stands under it all the time.

    Yields
    ------
    ndarray
        RGB, shape (y, x, 3), uint8.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = min(columns, max(len(strip.panels) for strip in strips)) * (width + GAP) + GAP
    small_print = textwrap.wrap(footer, int((across - 2 * GAP) / SMALL))
    headings, places, height = _layout(strips, columns, width)
    caption_at = height
    height += LINE * (1 + len(small_print)) + GAP
    figure = Figure(figsize=(across / DOTS_PER_INCH, height / DOTS_PER_INCH), dpi=DOTS_PER_INCH)
    canvas = FigureCanvasAgg(figure)

    def write(words: str, left: float, top: float, **look: Any) -> Any:
        return figure.text(left / across, 1 - top / height, words, **{"va": "top", "fontsize": 8.5, **look})

    for heading, top in headings:
        write(heading, GAP, top, fontsize=10, fontweight="bold")
    for place in places:
        middle = {"ha": "center", "va": "bottom"}
        write(_folded(place.panel.title, width), place.left + width / 2, place.top - 4, **middle)
        if not place.panel.pictures:
            middle = {"ha": "center", "va": "center", "color": style.MUTED}
            words = textwrap.fill(place.panel.status, int(width / LETTER) - 4)
            write(words, place.left + width / 2, place.top + place.tall / 2, **middle)
    write("\n".join(small_print), GAP, caption_at + LINE, fontsize=7.5, color=style.MUTED)
    moving = {"animated": True}
    words = [write("", place.left + width / 2, place.top + place.tall + 3, ha="center", **moving) for place in places]
    caption = write("", GAP, caption_at, **moving)
    canvas.draw()
    still = canvas.copy_from_bbox(figure.bbox)
    for number, said in enumerate(captions):
        canvas.restore_region(still)
        caption.set_text(said)
        figure.draw_artist(caption)
        for place, text in zip(places, words, strict=True):
            if place.panel.pictures:
                text.set_text("\n".join(_lines(place.panel.words[number], width)))
                figure.draw_artist(text)
        page = np.asarray(canvas.buffer_rgba())[..., :3].copy()
        for place in places:
            if place.panel.pictures:
                _put(page, place, number, width)
        yield page


def _layout(strips: Sequence[Strip], columns: int, width: int) -> tuple[list[tuple[str, int]], list[_Place], int]:
    """Return each heading with its top, each panel with its place, and where the last of them ends."""
    headings: list[tuple[str, int]] = []
    places: list[_Place] = []
    top = GAP
    for strip in strips:
        if strip.heading:
            headings.append((strip.heading, top))
            top += HEADING
        for start in range(0, len(strip.panels), columns):
            line = strip.panels[start : start + columns]
            top += LINE * max(_folded(panel.title, width).count("\n") + 1 for panel in line) + 4
            tall = max([_tall(picture, width) for panel in line for picture in panel.pictures] or [width // 2])
            lefts = (GAP + column * (width + GAP) for column in range(len(line)))
            places += [_Place(panel, left, top, tall) for panel, left in zip(line, lefts, strict=True)]
            under = max(len(_lines(words, width)) for panel in line for words in panel.words)
            top += tall + LINE * under + GAP
    return headings, places, top


def _folded(title: str, width: int) -> str:
    return textwrap.fill(title, int(width / LETTER))


def _lines(words: Sequence[str], width: int) -> list[str]:
    """Return the words under a panel in lines."""
    whole = [word.replace(" ", "\N{NO-BREAK SPACE}") for word in words]
    return textwrap.wrap(", ".join(whole), int(width / LETTER))


def _tall(picture: np.ndarray, width: int) -> int:
    """Return the height in pixels of what a picture becomes."""
    height, own = picture.shape[:2]
    return height * (width // own) if own <= width else max(round(height * width / own), 1)


def _put(page: np.ndarray, place: _Place, number: int, width: int) -> None:
    """Put the picture of a frame in its place on a page."""
    picture = _scaled(_as_bytes(place.panel.pictures[number], place.panel.limits), width)
    height, own = picture.shape[:2]
    left = place.left + (width - own) // 2
    page[place.top : place.top + height, left : left + own] = picture


def _as_bytes(picture: np.ndarray, limits: Limits) -> np.ndarray:
    """Return a picture as RGB, shape (y, x, 3), uint8."""
    low, high = limits
    shade = np.clip((picture - low) * (255 / (high - low) if high > low else 0), 0, 255)
    shade = np.rint(shade).astype(np.uint8)
    return shade if shade.ndim == 3 else np.repeat(shade[..., np.newaxis], 3, axis=2)


def _scaled(picture: np.ndarray, width: int) -> np.ndarray:
    """Return a picture that is at most so wide: each pixel several times, or means of pixels."""
    own = picture.shape[1]
    if own > width:
        import cv2

        return cv2.resize(picture, (width, _tall(picture, width)), interpolation=cv2.INTER_AREA)
    return picture.repeat(width // own, axis=0).repeat(width // own, axis=1)
