"""From the address that a study declares to its photos in a folder, and a check of them."""

import json
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from evaluation.data.listing import ListedPhoto, Locator
from evaluation.data.loading import LISTERS
from evaluation.errors import DataError, DownloadError
from evaluation.files import json_object, locked, write_bytes
from evaluation.net.archive import extract, writing
from evaluation.net.download import PAUSES, Announce, Wanted, download
from evaluation.records import DatasetSpec
from evaluation.records.base import Record, silent

MEMORY = ".veille-data.json"
"""In the data root: which archive it was filled from, and what that archive lacked."""
UNFINISHED = ".veille-archive"
"""In the data root: the archive while it is fetched."""

Watch = Callable[[str, int, int], None]
"""Told what is being done, how much is done, and how much there is."""


class Fetched(Record):
    """What a data root holds after :func:`fetch_dataset`."""

    photos: int
    """Listed, missing ones included."""
    missing: tuple[str, ...]
    """Listed photos that the folder lacks, as paths below the root."""
    written: int
    """Files written now; 0 when everything was there."""
    kept: int
    """Files that were there and were left as they are."""


def fetch_dataset(
    spec: DatasetSpec,
    *,
    name: str,
    root: Path,
    source: str | None = None,
    announce: Announce = silent,
    watch: Watch = silent,
    pauses: Sequence[float] = PAUSES,
) -> Fetched:
    """Fills a folder with a study's photos, unless it is filled; overwrites no file of it.

    ``source`` is an address, or an archive that is here, instead of ``spec.archive``.  ``announce``
    is told the size of the archive before its first byte, ``watch`` how the work goes on;
    ``pauses`` are those of :func:`evaluation.net.download.download`.

    Raises :class:`DataError`: no address, a server that does not give the archive, an archive that
    is not the study's or is unsafe, a table of another length, a full disk.
    """
    root = root.expanduser().absolute()
    source = source or spec.archive
    if source is None:
        raise DataError(
            "the study does not say where its photos can be fetched",
            where=name,
            remedy='write archive = "https://…" in its [dataset], or give --archive',
        )
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
    # Of two commands in one folder the second finds what the first brought.
    with locked(root, wait=True):
        if (filled := _filled(spec, root, source)) is not None:
            return filled
        if "://" not in source:
            return _fill(spec, root, source, Path(source).expanduser(), watch, remove=silent)
        # On the disk that has to have room for the photos too.
        archive = root / UNFINISHED / "archive.zip"
        if not archive.is_file():  # an earlier call may have fetched it and could not extract it
            with writing(root):
                archive.parent.mkdir(parents=True, exist_ok=True)

            def megabytes(done: int, total: int) -> None:
                watch("fetching the archive (MB)", done // 1_000_000, total // 1_000_000)

            wanted = Wanted(url=source, target=archive)
            try:
                download(wanted, announce=announce, progress=megabytes, pauses=pauses)
            except DownloadError as error:
                raise DataError(error.what, where=error.where, remedy=error.remedy) from error
        remove = partial(shutil.rmtree, archive.parent, ignore_errors=True)
        return _fill(spec, root, source, archive, watch, remove=remove)


def _fill(
    spec: DatasetSpec,
    root: Path,
    source: str,
    archive: Path,
    watch: Watch,
    *,
    remove: Callable[[], object],
) -> Fetched:
    """The archive's files in the root; ``remove`` takes one away that was fetched for this."""
    progress = partial(watch, "extracting")
    try:
        written, kept = extract(
            archive, spec, root, verify=lambda: _listed(spec, root), progress=progress
        )
    except DataError as error:
        # What could not be written may be tried again; a wrong archive stays a wrong one.
        if error.where in (str(archive), str(root / (spec.csv or ""))):
            remove()
        raise
    state = _state(spec, root, written=written, kept=kept)
    memory = {"source": source, "missing": state.missing}
    with writing(root / MEMORY):
        text = json.dumps(memory, ensure_ascii=False, indent=1)
        write_bytes(root / MEMORY, f"{text}\n".encode())
    remove()
    return state


def _filled(spec: DatasetSpec, root: Path, source: str) -> Fetched | None:
    """What is there, when nothing more can be had from the archive; None otherwise."""
    try:
        memory = json_object(root / MEMORY)
    except (OSError, ValueError):
        memory = {}
    known = memory.get("source") == source
    # A table says when all is there, a folder of class folders does not.
    if not (known if spec.csv is None else (root / spec.csv).is_file()):
        return None
    state, lacking = _state(spec, root), memory.get("missing") if known else None
    complete = set(state.missing) <= set(map(str, lacking if isinstance(lacking, list) else ()))
    return state if complete else None


def _state(spec: DatasetSpec, root: Path, *, written: int = 0, kept: int = 0) -> Fetched:
    photos, files = _listed(spec, root), Locator(root)
    missing = (photo.path for photo in photos if not files.locate(photo.path)[0].is_file())
    return Fetched(photos=len(photos), missing=tuple(missing), written=written, kept=kept)


def _listed(spec: DatasetSpec, root: Path) -> tuple[ListedPhoto, ...]:
    photos = LISTERS[spec.kind](spec, root).photos
    if spec.rows is not None and len(photos) != spec.rows:
        raise DataError(
            f"it lists {len(photos)} photos, not the {spec.rows} that the study declares",
            where=root / (spec.csv or ""),
            remedy="choose an empty folder with --root, or correct dataset.rows",
        )
    return photos
