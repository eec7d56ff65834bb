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
from dataclasses import fields, replace
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

from evaluation.data.look import SIDE, alike
from evaluation.data.photos import DECODER, PhotoFacts, inspect_photo, pixels_of, refusal_of
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


def inspect_photos(
    photos: Sequence[tuple[Path, str | None]],
    cache: Path,
    progress: Progress | None = None,
    bits: int | None = None,
) -> tuple[PhotoFacts, ...]:
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
        known = {
            values[0]: PhotoFacts(**dict(zip(_FACTS, values, strict=True)))
            for _, *values in database.rows(_LOOKS, [DECODER])
        }
        inspected: dict[int, PhotoFacts] = {}
        unwritten: dict[str, PhotoFacts] = {}
        written = time.monotonic()
        try:
            for index, facts in _in_threads(
                lambda index: _inspect(*photos[index], known, bits), range(len(photos))
            ):
                inspected[index] = facts
                if facts.digest and facts.digest not in known:
                    unwritten[facts.digest] = facts
                if time.monotonic() > written + WRITTEN_EACH:
                    _remember(database, unwritten)
                    unwritten, written = {}, time.monotonic()
                if progress is not None:
                    progress(len(inspected), len(photos))
        finally:
            _remember(database, unwritten)
        apart = _told_apart(photos, inspected, bits)
        _remember(database, apart)
    in_order = (inspected[index] for index in range(len(photos)))
    return tuple(apart.get(facts.digest, facts) for facts in in_order)


def _told_apart(
    photos: Sequence[tuple[Path, str | None]], inspected: Mapping[int, PhotoFacts], bits: int | None
) -> dict[str, PhotoFacts]:
    """The facts of files that differ and may show the same, with a digest of their pixels."""
    by_size: dict[tuple[int, int], dict[str, int]] = defaultdict(dict)
    for index, facts in inspected.items():
        if facts.reason is None:
            by_size[facts.width, facts.height][facts.digest] = index
    asked = [
        files[number]
        for size, files in ((size, [*own.values()]) for size, own in by_size.items())
        for group in _may_be_equal([inspected[index].look for index in files], min(size))
        for number in group
        if not inspected[files[number]].pixels
    ]
    return {
        inspected[index].digest: replace(inspected[index], pixels=pixels)
        for index, pixels in _in_threads(lambda index: pixels_of(photos[index][0], bits), asked)
    }


def _may_be_equal(looks: Sequence[str], side: int) -> Iterable[Sequence[int]]:
    """Groups of photos of one size that may show the same, by the indices of their looks."""
    if side >= 2 * SIDE:  # a JPEG was decoded smaller, and a copy of it that is none was not
        return alike(looks)
    equal: dict[str, list[int]] = defaultdict(list)
    for index, look in enumerate(looks):
        equal[look].append(index)
    return (group for group in equal.values() if len(group) > 1)


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
) -> PhotoFacts:
    if refused is not None:
        return PhotoFacts(reason=refused)
    try:
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
            if bits is not None:
                digest = hashlib.sha256(f"{digest} {bits}".encode()).hexdigest()
            if digest in known:
                return known[digest]
            handle.seek(0)
            return replace(inspect_photo(handle, bits), digest=digest)
    except OSError as error:  # of this disk and this day: not to be remembered
        return PhotoFacts(reason=refusal_of(error))


def _remember(database: SqliteFile, facts: Mapping[str, PhotoFacts]) -> None:
    rows = [(DECODER, *attrgetter(*_FACTS)(photo)) for photo in facts.values()]
    database.add(_LOOKS, rows, replace=True)
