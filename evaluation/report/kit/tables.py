"""Tables as the templates print them: cells hold formatted text, never numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from evaluation.report.kit.wording import DASH

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
    value: str = ""
    """What ``text`` says, unrounded and with a decimal point, where it is a number or a date:
    for sorting and for CSV.  Shares lie between 0 and 1."""
    low: str = ""
    high: str = ""
    """The bounds of its interval, likewise."""


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


def head(
    text: str, *, href: str = "", note: str = "", title: str = "", value: float | None = None
) -> Cell:
    """The cell that names its row; ``value`` where the name is a number."""
    return Cell(
        text=text,
        head=True,
        href=href,
        note=note,
        title=title,
        value="" if value is None else exact(value),
    )


def measured(
    text: str,
    value: float,
    *,
    low: float | None = None,
    high: float | None = None,
    note: str = "",
    title: str = "",
    kind: Kind = "",
    href: str = "",
) -> Cell:
    """The cell of a number: as it is read, and as it was computed."""
    return Cell(
        text=text,
        note=note,
        title=title,
        kind=kind,
        href=href,
        value=exact(value),
        low="" if low is None else exact(low),
        high="" if high is None else exact(high),
    )


def exact(value: float) -> str:
    """The shortest decimal that reads back as the same float; a count has no point."""
    return repr(value) if isinstance(value, int) else repr(float(value))


def absent(reason: str = "") -> Cell:
    """The cell of a number that does not exist, with the reason as its tooltip."""
    return Cell(text=DASH, title=reason, kind="missing")


def simple(
    id_: str,
    caption: str,
    columns: tuple[str, ...],
    rows: Iterable[tuple[str | Cell, ...]],
    *,
    title: str = "",
    note: str = "",
) -> Table:
    """A plain table whose first column names the rows; ``title`` says where its texts are from."""
    first, *others = columns
    return Table(
        id=id_,
        caption=caption,
        columns=(Column(text=first, numeric=False), *(Column(text=one) for one in others)),
        groups=(
            Group(
                rows=tuple(
                    Row(cells=(_named(name), *(_cell(one, title) for one in values)))
                    for name, *values in rows
                )
            ),
        ),
        note=note,
    )


def _named(first: str | Cell) -> Cell:
    return head(first) if isinstance(first, str) else replace(first, head=True)


def _cell(one: str | Cell, title: str) -> Cell:
    return Cell(text=one, title=title) if isinstance(one, str) else one
