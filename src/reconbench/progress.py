"""A progress bar that reads well in a terminal and in a plain log alike."""

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import Any, TypeVar

Item = TypeVar("Item")
SECONDS_BETWEEN_LINES = 10.0


class _Lines:
    """A stream on which a bar that returns to the start of its line becomes a line of its own."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text.replace("\r", "").strip() + "\n" if text.strip() else "")

    def flush(self) -> None:
        sys.stderr.flush()


def progress(items: Iterable[Item], title: str, unit: str = "image") -> Iterator[Item]:
    """Go through items and, where that takes long, say on standard error how far it is.

    Jobs of a few seconds print nothing: Snakemake's own lines are enough for them.
    """
    with bar(len(items) if isinstance(items, Sized) else None, title, unit) as shown:
        for item in items:
            yield item
            shown.update()


def bar(total: int | None, title: str, unit: str, done: int = 0) -> Any:
    """Return tqdm's bar, which writes a line every ten seconds; `done` of its `total` units lie behind it already."""
    from tqdm import tqdm

    return tqdm(
        desc=title,
        unit=unit,
        total=total,
        initial=done,
        file=_Lines(),
        delay=SECONDS_BETWEEN_LINES,
        mininterval=SECONDS_BETWEEN_LINES,
        ncols=100,
    )
