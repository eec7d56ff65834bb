"""Data sets that are folders: one a class, perhaps below train, validation and test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evaluation.data.listing import ListedPhoto, inside, quoted, refuse_duplicates
from evaluation.errors import DataError
from evaluation.net.archive import composed
from evaluation.records import DatasetSpec, Fold

READABLE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".avif"),
    *(".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"),
)
UNREADABLE_SUFFIXES = (".heic", ".heif", ".jxl", ".jp2", ".psd", ".svg")
"""Photos all the same: they are listed as unreadable, not passed over in silence."""
PHOTO_SUFFIXES = frozenset(READABLE_SUFFIXES + UNREADABLE_SUFFIXES)
FOLD_FOLDERS: dict[str, Fold] = {
    "train": "train",
    "val": "validation",
    "validation": "validation",
    "test": "test",
}
"""Names of folders (in any case) that are parts of a split when only such lie at the top."""


def list_folder(spec: DatasetSpec, root: Path) -> tuple[ListedPhoto, ...]:
    """The photos of a folder of class folders; a folder inside one is a sub-category.

    When every folder at the top is called train, val, validation, test, …, the class folders
    are looked for inside them and the photos keep their part of the split.

    Raises:
        DataError: No class folder, an empty one, or parts of a split beside class folders.

    """
    top = root / inside(root, spec.images, where="dataset.images") if spec.images else root
    folders = _folders(top)
    folds = {folder: FOLD_FOLDERS.get(folder.name.casefold()) for folder in folders}
    if folders and all(folds.values()):
        listed = tuple(
            photo
            for folder, fold in folds.items()
            for photo in _list_classes(folder, top, root, fold)
        )
    else:
        _refuse_mixture(top, folds)
        listed = tuple(_list_classes(top, top, root, None))
    refuse_duplicates(listed, where=top)
    return listed


def _list_classes(parent: Path, top: Path, root: Path, fold: Fold | None) -> Iterator[ListedPhoto]:
    classes = _folders(parent)
    if not classes:
        raise DataError(
            "no class folder",
            where=parent,
            remedy="put the photos of each class into a folder that bears its name",
        )
    photos = {folder: list(_photos(folder)) for folder in classes}
    empty = [folder.name for folder, files in photos.items() if not files]
    if empty:
        raise DataError(
            f"no photo in the class folder {quoted(empty)}",
            where=parent,
            remedy="add photos or delete the folder",
        )
    for folder, files in photos.items():
        for file in files:
            below = file.relative_to(folder).parts
            yield ListedPhoto(
                id=composed(file.relative_to(top).as_posix()),
                path=file.relative_to(root).as_posix(),
                label=composed(folder.name),
                subcategory=composed(below[0]) if len(below) > 1 else None,
                fold=fold,
            )


def _folders(parent: Path) -> list[Path]:
    return [entry for entry in _entries(parent) if entry.is_dir()]


def _photos(folder: Path) -> Iterator[Path]:
    # Links to folders are not followed: they could lead out of the root, or in a circle.
    for entry in _entries(folder):
        if entry.is_dir() and not entry.is_symlink():
            yield from _photos(entry)
        elif entry.suffix.casefold() in PHOTO_SUFFIXES:
            yield entry


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, by name; what systems hide there is none of ours."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith((".", "__")))
    except OSError as error:
        raise DataError(
            f"cannot list the folder ({error.strerror or error})",
            where=folder,
            remedy="make it readable, or correct dataset.images or --data-root",
        ) from error


def _refuse_mixture(top: Path, folds: dict[Path, Fold | None]) -> None:
    parts = [folder.name for folder, fold in folds.items() if fold]
    if {"train", "test"} <= {fold for fold in folds.values() if fold}:
        others = [folder.name for folder, fold in folds.items() if not fold]
        raise DataError(
            f"the folders {quoted(parts)} of a split lie beside {quoted(others)}",
            where=top,
            remedy="keep only train, validation and test at the top, or only class folders",
        )
