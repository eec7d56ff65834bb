"""Tables as the templates print them: cells hold formatted text, never numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evaluation.report.wording import DASH

Kind = Literal[
    "", "measured", "quoted", "missing", "best", "hit", "error", "better", "worse", "tie", "open"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell: its text, and what leads from it to its evidence."""

    text: str
    note: str = ""
    """A second, smaller line: an interval, a unit."""
    href: str = ""
    title: str = ""
    """Where the number comes from, as a tooltip."""
    kind: Kind = ""
    shade: str = ""
    """Share of the full colour as CSS writes it, "0.83"; "" for none."""
    head: bool = False
    """Whether the cell names its row."""
    span: str = "1"
    """How many columns it covers."""
    lang: str = ""
    """Language of the text when it is not French."""
    tag: str = ""
    """A word that says what the number means: "meilleur", "égalité"."""
    id: str = ""
    """Its anchor, when something links to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row; the first cell is usually its head."""

    cells: tuple[Cell, ...]
    kind: Kind = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rows under a common title; a table without groups has one without title."""

    rows: tuple[Row, ...]
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column's heading."""

    text: str
    note: str = ""
    numeric: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with its caption."""

    id: str
    caption: str
    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    note: str = ""
    """Printed under the table."""
    spanner: str = ""
    """Printed above all columns but the first: "Catégorie prédite"."""
    kind: Literal["", "confusion", "scores", "plain", "matrix"] = ""

    @property
    def span(self) -> str:
        """How many columns a group's title covers."""
        return str(len(self.columns))

    @property
    def spanned(self) -> str:
        """How many columns the spanner covers."""
        return str(len(self.columns) - 1)


def head(text: str, *, href: str = "", note: str = "", title: str = "") -> Cell:
    """The cell that names its row."""
    return Cell(text=text, head=True, href=href, note=note, title=title)


def absent(reason: str = "") -> Cell:
    """The cell of a number that does not exist, with the reason as its tooltip."""
    return Cell(text=DASH, title=reason, kind="missing")


def simple(
    id_: str,
    caption: str,
    columns: tuple[str, ...],
    rows: tuple[tuple[str, ...], ...],
    *,
    note: str = "",
) -> Table:
    """A table of plain text whose first column names the rows."""
    first, *others = columns
    return Table(
        id=id_,
        caption=caption,
        columns=(Column(text=first, numeric=False), *(Column(text=one) for one in others)),
        groups=(
            Group(
                rows=tuple(
                    Row(cells=(head(name), *(Cell(text=one) for one in values)))
                    for name, *values in rows
                )
            ),
        ),
        note=note,
    )
