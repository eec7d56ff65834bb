"""Tables cut where a slide ends."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from math import ceil

from evaluation.report.kit.tables import Cell, Group, Row, Table

ROWS = 14
"""Rows, with the titles of groups, that a slide holds."""

COLUMNS = 9
"""Columns that a slide holds."""


def paged(
    table: Table, *, rows: int = ROWS, columns: int = COLUMNS, fixed: int = 1, line: int = 0
) -> tuple[Table, ...]:
    """The table as one or several that a slide can hold, in reading order.

    The first ``fixed`` columns are repeated where columns are cut.  A row whose cell spans
    several columns is left as it is: its span is cut at the border.  Where a line of the
    first column holds ``line`` characters, a row whose name takes two counts as two.
    """
    pages = tuple(
        tall for wide in _across(table, columns, fixed) for tall in _down(wide, rows, line)
    )
    return tuple(
        page if len(pages) == 1 else replace(page, id=f"{table.id}-{number}")
        for number, page in enumerate(pages, start=1)
    )


def _across(table: Table, columns: int, fixed: int) -> Iterator[Table]:
    total = len(table.columns)
    if total <= columns:
        yield table
        return
    for start in range(fixed, total, columns - fixed):
        kept = [*range(fixed), *range(start, min(total, start + columns - fixed))]
        yield replace(
            table,
            columns=tuple(table.columns[i] for i in kept),
            groups=tuple(
                replace(group, rows=tuple(_cut(row, kept, fixed) for row in group.rows))
                for group in table.groups
            ),
        )


def _cut(row: Row, kept: list[int], fixed: int) -> Row:
    spread = [cell for cell in row.cells for _ in range(int(cell.span))]
    cells: list[Cell] = []
    for i in kept:
        if not (cells and cells[-1] is spread[i]):
            cells.append(spread[i])
    wide = str(len(kept) - fixed)
    return replace(
        row, cells=tuple(cell if cell.span == "1" else replace(cell, span=wide) for cell in cells)
    )


def _down(table: Table, rows: int, line: int) -> Iterator[Table]:
    page: list[Group] = []
    used = 0
    for group in table.groups:
        titled = int(bool(group.title))
        left = list(group.rows)
        while left:
            room = rows - used - titled
            ends = list(accumulate(_lines(row, line) for row in left))
            fit = sum(end <= room for end in ends)
            # A group that fits on a slide of its own is not cut.
            if page and (not fit or (fit < len(left) and ends[-1] + titled <= rows)):
                yield replace(table, groups=tuple(page))
                page, used = [], 0
                continue
            fit = max(1, fit)
            page.append(replace(group, rows=tuple(left[:fit])))
            used += titled + ends[fit - 1]
            left = left[fit:]
    if page:
        yield replace(table, groups=tuple(page))


def _lines(row: Row, line: int) -> int:
    name = row.cells[0]
    return max(1, ceil(len(f"{name.text} {name.note}") / line)) if line else 1
