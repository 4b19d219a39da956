"""Which source lies in which split, known from names alone.

This is read with the Snakefile, so it opens no image and imports nothing heavy.
"""

import difflib
import importlib.util
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from reconbench.datasets.frames import frames
from reconbench.datasets.registry import registered_files
from reconbench.errors import UserError

SPLITS = ("train", "validation", "test")
SUFFIXES = (".jpeg", ".jpg", ".npy", ".png", ".tif", ".tiff")
# How the names of files end that restore_image.py writes beside an image.
ESTIMATE = "_restored.ome.tif"


def members(definition: dict, candidates: list[str]) -> dict[str, list[str]]:
    """Divide the sources of a dataset among its splits.

    A list takes names or glob patterns, each held against the name, the file's stem, the file's name and its
    path inside the dataset. A number takes the next so many, in the order of their names, of those that no
    list takes: first train, then validation, then test.

    Parameters
    ----------
    definition : dict
        Of a dataset; what counts is ``splits`` and ``files``.
    candidates : list of str
        Files, as paths inside the dataset, with forward slashes.

    Returns
    -------
    dict
        From split to files, sorted by name.

    Raises
    ------
    UserError
        If two files have one name, a source lies in two splits, a pattern matches nothing, or there are
        fewer sources than asked for.
    """
    by_name = _by_name(candidates, definition.get("files"))
    wanted = {split: definition["splits"].get(split, 0) for split in SPLITS}
    owner: dict[str, str] = {}
    for split, patterns in wanted.items():
        if isinstance(patterns, int):
            continue
        for name in _matching(split, patterns, by_name):
            if owner.setdefault(name, split) != split:
                raise UserError(
                    f"'{name}' is in two splits, {owner[name]} and {split}: a source may lie in one split only"
                )
    free = [name for name in by_name if name not in owner]
    for split, number in wanted.items():
        if not isinstance(number, int):
            continue
        if number > len(free):
            raise UserError(f"the split '{split}' wants {number} images, and {len(free)} of {len(by_name)} are left")
        owner.update(dict.fromkeys(free[:number], split))
        free = free[number:]
    return {split: [by_name[name] for name in by_name if owner.get(name) == split] for split in SPLITS}


def candidates(definition: dict) -> list[str] | None:
    """List the files of a dataset, as paths inside it with forward slashes.

    For a series or a complex field, this is the one name of its image; for blocks of numbers, the names of theirs.

    Parameters
    ----------
    definition : dict
        Its ``source`` is skimage, registry or folder.

    Returns
    -------
    list of str or None
        None for a folder that is absent.
    """
    if definition.get("series") or definition.get("field"):
        return [definition.get("name") or Path(definition["path"]).name]
    if definition.get("raw"):
        return list(definition["raw"]["images"])
    files = _image_files_of(definition)
    form = definition.get("files")
    return files if files is None or form is None else [file for file in files if _has_form(file, form)]


def _image_files_of(definition: dict) -> list[str] | None:
    if definition["source"] == "skimage":
        return image_files(skimage_folder())
    if definition["source"] == "registry":
        files = [entry.file for entry in registered_files(definition["name"])]
        return [file for file in files if PurePosixPath(file).suffix.lower() in SUFFIXES]
    folder = Path(definition["path"])
    return image_files(folder) if folder.is_dir() else None


def own_files(definition: dict) -> list[Path]:
    """List the files of a folder that the images of a dataset come from, as far as they are there.

    Parameters
    ----------
    definition : dict
        Of a dataset, of any source.

    Returns
    -------
    list of Path
        None of them for another source than a folder: those of the registry have checksums.
    """
    if definition["source"] != "folder":
        return []
    series = definition.get("series") or {}
    named = [*series.get("planes", ()), series.get("reference")]
    for kind, key in (("field", "archive"), ("raw", "file"), ("film", "file")):
        named.append((definition.get(kind) or {}).get(key))
    files = [file for file in named if file] or candidates(definition) or []
    folder = Path(definition["path"])
    return [folder / file for file in files if (folder / file).is_file()]


