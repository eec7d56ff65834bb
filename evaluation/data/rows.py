"""Rows of a table as people have it: CSV in any usual dialect and encoding, TSV, JSON, Parquet."""

import codecs
import csv
import importlib.util
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.errors import SHOWN, DataError, meant, one_line, quoted
from evaluation.net.archive import composed
from evaluation.records import DataNote
from evaluation.records.base import Record

DELIMITERS = (",", ";", "\t", "|")
LONGEST_CELL = 4_000_000
"""Characters; the csv module's own bound, 131,072, is passed by descriptions of some shops."""

_BEFORE = re.compile(r"(?:sep=(?P<excel>.)|#[^,;\t|\r\n]*|\s*?)\r?\n", re.IGNORECASE)
"""A line before the header: Excel's own, a comment, or an empty one."""

Row = Mapping[str, str]
_Read = tuple[list[str], Sequence[tuple[int, Row]]]
"""Columns, and rows with their line numbers."""


class Rows(Record):
    """A table's columns, its rows with their line numbers, and what was assumed to read it."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int, Row], ...]
    notes: tuple[DataNote, ...] = ()


def read_rows(
    file: Path, needed: Sequence[str], *, delimiter: str = "", encoding: str = ""
) -> Rows:
    """The rows of a table; every cell is a text, an absent one is empty.

    ``.parquet`` and ``.jsonl`` are read as such, anything else as CSV, whose ``delimiter`` is, for
    "", the one that gives most of the ``needed`` columns.  An ``encoding`` of "" is UTF-8, or
    UTF-16 as the first bytes say, or else Windows-1252, which is then noted.

    Raises :class:`DataError`: the file is absent or damaged, lacks a column, or a row has too many
    fields.
    """
    suffix, notes = file.suffix.casefold(), tuple[DataNote, ...]()
    try:
        if suffix == ".parquet":
            columns, rows = _parquet(file)
        else:
            text, notes = _decoded(file.read_bytes(), encoding, file)
            if suffix == ".jsonl":
                columns, rows = _json_lines(text, file)
            else:
                columns, rows = _csv(text, needed, delimiter, file)
    except FileNotFoundError:
        raise DataError(
            "file not found", where=file, remedy="correct dataset.csv or --data-root"
        ) from None
    except OSError as error:
        raise DataError(f"cannot be read ({one_line(error)})", where=file) from error
    if absent := [name for name in dict.fromkeys(needed) if name not in columns]:
        raise DataError(
            f"no column {quoted(absent)}; it has {quoted(columns, 20) or 'none'}",
            where=file,
            remedy=meant(absent[0], columns) if columns else "the file is empty",
        )
    if double := {name for name in needed if columns.count(name) > 1}:
        raise DataError(f"column {quoted(double)} comes twice", where=file, remedy="rename one")
    if not rows:
        raise DataError("no line below the header", where=file, remedy="list at least one photo")
    return Rows(columns=tuple(columns), rows=tuple(rows), notes=notes)


# ---------------------------------------------------------------------------- text


def _decoded(content: bytes, encoding: str, file: Path) -> tuple[str, tuple[DataNote, ...]]:
    encoding = encoding or _declared_by(content)
    guessed = False
    if not encoding:
        try:
            return content.decode(), ()
        except UnicodeDecodeError:
            encoding, guessed = "cp1252", True
    try:
        text = content.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise DataError(
            f"not {encoding} text ({one_line(error)})",
            where=file,
            remedy='save it as UTF-8, or declare encoding = "…" in [dataset]',
        ) from error
    odd = sorted({word for word in text.split() if not word.isascii()}) if guessed else []
    note = DataNote(kind="encoding", count=len(odd), names=tuple(odd[:SHOWN]), what=encoding)
    return text, (note,) if guessed else ()


def _declared_by(content: bytes) -> str:
    """The encoding that the first bytes say: by a mark, or by NUL in every other one."""
    if content.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if content[:200].count(b"\0") > len(content[:200]) // 4:
        return "utf-16-be" if b"\0" in content[:200:2] else "utf-16-le"
    return ""


# ----------------------------------------------------------------------------- CSV


def _csv(text: str, needed: Sequence[str], delimiter: str, file: Path) -> _Read:
    text = text if "\n" in text else text.replace("\r", "\n")  # of an old Macintosh
    skipped = 0
    while (match := _BEFORE.match(text)) and match.end() < len(text):
        delimiter = delimiter or match["excel"] or ""
        text, skipped = text[match.end() :], skipped + 1
    delimiter = delimiter or _found_delimiter(text, needed)
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [composed(name.strip()) for name in next(reader, [])]
        lines = [(reader.line_num + skipped, cells) for cells in reader if any(cells)]
    except csv.Error as error:
        raise DataError(
            f"not a CSV file ({one_line(error)})", where=f"{file}, line {reader.line_num + skipped}"
        ) from error
    long = [(line, len(cells)) for line, cells in lines if any(cells[len(columns) :])]
    if long:
        line, fields = long[0]
        more = f", and {len(long) - 1} more lines have too many" if len(long) > 1 else ""
        raise DataError(
            f"line {line} has {fields} fields for {len(columns)} columns{more}",
            where=file,
            remedy=f'put a text that holds {delimiter!r} between quotes: "…{delimiter}…"',
        )
    empty = dict.fromkeys(columns, "")
    return columns, [
        (line, empty | dict(zip(columns, cells, strict=False))) for line, cells in lines
    ]


def _found_delimiter(text: str, needed: Sequence[str]) -> str:
    """The one that gives most of the needed columns, then most columns."""
    header = text.lstrip("\r\n").partition("\n")[0]

    def gives(delimiter: str) -> tuple[int, int]:
        names = [composed(name.strip()) for name in next(csv.reader([header], delimiter=delimiter))]
        return len(set(needed) & set(names)), len(names)

    try:
        return max(DELIMITERS, key=gives)
    except (csv.Error, StopIteration):
        return ","


# --------------------------------------------------------------- JSON and Parquet


def _json_lines(content: str, file: Path) -> _Read:
    """One JSON object a line, as an image folder's ``metadata.jsonl``."""
    rows = []
    # Not splitlines(): a JSON text may hold U+2028.
    for line, text in enumerate(content.split("\n"), start=1):
        if not text.strip():
            continue
        where = f"{file}, line {line}"
        try:
            value = json.loads(text)
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no character
        except (ValueError, RecursionError) as error:
            raise DataError(f"not JSON ({one_line(error)})", where=where) from error
        if not isinstance(value, dict):
            raise DataError("not a JSON object", where=where)
        rows.append((line, _texts(value)))
    empty = {name: "" for _, row in rows for name in row}
    return list(empty), [(line, empty | row) for line, row in rows]


def _parquet(file: Path) -> _Read:
    need_pyarrow("Parquet", file, otherwise=", or save the table as CSV")
    from pyarrow import ArrowException, parquet

    file.stat()  # a file that is not there is reported like any other
    try:
        table = parquet.read_table(file)
    except (ArrowException, ValueError) as error:
        raise DataError(f"not a Parquet file ({one_line(error)})", where=file) from error
    rows = [(number, _texts(row)) for number, row in enumerate(table.to_pylist(), start=1)]
    return [composed(name) for name in table.column_names], rows


def _texts(row: Mapping[str, Any]) -> dict[str, str]:
    """Cells as texts; what is missing is empty."""
    return {composed(str(name)): "" if cell is None else str(cell) for name, cell in row.items()}


def need_pyarrow(what: str, where: Path, *, otherwise: str = "") -> None:
    """Raises :class:`DataError` where the package, which is an extra, is not installed."""
    if importlib.util.find_spec("pyarrow") is None:
        raise DataError(
            f"reading {what} needs the package pyarrow, which is not installed here",
            where=where,
            remedy=f'pip install "veille-clip[datasets]"{otherwise}',
        )
