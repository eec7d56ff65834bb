"""Data sets that are folders: one a class, perhaps below train, validation and test.

Whatever lies there is either a photo of the listing or is counted in a note: nothing vanishes.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.data.contents import Folder, Passed, notes_of, read_folder
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

    Raises :class:`DataError`: no class folder, an empty one, parts of a split beside class folders,
    or folders that may be either.
    """
    top = root / inside(root, spec.images, where="dataset.images") if spec.images else root
    passed: Passed = defaultdict(list)
    tree = read_folder(top, passed, follow=spec.follow_links, resolved=root.resolve())
    if spec.strays:
        strays = root / spec.strays
        tree.folders = [folder for folder in tree.folders if top / folder.path != strays]
    prefix = composed(top.relative_to(root).as_posix())
    layout = _Layout(spec.parts, top, "" if prefix == "." else f"{prefix}/", passed)
    listed = tuple(layout.photos(tree))
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
    return Listing(photos=listed, notes=notes_of(passed))


@dataclass(frozen=True, slots=True)
class _Layout:
    """Finds which folders are parts, which are classes, and which are neither."""

    parts: Mapping[str, Fold] | None
    """As the study declares them."""
    top: Path
    prefix: str
    """Its path below the data root, which those of the photos begin with."""
    passed: Passed

    def photos(self, tree: Folder) -> Iterator[ListedPhoto]:
        """The photos below the top, with ids relative to it."""
        level = self._through_wrappers(tree)
        folds = self._folds(level)
        if not folds:
            yield from self._classes(level, None)
            return
        self.passed["loose", ""] += level.photos
        self.passed["no-photo-inside", ""] += [own.path for own in level.inner(empty=True)]
        listed: list[ListedPhoto] = []
        for part in level.inner():
            if part.name in folds and part.inner():
                while _wraps_its_own(part):
                    self.passed["loose", ""] += part.photos
                    part = part.inner()[0]  # noqa: PLW2901 - the same part, one folder deeper
                listed += self._classes(part, folds[part.name])
            else:
                self.passed["unlabelled", ""] += part.every_photo()
        labels = {fold: {photo.label for photo in listed if photo.fold == fold} for fold in FOLDS}
        taught = labels["train"]
        # val/images/1.jpg: a folder that is no class of the training part is none at all.
        strange = [fold for fold in FOLDS[1:] if taught and taught.isdisjoint(labels[fold])]
        self.passed["unlabelled", ""] += [photo.id for photo in listed if photo.fold in strange]
        yield from (photo for photo in listed if photo.fold not in strange)

    def _through_wrappers(self, level: Folder) -> Folder:
        while True:
            holding = level.inner()
            deeper = len(holding) == 1 and holding[0].inner()
            if not deeper or level.photos or self._declared(level) is not None:
                return level
            if part_of(holding[0].name) and not _wraps_its_own(holding[0]):
                return level
            self.passed["no-photo-inside", ""] += [own.path for own in level.inner(empty=True)]
            level = holding[0]

    def _declared(self, level: Folder) -> Mapping[str, Fold] | None:
        """What ``parts`` says of the folders of this level; None when it says nothing."""
        known = not self.parts or any(folder.name in self.parts for folder in level.folders)
        return self.parts if known else None

    def _folds(self, level: Folder) -> Mapping[str, Fold]:
        """The parts among the folders; none when all of them are classes."""
        names, where = [folder.name for folder in level.inner()], self.top / level.path
        declared = self._declared(level)
        if declared is not None:
            if declared and (strangers := [name for name in names if name not in declared]):
                raise DataError(
                    f"dataset.parts says nothing of the folder {quoted(strangers)}",
                    where=where,
                    remedy="add it to dataset.parts, or move it away",
                )
            return declared
        folds = {name: fold for name in names if (fold := part_of(name))}
        others = [name for name in names if name not in folds]
        if folds and all(UNLABELLED.fullmatch(name) for name in others):
            return folds
        if "train" in folds.values() and len(set(folds.values())) > 1:
            raise DataError(
                f"the folders {quoted(folds)} of a split lie beside {quoted(others)}",
                where=where,
                remedy="keep only train, validation and test there, or only class folders; or say "
                f"which is which: {_example(names)}",
            )
        # The same sub-folders in every folder: are the upper ones classes, or parts?
        inner = [{own.name for own in folder.inner()} for folder in level.inner()]
        if len(inner) > 1 and len(inner[0]) > 1 and all(own == inner[0] for own in inner):
            raise DataError(
                f"the folders {quoted(names)} all hold the same folders "
                f"{quoted(sorted(inner[0]))}: which of the two are the classes?",
                where=where,
                remedy=f"if the inner ones: {_example(names)}; "
                'if the outer ones: parts = "none", in [dataset]',
            )
        return {}

    def _classes(self, level: Folder, fold: Fold | None) -> Iterator[ListedPhoto]:
        classes, empty = level.inner(), level.inner(empty=True)
        if not level.folders:
            raise DataError(
                "no class folder" + (f", but {len(level.photos)} photos" if level.photos else ""),
                where=self.top / level.path,
                remedy="put the photos of each class into a folder that bears its name",
            )
        if empty:
            raise DataError(
                f"no photo in the class folder {quoted(folder.name for folder in empty)}",
                where=self.top / level.path,
                remedy="add photos or delete the folder",
            )
        self.passed["loose", ""] += level.photos
        # A folder of the same name in every class, the only one there, is no sub-category.
        inner = {own.name for folder in classes for own in folder.folders}
        inner |= {"" for folder in classes if folder.photos}
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


def _wraps_its_own(part: Folder) -> bool:
    """Whether a part holds one folder of the same name and no class: seg_train/seg_train/…."""
    inner = part.inner()
    same = len(inner) == 1 and part_of(inner[0].name) == part_of(part.name)
    return same and bool(inner[0].inner())


def _example(names: Sequence[str]) -> str:
    known = {name: part_of(name) for name in names}
    free = (fold for fold in FOLDS if fold not in known.values())
    said = ", ".join(
        f'"{name}" = "{fold}"' for name in names if (fold := known[name] or next(free, None))
    )
    return f"parts = {{ {said} }}, in [dataset]"
