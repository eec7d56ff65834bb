"""Data sets listed by a CSV file: one with path and label columns, and Flipkart's."""

import ast
from collections.abc import Callable, Sequence
from pathlib import Path

from evaluation.data.listing import ListedPhoto, Listing, inside, part_of, refuse_duplicates
from evaluation.data.rows import Row, Rows, read_rows
from evaluation.errors import SHOWN, DataError
from evaluation.net.archive import composed
from evaluation.records import DataNote, DatasetSpec, Fold

FLIPKART_COLUMNS = ("uniq_id", "image", "product_category_tree", "product_name")

SPLIT_NAMES = ("split", "set", "fold", "part", "subset", "partition", "usage", "phase")
"""Columns that may be a split, which the study then should declare or hear of."""
_FLAGS = ("train", "test", "is_train", "is_test", "is_training", "istrain", "istest", "is_valid")
_PART_VALUES = frozenset((*"0123456789", "true", "false", "yes", "no"))
"""What such a column says of a photo where it names no part."""


def list_table(spec: DatasetSpec, root: Path) -> Listing:
    """The photos of a CSV file with a path and a label column.

    Ids are the paths as the file gives them (tidied), so they do not depend on the machine.

    Raises:
        DataError: The file cannot be used: absent, undecodable, without a column, empty cells,
            a path out of the root, a photo listed twice.

    """
    text_column = spec.text_column or spec.title_column
    optional = (
        *(spec.subcategory_column, spec.title_column, text_column),
        *(spec.split_column, spec.group_column),
    )

    def photo(row: Row, where: str) -> ListedPhoto:
        name, path = _located(root, spec.images, row[spec.path_column], where)
        return ListedPhoto(
            id=composed(name),
            path=path,
            label=composed(row[spec.label_column].strip()),
            subcategory=_cell(row, spec.subcategory_column),
            title=_cell(row, spec.title_column),
            text=_cell(row, text_column),
            group=_cell(row, spec.group_column),
            fold=_fold(row, spec.split_column, where),
            slices=_slices(row, spec),
        )

    table, listed = _read(spec, root, (spec.path_column, spec.label_column), optional, photo)
    return Listing(photos=listed, notes=(*table.notes, *_unused_splits(table, spec)))


def _located(root: Path, images: str, cell: str, where: str) -> tuple[str, str]:
    """The name of a photo as the table gives it, tidied, and its path below the root."""
    name = inside(root, cell, where=where)
    if not images or name.startswith(f"{images}/"):  # an absolute path already says it all
        return name, name
    return name, inside(root, f"{images}/{name}", where=where)


def _fold(row: Row, column: str | None, where: str) -> Fold | None:
    cell = _cell(row, column)
    if column is None:
        return None
    fold = part_of(cell or "")
    if fold is None:
        raise DataError(
            f"{cell or ''!r} in column {column!r} is no part of a split",
            where=where,
            remedy="write train, validation or test, or take split_column out of [dataset]",
        )
    return fold


def _unused_splits(table: Rows, spec: DatasetSpec) -> list[DataNote]:
    """Columns that seem to say a part of every photo, and that the study does not use."""
    used = (spec.split_column, spec.path_column, spec.label_column, spec.subcategory_column)
    return [
        DataNote(kind="split-column", what=column, count=len(values), names=tuple(sorted(values)))
        for column in table.columns
        if spec.split_column is None and column not in used
        if column.casefold() in (*SPLIT_NAMES, *_FLAGS)
        if (values := {row[column].strip() for _, row in table.rows})
        if all(part_of(value) or value.casefold() in _PART_VALUES for value in values)
    ]


def list_flipkart(spec: DatasetSpec, root: Path) -> Listing:
    """The products of Flipkart's CSV file, as published on Kaggle.

    The class is the first level of ``product_category_tree``, the sub-category the second; the
    id is ``uniq_id``, the title ``product_name``.

    Raises:
        DataError: As for ``list_table``, or a category tree cannot be read.

    """
    text_column = spec.text_column or "product_name"

    def photo(row: Row, where: str) -> ListedPhoto:
        levels = _category_levels(row["product_category_tree"], where)
        return ListedPhoto(
            id=composed(row["uniq_id"].strip()),
            path=_located(root, spec.images, row["image"], where)[1],
            label=levels[0],
            subcategory=levels[1] if len(levels) > 1 else None,
            title=_cell(row, "product_name"),
            text=_cell(row, text_column),
            slices=_slices(row, spec),
        )

    *filled, title = FLIPKART_COLUMNS
    table, listed = _read(spec, root, filled, (title, text_column), photo)
    return Listing(photos=listed, notes=table.notes)


def _category_levels(tree: str, where: str) -> list[str]:
    """The levels of '["Watches >> Wrist Watches >> …"]', the most general first."""
    try:
        paths = ast.literal_eval(tree)
        levels = [composed(level.strip()) for level in paths[0].split(">>")]
    except (SyntaxError, ValueError, TypeError, LookupError, AttributeError):
        levels = []
    except (MemoryError, RecursionError):  # thousands of brackets
        levels = []
    if not levels or not levels[0]:
        raise DataError(
            f"product_category_tree holds no category: {tree[:60]!r}",
            where=where,
            remedy="""write '["Class >> Sub-category"]'""",
        )
    return [level for level in levels if level]


def _read(
    spec: DatasetSpec,
    root: Path,
    filled: Sequence[str],
    others: Sequence[str | None],
    photo: Callable[[Row, str], ListedPhoto],
) -> tuple[Rows, tuple[ListedPhoto, ...]]:
    """A table, and the photo of each row; columns that must be ``filled`` have no empty cell."""
    file = root / inside(root, spec.csv or "", where="dataset.csv")
    needed = (*filled, *(name for name in (*others, *spec.slices) if name))
    table = read_rows(file, needed, delimiter=spec.delimiter, encoding=spec.encoding)
    for column in filled:
        lines = [line for line, row in table.rows if not row[column].strip()]
        if lines:
            raise DataError(
                f"nothing in column {column!r} at line {', '.join(map(str, lines[:SHOWN]))}"
                + (f" and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""),
                where=file,
                remedy="fill the cells or delete the lines",
            )
    listed = tuple(photo(row, f"{file}, line {line}") for line, row in table.rows)
    refuse_duplicates(listed, where=file)
    return table, listed


def _cell(row: Row, column: str | None) -> str | None:
    text = composed(row[column].strip()) if column else ""
    return text or None


def _slices(row: Row, spec: DatasetSpec) -> dict[str, str]:
    return {column: cell for column in spec.slices if (cell := _cell(row, column))}
