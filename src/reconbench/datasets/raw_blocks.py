"""Read images that lie in a file as plain blocks of numbers, whatever else its format has in it."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reconbench.errors import UserError

BYTE_ORDERS = {"little": "<", "big": ">"}


def read_raw_block(raw: Mapping[str, Any], image: str, folder: Path) -> np.ndarray:
    """Read one image, as ImageJ's import of raw data does.

    Parameters
    ----------
    raw : mapping
        `file`, `shape` ((y, x) or (z, y, x), the last axis fastest), `type` and `byte_order` of the numbers, and
        `images` (from name to the byte that an image begins at).
    image : str
        Its name.
    folder : Path
        That the file is in.

    Returns
    -------
    ndarray
        Of this shape and type.

    Raises
    ------
    UserError
        If the file is not there or ends before the image does.
    """
    path = folder / raw["file"]
    if not path.is_file():
        raise UserError(f"{path} is not there")
    require_inside(raw, image, path, path.stat().st_size)
    values = np.fromfile(path, _type(raw), math.prod(raw["shape"]), offset=raw["images"][image])
    return values.reshape(raw["shape"])


def require_inside(raw: Mapping[str, Any], image: str, file: str | Path, size: int) -> None:
    """Raise if an image reaches beyond the end of a file of so many bytes."""
    first, length = raw["images"][image], math.prod(raw["shape"]) * _type(raw).itemsize
    if first + length > size:
        raise UserError(
            f"the image '{image}' in {file} would take {length} bytes from byte {first} on, and the file has {size}; "
            "correct its offset, `shape` or `type`"
        )


def _type(raw: Mapping[str, Any]) -> np.dtype:
    return np.dtype(raw["type"]).newbyteorder(BYTE_ORDERS[raw["byte_order"]])
