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
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import takewhile
from pathlib import Path, PurePosixPath, PureWindowsPath

from evaluation import files
from evaluation.errors import DataError, one_line
from evaluation.files import replacing
from evaluation.records import DatasetSpec
from evaluation.records.base import Progress, silent

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
_CLUTTER = (".DS_Store", "Thumbs.db", "desktop.ini")
"""What macOS and Windows add to archives, beside ``__MACOSX`` and names that begin with ._."""

Parts = tuple[str, ...]


def extract(
    path: Path,
    spec: DatasetSpec,
    root: Path,
    *,
    verify: Callable[[], object],
    progress: Progress = silent,
) -> tuple[int, int]:
    """Takes the study's table and photos out of an archive; files that exist are left alone.

    ``csv`` and ``images`` of ``spec`` are looked for at any depth; each file is complete or absent
    in ``root``.  ``verify`` is called once the table is there and before any photo is; when it
    raises, the table is taken away again.  ``progress`` is told how many files are done, of how
    many.  Returns how many files were written, and how many were in the folder already.

    Raises :class:`DataError`: not a ZIP archive, a damaged, unsafe or excessive one, one of
    something else, or the disk is full.
    """
    with _reading(path), zipfile.ZipFile(path) as archive:
        targets = _targets(_safe_entries(archive, path), spec, path)
        needed, written = sum(info.file_size for info in targets.values()), 0
        with writing(root):
            root.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(root).free
        if needed > free:
            raise DataError(
                f"the disk is full: {needed / 1e6:.0f} MB are needed",
                where=root,
                remedy="free some space, or choose another folder with --root",
            )
        for done, (target, info) in enumerate(targets.items(), start=1):
            fresh = not (root / target).exists()
            if fresh:
                with (
                    archive.open(info) as source,
                    writing(root / target),
                    replacing(root / target) as draft,
                    draft.open("wb") as copy,
                ):
                    # zipfile stops at the declared size and checks the sum: it never gives more.
                    shutil.copyfileobj(source, copy)
                written += 1
            if target == spec.csv:
                try:
                    verify()
                except DataError:
                    if fresh:
                        (root / target).unlink(missing_ok=True)
                    raise
            progress(done, len(targets))
    return written, len(targets) - written


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
        what = f"damaged archive ({one_line(error)})"
        if not zipfile.is_zipfile(path):
            with path.open("rb") as file:
                start = file.read(24).decode("latin-1")
            what = f"not a ZIP archive (it starts with {start!r})"
        remedy = "fetch it again, or check dataset.archive"
        raise DataError(what, where=path, remedy=remedy) from error
    except FileNotFoundError as error:
        raise DataError("no such archive", where=path, remedy="correct --archive") from error
    except OSError as error:
        raise DataError(f"cannot be read ({one_line(error)})", where=path) from error


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
        if parts[0] == "__MACOSX" or parts[-1].startswith("._") or parts[-1] in _CLUTTER:
            continue
        if parts in entries:
            raise _unsafe(path, f"{'/'.join(parts)!r} twice")
        entries[parts] = info
    return entries


def _parts(info: zipfile.ZipInfo, path: Path) -> Parts:
    """The parts of a file's path, of one that is safe."""
    name = info.filename
    if not info.flag_bits & _UTF8_NAME:  # many tools write UTF-8 and forget to say so
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    name = composed(name)
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or parts[0] == "/" or ".." in parts or PureWindowsPath(name).drive:
        raise _unsafe(path, f"the path {name!r}, which leaves the folder")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise _unsafe(path, f"{info.filename!r}, a link or a device")
    if info.flag_bits & _ENCRYPTED:
        raise _unsafe(path, f"{info.filename!r}, which is encrypted")
    if info.file_size > LARGEST_FILE:
        raise _unsafe(path, f"{info.filename!r} of {info.file_size >> 20} MiB")
    if info.file_size > max(RATIO_MATTERS, HIGHEST_RATIO * info.compress_size):
        raise _unsafe(path, f"{info.filename!r}, compressed beyond what data can be")
    return parts


def _unsafe(path: Path, what: str) -> DataError:
    return DataError(
        f"unsafe archive: it holds {what}", where=path, remedy="do not trust it; find another"
    )


def _targets(
    entries: Mapping[Parts, zipfile.ZipInfo], spec: DatasetSpec, path: Path
) -> dict[str, zipfile.ZipInfo]:
    """Where each file that the study needs goes, relative to the data root."""
    targets: dict[str, zipfile.ZipInfo] = {}

    def of_something_else(what: str) -> DataError:
        first = "/".join(next(iter(entries), ("nothing",)))
        return DataError(
            f"an archive of something else: no {what} in it ({len(entries)} files, the first"
            f" {first!r})",
            where=path,
            remedy="check dataset.archive, dataset.csv and dataset.images",
        )

    if spec.csv is None:
        # An archive of class folders has put them all into one folder.
        levels = zip(*(parts[:-2] for parts in entries), strict=False)
        base = tuple(names[0] for names in takewhile(lambda names: len(set(names)) == 1, levels))
    else:
        wanted = PurePosixPath(spec.csv).parts
        places = [parts for parts in entries if parts[-len(wanted) :] == wanted]
        if not places:
            raise of_something_else("/".join(wanted))
        table = min(places, key=lambda parts: (len(parts), parts))
        base = table[: len(table) - len(wanted)]
        targets[spec.csv] = entries[table]
    # The folder of the photos: beside the table, or else the fullest of that name.
    images = PurePosixPath(spec.images).parts
    folder = (*base, *images)
    counts = Counter(
        parts[:end]
        for parts in entries
        for end in range(len(images), len(parts))
        if parts[end - len(images) : end] == images
    )
    if images and not counts:
        raise of_something_else(f"folder {'/'.join(images)}")
    if images and folder not in counts:
        folder = max(counts, key=lambda place: (counts[place], place))
    for parts, info in entries.items():
        if parts[: len(folder)] == folder and parts[len(folder) :]:
            targets.setdefault("/".join((*images, *parts[len(folder) :])), info)
    return targets


def composed(text: str) -> str:
    """The NFC form of a name: macOS and a ZIP archive may spell the same one differently."""
    return unicodedata.normalize("NFC", text)
