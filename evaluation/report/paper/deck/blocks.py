"""What slides are made of: mappings, each printed by the macro of ``_slides.jinja`` of its kind."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from math import ceil
from typing import Any, Literal

from markupsafe import Markup

from evaluation.records import SampleCard
from evaluation.report.kit.charts import Chart
from evaluation.report.kit.page import Claim
from evaluation.report.kit.tables import Group, Row, Table
from evaluation.report.site.standalone import embed
from evaluation.report.study.here import Here
from evaluation.report.study.photos import photo
from evaluation.stores.pictures import own_picture

Block = Mapping[str, Any]
"""A part of a slide: ``kind`` names its macro, which knows the other values."""

Slide = Mapping[str, Any]
"""A title, what stands above it, a layout, and blocks."""


def slide(
    title: str, *blocks: Block, kicker: str = "", layout: Literal["", "cover", "split"] = ""
) -> Slide:
    """One slide; ``split``: the first block on the left, the others on the right."""
    return {"title": title, "blocks": blocks, "kicker": kicker, "layout": layout}


def block(kind: str, **values: object) -> Block:
    """A block that the macro ``kind`` prints."""
    return {"kind": kind, **values}


def words(*sentences: Claim | str, style: Literal["answer", "points", "note"] = "points") -> Block:
    """Sentences: an answer in large type, a list, or a note in small type."""
    return block("words", sentences=sentences, style=style)


def figure(chart: Chart) -> Block:
    """A chart of the site, without its drawing for narrow screens."""
    return block("figure", chart=replace(chart, narrow=Markup()))


def tables(
    title: str, table: Table | None, *, dense: bool = True, note: str = "", **room: int
) -> Iterator[Slide]:
    """A table of the site on as many slides as it takes; in small type where it is ``dense``.

    ``note`` names one of ``_slides.jinja``; ``room`` is what a slide holds, as in :func:`paged`.
    """
    for page in paged(table, **room) if table else ():
        yield slide(title, block("grid", table=page, dense=dense, note=note))


def albums(title: str, shelves: Sequence[Mapping[str, Any]], room: int) -> Iterator[Slide]:
    """Shelves of photos, ``room`` of them a slide."""
    for start in range(0, len(shelves), room):
        yield slide(title, block("album", style="classes", shelves=shelves[start : start + room]))


def picture(here: Here, card: SampleCard, caption: str = "") -> Mapping[str, Any]:
    """A small photo of the study, inside the file."""
    folder = here.view.results.folder
    src = embed(own_picture(folder, card.photo, folder.parent))
    alt = photo(here, card)["alt"]
    return {"src": src, "alt": alt, "caption": caption, "overlay": "", "tone": ""}


ROWS = 14
"""Rows, with the titles of groups, that a slide holds."""

COLUMNS = 9
"""Columns that a slide holds."""


def paged(
    table: Table, *, rows: int = ROWS, columns: int = COLUMNS, fixed: int = 1, line: int = 0
) -> tuple[Table, ...]:
    """The table as one or several that a slide can hold, in reading order.

    The first ``fixed`` columns are repeated where columns are cut.  Where a line of the first
    column holds ``line`` characters, a row whose name takes two counts as two.
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
                replace(
                    group,
                    rows=tuple(
                        replace(row, cells=tuple(row.cells[i] for i in kept)) for row in group.rows
                    ),
                )
                for group in table.groups
            ),
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
