"""What slides are made of: formatted text, tables and figures, without any link."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from markupsafe import Markup

from evaluation.records import Family, SampleCard
from evaluation.report.kit.charts import Chart
from evaluation.report.kit.page import Fact
from evaluation.report.kit.sentence import Part, Sentence
from evaluation.report.kit.tables import Cell, Group, Row, Table
from evaluation.report.site.standalone import embed
from evaluation.report.study.here import Here
from evaluation.report.study.photos import photo
from evaluation.report.study.view import StudyView
from evaluation.stores.pictures import own_picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Sentences: an answer in large type, a list, or a note in small type."""

    sentences: tuple[Sentence, ...]
    style: Literal["answer", "list", "note"] = "list"
    kind: Literal["words"] = "words"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A chart of the site."""

    chart: Chart
    kind: Literal["figure"] = "figure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table of the site."""

    table: Table
    dense: bool = False
    """Whether it has so many rows or columns that its type must be small."""
    kind: Literal["grid"] = "grid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Labelled pieces of text."""

    facts: tuple[Fact, ...]
    kind: Literal["facts"] = "facts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One of two things set side by side."""

    title: str
    lead: str
    """A number, or a few words, in large type; "" for none."""
    note: str
    """Under it, in small type."""
    points: tuple[Sentence, ...]
    tone: Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Two columns."""

    columns: tuple[Column, ...]
    kind: Literal["sides"] = "sides"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A small photo, alone or under a map."""

    src: str
    alt: str
    caption: str = ""
    note: str = ""
    overlays: tuple[str, ...] = ()
    """Maps laid on it, each on a copy of its own."""
    tone: Literal["", "hit", "error"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Photos under a common title."""

    title: str
    note: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Album:
    """Shelves of photos."""

    shelves: tuple[Shelf, ...]
    style: Literal["classes", "maps"] = "classes"
    kind: Literal["album"] = "album"


Block = Words | Figure | Grid | Facts | Sides | Album


@dataclass(frozen=True, slots=True, kw_only=True)
class Slide:
    """One slide."""

    title: str
    blocks: tuple[Block, ...]
    kicker: str = ""
    """Above the title."""
    layout: Literal["", "cover", "split"] = ""
    """``split``: the first block on the left, the others on the right."""


# ------------------------------------------------------------------- without links


def figure(chart: Chart) -> Figure:
    """A chart without the drawing for narrow screens."""
    return Figure(chart=replace(chart, narrow=Markup(), table=unlinked(chart.table)))


def words(
    sentences: Iterable[Sentence], style: Literal["answer", "list", "note"] = "list"
) -> Words:
    """Sentences without their links."""
    return Words(
        sentences=tuple(tuple(Part(text=part.text) for part in one) for one in sentences if one),
        style=style,
    )


def unlinked(table: Table, note: str | None = None) -> Table:
    """The table without the links of its cells; ``note`` stands for one that speaks of them."""
    return replace(
        table,
        groups=tuple(_plain_group(group) for group in table.groups),
        note=table.note if note is None else note,
    )


def _plain_group(group: Group) -> Group:
    return replace(group, rows=tuple(_plain_row(row) for row in group.rows))


def _plain_row(row: Row) -> Row:
    return replace(row, cells=tuple(_plain_cell(cell) for cell in row.cells))


def _plain_cell(cell: Cell) -> Cell:
    return replace(cell, href="", id="")


# -------------------------------------------------------------------------- photos


def picture(view: StudyView, card: SampleCard, *, caption: str = "") -> Picture:
    """A photo of the study, inside the file."""
    folder = view.results.folder
    return Picture(
        src=embed(own_picture(folder, card.photo, folder.parent)),
        alt=photo(Here(view, view.page("index")), card).alt,
        caption=caption,
    )
