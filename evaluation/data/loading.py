"""From a declaration to a data set: list the photos, inspect each, set the bad ones aside."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from evaluation.data.folders import list_folder
from evaluation.data.inspections import Inspected, inspect_photos
from evaluation.data.listing import ListedPhoto, Locator
from evaluation.data.tables import list_flipkart, list_table
from evaluation.errors import SHOWN, DataError, quoted
from evaluation.records import (
    DataNote,
    Dataset,
    DatasetSpec,
    MissingPhoto,
    NoteKind,
    Sample,
    digest_of,
)
from evaluation.records.base import Progress

LISTERS = {"flipkart": list_flipkart, "table": list_table, "folder": list_folder}


def load_dataset(
    spec: DatasetSpec, *, name: str, root: Path, cache: Path, progress: Progress | None = None
) -> Dataset:
    """Load the photos that a study declares; each one is decoded once, ever, per ``cache``.

    The classes are in alphabetical order, the samples by id; photos that are absent or
    unreadable are listed in ``missing``.

    Raises:
        DataError: The data cannot be used at all, or a class has no readable photo.
        StoreError: The cache cannot be read or written.

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
    where = root / (spec.csv or spec.images)
    files = Locator(root, spec.follow_links)
    found = [files.locate(photo.path) for photo in listed]
    paths = [path for path, _ in found]
    inspected = inspect_photos(found, cache, progress, spec.bits)
    samples = tuple(readable(listed, paths, inspected, spec.bits))
    missing = tuple(unreadable(listed, inspected))
    classes = tuple(sorted({photo.label for photo in listed}))
    _refuse_empty_classes(classes, samples, missing, where)
    return Dataset(
        name=name,
        kind=spec.kind,
        classes=classes,
        samples=samples,
        missing=missing,
        notes=(*listing.notes, *_alike_labels(classes), *_doubts(listed, inspected)),
        revision=digest_of([[sample.id, sample.label, sample.digest] for sample in samples]),
    )


def fetch_hint(spec: DatasetSpec, name: str) -> str:
    """The end of a remedy: how photos that are not here can be had, when they can."""
    return f"; to fetch them: veille data {name} --root DIR" if spec.archive else ""


def readable(
    listed: Sequence[ListedPhoto],
    paths: Sequence[Path],
    inspected: Sequence[Inspected],
    bits: int | None,
) -> list[Sample]:
    """The photos that were decoded, with what decoding them told."""
    return [
        Sample(
            id=photo.id,
            image=path,
            label=photo.label,
            digest=found.digest,
            pixels=found.facts.pixels or found.digest,
            width=found.facts.width,
            height=found.facts.height,
            look=found.facts.look,
            subcategory=photo.subcategory,
            title=photo.title,
            group=photo.group,
            slices=photo.slices,
            text=photo.text,
            bits=bits,
            fold=photo.fold,
        )
        for photo, path, found in zip(listed, paths, inspected, strict=True)
        if found.facts.reason is None
    ]


def unreadable(listed: Sequence[ListedPhoto], inspected: Sequence[Inspected]) -> list[MissingPhoto]:
    """The photos that cannot be used, and why."""
    return [
        MissingPhoto(id=photo.id, label=photo.label, path=photo.path, reason=found.facts.reason)
        for photo, found in zip(listed, inspected, strict=True)
        if found.facts.reason is not None
    ]


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


def _doubts(listed: Sequence[ListedPhoto], inspected: Sequence[Inspected]) -> Iterator[DataNote]:
    """Photos whose decoding rests on a guess."""
    kinds: tuple[NoteKind, ...] = ("depth", "pale")
    for kind in kinds:
        names = [
            photo.path
            for photo, found in zip(listed, inspected, strict=True)
            if found.facts.doubt == kind
        ]
        if names:
            yield DataNote(kind=kind, count=len(names), names=tuple(names[:SHOWN]))


def _refuse_empty_classes(
    classes: Sequence[str],
    samples: Sequence[Sample],
    missing: Sequence[MissingPhoto],
    where: object,
) -> None:
    if not samples:
        first = missing[0]
        raise DataError(
            f"none of the {len(missing)} photos can be read ({first.path}: {first.reason})",
            where=where,
            remedy="check dataset.images and --data-root",
        )
    counts = Counter(sample.label for sample in samples)
    empty = [label for label in classes if not counts[label]]
    if empty:
        lost = [photo for photo in missing if photo.label in empty]
        raise DataError(
            f"no readable photo in the class {quoted(empty)} ({len(lost)} missing or unreadable; "
            f"{lost[0].path}: {lost[0].reason})",
            where=where,
            remedy="restore its photos or take the class out",
        )
    if len(classes) == 1:
        raise DataError(
            f"only one class, {classes[0]!r}", where=where, remedy="give two classes or more"
        )
