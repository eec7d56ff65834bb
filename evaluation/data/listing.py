"""What a data source lists: photos that may or may not be there, with their classes and parts."""

import os
import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath, PureWindowsPath

from evaluation.data.contents import KNOWN, PHOTO_SUFFIXES, READABLE_SUFFIXES
from evaluation.errors import DataError, quoted
from evaluation.net.archive import composed
from evaluation.records import FOLDS, DataNote, Fold, Listed

_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]+://|data:)", re.IGNORECASE)


class ListedPhoto(Listed):
    """One line of a table, or one file of a class folder."""

    path: str
    """Relative to the data root, with forward slashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a source lists, and notes about the rest of it."""

    photos: tuple[ListedPhoto, ...]
    notes: tuple[DataNote, ...] = ()


def inside(root: Path, relative: str, *, where: object) -> str:
    """A path that a table gives, tidied: relative to the root, forward slashes, no "..".

    An absolute path below the root will do.

    Raises :class:`DataError`: the path lies elsewhere, climbs out of the root, or is an address.
    """
    if "\0" in relative:
        raise DataError(f"the path {relative!r} holds a NUL", where=where, remedy="correct it")
    relative = relative.strip().removeprefix("file://")
    if _ADDRESS.match(relative):
        raise DataError(
            f"{relative[:80]!r} is an address, and photos are read from this disk alone",
            where=where,
            remedy="download the photos first, and write their paths below the data root",
        )
    tidy = posixpath.normpath(relative.replace("\\", "/"))
    for base in (root.as_posix(), root.resolve().as_posix()):
        tidy = tidy.removeprefix(f"{base}/")
    absolute = tidy.startswith("/") or bool(PureWindowsPath(tidy).drive)
    if absolute or tidy == ".." or tidy.startswith("../"):
        raise DataError(
            f"the path {relative!r} leaves the data root {root}",
            where=where,
            remedy="move the photo below the root, or give a root that holds it",
        )
    return tidy


class Locator:
    """Finds the files of a listing below its root; folders are resolved once each."""

    def __init__(self, root: Path, follow_links: bool = False) -> None:
        self._root, self._follow_links = root, follow_links
        self._resolved = cache(os.path.realpath)

    def locate(self, relative: str) -> tuple[Path, str | None]:
        """The absolute path of a photo, and why it may not be read, if so.

        The name is tried in either Unicode form, and with a suffix that it lacks.  A symbolic
        link out of the root is such a reason, unless links are followed.
        """
        spellings = [relative, composed(relative), unicodedata.normalize("NFD", relative)]
        if PurePosixPath(relative).suffix.casefold() not in PHOTO_SUFFIXES:
            spellings += [f"{relative}{suffix}" for suffix in READABLE_SUFFIXES]
        # os.path, unlike Path, takes what it may not look at for absent.
        here = (name for name in spellings if os.path.exists(f"{self._root}/{name}"))  # noqa: PTH110
        path = self._root / next(here, relative)
        link = os.path.islink(path)  # noqa: PTH114
        target = os.path.realpath(path) if link else self._resolved(path.parent)
        if self._follow_links or f"{target}/".startswith(f"{self._resolved(self._root)}/"):
            return path, None
        return path, "a link out of the data root (allow it: follow_links = true in [dataset])"


def refuse_duplicates(listed: Iterable[ListedPhoto], *, where: object) -> None:
    """Raises :class:`DataError` for ids that come twice: no result could tell them apart."""
    counts = Counter(photo.id for photo in listed)
    if twice := [sample_id for sample_id, count in counts.items() if count > 1]:
        raise DataError(
            f"{quoted(twice)} listed more than once", where=where, remedy="keep one of each"
        )


UNLABELLED = re.compile(r".*(pred|predict|prediction|unlabell?ed|unsup)s?", re.IGNORECASE)
"""Folders of photos without classes that published data sets put beside their parts."""

_FILLERS = frozenset(("", *KNOWN["fillers"]))
_PARTS: dict[str, Fold] = {word: fold for fold in FOLDS for word in KNOWN["parts"][fold]}
_GLUED = re.compile(
    rf"({'|'.join(sorted(_PARTS, key=len, reverse=True))})"
    r"(?:set|data|daten|bilder|images|imgs|split|dir)"
)


def part_of(name: str) -> Fold | None:
    """The part that a name means: "Training_Set", "seg_train", "images-val2017"; else None.

    A name with any other word in it means none: "test tubes" is a class.
    """
    plain = "".join(
        letter for letter in unicodedata.normalize("NFD", name) if not unicodedata.combining(letter)
    )
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain).casefold()
    words = [word for word in re.split(r"[\W_\d]+", spaced) if word not in _FILLERS]
    if len(words) != 1:
        return None
    glued = _GLUED.fullmatch(words[0])
    return _PARTS.get(glued.group(1) if glued else words[0])


def note_line(note: DataNote) -> str:
    """A note in English, with some of the names it is about."""
    # Names are written as they can be shown: their escapes are not escaped again.
    names = ", ".join(f"'{name}'" for name in note.names)
    more = note.count - len(note.names)
    text = KNOWN["notes"][note.kind].format(n=note.count, what=note.what)
    return f"{text}: {names}" + (f" and {more} more" if more > 0 else "")
