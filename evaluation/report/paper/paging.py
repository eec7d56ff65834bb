"""Tables of the site cut into those that a slide can hold."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from math import ceil

from evaluation.report.kit.tables import Group, Table


def paged(
    table: Table | None, *, rows: int = 14, columns: int = 9, fixed: int = 1, line: int = 0
) -> tuple[Table, ...]:
    """The table as those that a slide can hold, in reading order; none of none.

    A slide holds so many ``rows``, with the titles of groups, and ``columns``, of which the first
    ``fixed`` are repeated.  Where a line of the first column holds ``line`` characters, a row
    whose name takes two counts as two.
    """
    if table is None:
        return ()
    wide = _across(table, columns, fixed)
    pages = [page for part in wide for page in _down(part, rows, line)]
    if len(pages) > 1:
        pages = [replace(page, id=f"{table.id}-{i}") for i, page in enumerate(pages, start=1)]
    return tuple(pages)


def _across(table: Table, columns: int, fixed: int) -> Iterator[Table]:
    more = columns - fixed
    for start in range(fixed, max(len(table.columns), fixed + 1), more):
        groups = []
        for group in table.groups:
            cells = (row.cells[:fixed] + row.cells[start : start + more] for row in group.rows)
            rows = zip(group.rows, cells, strict=True)
            groups.append(replace(group, rows=tuple(replace(row, cells=cut) for row, cut in rows)))
        heads = table.columns[:fixed] + table.columns[start : start + more]
        yield replace(table, columns=heads, groups=tuple(groups))


def _down(table: Table, rows: int, line: int) -> Iterator[Table]:
    page: list[Group] = []
    used = 0
    for group in table.groups:
        titled = int(bool(group.title))
        left = list(group.rows)
        while left:
            names = [f"{row.cells[0].text} {row.cells[0].note}" for row in left]
            # Where each row ends; a name is at least one line.
            ends = list(accumulate(ceil(len(name) / line) if line else 1 for name in names))
            fit = sum(end <= rows - used - titled for end in ends)
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
