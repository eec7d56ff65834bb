"""Reading every photo once, in threads, and remembering what was found.

What decoding tells (size, digest of the pixels, or why it failed) depends on the bytes alone.
It is kept in ``photos.sqlite`` of the cache folder, keyed by their digest, so that a second
run reads the files but decodes none.
"""

import hashlib
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

from evaluation.data.photos import DECODER, PhotoFacts, inspect_photo, pixels_of
from evaluation.records.base import Progress
from evaluation.stores.sqlite_file import SqliteFile, Table

WRITTEN_EACH = 2.0
"""Seconds of decoding, which is what a kill can lose; more transactions only cost time."""
MAX_WORKERS = 8
"""Decoding is bound by the processor, reading by the disk; more threads only cost memory."""

T = TypeVar("T")
_FACTS = tuple(field.name for field in fields(PhotoFacts))
_LOOKS = Table(
    name="facts",
    key=("decoder TEXT NOT NULL", "digest TEXT NOT NULL"),
    values=(
        *("pixels TEXT NOT NULL", "width INTEGER NOT NULL", "height INTEGER NOT NULL"),
        *("look TEXT NOT NULL", "reason TEXT", "doubt TEXT NOT NULL"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """A file as found on this disk: its digest, and what decoding it tells."""

    digest: str
    facts: PhotoFacts
    fresh: bool = False
    """Whether it was decoded just now, and its facts are worth keeping."""


def inspect_photos(
    photos: Sequence[tuple[Path, str | None]],
    cache: Path,
    progress: Progress | None = None,
    bits: int | None = None,
) -> tuple[Inspected, ...]:
    """Inspect photos, decoding only those whose bytes were never seen.

    Args:
        photos: Each a file, and why it may not be opened, if so.
        cache: Folder of ``photos.sqlite``.
        progress: Told how many are done, of how many.
        bits: Those of 16 that count, in files that do not say it.

    Raises:
        StoreError: The cache cannot be read or written.

    """
    with SqliteFile(
        cache / "photos.sqlite",
        (_LOOKS,),
        what="the store of facts about photos",
        remade="photos are decoded again",
        former=("photos", "looks"),
    ) as database:
        known = _known(database)
        found: dict[int, Inspected] = {}
        unwritten: dict[str, PhotoFacts] = {}
        written = time.monotonic()
        try:
            for index, photo in _in_threads(
                lambda index: _inspect(*photos[index], known, bits), range(len(photos))
            ):
                found[index] = photo
                if photo.fresh:
                    unwritten[photo.digest] = photo.facts
                if time.monotonic() > written + WRITTEN_EACH:
                    _remember(database, unwritten)
                    unwritten, written = {}, time.monotonic()
                if progress is not None:
                    progress(len(found), len(photos))
        finally:
            _remember(database, unwritten)
        told = _told_apart(photos, found, bits)
        _remember(database, told)
    return tuple(
        replace(found[index], facts=told.get(found[index].digest, found[index].facts))
        for index in range(len(photos))
    )


def _told_apart(
    photos: Sequence[tuple[Path, str | None]], found: Mapping[int, Inspected], bits: int | None
) -> dict[str, PhotoFacts]:
    """The facts of files that differ and may show the same, with a digest of their pixels."""
    alike: dict[tuple[int, int, str], dict[str, int]] = defaultdict(dict)
    for index, photo in found.items():
        if photo.facts.reason is None:
            facts = photo.facts
            alike[facts.width, facts.height, facts.look][photo.digest] = index
    asked = [
        index
        for files in alike.values()
        if len(files) > 1
        for index in files.values()
        if not found[index].facts.pixels
    ]
    return {
        found[index].digest: replace(found[index].facts, pixels=pixels)
        for index, pixels in _in_threads(lambda index: pixels_of(photos[index][0], bits), asked)
    }


def _in_threads(task: Callable[[int], T], indices: Iterable[int]) -> Iterator[tuple[int, T]]:
    workers = min(MAX_WORKERS, os.cpu_count() or 1)
    executor = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="inspect")
    try:
        futures = {executor.submit(task, index): index for index in indices}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:  # an interrupted run does not decode the rest first
        executor.shutdown(cancel_futures=True)


def _inspect(
    path: Path, refused: str | None, known: Mapping[str, PhotoFacts], bits: int | None
) -> Inspected:
    if refused is not None:
        return Inspected(digest="", facts=PhotoFacts(reason=refused))
    try:
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
            if bits is not None:
                digest = hashlib.sha256(f"{digest} {bits}".encode()).hexdigest()
            if digest in known:
                return Inspected(digest=digest, facts=known[digest])
            handle.seek(0)
            return Inspected(digest=digest, facts=inspect_photo(handle, bits), fresh=True)
    except FileNotFoundError:
        return Inspected(digest="", facts=PhotoFacts(reason="file not found"))
    except OSError as error:  # of this disk and this day: not to be remembered
        reason = f"cannot be read ({error.strerror or error})"
        return Inspected(digest="", facts=PhotoFacts(reason=reason))


def _known(database: SqliteFile) -> dict[str, PhotoFacts]:
    return {
        digest: PhotoFacts(**dict(zip(_FACTS, values, strict=True)))
        for _, digest, *values in database.rows(_LOOKS, [DECODER])
    }


def _remember(database: SqliteFile, found: Mapping[str, PhotoFacts]) -> None:
    rows = [(DECODER, digest, *attrgetter(*_FACTS)(facts)) for digest, facts in found.items()]
    database.add(_LOOKS, rows, replace=True)
