"""What lies in a folder: photos, other files, and what systems put there."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.errors import DataError
from evaluation.net.archive import composed
from evaluation.records import DataNote, NoteKind

READABLE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".avif", ".avifs"),
    *(".gif", ".bmp", ".dib", ".tif", ".tiff", ".ppm", ".pgm", ".pnm", ".pbm"),
)
UNREADABLE_SUFFIXES = (".heic", ".heif", ".hif", ".jxl", ".jp2", ".psd", ".svg")
"""Photos all the same: they are listed, as unreadable when no codec of theirs is there."""
PHOTO_SUFFIXES = frozenset(READABLE_SUFFIXES + UNREADABLE_SUFFIXES)

_SUFFIX = re.compile(r"\.[a-z][a-z0-9]{1,6}")
"""What a suffix looks like; a file without one is known by its bytes."""
_MAGIC = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n|GIF8[79]a|RIFF....WEBP|BM....\0\0\0\0|II\*\0|MM\0\*|P[1-6]\s|"
    rb"....ftyp(?:avif|avis|heic|heix|mif1|msf1)",
    re.DOTALL,
)
_SYSTEM = frozenset(
    (
        *("__macosx", "@eadir", "#recycle", "@recycle", "$recycle.bin", "lost+found"),
        *("__pycache__", "system volume information", "thumbs.db", "desktop.ini"),
        *("ehthumbs.db", "icon\r"),
    )
)
_SHOWN = 5


@dataclass(slots=True)
class Notebook:
    """What was not taken, by reason."""

    _names: dict[tuple[NoteKind, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, kind: NoteKind, names: Iterable[str], what: str = "") -> None:
        """Note files by their paths below the listed folder."""
        if noted := list(names):
            self._names[kind, what] += noted

    def notes(self) -> tuple[DataNote, ...]:
        """One note a reason, in the order of the alphabet."""
        return tuple(
            DataNote(
                kind=kind,
                what=what,
                count=len(names),
                names=tuple(composed(name) for name in sorted(names)[:_SHOWN]),
            )
            for (kind, what), names in sorted(self._names.items())
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
    files: int = 0
    """Files of any kind, hidden ones left out, in it and below."""

    @property
    def holds_photos(self) -> bool:
        """Whether there is a photo in it or below."""
        return bool(self.photos) or any(folder.holds_photos for folder in self.folders)

    def every_photo(self) -> Iterator[str]:
        """The photos in it and below, folders first as they are listed."""
        yield from self.photos
        for folder in self.folders:
            yield from folder.every_photo()


def read_folder(top: Path, notes: Notebook, *, follow: bool, resolved: Path) -> Folder:
    """Everything below a folder, sorted by name; ``notes`` get what is passed over.

    With ``follow``, links to folders are entered, but none to a folder that holds it; a link of
    the first level may lead anywhere in ``resolved``, the data root without links.

    Raises :class:`DataError`: A folder cannot be listed.
    """
    reader = _Reader(notes=notes, follow=follow, root=str(resolved))
    folder = Folder(name=composed(top.name), path="")
    reader.fill(folder, str(top), (os.path.realpath(top),))
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    notes: Notebook
    follow: bool
    root: str

    def fill(self, folder: Folder, path: str, above: tuple[str, ...]) -> None:
        """Read a folder; ``above`` are the folders that hold it, without links, and itself."""
        for entry in _entries(path):
            below = f"{folder.path}/{entry.name}" if folder.path else entry.name
            known = entry.name.casefold() in _SYSTEM
            if known or entry.name.startswith("."):
                self.notes.add("system" if known else "hidden", _files_below(entry, below))
            elif not _is_text(entry.name):
                self.notes.add("name", [ascii(below)[1:-1]])
            elif not _is_folder(entry):
                folder.files += 1
                _sort_file(entry, below, folder, self.notes)
            elif entry.is_symlink() and not self._enters(entry, above):
                folder.files += 1
                self.notes.add("folder-link", [below])
            else:
                inner = Folder(name=composed(entry.name), path=below)
                self.fill(inner, entry.path, (*above, os.path.realpath(entry.path)))
                folder.folders.append(inner)
                folder.files += inner.files

    def _enters(self, link: os.DirEntry[str], above: tuple[str, ...]) -> bool:
        """Whether a link is entered: never in a circle, never unasked out of the root."""
        target = os.path.realpath(link.path)
        if any(f"{folder}/".startswith(f"{target}/") for folder in above):
            return False
        return self.follow or (len(above) == 1 and f"{target}/".startswith(f"{self.root}/"))


def _sort_file(entry: os.DirEntry[str], below: str, folder: Folder, notes: Notebook) -> None:
    suffix = os.path.splitext(entry.name)[1].casefold()  # noqa: PTH122 - 20,000 of them
    if suffix in PHOTO_SUFFIXES:
        folder.photos.append(below)
    elif _SUFFIX.fullmatch(suffix):
        notes.add("suffix", [below], suffix)
    elif _is_photo(entry.path):
        folder.photos.append(below)
    else:
        notes.add("not-a-photo", [below])


def _is_text(name: str) -> bool:
    """Whether a name can be written in a result: no control character, no byte out of UTF-8."""
    return not any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_photo(path: str) -> bool:
    try:
        with open(path, "rb") as handle:  # noqa: PTH123 - as above
            return _MAGIC.match(handle.read(16)) is not None
    except OSError:
        return False


def _files_below(entry: os.DirEntry[str], below: str) -> list[str]:
    if not _is_folder(entry) or entry.is_symlink():
        return [below]
    return [
        f"{below}{os.path.join(folder, name)[len(entry.path) :]}"  # noqa: PTH118 - as above
        for folder, _, names in os.walk(entry.path)
        for name in names
    ]


def _entries(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(
            f"cannot list the folder ({error.strerror or error})",
            where=path,
            remedy="make it readable, or correct dataset.images or --data-root",
        ) from error
