"""Data sets listed by a CSV file: one with path and label columns, and Flipkart's."""

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from evaluation.data.contents import KNOWN
from evaluation.data.listing import ListedPhoto, Listing, inside, part_of, refuse_duplicates
from evaluation.data.rows import Row, Rows, read_rows
from evaluation.errors import SHOWN, DataError
from evaluation.net.archive import composed
from evaluation.records import DataNote, DatasetSpec

SPLIT_NAMES: list[str] = KNOWN["columns"]["parts"]


def list_table(spec: DatasetSpec, root: Path) -> Listing:
    """The photos of a CSV file with a path and a label column.

    Ids are the paths as the file gives them (tidied), so they do not depend on the machine.

    Raises :class:`DataError`: the file cannot be used: absent, undecodable, without a column, empty
    cells, a path out of the root, a photo listed twice.
    """

    def classes(row: Row, _: str) -> tuple[str, str | None]:
        return composed(row[spec.label_column].strip()), _cell(row, spec.subcategory_column)

    table, photos = _listed(spec, root, None, classes)
    # Columns that seem to say a part of every photo, and that the study does not use.
    used = (spec.path_column, spec.label_column, spec.subcategory_column)
    unused = [
        DataNote(kind="split-column", what=column, count=len(values), names=tuple(sorted(values)))
        for column in table.columns
        if spec.split_column is None and column not in used
        if column.casefold() in (*SPLIT_NAMES, *KNOWN["columns"]["flags"])
        if (values := {row[column].strip() for _, row in table.rows})
        if all(part_of(value) or value.casefold() in KNOWN["columns"]["values"] for value in values)
    ]
    return Listing(photos=photos, notes=(*table.notes, *unused))


def list_flipkart(spec: DatasetSpec, root: Path) -> Listing:
    """The products of Flipkart's CSV file, as published on Kaggle.

    The class is the first level of ``product_category_tree``, the sub-category the second; the
    id is ``uniq_id``, the title ``product_name``.

    Raises :class:`DataError`: as for ``list_table``, or a category tree cannot be read.
    """
    spec = replace(
        spec,
        path_column="image",
        label_column="product_category_tree",
        title_column="product_name",
    )
    table, photos = _listed(spec, root, "uniq_id", _categories)
    return Listing(photos=photos, notes=table.notes)


def _categories(row: Row, where: str) -> tuple[str, str | None]:
    """The first two levels of '["Watches >> Wrist Watches >> …"]', the most general first."""
    tree = row["product_category_tree"]
    try:
        levels = [composed(level.strip()) for level in ast.literal_eval(tree)[0].split(">>")]
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
    return levels[0], next(filter(None, levels[1:]), None)


def _listed(
    spec: DatasetSpec,
    root: Path,
    id_column: str | None,
    classes: Callable[[Row, str], tuple[str, str | None]],
) -> tuple[Rows, tuple[ListedPhoto, ...]]:
    """A table, and the photo of each row, whose class and sub-category ``classes`` tells."""
    file = root / inside(root, spec.csv or "", where="dataset.csv")
    text_column = spec.text_column or spec.title_column
    filled = [name for name in (id_column, spec.path_column, spec.label_column) if name]
    others = (
        *(spec.subcategory_column, spec.title_column, text_column),
        *(spec.split_column, spec.group_column, *spec.slices),
    )
    needed = (*filled, *filter(None, others))
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
    photos = []
    for line, row in table.rows:
        where = f"{file}, line {line}"
        label, subcategory = classes(row, where)
        path = name = inside(root, row[spec.path_column], where=where)
        if spec.images and not name.startswith(f"{spec.images}/"):  # as an absolute path does
            path = inside(root, f"{spec.images}/{name}", where=where)
        fold = part_of(row[spec.split_column]) if spec.split_column else None
        if spec.split_column and fold is None:
            part = row[spec.split_column].strip()
            raise DataError(
                f"{part!r} in column {spec.split_column!r} is no part of a split",
                where=where,
                remedy="write train, validation or test, or take split_column out of [dataset]",
            )
        photo = ListedPhoto(
            id=composed(row[id_column].strip() if id_column else name),
            path=path,
            label=label,
            subcategory=subcategory,
            title=_cell(row, spec.title_column),
            text=_cell(row, text_column),
            group=_cell(row, spec.group_column),
            fold=fold,
            slices={column: cell for column in spec.slices if (cell := _cell(row, column))},
        )
        photos.append(photo)
    refuse_duplicates(photos, where=file)
    return table, tuple(photos)


def _cell(row: Row, column: str | None) -> str | None:
    return composed(row[column].strip()) or None if column else None
