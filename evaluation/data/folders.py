"""Data sets that are folders: one a class, perhaps below train, validation and test.

Whatever lies there is either a photo of the listing or is counted in a note: nothing vanishes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evaluation.data.files import Folder, Notebook, read_folder
from evaluation.data.listing import (
    UNLABELLED,
    ListedPhoto,
    Listing,
    inside,
    part_of,
    refuse_duplicates,
)
from evaluation.errors import DataError, quoted
from evaluation.net.archive import composed
from evaluation.records import FOLDS, DatasetSpec, Fold


def list_folder(spec: DatasetSpec, root: Path) -> Listing:
    """The photos of a folder of class folders; a folder inside one is a sub-category.

    When every folder that holds photos is called train, val, testing_set, … (``data.parts``),
    the class folders are looked for inside them and the photos keep their part of the split.
    A folder that stands alone above them (``data/train/…``) is gone through.

    Raises:
        DataError: No class folder, an empty one, parts of a split beside class folders, or
            folders that may be either.

    """
    top = root / inside(root, spec.images, where="dataset.images") if spec.images else root
    layout = _Layout(spec, root)
    tree = read_folder(top, layout.notes, follow=spec.follow_links, resolved=root.resolve())
    if spec.strays:
        strays = root / spec.strays
        tree.folders = [folder for folder in tree.folders if top / folder.path != strays]
    listed = tuple(layout.photos(tree, composed(top.relative_to(root).as_posix())))
    if not listed:
        tables = sorted((*top.glob("*.csv"), *top.glob("*/*.csv"), *top.glob("*/*.jsonl")))
        raise DataError(
            "no photo lies in the folder of a class",
            where=top,
            remedy=f"give the table that says the class of each, one for all parts: {tables[0]}?"
            if tables
            else "put the photos of each class into a folder that bears its name",
        )
    refuse_duplicates(listed, where=top)
    return Listing(photos=listed, notes=layout.notes.notes())


@dataclass(slots=True)
class _Layout:
    """Finds which folders are parts, which are classes, and which are neither."""

    spec: DatasetSpec
    root: Path
    notes: Notebook = field(default_factory=Notebook)
    prefix: str = ""
    """Of the listed folder below the root."""

    def photos(self, tree: Folder, prefix: str) -> Iterator[ListedPhoto]:
        """The photos below the top; ids are relative to it, ``prefix`` is its own path."""
        self.prefix = "" if prefix == "." else f"{prefix}/"
        level = self._through_wrappers(tree)
        folds = self._folds(level)
        if not folds:
            yield from self._classes(level, None)
            return
        self.notes.add("loose", level.photos)
        self._note_photoless(level)
        listed: list[ListedPhoto] = []
        for folder in _holding(level):
            if folder.name in folds:
                listed += self._part(folder, folds[folder.name])
            else:
                self.notes.add("unlabelled", folder.every_photo())
        labels = {fold: {photo.label for photo in listed if photo.fold == fold} for fold in FOLDS}
        taught = labels["train"]
        # val/images/1.jpg: a folder that is no class of the training part is none at all.
        strange = [fold for fold in FOLDS[1:] if taught and taught.isdisjoint(labels[fold])]
        self.notes.add("unlabelled", [photo.id for photo in listed if photo.fold in strange])
        yield from (photo for photo in listed if photo.fold not in strange)

    def _through_wrappers(self, level: Folder) -> Folder:
        while True:
            holding = _holding(level)
            deeper = len(holding) == 1 and bool(_holding(holding[0]))
            if not deeper or level.photos or self._declared(level) is not None:
                return level
            if part_of(holding[0].name) and not _wraps_its_own(holding[0]):
                return level
            self._note_photoless(level)
            level = holding[0]

    def _declared(self, level: Folder) -> dict[str, Fold] | None:
        """What ``parts`` says of the folders of this level; None when it says nothing."""
        parts = self.spec.parts
        if not parts:
            return parts if parts is None else {}
        names = {folder.name for folder in level.folders}
        return dict(parts) if names & set(parts) else None

    def _folds(self, level: Folder) -> dict[str, Fold]:
        """The parts among the folders; none when all of them are classes."""
        declared = self._declared(level)
        if declared is not None:
            self._refuse_strangers(level, declared)
            return declared
        holding = _holding(level)
        folds = {each.name: fold for each in holding if (fold := part_of(each.name))}
        others = [folder for folder in holding if folder.name not in folds]
        unlabelled = [other for other in others if UNLABELLED.fullmatch(other.name)]
        if folds and len(others) == len(unlabelled):
            return folds
        if "train" in folds.values() and len(set(folds.values())) > 1:
            raise DataError(
                f"the folders {quoted(folds)} of a split lie beside "
                f"{quoted(other.name for other in others)}",
                where=self._path(level),
                remedy="keep only train, validation and test there, or only class folders; or say "
                f"which is which: {_example([folder.name for folder in holding])}",
            )
        self._refuse_riddle(level, holding)
        return {}

    def _refuse_strangers(self, level: Folder, declared: dict[str, Fold]) -> None:
        names = [folder.name for folder in _holding(level)]
        strangers = [name for name in names if declared and name not in declared]
        if strangers:
            raise DataError(
                f"dataset.parts says nothing of the folder {quoted(strangers)}",
                where=self._path(level),
                remedy="add it to dataset.parts, or move it away",
            )

    def _refuse_riddle(self, level: Folder, holding: Sequence[Folder]) -> None:
        """The same sub-folders in every folder: are the upper ones classes, or parts?"""
        names = [folder.name for folder in holding]
        inside_each = [frozenset(inner.name for inner in _holding(folder)) for folder in holding]
        if len(inside_each) > 1 and len(set(inside_each)) == 1 and len(inside_each[0]) > 1:
            raise DataError(
                f"the folders {quoted(names)} all hold the same folders "
                f"{quoted(sorted(inside_each[0]))}: which of the two are the classes?",
                where=self._path(level),
                remedy=f"if the inner ones: {_example(names)}; "
                'if the outer ones: parts = "none", in [dataset]',
            )

    def _part(self, part: Folder, fold: Fold) -> Iterator[ListedPhoto]:
        if not _holding(part):
            self.notes.add("unlabelled", part.every_photo())
            return
        while _wraps_its_own(part):
            self.notes.add("loose", part.photos)
            part = _holding(part)[0]
        yield from self._classes(part, fold)

    def _classes(self, level: Folder, fold: Fold | None) -> Iterator[ListedPhoto]:
        empty = [folder.name for folder in level.folders if not folder.holds_photos]
        if not (classes := _holding(level)) and not empty:
            raise DataError(
                "no class folder" + (f", but {len(level.photos)} photos" if level.photos else ""),
                where=self._path(level),
                remedy="put the photos of each class into a folder that bears its name",
            )
        if empty:
            raise DataError(
                f"no photo in the class folder {quoted(empty)}",
                where=self._path(level),
                remedy="add photos or delete the folder",
            )
        self.notes.add("loose", level.photos)
        inner = {f.name for folder in classes for f in folder.folders} | {
            "" for folder in classes if folder.photos
        }
        for folder in classes:
            for path in folder.every_photo():
                below = path[len(folder.path) + 1 :].split("/")[len(inner) == 1 :]
                yield ListedPhoto(
                    id=composed(path),
                    path=f"{self.prefix}{path}",
                    label=folder.name,
                    subcategory=composed(below[0]) if len(below) > 1 else None,
                    fold=fold,
                )

    def _note_photoless(self, level: Folder) -> None:
        without = [folder.path for folder in level.folders if not folder.holds_photos]
        self.notes.add("no-photo-inside", without)

    def _path(self, level: Folder) -> Path:
        return self.root / self.prefix / level.path


def _wraps_its_own(part: Folder) -> bool:
    """Whether a part holds one folder of the same name and no class: seg_train/seg_train/…."""
    holding = _holding(part)
    return (
        len(holding) == 1
        and part_of(holding[0].name) == part_of(part.name)
        and bool(_holding(holding[0]))
    )


def _holding(level: Folder) -> list[Folder]:
    return [folder for folder in level.folders if folder.holds_photos]


def _example(names: Sequence[str]) -> str:
    known = {name: part_of(name) for name in names}
    free = (fold for fold in FOLDS if fold not in known.values())
    said = ", ".join(
        f'"{name}" = "{fold}"' for name in names if (fold := known[name] or next(free, None))
    )
    return f"parts = {{ {said} }}, in [dataset]"
