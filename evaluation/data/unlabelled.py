"""Photos without labels: a folder as it lies, whatever its sub-folders mean."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from evaluation.data.files import Notebook, read_folder
from evaluation.data.inspections import inspect_photos
from evaluation.data.listing import ListedPhoto, Locator
from evaluation.data.loading import readable, unreadable
from evaluation.data.photos import pixels_of
from evaluation.errors import DataError, quoted
from evaluation.net.archive import composed
from evaluation.records import DataNote, Dataset, MissingPhoto, Sample
from evaluation.records.base import Progress


def read_photos(
    folder: Path, cache: Path, progress: Progress, bits: int | None = None
) -> tuple[tuple[Sample, ...], tuple[MissingPhoto, ...], tuple[DataNote, ...]]:
    """The photos below a folder, with an empty label, by path; those that cannot be read; the rest.

    Raises:
        DataError: There is no such folder, or no photo in it.
        StoreError: The cache cannot be read or written.

    """
    if not folder.is_dir():
        raise DataError("no such folder of photos", where=folder, remedy="correct its path")
    notes, files = Notebook(), Locator(folder)
    tree = read_folder(folder, notes, follow=False, resolved=folder.resolve())
    paths = sorted(tree.every_photo())
    located = [files.locate(path) for path in paths]
    listed = [ListedPhoto(id=composed(path), path=composed(path), label="") for path in paths]
    inspected = inspect_photos(located, cache, progress, bits)
    samples = tuple(readable(listed, [place for place, _ in located], inspected, bits))
    missing = tuple(unreadable(listed, inspected))
    if not samples:
        reason = f" ({missing[0].path}: {missing[0].reason})" if missing else ""
        raise DataError(f"no photo that can be read{reason}", where=folder, remedy="name another")
    return samples, missing, notes.notes()


def read_strays(
    folder: Path, dataset: Dataset, cache: Path, progress: Progress, bits: int | None = None
) -> tuple[tuple[Sample, ...], Dataset]:
    """The photos below a folder that belong to no class of a data set.

    Those that cannot be read are in the ``missing`` of the data set that is returned.

    Raises:
        DataError: As for :func:`read_photos`, or some are photos of the classes, or so few that
            one of the two halves is empty.
        StoreError: The cache cannot be read or written.

    """
    strays, missing, _ = read_photos(folder, cache, progress, bits)
    alike: dict[tuple[int, int, str], list[Sample]] = defaultdict(list)
    for sample in dataset.samples:
        alike[sample.width, sample.height, sample.look].append(sample)
    own = [
        stray.id
        for stray in strays
        if any(_same(stray, other) for other in alike[stray.width, stray.height, stray.look])
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
    """Whether two photos of one look show the same, whatever the format of their files."""
    return stray.digest == other.digest or (
        pixels_of(stray.image, stray.bits) == pixels_of(other.image, other.bits)
    )


def chooses(stray: Sample) -> bool:
    """Whether a stray is of the half that thresholds are chosen on: by its pixels, so that copies
    are of one half.
    """
    return int(stray.pixels[:8], 16) % 2 == 0
