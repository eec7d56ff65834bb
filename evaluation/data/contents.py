"""What lies in a folder: photos, other files, and what systems put there."""

from __future__ import annotations

import contextlib
import os
import re
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.errors import SHOWN, DataError, one_line
from evaluation.net.archive import composed
from evaluation.records import DataNote, NoteKind

KNOWN = tomllib.loads(Path(__file__).with_name("listing.toml").read_text(encoding="utf-8"))
READABLE_SUFFIXES: list[str] = KNOWN["suffixes"]["readable"]
PHOTO_SUFFIXES = frozenset((*READABLE_SUFFIXES, *KNOWN["suffixes"]["unreadable"]))
_SUFFIX = re.compile(r"\.[a-z][a-z0-9]{1,6}")
"""What a suffix looks like; a file without one is known by its bytes."""
_MAGIC = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n|GIF8[79]a|RIFF....WEBP|BM....\0\0\0\0|II\*\0|MM\0\*|P[1-6]\s|"
    rb"....ftyp(?:avif|avis|heic|heix|mif1|msf1)",
    re.DOTALL,
)

Reason = tuple[NoteKind, str]
"""Of not being taken: a note's kind, and what it is about."""
Passed = defaultdict[Reason, list[str]]
"""What was not taken: paths below the listed folder."""


def notes_of(passed: Passed) -> tuple[DataNote, ...]:
    """One note a reason, in the order of the alphabet."""
    return tuple(
        DataNote(
            kind=kind,
            what=what,
            count=len(names),
            names=tuple(composed(name) for name in sorted(names)[:SHOWN]),
        )
        for (kind, what), names in sorted(passed.items())
        if names
    )


@dataclass(slots=True)
class Folder:
    """A folder below the listed one, with what it holds; names as this disk spells them."""

    name: str
    path: str
    """Below the listed folder, with forward slashes; "" for the listed one itself."""
    folders: list[Folder] = field(default_factory=list)
    photos: list[str] = field(default_factory=list)
    """Paths below the listed folder."""

    def every_photo(self) -> Iterator[str]:
        """The photos in it and below, folders first as they are listed."""
        yield from self.photos
        for folder in self.folders:
            yield from folder.every_photo()

    def inner(self, *, empty: bool = False) -> list[Folder]:
        """The folders in it that hold a photo, there or below, or those that hold none."""
        return [folder for folder in self.folders if empty is not any(folder.every_photo())]


def read_folder(top: Path, passed: Passed, *, follow: bool, resolved: Path) -> Folder:
    """Everything below a folder, sorted by name; ``passed`` gets what is passed over.

    With ``follow``, links to folders are entered, but none to a folder that holds it; a link of
    the first level may lead anywhere in ``resolved``, the data root without links.

    Raises :class:`DataError`: A folder cannot be listed.
    """

    def enters(link: str, above: tuple[str, ...]) -> bool:
        target = f"{os.path.realpath(link)}/"
        if any(f"{folder}/".startswith(target) for folder in above):
            return False
        return follow or (len(above) == 1 and target.startswith(f"{resolved}/"))

    def filled(folder: Folder, place: str, above: tuple[str, ...]) -> Folder:
        """``above`` are the folders that hold this one, and itself, without links."""
        for entry in _entries(place):
            below = f"{folder.path}/{entry.name}" if folder.path else entry.name
            known = entry.name.casefold() in KNOWN["system"]
            if known or entry.name.startswith("."):
                passed["system" if known else "hidden", ""] += _files_below(entry, below)
            elif any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in entry.name):
                passed["name", ""].append(ascii(below)[1:-1])  # no result can hold it
            elif not _is_folder(entry):
                reason = _no_photo(entry)
                (passed[reason] if reason else folder.photos).append(below)
            elif entry.is_symlink() and not enters(entry.path, above):
                passed["folder-link", ""].append(below)
            else:
                inner = Folder(composed(entry.name), below)
                own = os.path.realpath(entry.path)
                folder.folders.append(filled(inner, entry.path, (*above, own)))
        return folder

    return filled(Folder(composed(top.name), ""), str(top), (os.path.realpath(top),))


def _no_photo(entry: os.DirEntry[str]) -> Reason | None:
    suffix = os.path.splitext(entry.name)[1].casefold()  # noqa: PTH122 - 20,000 of them
    if suffix in PHOTO_SUFFIXES:
        return None
    if _SUFFIX.fullmatch(suffix):
        return "suffix", suffix
    with contextlib.suppress(OSError), open(entry.path, "rb") as handle:  # noqa: PTH123 - as above
        if _MAGIC.match(handle.read(16)):
            return None
    return "not-a-photo", ""


def _is_folder(entry: os.DirEntry[str]) -> bool:
    with contextlib.suppress(OSError):
        return entry.is_dir()
    return False


def _files_below(entry: os.DirEntry[str], below: str) -> list[str]:
    if entry.is_symlink() or not _is_folder(entry):
        return [below]
    return [
        f"{below}{folder[len(entry.path) :]}/{name}"
        for folder, _, names in os.walk(entry.path)
        for name in names
    ]


def _entries(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(
            f"cannot list the folder ({one_line(error)})",
            where=path,
            remedy="make it readable, or correct dataset.images or --data-root",
        ) from error
