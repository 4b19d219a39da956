"""Make one image (2, y, x) of a measured complex wave, which a zip archive holds as two files of numbers."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reconbench.errors import UserError


def read_complex_field(field: Mapping[str, Any], folder: Path) -> np.ndarray:
    """Read a wave as its amplitude and its phase.

    The phase is unwrapped and begins at 0, as neither whole turns nor an offset mean anything. The amplitude is that
    over its median, which is the bare light where an object covers less than half of the image.

    Parameters
    ----------
    field : mapping
        `archive` (a zip file), `real` and `imaginary` (text files in it, a row of numbers a line) and `phase_range`
        (what becomes 1, in radians).
    folder : Path
        That the archive is in.

    Returns
    -------
    ndarray of float32
        Shape (2, y, x): the amplitude, 1 in the bare light, and the phase from 0 to 1 at most, in units of the range.

    Raises
    ------
    UserError
        If the archive is missing or bad, the files have different shapes, the wave is dark in half of the image, or its
        phase exceeds the range.
    """
    from skimage.restoration import unwrap_phase

    path = folder / field["archive"]
    real, imaginary = (_numbers(path, field[part]) for part in ("real", "imaginary"))
    if real.shape != imaginary.shape:
        raise UserError(f"{path} has a real part of shape {real.shape} and an imaginary one of {imaginary.shape}")
    wave = real + 1j * imaginary
    amplitude = np.abs(wave)
    bare = np.median(amplitude)
    if bare == 0:
        raise UserError(f"the wave in {path} is dark in half of the image, so that its bare light is unknown")
    phase = unwrap_phase(np.angle(wave))
    phase -= phase.min()
    if phase.max() > field["phase_range"]:
        raise UserError(
            f"the phase in {path} spans {phase.max():.3g} radians; give `phase_range` this much at least, not "
            f"{field['phase_range']:g}"
        )
    return np.stack([amplitude / bare, phase / field["phase_range"]]).astype(np.float32)


def _numbers(path: Path, member: str) -> np.ndarray:
    """Return the rows of numbers in a text file of an archive, float64."""
    if not path.is_file():
        raise UserError(f"{path} is not there")
    try:
        with zipfile.ZipFile(path) as archive:
            rows = np.loadtxt(io.BytesIO(archive.read(member)), ndmin=2)
    except KeyError as error:
        raise UserError(f"{path} has no file '{member}'") from error
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise UserError(f"'{member}' in {path} cannot be read as rows of numbers: {error}") from error
    if rows.size == 0 or not np.isfinite(rows).all():
        raise UserError(f"'{member}' in {path} is empty or has values that are not finite")
    return rows
