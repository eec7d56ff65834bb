"""Files that are whole or absent, whatever stops the program while it writes them.

A file is written under a temporary name beside its place, synced to the disk and renamed.  Its
writer holds a lock on it meanwhile, which the system releases when the process ends, however it
ends: what a killed process left is told from what a living one is writing, and the next writer
in that folder removes it.
"""

import contextlib
import errno
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evaluation.errors import VeilleError, one_line

_LEFT = re.compile(r"\..+\.[a-z0-9_]{8}\.part")
"""The names of temporary files; a download that will go on is no hidden file."""
LFS_POINTER = b"version https://git-lfs"
"""How the file begins that stands for one which Git LFS has not fetched."""
_SHOWN = 40
"""Characters of a file's name in that of its temporary file: both must fit the disk's limit."""
_swept: set[Path] = set()
_UMASK = os.umask(0)
"""Read once: to read it is to change it for a moment, for every thread."""
os.umask(_UMASK)


@contextlib.contextmanager
def writing(where: Path, kind: type[VeilleError], *, elsewhere: str) -> Iterator[None]:
    """Turns the refusal of a disk into one line, an error of a ``kind``.

    ``where`` is what is being written, ``elsewhere`` the remedy when this is no place to write.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            what, remedy = "the disk is full", "free some disk space, then run again"
        elif error.errno in (errno.EEXIST, errno.ENOTDIR):
            what, remedy = "cannot be written: a file stands in the way", elsewhere
        else:
            what, remedy = f"cannot be written: {one_line(error)}", elsewhere
        raise kind(what, where=where, remedy=remedy) from error


@contextlib.contextmanager
def reading(where: Path, kind: type[VeilleError], *, remedy: str) -> Iterator[None]:
    """Turns the refusal of a disk into one line; a file that is not there stays its reader's."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise kind(f"cannot be read: {one_line(error)}", where=where, remedy=remedy) from error


def json_object(path: Path) -> dict[str, Any]:
    """The JSON object that a file holds; raises :class:`OSError` or :class:`ValueError`."""
    try:
        content = json.loads(path.read_bytes())
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(content, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - a fault of the file, as any other
    return content


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a whole file or nothing; raises :class:`OSError`."""
    with replacing(path) as draft:
        draft.write_bytes(content)


@contextlib.contextmanager
def replacing(target: Path, *, folder: bool = False) -> Iterator[Path]:
    """The name under which to write a file, or the files of a folder, that ``target`` will be.

    It takes its place when the block ends, and is removed when the block raises.  A folder
    never takes the place of one that holds something.  Raises :class:`OSError`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.parent not in _swept:
        sweep(target.parent)
        _swept.add(target.parent)
    with _held(target.parent, target.name, folder=folder) as draft:
        yield draft
        for path in (*(draft.rglob("*") if folder else ()), draft):
            # Temporary files are private.
            path.chmod((0o777 if path.is_dir() else 0o666) & ~_UMASK)
            if path.is_file():
                with path.open("rb+") as file:
                    os.fsync(file.fileno())
        draft.replace(target)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder for the time of a block, away from everything that is kept."""
    place = Path(tempfile.gettempdir())
    sweep(place)
    with _held(place, "veille", folder=True) as draft:
        yield draft


def sweep(folder: Path, *, below: bool = False) -> None:
    """Removes the temporary files that dead processes left in a folder, or in those below too."""
    with contextlib.suppress(OSError):
        for path in folder.rglob("*") if below else folder.iterdir():
            if _LEFT.fullmatch(path.name) and not path.is_symlink():
                with contextlib.suppress(OSError), locked(path, wait=False) as held:
                    if held:
                        _remove(path)


@contextlib.contextmanager
def _held(place: Path, name: str, *, folder: bool) -> Iterator[Path]:
    prefix = f".{name[:_SHOWN]}."
    while True:
        if folder:
            draft = Path(tempfile.mkdtemp(dir=place, prefix=prefix, suffix=".part"))
        else:
            handle, name = tempfile.mkstemp(dir=place, prefix=prefix, suffix=".part")
            os.close(handle)
            draft = Path(name)
        with locked(draft, wait=True) as held:
            if held:  # or else another process took it for one that was left
                try:
                    yield draft
                finally:
                    _remove(draft)
                return


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[bool]:
    """Whether this process alone holds a file or folder that still exists; a killed one lets go."""
    if sys.platform == "win32":  # files cannot be locked and renamed: what is left stays
        yield wait
        return
    import fcntl

    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        yield False
        return
    held = False
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            held = path.exists()
        except BlockingIOError:
            pass
        except OSError:  # a file system without locks: nothing can be told from its names
            held = wait
        yield held
    finally:
        os.close(handle)
