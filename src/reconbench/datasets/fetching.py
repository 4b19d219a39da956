"""Bring the files of a registered dataset to this machine, checked. The only place that uses a network."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from reconbench.datasets.archives import extract_zip
from reconbench.datasets.registry import RegistryFile, registered_files
from reconbench.errors import UserError
from reconbench.images import sha256_of
from reconbench.progress import progress

RETRIES = 3
SECONDS_WITHOUT_ANSWER = 30


def fetch(
    dataset: str,
    target: Path,
    partial: Path,
    mirror: str | None = None,
    offline: bool = False,
) -> list[Path]:
    """Put the files of a registered dataset into a folder, each with the registered size and checksum.

    Parameters
    ----------
    dataset : str
        Its name in the registry.
    target : Path
        Where the files go. A zip file is also unpacked, into a folder of its stem beside it.
    partial : Path
        Where files lie until all are there, on the same file system; what is verified in it survives an interruption.
        It is removed at the end.
    mirror : str, optional
        A folder or an http address that holds ``<dataset>/<file>``. Then nothing else is asked.
    offline : bool
        Refuse to copy or download anything.

    Returns
    -------
    list of Path
        The files, in the order of the registry.

    Raises
    ------
    UserError
        If a file cannot be had or is not the registered one; the message names it.
    """
    files = registered_files(dataset)
    missing = [entry for entry in files if not _is_verified(target / entry.file, entry)]
    if missing:
        if offline:
            _refuse_offline(dataset, [entry for entry in missing if not _is_verified(partial / entry.file, entry)])
        _download(dataset, missing, partial, mirror)
        for entry in missing:
            _hand_over(entry, partial, target)
    shutil.rmtree(partial, ignore_errors=True)
    return [target / entry.file for entry in files]


def _is_verified(path: Path, entry: RegistryFile) -> bool:
    return path.is_file() and path.stat().st_size == entry.bytes and sha256_of(path) == entry.sha256


def _refuse_offline(dataset: str, missing: list[RegistryFile]) -> None:
    if missing:
        size = sum(entry.bytes for entry in missing) / 1e6
        names = ", ".join(entry.file for entry in missing[:3]) + (", ..." if len(missing) > 3 else "")
        count = "1 file" if len(missing) == 1 else f"{len(missing)} files"
        raise UserError(f"offline is set, and {count} of the dataset '{dataset}' ({size:.1f} MB) are missing: {names}")


def _download(dataset: str, files: list[RegistryFile], partial: Path, mirror: str | None) -> None:
    """Download what is not yet verified in `partial`."""
    import pooch

    # Pooch says on its logger what the bar and the errors here say better.
    pooch.get_logger().setLevel(logging.ERROR)
    urls = {entry.file: _address(entry, mirror) for entry in files}
    from_folder = mirror is not None and not _is_address(mirror)
    if from_folder and not Path(mirror).is_dir():
        raise UserError(
            f"the mirror {mirror} is not a folder: {files[0].file} of '{dataset}' is to be taken from there"
        )
    cache = pooch.create(
        path=partial,
        base_url="",
        registry={entry.file: f"sha256:{entry.sha256}" for entry in files},
        urls=urls,
        retry_if_failed=0 if from_folder else RETRIES,
    )
    for entry in progress(files, f"fetch {dataset}", unit="file"):
        _fetch_one(cache, entry, urls[entry.file], _from_folder(entry) if from_folder else _from_network(entry))


def _is_address(mirror: str) -> bool:
    return mirror.startswith(("http://", "https://"))


def _address(entry: RegistryFile, mirror: str | None) -> str:
    """Return the one place that is asked for a file."""
    if mirror is None:
        return entry.url
    path = f"{entry.dataset}/{entry.file}"
    return f"{mirror.rstrip('/')}/{quote(path)}" if _is_address(mirror) else str(Path(mirror) / path)


def _fetch_one(cache, entry: RegistryFile, source: str, downloader: Callable) -> None:
    """Let pooch fetch one file, and say in one sentence what went wrong."""
    import requests

    name = f"{entry.file} of '{entry.dataset}'"
    try:
        cache.fetch(entry.file, downloader=downloader)
    except requests.exceptions.ConnectionError as error:
        raise UserError(f"{name} was not fetched, because {source} does not answer") from error
    except requests.exceptions.Timeout as error:
        raise UserError(f"{name} was not fetched, because {source} gave no answer in time") from error
    except requests.exceptions.RequestException as error:
        raise UserError(f"{name} was not fetched, because the transfer from {source} failed: {error}") from error
    except OSError as error:
        raise UserError(f"{name} was not fetched, because it could not be written: {error}") from error
    except ValueError as error:  # the size or the checksum; pooch has deleted the file
        raise UserError(f"{name} was refused and deleted, because what {source} gave {_difference(error)}") from error


def _difference(error: ValueError) -> str:
    return str(error) if isinstance(error, _CutOffError) else "has another checksum than the registry says"


class _CutOffError(ValueError):
    """A file that is smaller than the registry says. A ValueError, so that pooch tries again."""


def _refuse_cut_off(path: str, entry: RegistryFile) -> None:
    size = Path(path).stat().st_size
    if size < entry.bytes:
        raise _CutOffError(f"is cut off after {size} of {entry.bytes} bytes")


def _from_folder(entry: RegistryFile) -> Callable:
    """Return a pooch downloader that copies from a folder."""

    def copy(source: str, output: str, _: object) -> None:
        if not Path(source).is_file():
            raise UserError(f"{entry.file} of '{entry.dataset}' is missing in the mirror: there is no {source}")
        shutil.copyfile(source, output)
        _refuse_cut_off(output, entry)

    return copy


def _from_network(entry: RegistryFile) -> Callable:
    """Return a pooch downloader that asks an address, and does not ask again after a plain no."""
    import pooch
    import requests

    download = pooch.HTTPDownloader(chunk_size=65536, timeout=SECONDS_WITHOUT_ANSWER)

    def get(address: str, output: str, cache: object) -> None:
        try:
            download(address, output, cache)
        except requests.exceptions.HTTPError as error:
            if error.response.status_code >= 500:
                raise  # a busy server may answer the next time
            answer = f"{error.response.status_code} {error.response.reason}"
            raise UserError(
                f"{entry.file} of '{entry.dataset}' was not fetched, because {address} answered: {answer}"
            ) from error
        _refuse_cut_off(output, entry)

    return get


def _hand_over(entry: RegistryFile, partial: Path, target: Path) -> None:
    """Move a verified file to its place, an archive's contents first."""
    archive = Path(entry.file)
    if archive.suffix.lower() == ".zip":
        extract_zip(partial / archive, partial / archive.with_suffix(""))
        _move(partial / archive.with_suffix(""), target / archive.with_suffix(""))
    _move(partial / archive, target / archive)


def _move(source: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    if destination.is_dir():
        shutil.rmtree(destination)
    source.replace(destination)
