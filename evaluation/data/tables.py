"""Data sets listed by a CSV file: one with path and label columns, and Flipkart's."""

from __future__ import annotations

import ast
import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from evaluation.data.listing import (
    ListedPhoto,
    Listing,
    inside,
    refuse_duplicates,
)
from evaluation.errors import DataError, meant, quoted
from evaluation.net.archive import composed
from evaluation.records import DatasetSpec

FLIPKART_COLUMNS = ("uniq_id", "image", "product_category_tree", "product_name")

Row = Mapping[str, str]


def list_table(spec: DatasetSpec, root: Path) -> Listing:
    """The photos of a CSV file with a path and a label column.

    Ids are the paths as the file gives them (tidied), so they do not depend on the machine.

    Raises:
        DataError: The file cannot be used: absent, undecodable, without a column, empty cells,
            a path out of the root, a photo listed twice.

    """
    file = _csv_file(spec, root)
    text_column = spec.text_column or spec.title_column
    optional = [name for name in (spec.subcategory_column, spec.title_column, text_column) if name]
    rows = _read(file, (spec.path_column, spec.label_column, *optional))
    _refuse_empty_cells(rows, (spec.path_column, spec.label_column), file)
    listed = tuple(
        ListedPhoto(
            id=composed(inside(root, row[spec.path_column], where=f"{file}, line {line}")),
            path=inside(root, f"{spec.images}/{row[spec.path_column]}".lstrip("/"), where=file)
            if spec.images
            else inside(root, row[spec.path_column], where=file),
            label=composed(row[spec.label_column].strip()),
            subcategory=_cell(row, spec.subcategory_column),
            title=_cell(row, spec.title_column),
            text=_cell(row, text_column),
        )
        for line, row in rows
    )
    refuse_duplicates(listed, where=file)
    return Listing(photos=listed)


def list_flipkart(spec: DatasetSpec, root: Path) -> Listing:
    """The products of Flipkart's CSV file, as published on Kaggle.

    The class is the first level of ``product_category_tree``, the sub-category the second; the
    id is ``uniq_id``, the title ``product_name``.

    Raises:
        DataError: As for ``list_table``, or a category tree cannot be read.

    """
    file = _csv_file(spec, root)
    text_column = spec.text_column or "product_name"
    rows = _read(file, (*FLIPKART_COLUMNS, text_column))
    _refuse_empty_cells(rows, FLIPKART_COLUMNS[:3], file)
    listed = []
    for line, row in rows:
        where = f"{file}, line {line}"
        levels = _category_levels(row["product_category_tree"], where)
        image = inside(root, row["image"], where=where)
        listed.append(
            ListedPhoto(
                id=composed(row["uniq_id"].strip()),
                path=inside(root, f"{spec.images}/{image}" if spec.images else image, where=where),
                label=levels[0],
                subcategory=levels[1] if len(levels) > 1 else None,
                title=_cell(row, "product_name"),
                text=_cell(row, text_column),
            )
        )
    refuse_duplicates(listed, where=file)
    return Listing(photos=tuple(listed))


def _category_levels(tree: str, where: str) -> list[str]:
    """The levels of '["Watches >> Wrist Watches >> …"]', the most general first."""
    try:
        paths = ast.literal_eval(tree)
        levels = [composed(level.strip()) for level in paths[0].split(">>")]
    except (SyntaxError, ValueError, TypeError, IndexError, AttributeError, MemoryError):
        levels = []
    if not levels or not levels[0]:
        raise DataError(
            f"product_category_tree holds no category: {tree[:60]!r}",
            where=where,
            remedy="""write '["Class >> Sub-category"]'""",
        )
    return [level for level in levels if level]


def _csv_file(spec: DatasetSpec, root: Path) -> Path:
    if spec.csv is None:
        raise DataError(f"a {spec.kind} data set needs a CSV file", remedy="set dataset.csv")
    return root / inside(root, spec.csv, where="dataset.csv")


def _read(file: Path, needed: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows with their line numbers; UTF-8 with or without a byte order mark."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle, restval="", strict=True)
            header = [composed(name.strip()) for name in reader.fieldnames or ()]
            _refuse_columns(header, needed, file)
            reader.fieldnames = header
            rows = [(line, row) for line, row in _numbered(reader) if any(row.values())]
    except FileNotFoundError:
        raise DataError(
            "file not found", where=file, remedy="correct dataset.csv or --data-root"
        ) from None
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error})", where=file) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"not UTF-8 text (byte {error.start}: {error.reason})",
            where=file,
            remedy="save the CSV file as UTF-8",
        ) from error
    except csv.Error as error:
        raise DataError(f"not a CSV file ({error})", where=file) from error
    if not rows:
        raise DataError("no line below the header", where=file, remedy="list at least one photo")
    return rows


def _numbered(reader: csv.DictReader[str]) -> Iterator[tuple[int, dict[str, str]]]:
    for row in reader:
        yield reader.line_num, row


def _refuse_columns(header: Sequence[str], needed: Sequence[str], file: Path) -> None:
    absent = [name for name in dict.fromkeys(needed) if name not in header]
    if absent:
        hint = meant(absent[0], list(header)) if header else "the file is empty"
        if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
            hint = "columns must be separated by commas"
        raise DataError(
            f"no column {quoted(absent)}; it has {quoted(header, 20) or 'none'}",
            where=file,
            remedy=hint,
        )
    double = {name for name in needed if header.count(name) > 1}
    if double:
        raise DataError(f"column {quoted(double)} comes twice", where=file, remedy="rename one")


def _refuse_empty_cells(
    rows: Sequence[tuple[int, Row]], columns: Sequence[str], file: Path
) -> None:
    for column in columns:
        lines = [line for line, row in rows if not row[column].strip()]
        if lines:
            raise DataError(
                f"nothing in column {column!r} at line {', '.join(map(str, lines[:5]))}"
                + (f" and {len(lines) - 5} more" if len(lines) > 5 else ""),  # noqa: PLR2004
                where=file,
                remedy="fill the cells or delete the lines",
            )


def _cell(row: Row, column: str | None) -> str | None:
    text = composed(row[column].strip()) if column else ""
    return text or None
