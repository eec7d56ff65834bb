"""From a person's photos to a study: what they are, in which parts, and what their classes say."""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from evaluation.data.exported import export_saved_dataset, is_saved_dataset
from evaluation.data.folders import list_folder
from evaluation.data.listing import ListedPhoto, Listing, Locator, part_of
from evaluation.data.rows import read_rows
from evaluation.data.table_listing import SPLIT_NAMES, list_table
from evaluation.errors import DataError, quoted
from evaluation.records import FOLDS, DatasetSpec, Fold, Option, Record
from evaluation.study.scaffold import Plan, refuse_name, texts_of, write_new_study

TABLES = (".csv", ".tsv", ".txt", ".parquet", ".jsonl")
METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
"""What lists the photos of an image folder, as Hugging Face has them."""
REPEATS, FEW = 10, 1000
"""Other splits that are drawn of photos that are fewer."""

_DECLARED = (
    *("kind", "root", "csv", "images", "path_column", "label_column"),
    *("split_column", "group_column"),
)
"""What is written of a table."""
_NAMES: Mapping[str, list[str]] = tomllib.loads(
    Path(__file__).with_name("columns.toml").read_text(encoding="utf-8")
)
"""What columns of paths, classes and groups are called."""


class Begun(Record):
    """A study that was written, and what it was understood from."""

    file: Path
    plan: Plan
    listing: Listing
    small: Sequence[str]
    """Classes that have too few photos to be trained on, and are left out."""
    counts: Mapping[str, int]
    """Class to its number of photos, missing ones included."""


def begin(
    name: str,
    images: Path,
    parent: Path,
    *,
    language: str | Callable[[Sequence[str]], str],
    path_column: str | None = None,
    label_column: str | None = None,
) -> Begun:
    """Writes the study of that name, in a folder of its own in ``parent``.

    ``images`` are a folder of class folders, perhaps below parts of a split; a table of paths and
    labels, or a folder with one (``metadata.csv``); or a folder that ``datasets`` saved.  The
    ``language`` is that of the class names, or what asks for it, given them.  The columns of a
    table are found unless they are named.

    Raises :class:`VeilleError`: the name cannot be used, the photos cannot be understood, or
    nothing can be written.
    """
    refuse_name(name, parent / name)
    if not images.exists():
        raise DataError("no such folder or file", where=images, remedy="correct the path")
    write: Callable[[Path], None] | None = None
    declared: Mapping[str, Option] = {"kind": "folder", "root": str(images.resolve())}
    if images.is_dir() and is_saved_dataset(images):
        saved = export_saved_dataset(images)
        listing = Listing(
            photos=tuple(
                ListedPhoto(id=path, path=path, label=label, fold=part_of(path.partition("/")[0]))
                for path, label in saved.names()
            )
        )
        declared, write = {"kind": "folder", "root": "photos"}, saved.write
    elif table := images if images.is_file() else _metadata(images):
        spec = _table_spec(table.resolve(), path_column, label_column)
        listing = list_table(spec, table.resolve().parent)
        declared = {key: str(getattr(spec, key)) for key in _DECLARED if getattr(spec, key)}
    else:
        spec = DatasetSpec(kind="folder", root=images.resolve())
        listing = list_folder(spec, images.resolve())
    plan, small = _plan(name, listing.photos, declared, language)
    file = write_new_study(plan, parent, write)
    counts = Counter(photo.label for photo in listing.photos)
    return Begun(file=file, plan=plan, listing=listing, small=small, counts=counts)


def _plan(
    name: str,
    photos: Sequence[ListedPhoto],
    declared: Mapping[str, Option],
    language: str | Callable[[Sequence[str]], str],
) -> tuple[Plan, list[str]]:
    """The study to write, and its classes that cannot be in every part, when others can."""
    folds_of: dict[str, list[Fold | None]] = {}
    for photo in photos:
        folds_of.setdefault(photo.label, []).append(photo.fold)
    classes = sorted(folds_of)
    if len(classes) < 2:  # noqa: PLR2004 - a choice needs two
        raise DataError(
            f"only one class, {classes[0]!r}" if classes else "no class",
            remedy="give two classes or more, each with its photos",
        )
    folds = {photo.fold for photo in photos}
    given, trains = folds - {None}, None in folds or "train" in folds
    least = 1 + sum(fold not in given for fold in FOLDS[1:])
    small = [
        label
        for label in classes
        if trains
        and (
            sum(fold in (None, "train") for fold in folds_of[label]) < least
            or given - set(folds_of[label])
        )
    ]
    if len(classes) - len(small) < 2:  # noqa: PLR2004 - as above
        small = []
    plan = Plan(
        name=name,
        language=language if isinstance(language, str) else language(classes),
        texts=texts_of(label for label in classes if label not in small),
        dataset=declared,
        split={"small_classes": "leave-out"} if small else {},
        trains=trains,
        repeats=REPEATS if folds == {None} and len(photos) < FEW else 0,
    )
    return plan, small


