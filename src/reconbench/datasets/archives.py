"""Zip archives, unpacked only where every member stays inside its folder."""

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from reconbench.errors import UserError


def extract_zip(archive: Path, folder: Path) -> list[Path]:
    """Unpack a zip file, after all its members have been looked at.

    Parameters
    ----------
    archive : Path
        The zip file.
    folder : Path
        Where its members go; made if it is absent.

    Returns
    -------
    list of Path
        The files that were written.

    Raises
    ------
    UserError
        If it cannot be read, or if a member would land outside `folder` (nothing is written then).
    """
    try:
        with zipfile.ZipFile(archive) as file:
            members = [member for member in file.infolist() if not member.is_dir()]
            for member in members:
                _refuse_outside(archive, member)
            return [Path(file.extract(member, folder)) for member in members]
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise UserError(f"{archive} is not a readable zip file: {error}") from error


def _refuse_outside(archive: Path, member: zipfile.ZipInfo) -> None:
    """Raise if a member is a link, or has an absolute path, a drive letter or `..` in its name."""
    # A zip made on Windows may separate by backslashes, and both readings must be harmless.
    name = member.filename
    windows = PureWindowsPath(name)
    if PurePosixPath(name).is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        raise UserError(f"{archive} is refused: its member '{name}' would land outside its folder")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise UserError(f"{archive} is refused: its member '{name}' is a symbolic link")
