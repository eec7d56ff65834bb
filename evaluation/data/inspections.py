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
from dataclasses import astuple, replace
from pathlib import Path

from evaluation.data.decoding import PhotoFacts
from evaluation.data.look import SIDE, alike, equal
from evaluation.data.photos import DECODER, inspect_photo, pixels_of, refusal_of
from evaluation.records.base import Progress, silent
from evaluation.stores.sqlite_file import SqliteFile, Table

WRITTEN_EACH = 2.0
"""Seconds of decoding, which is what a kill can lose; more transactions only cost time."""
MAX_WORKERS = 8
"""Decoding is bound by the processor, reading by the disk; more threads only cost memory."""

_FACTS = Table(
    name="facts",
    # After the decoder, the fields of PhotoFacts.
    key="decoder TEXT, digest TEXT",
    values="pixels TEXT, width INTEGER, height INTEGER, look TEXT, reason TEXT NULL, doubt TEXT",
)


def inspect_photos(
    photos: Sequence[tuple[Path, str | None]],
    cache: Path,
    progress: Progress | None = None,
    bits: int | None = None,
) -> tuple[PhotoFacts, ...]:
    """Inspect photos, decoding only those whose bytes were never seen.

    Each of ``photos`` is a file, and why it may not be opened, if so; ``photos.sqlite`` lies in
    ``cache``; ``bits`` of 16 count in files that do not say it.

    Raises :class:`StoreError`: the cache cannot be read or written.
    """
    with SqliteFile(
        cache / "photos.sqlite",
        (_FACTS,),
        what="the store of facts about photos",
        remade="photos are decoded again",
        former=("photos", "looks"),
    ) as database:
        known = {row[1]: PhotoFacts(*row[1:]) for row in database.rows(_FACTS, [DECODER])}

        def remember(several: Iterable[PhotoFacts]) -> None:
            rows = [(DECODER, *astuple(facts)) for facts in several]
            database.add(_FACTS, rows, replace=True)

        inspected: dict[int, PhotoFacts] = {}
        unwritten: list[PhotoFacts] = []
        written = time.monotonic()
        try:
            for index, facts in _in_threads(
                lambda index: _inspect(*photos[index], known, bits), range(len(photos))
            ):
                inspected[index] = facts
                if facts.digest and facts.digest not in known:
                    unwritten.append(facts)
                if time.monotonic() > written + WRITTEN_EACH:
                    remember(unwritten)
                    unwritten, written = [], time.monotonic()
                (progress or silent)(len(inspected), len(photos))
        finally:
            remember(unwritten)
        with_pixels = _in_threads(
            lambda index: replace(inspected[index], pixels=pixels_of(photos[index][0], bits)),
            _may_be_equal(inspected),
        )
        apart = {facts.digest: facts for _, facts in with_pixels}
        remember(apart.values())
    in_order = (inspected[index] for index in range(len(photos)))
    return tuple(apart.get(facts.digest, facts) for facts in in_order)


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


def _may_be_equal(inspected: Mapping[int, PhotoFacts]) -> Iterator[int]:
    """The photos whose files differ and may show the same, but for those of known pixels."""
    by_size: dict[tuple[int, int], dict[str, int]] = defaultdict(dict)
    for index, facts in inspected.items():
        if facts.reason is None:
            by_size[facts.width, facts.height][facts.digest] = index
    for size, indices in by_size.items():
        files = list(indices.values())
        # A large JPEG was decoded smaller, and a copy of it that is none was not.
        like = alike if min(size) >= 2 * SIDE else equal
        for group in like([inspected[index].look for index in files]):
            yield from (files[number] for number in group if not inspected[files[number]].pixels)


def _in_threads(
    task: Callable[[int], PhotoFacts], indices: Iterable[int]
) -> Iterator[tuple[int, PhotoFacts]]:
    """What threads make of each index, as soon as it is done."""
    executor = ThreadPoolExecutor(min(MAX_WORKERS, os.cpu_count() or 1), "inspect")
    try:
        futures = {executor.submit(task, index): index for index in indices}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:  # an interrupted run does not decode the rest first
        executor.shutdown(cancel_futures=True)
