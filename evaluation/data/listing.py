"""What a data source lists: photos that may or may not be there, with their classes."""

from __future__ import annotations

import difflib
import os
import posixpath
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from evaluation.errors import DataError
from evaluation.net.archive import composed
from evaluation.records import Fold

SHOWN = 5
"""How many names an error spells out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPhoto:
    """One line of a table, or one file of a class folder."""

    id: str
    path: str
    """Relative to the data root, with forward slashes."""
    label: str
    subcategory: str | None = None
    title: str | None = None
    fold: Fold | None = None


def inside(root: Path, relative: str, *, where: object) -> str:
    """A path that a table gives, tidied: relative to the root, forward slashes, no "..".

    Raises:
        DataError: The path is absolute, or climbs out of the root.

    """
    if "\0" in relative:
        raise DataError(f"the path {relative!r} holds a NUL", where=where, remedy="correct it")
    tidy = posixpath.normpath(relative.strip().replace("\\", "/"))
    absolute = tidy.startswith("/") or bool(PureWindowsPath(tidy).drive)
    if absolute or tidy == ".." or tidy.startswith("../"):
        raise _leaves(relative, root, where)
    return tidy


def locate(root: Path, relative: str, *, where: object) -> Path:
    """The absolute path of a photo, whichever Unicode form its name has on this disk.

    Raises:
        DataError: A symbolic link leads out of the root.

    """
    spellings = (relative, composed(relative), unicodedata.normalize("NFD", relative))
    # os.path.exists, unlike Path.exists, takes what it may not look at for absent.
    found = (name for name in spellings if os.path.exists(root / name))  # noqa: PTH110 - see above
    path = root / next(found, relative)
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError):  # a loop of links: opening it will say so
        return path
    if not resolved.is_relative_to(root.resolve()):
        raise _leaves(relative, root, where)
    return path


def _leaves(relative: str, root: Path, where: object) -> DataError:
    return DataError(
        f"the path {relative!r} leaves the data root {root}",
        where=where,
        remedy="move the photo below the root, or give a root that holds it",
    )


def refuse_duplicates(listed: Iterable[ListedPhoto], *, where: object) -> None:
    """Two photos of one id could not be told apart in any result.

    Raises:
        DataError: Naming the ids that come twice.

    """
    seen: set[str] = set()
    twice: dict[str, None] = {}
    for photo in listed:
        if photo.id in seen:
            twice[photo.id] = None
        seen.add(photo.id)
    if twice:
        raise DataError(
            f"{quoted(twice)} listed more than once", where=where, remedy="keep one line of each"
        )


def quoted(names: Iterable[object], shown: int = SHOWN) -> str:
    """The first names in quotes, and how many more there are."""
    every = list(names)
    text = ", ".join(repr(str(name)) for name in every[:shown])
    return text if len(every) <= shown else f"{text} and {len(every) - shown} more"


def meant(name: str, known: Sequence[str]) -> str:
    """A "did you mean" for a name that is not known, or the known names."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {quoted(known, 20)}"
