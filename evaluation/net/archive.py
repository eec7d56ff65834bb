"""Taking a data set out of a ZIP archive that nobody here has checked.

Nothing is written but the table and the photos that the study declares, at the places where
it declares them, wherever they lie in the archive.  The whole directory of the archive is
judged before the first byte is written.
"""

import contextlib
import lzma
import shutil
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath

from evaluation import files
from evaluation.errors import DataError, one_line
from evaluation.files import replacing
from evaluation.records import DatasetSpec
from evaluation.records.base import Progress

MOST_ENTRIES = 200_000
LARGEST_FILE = 512 << 20
"""Bytes, decompressed."""
LARGEST_TOTAL = 8 << 30
"""Bytes, decompressed."""
HIGHEST_RATIO = 200
"""Of a file's size to its compressed size, from ``RATIO_MATTERS`` bytes on: deflate can reach
1032 on nothing but zeros, a table reaches 10 and a photo 1."""
RATIO_MATTERS = 1 << 20
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, NotImplementedError, ValueError, IndexError, OverflowError, RuntimeError),
)
"""What zipfile and the decompressors raise for damaged archives, an empty name among them."""
_UTF8_NAME = 0x800
_ENCRYPTED = 0x1

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """What became of the files of an archive."""

    written: int
    kept: int
    """Files that were in the folder already, and were left as they are."""


def extract(
    path: Path,
    spec: DatasetSpec,
    root: Path,
    *,
    verify: Callable[[], object],
    progress: Progress | None = None,
) -> Extracted:
    """Takes the study's table and photos out of an archive; files that exist are left alone.

    Raises :class:`DataError`: not a ZIP archive, a damaged, unsafe or excessive one, one of
    something else, or the disk is full.

    Args:
        path: The archive.
        spec: What the study declares: ``csv`` and ``images`` are looked for at any depth.
        root: The data root; each file is complete or absent in it.
        verify: Called once the table is there and before any photo is; when it raises, the
            table is taken away again.
        progress: Told how many files are done, of how many.

    """
    with _reading(path), zipfile.ZipFile(path) as archive:
        entries = _safe_entries(archive, path)
        targets = _targets(entries, spec, path)
        _refuse_full_disk(targets.values(), root)
        written = 0
        for done, (target, info) in enumerate(targets.items(), start=1):
            written += _write(archive, info, root / target)
            if target == spec.csv:
                try:
                    verify()
                except DataError:
                    if written:
                        (root / target).unlink(missing_ok=True)
                    raise
            if progress is not None:
                progress(done, len(targets))
    return Extracted(written=written, kept=len(targets) - written)


writing = partial(
    files.writing,
    kind=DataError,
    elsewhere="make the folder writable, or choose another with --root",
)
"""Turns what the disk refuses into one line."""


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        what = (
            f"damaged archive ({one_line(error)})"
            if zipfile.is_zipfile(path)
            else f"not a ZIP archive (it starts with {_start(path)})"
        )
        raise DataError(
            what, where=path, remedy="fetch it again, or check dataset.archive"
        ) from error
    except FileNotFoundError as error:
        raise DataError("no such archive", where=path, remedy="correct --archive") from error
    except OSError as error:
        raise DataError(f"cannot be read ({one_line(error)})", where=path) from error


def _start(path: Path) -> str:
    with path.open("rb") as file:
        return repr(file.read(24).decode("latin-1"))


# ------------------------------------------------------------------------ judging


