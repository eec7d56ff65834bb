"""What a data source lists: photos that may or may not be there, with their classes."""

import os
import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

from evaluation.errors import DataError, quoted
from evaluation.net.archive import composed
from evaluation.records import DataNote, Fold

_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]+://|data:)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPhoto:
    """One line of a table, or one file of a class folder."""

    id: str
    path: str
    """Relative to the data root, with forward slashes."""
    label: str
    subcategory: str | None = None
    title: str | None = None
    text: str | None = None
    """What models read as the title."""
    fold: Fold | None = None
    group: str | None = None
    slices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a source lists, and notes about the rest of it."""

    photos: tuple[ListedPhoto, ...]
    notes: tuple[DataNote, ...] = ()


def inside(root: Path, relative: str, *, where: object) -> str:
    """A path that a table gives, tidied: relative to the root, forward slashes, no "..".

    An absolute path below the root will do.

    Raises:
        DataError: The path lies elsewhere, climbs out of the root, or is an address.

    """
    if "\0" in relative:
        raise DataError(f"the path {relative!r} holds a NUL", where=where, remedy="correct it")
    if _ADDRESS.match(relative.strip()):
        raise DataError(
            f"{relative.strip()[:80]!r} is an address, and photos are read from this disk alone",
            where=where,
            remedy="download the photos first, and write their paths below the data root",
        )
    tidy = posixpath.normpath(relative.strip().replace("\\", "/"))
    for base in (root.as_posix(), root.resolve().as_posix()):
        tidy = tidy.removeprefix(f"{base}/")
    absolute = tidy.startswith("/") or bool(PureWindowsPath(tidy).drive)
    if absolute or tidy == ".." or tidy.startswith("../"):
        raise _leaves(relative, root, where)
    return tidy


@dataclass(slots=True)
class Locator:
    """Finds the files of a listing below its root; folders are resolved once each."""

    root: Path
    follow_links: bool = False
    _real_root: str = field(init=False)
    _real_folders: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._real_root = os.path.realpath(self.root)

    def locate(self, relative: str) -> tuple[Path, str | None]:
        """The absolute path of a photo, and why it may not be read, if so.

        The name is tried in either Unicode form.  A symbolic link out of the root is such a
        reason, unless links are followed.
        """
        spellings = (relative, composed(relative), unicodedata.normalize("NFD", relative))
        # os.path.exists, unlike Path.exists, takes what it may not look at for absent.
        found = (name for name in spellings if os.path.exists(f"{self.root}/{name}"))  # noqa: PTH110
        path = self.root / next(found, relative)
        if self.follow_links or self._stays(str(path)):
            return path, None
        return path, "a link out of the data root (allow it: follow_links = true in [dataset])"

    def _stays(self, path: str) -> bool:
        folder, _ = os.path.split(path)
        if folder not in self._real_folders:
            self._real_folders[folder] = os.path.realpath(folder)
        target = os.path.realpath(path) if os.path.islink(path) else self._real_folders[folder]  # noqa: PTH114
        return f"{target}/".startswith(f"{self._real_root}/")


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
    counts = Counter(photo.id for photo in listed)
    if twice := [sample_id for sample_id, count in counts.items() if count > 1]:
        raise DataError(
            f"{quoted(twice)} listed more than once", where=where, remedy="keep one of each"
        )