def _metadata(images: Path) -> Path | None:
    """The table of an image folder, when it has labels."""
    for file in filter(Path.is_file, (images / name for name in METADATA)):
        columns = read_rows(file, ()).columns
        if "file_name" in columns and _first(_NAMES["labels"], columns):
            return file
    return None


def _table_spec(file: Path, path_column: str | None, label_column: str | None) -> DatasetSpec:
    if file.suffix.casefold() not in TABLES:
        raise DataError(
            "neither a folder nor a table",
            where=file,
            remedy=f"give a folder of class folders, or a table ({', '.join(TABLES)})",
        )
    rows = read_rows(file, tuple(name for name in (path_column, label_column) if name))
    if any(_folder_of(file.parent, column) is not None for column in rows.columns):
        raise DataError(
            "the first line is that of a photo, and names no columns",
            where=file,
            remedy="write one above it, such as: path,label",
        )
    cells = {column: [row[column] for _, row in rows.rows] for column in rows.columns}
    path = path_column or _path_column(cells, file)
    label = label_column or _first(_NAMES["labels"], cells, path)
    if label is None:
        flags = [column for column, values in cells.items() if set(values) <= {"0", "1"}]
        if len(flags) > 1:
            raise DataError(
                f"a column for each class ({quoted(flags)})",
                where=file,
                remedy="write one column that says the class of each photo",
            )
        raise DataError(
            f"which column holds the class? it has {quoted(cells, 20)}",
            where=file,
            remedy="say it: --label COLUMN",
        )
    # Where the paths begin, below the table's own folder: there, or in one of its folders.
    folders = (_folder_of(file.parent, cell) for cell in cells[path][:50])
    known = Counter(folder for folder in folders if folder is not None)
    split = _first(SPLIT_NAMES, cells, path, label)
    return DatasetSpec(
        kind="table",
        root=file.parent,
        csv=file.name,
        images=known.most_common(1)[0][0] if known else "",
        path_column=path,
        label_column=label,
        split_column=split if split and all(map(part_of, cells[split])) else None,
        group_column=_group_column(cells, label),
    )


def _group_column(cells: Mapping[str, Sequence[str]], label: str) -> str | None:
    """A column of patients, products, videos, …, several photos of which are here, where each
    class has as many of them as there are parts.
    """
    for column in (_first([name], cells, label) for name in _NAMES["groups"]):
        if column is not None:
            pairs = zip(cells[label], cells[column], strict=True)
            named = [(of_class, group) for of_class, group in pairs if group.strip()]
            wholes = Counter(of_class for of_class, _ in set(named))
            enough = all(wholes[of_class] >= len(FOLDS) for of_class in set(cells[label]))
            if len(set(named)) < len(named) and enough:
                return column
    return None


def _path_column(cells: Mapping[str, Sequence[str]], file: Path) -> str:
    """The column whose cells are files; by name when none of them is here."""
    best, column = (0, 0), _first(_NAMES["paths"], cells)
    for name, values in cells.items():
        here = sum(_folder_of(file.parent, cell) is not None for cell in values[:50])
        # An index may be names that lack their suffix; a column of suffixes is no index.
        sure = here, sum("." in cell for cell in values[:50])
        if here and sure > best:
            best, column = sure, name
    if column is None:
        raise DataError(
            f"which column holds the photos' paths? it has {quoted(cells, 20)}",
            where=file,
            remedy="say it: --path COLUMN",
        )
    return column


def _folder_of(root: Path, cell: str) -> str | None:
    """The folder below the root in which a path of a table is a file; None when in none."""
    name = re.sub(r"[\\/]+", "/", cell.strip().removeprefix("file://"))
    if not name or "\0" in name or len(name) > 1000:  # noqa: PLR2004 - no path is that long
        return None
    try:
        folders = ["", *sorted(entry.name for entry in root.iterdir() if entry.is_dir())]
        files = ((folder, Locator(root / folder).locate(name)[0]) for folder in folders)
        return next((folder for folder, file in files if file.is_file()), None)
    except OSError:
        return None


def _first(wanted: Sequence[str], columns: Iterable[str], *taken: str) -> str | None:
    known = {column.casefold(): column for column in reversed([*columns]) if column not in taken}
    return next((known[name] for name in wanted if name in known), None)