def number_of_images(definition: dict, split: str) -> int | None:
    """Return how many images a split will have, None if that cannot be known because a folder is absent.

    Raises
    ------
    UserError
        As `members`, `frames` and `simulated_number` do.
    """
    if definition["source"] == "simulated":
        sources = simulated_number(definition, split)
    elif definition.get("film"):
        sources = len(frames(definition, split))
    else:
        files = candidates(definition)
        if files is None:
            return None
        sources = len(members(definition, files)[split])
    return number_of_pieces(definition, split, sources)


def number_of_pieces(definition: dict, split: str, sources: int) -> int:
    """Return how many images a split has after cropping: as many as its sources, or what ``crop`` says of the test."""
    number = (definition.get("crop") or {}).get("number")
    return sources if number is None or split != "test" or sources == 0 else number


def check_splits(definition: dict) -> None:
    """Check what can be known of the splits without opening an image.

    Raises
    ------
    UserError
        As `number_of_images` does. A folder that is absent is no fault here.
    """
    for split in SPLITS:
        number_of_images(definition, split)


def simulated_number(definition: dict, split: str) -> int:
    """Return how many images of a split are to be simulated.

    Raises
    ------
    UserError
        If the split lists names, which a simulation does not have.
    """
    number = definition["splits"].get(split) or 0
    if not isinstance(number, int):
        raise UserError(f"the split '{split}' of simulated images lists names; give a number of images")
    return number


def name_of(file: str, form: str | None = None) -> str:
    """Return the name of a source: its path without suffix, folders joined by ``_``.

    With a form such as ``truth/{name}.npy``, it is that part of the path which ``{name}`` stands for.

    >>> name_of("katsuno/0001.tif"), name_of("cell.ome.tif"), name_of("1/007_screen.png", "{name}_screen.png")
    ('katsuno_0001', 'cell', '1_007')
    """
    if form is not None:
        start, end = form.split("{name}")
        return "_".join(PurePosixPath(file[len(start) : len(file) - len(end)]).parts)
    path = PurePosixPath(file).with_suffix("")
    return "_".join((path.with_suffix("") if path.suffix.lower() == ".ome" else path).parts)


def image_files(folder: Path) -> list[str]:
    """List the image files below a folder, as sorted paths inside it; hidden files and estimates are none."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return sorted(
        file.as_posix()
        for file in files
        if (folder / file).is_file()
        and not any(part.startswith(".") for part in file.parts)
        and not file.name.endswith(ESTIMATE)
    )


def skimage_folder() -> Path:
    """Return the folder of images inside the installed scikit-image, without importing it."""
    return Path(importlib.util.find_spec("skimage").origin).parent / "data"


def _has_form(file: str, form: str) -> bool:
    """Whether a path is what a form such as ``truth/{name}.npy`` says, with a name that is not empty."""
    start, end = form.split("{name}")
    return file.startswith(start) and file.endswith(end) and len(file) > len(start) + len(end)


def _by_name(candidates: list[str], form: str | None) -> dict[str, str]:
    """Return the files by name, in the order of the names."""
    by_name: dict[str, str] = {}
    for file in candidates:
        name = name_of(file, form)
        if name in by_name:
            raise UserError(f"{by_name[name]} and {file} have one name, '{name}': rename or remove one of them")
        by_name[name] = file
    return dict(sorted(by_name.items()))


def _matching(split: str, patterns: list[str], by_name: dict[str, str]) -> list[str]:
    """Return the names that the patterns of one split take."""
    forms = {name: {name, name_of(Path(file).name), Path(file).name, file} for name, file in by_name.items()}
    taken: list[str] = []
    for pattern in patterns:
        found = [name for name in by_name if _fits(pattern, forms[name])]
        if not found:
            raise UserError(f"'{pattern}' of the split '{split}' matches no image; {_nearest(pattern, by_name)}")
        taken += found
    return taken


def _fits(pattern: str, forms: set[str]) -> bool:
    # A plain name may hold brackets, which would make it a pattern that does not match itself.
    return pattern in forms or any(fnmatchcase(form, pattern) for form in forms)


def _nearest(pattern: str, by_name: dict[str, str]) -> str:
    if not by_name:
        return "there is none at all"
    nearest = difflib.get_close_matches(pattern, by_name, n=1, cutoff=0.0)[0]
    if len(by_name) > 50:
        return f"the nearest name of {len(by_name)} is '{nearest}'"
    return f"the nearest name is '{nearest}', and there are {', '.join(by_name)}"
