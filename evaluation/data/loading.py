"""From a declaration, or a folder, to photos: list them, inspect each, set the bad ones aside."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path

from evaluation.data.contents import Passed, notes_of, read_folder
from evaluation.data.folders import list_folder
from evaluation.data.inspections import inspect_photos
from evaluation.data.listing import ListedPhoto, Locator
from evaluation.data.look import alike
from evaluation.data.photos import pixels_of
from evaluation.data.table_listing import list_flipkart, list_table
from evaluation.errors import SHOWN, DataError, quoted
from evaluation.net.archive import composed
from evaluation.records import (
    DataNote,
    Dataset,
    DatasetSpec,
    Listed,
    MissingPhoto,
    NoteKind,
    Sample,
    digest_of,
)
from evaluation.records.base import Progress

LISTERS = {"flipkart": list_flipkart, "table": list_table, "folder": list_folder}
_Read = tuple[tuple[Sample, ...], tuple[MissingPhoto, ...], tuple[DataNote, ...]]


def load_dataset(
    spec: DatasetSpec, *, name: str, root: Path, cache: Path, progress: Progress | None = None
) -> Dataset:
    """Load the photos that a study declares; each one is decoded once, ever, per ``cache``.

    The classes are in alphabetical order, the samples by id; photos that are absent or
    unreadable are listed in ``missing``.

    Raises :class:`DataError`: the data cannot be used at all, or a class has no readable photo;
    :class:`StoreError`: the cache cannot be read or written.
    """
    root = root.expanduser().absolute()
    if not root.is_dir():
        raise DataError(
            "the data root is not a folder" if root.exists() else "no data there",
            where=root,
            remedy=f"give the folder of the photos with --data-root{fetch_hint(spec, name)}",
        )
    listing = LISTERS[spec.kind](spec, root)
    listed = sorted(listing.photos, key=lambda photo: photo.id)
    files = Locator(root, spec.follow_links)
    samples, missing, doubts = _read(listed, files, cache, progress, spec.bits)
    classes = tuple(sorted({photo.label for photo in listed}))
    _refuse_empty_classes(classes, samples, missing, root / (spec.csv or spec.images))
    return Dataset(
        name=name,
        kind=spec.kind,
        classes=classes,
        samples=samples,
        missing=missing,
        notes=(*listing.notes, *_alike_labels(classes), *doubts),
        revision=digest_of([[sample.id, sample.label, sample.digest] for sample in samples]),
    )


def fetch_hint(spec: DatasetSpec, name: str) -> str:
    """The end of a remedy: how photos that are not here can be had, when they can."""
    return f"; to fetch them: veille data {name} --root DIR" if spec.archive else ""


def _read(
    listed: Sequence[ListedPhoto],
    files: Locator,
    cache: Path,
    progress: Progress | None,
    bits: int | None,
) -> _Read:
    """The photos that were decoded, those that cannot be, and those whose decoding is a guess."""
    located = [files.locate(photo.path) for photo in listed]
    samples, missing = [], []
    guessed: dict[NoteKind, list[str]] = {"depth": [], "pale": []}
    inspected = inspect_photos(located, cache, progress, bits)
    for photo, (path, _), facts in zip(listed, located, inspected, strict=True):
        if facts.reason is not None:
            missing.append(
                MissingPhoto(id=photo.id, label=photo.label, path=photo.path, reason=facts.reason)
            )
            continue
        if facts.doubt:
            guessed[facts.doubt].append(photo.path)
        samples.append(
            Sample(
                **{field.name: getattr(photo, field.name) for field in fields(Listed)},
                image=path,
                digest=facts.digest,
                pixels=facts.pixels or facts.digest,
                width=facts.width,
                height=facts.height,
                look=facts.look,
                bits=bits,
            )
        )
    doubts = tuple(
        DataNote(kind=kind, count=len(names), names=tuple(names[:SHOWN]))
        for kind, names in guessed.items()
        if names
    )
    return tuple(samples), tuple(missing), doubts


def _alike_labels(classes: Sequence[str]) -> Iterator[DataNote]:
    """Classes that differ by case, accents, spaces or punctuation alone, which may be one class."""
    spellings: dict[str, list[str]] = defaultdict(list)
    for label in classes:
        # Accents stand alone in this form, and are no letters.
        plain = unicodedata.normalize("NFKD", label).casefold()
        spellings[re.sub(r"[\W_]+", "", plain) or label].append(label)
    for group in spellings.values():
        if len(group) > 1:
            yield DataNote(kind="labels-alike", count=len(group), names=tuple(group))


def _refuse_empty_classes(
    classes: Sequence[str],
    samples: Sequence[Sample],
    missing: Sequence[MissingPhoto],
    where: Path,
) -> None:
    readable = {sample.label for sample in samples}
    empty = [label for label in classes if label not in readable]
    lost = [photo for photo in missing if photo.label in empty]
    first = f"{lost[0].path}: {lost[0].reason}" if lost else ""
    if not samples:
        what = f"none of the {len(missing)} photos can be read ({first})"
        remedy = "check dataset.images and --data-root"
    elif empty:
        what = f"no readable photo in the class {quoted(empty)} ({len(lost)} missing or "
        what += f"unreadable; {first})"
        remedy = "restore its photos or take the class out"
    elif len(classes) == 1:
        what, remedy = f"only one class, {classes[0]!r}", "give two classes or more"
    else:
        return
    raise DataError(what, where=where, remedy=remedy)


def read_photos(folder: Path, cache: Path, progress: Progress, bits: int | None = None) -> _Read:
    """The photos below a folder, with an empty label, by path; those that cannot be read; the rest.

    Raises :class:`DataError`: there is no such folder, or no photo in it; :class:`StoreError`: the
    cache cannot be read or written.
    """
    if not folder.is_dir():
        raise DataError("no such folder of photos", where=folder, remedy="correct its path")
    passed: Passed = defaultdict(list)
    tree = read_folder(folder, passed, follow=False, resolved=folder.resolve())
    listed = [
        ListedPhoto(id=composed(path), path=path, label="") for path in sorted(tree.every_photo())
    ]
    samples, missing, _ = _read(listed, Locator(folder), cache, progress, bits)
    if not samples:
        reason = f" ({missing[0].path}: {missing[0].reason})" if missing else ""
        raise DataError(f"no photo that can be read{reason}", where=folder, remedy="name another")
    return samples, missing, notes_of(passed)


def read_strays(
    folder: Path, dataset: Dataset, cache: Path, progress: Progress, bits: int | None = None
) -> tuple[tuple[Sample, ...], Dataset]:
    """The photos below a folder that belong to no class of a data set.

    Those that cannot be read are in the ``missing`` of the data set that is returned.

    Raises :class:`DataError`: as for :func:`read_photos`, or some are photos of the classes, or so
    few that one of the two halves is empty; :class:`StoreError`: the cache cannot be read or
    written.
    """
    strays, missing, _ = read_photos(folder, cache, progress, bits)
    photos, ours = (*dataset.samples, *strays), len(dataset.samples)
    own = [
        photos[stray].id
        for group in alike([photo.look for photo in photos])
        for stray in group
        if stray >= ours
        if any(_same(photos[stray], photos[other]) for other in group if other < ours)
    ]
    if own:
        raise DataError(
            f"{len(own)} strays are photos of the classes too: {quoted(own)}",
            where=folder,
            remedy="take them out of this folder, or out of the classes",
        )
    if len({chooses(stray) for stray in strays}) == 1:
        raise DataError(
            f"{len(strays)} strays are too few: one half chooses thresholds, the other is scored",
            where=folder,
            remedy="give more of them",
        )
    return strays, replace(dataset, missing=(*dataset.missing, *missing))


def _same(stray: Sample, other: Sample) -> bool:
    """Whether two photos that look alike show the same, whatever the format of their files."""
    return stray.digest == other.digest or (
        (stray.width, stray.height) == (other.width, other.height)
        and pixels_of(stray.image, stray.bits) == pixels_of(other.image, other.bits)
    )


def chooses(stray: Sample) -> bool:
    """Whether a stray is of the half that thresholds are chosen on: by its pixels, so that copies
    are of one half.
    """
    return int(stray.pixels[:8], 16) % 2 == 0