def _safe_entries(archive: zipfile.ZipFile, path: Path) -> dict[Parts, zipfile.ZipInfo]:
    """The files of an archive by the parts of their path; refuses what no data set holds."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if len(infos) > MOST_ENTRIES:
        raise _unsafe(path, f"{len(infos)} files")
    total = sum(info.file_size for info in infos)
    if total > LARGEST_TOTAL:
        raise _unsafe(path, f"{total >> 30} GiB once decompressed")
    entries: dict[Parts, zipfile.ZipInfo] = {}
    for info in infos:
        parts = _parts(info, path)
        _refuse_unsafe(info, path)
        if not _is_clutter(parts):
            if parts in entries:
                raise _unsafe(path, f"{'/'.join(parts)!r} twice")
            entries[parts] = info
    return entries


def _parts(info: zipfile.ZipInfo, path: Path) -> Parts:
    name = _name(info)
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or parts[0] == "/" or ".." in parts or PureWindowsPath(name).drive:
        raise _unsafe(path, f"the path {name!r}, which leaves the folder")
    return parts


def _name(info: zipfile.ZipInfo) -> str:
    """The name as it was meant: many tools write UTF-8 and forget to say so."""
    name = info.filename
    if not info.flag_bits & _UTF8_NAME:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return composed(name)


def _refuse_unsafe(info: zipfile.ZipInfo, path: Path) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise _unsafe(path, f"{info.filename!r}, a link or a device")
    if info.flag_bits & _ENCRYPTED:
        raise _unsafe(path, f"{info.filename!r}, which is encrypted")
    if info.file_size > LARGEST_FILE:
        raise _unsafe(path, f"{info.filename!r} of {info.file_size >> 20} MiB")
    if info.file_size > max(RATIO_MATTERS, HIGHEST_RATIO * info.compress_size):
        raise _unsafe(path, f"{info.filename!r}, compressed beyond what data can be")


def _unsafe(path: Path, what: str) -> DataError:
    return DataError(
        f"unsafe archive: it holds {what}", where=path, remedy="do not trust it; find another"
    )


def _is_clutter(parts: Parts) -> bool:
    """What macOS and Windows add to archives."""
    return parts[0] == "__MACOSX" or parts[-1].startswith("._") or parts[-1] in _CLUTTER


_CLUTTER = (".DS_Store", "Thumbs.db", "desktop.ini")


# ----------------------------------------------------------------------- choosing


def _targets(
    entries: Mapping[Parts, zipfile.ZipInfo], spec: DatasetSpec, path: Path
) -> dict[str, zipfile.ZipInfo]:
    """Where each file that the study needs goes, relative to the data root."""
    targets: dict[str, zipfile.ZipInfo] = {}
    base: Parts = ()
    if spec.csv is not None:
        table = _find(entries, PurePosixPath(spec.csv).parts, path)
        base = table[: len(table) - len(PurePosixPath(spec.csv).parts)]
        targets[spec.csv] = entries[table]
    images = PurePosixPath(spec.images).parts
    folder = _images_folder(entries, images, base if spec.csv else _common(entries), path)
    for parts, info in entries.items():
        if parts[: len(folder)] == folder and parts[len(folder) :]:
            target = "/".join((*images, *parts[len(folder) :]))
            targets.setdefault(target, info)
    return targets


def _find(entries: Mapping[Parts, zipfile.ZipInfo], wanted: Parts, path: Path) -> Parts:
    places = [parts for parts in entries if parts[-len(wanted) :] == wanted]
    if not places:
        raise _of_something_else(entries, f"no {'/'.join(wanted)}", path)
    return min(places, key=lambda parts: (len(parts), parts))


def _images_folder(
    entries: Mapping[Parts, zipfile.ZipInfo], images: Parts, base: Parts, path: Path
) -> Parts:
    """The folder of the photos: beside the table, or else the fullest of that name."""
    if not images:
        return base
    counts: Counter[Parts] = Counter()
    for parts in entries:
        for end in range(len(images), len(parts)):
            if parts[end - len(images) : end] == images:
                counts[parts[:end]] += 1
    if not counts:
        raise _of_something_else(entries, f"no folder {'/'.join(images)}", path)
    beside = (*base, *images)
    return beside if beside in counts else max(counts, key=lambda folder: (counts[folder], folder))


def _common(entries: Mapping[Parts, zipfile.ZipInfo]) -> Parts:
    """The folder in which an archive of class folders has put them all."""
    folders = [parts[:-2] for parts in entries] or [()]
    shortest = min(folders, key=len)
    depth = 0
    while depth < len(shortest) and len({folder[depth] for folder in folders}) == 1:
        depth += 1
    return shortest[:depth]


def _of_something_else(
    entries: Mapping[Parts, zipfile.ZipInfo], what: str, path: Path
) -> DataError:
    first = "/".join(next(iter(entries), ("nothing",)))
    return DataError(
        f"an archive of something else: {what} in it ({len(entries)} files, the first {first!r})",
        where=path,
        remedy="check dataset.archive, dataset.csv and dataset.images",
    )


# ------------------------------------------------------------------------ writing


def _refuse_full_disk(infos: Iterable[zipfile.ZipInfo], root: Path) -> None:
    needed = sum(info.file_size for info in infos)
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(root).free
    if needed > free:
        raise DataError(
            f"the disk is full: {needed / 1e6:.0f} MB are needed",
            where=root,
            remedy="free some space, or choose another folder with --root",
        )


def _write(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> bool:
    """Writes a file under another name, then gives it its own; False when it was there."""
    if target.exists():
        return False
    with (
        archive.open(info) as source,
        writing(target),
        replacing(target) as draft,
        draft.open("wb") as copy,
    ):
        # zipfile stops at the declared size and checks the sum: it never gives more.
        shutil.copyfileobj(source, copy)
    return True


def composed(text: str) -> str:
    """The NFC form of a name: macOS and a ZIP archive may spell the same one differently."""
    return unicodedata.normalize("NFC", text)
