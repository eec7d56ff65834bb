"""Tables as the templates print them: cells hold formatted text, never numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, Literal, NamedTuple, TypeVar

from evaluation.records import Metric
from evaluation.report.kit import wording
from evaluation.report.kit.language import t
from evaluation.report.kit.wording import DASH

Kind = Literal[
    "", "measured", "quoted", "missing", "best", "hit", "error", "better", "worse", "tie", "open"
]


TableKind = Literal["", "confusion", "scores", "plain", "matrix"]

T = TypeVar("T")


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
    lang: str = ""
    """Language of the text when it is not French."""
    tag: str = ""
    """A word that says what the number means: "meilleur", "moins bon"."""
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
class Table:
    """A table with its caption."""

    id: str
    caption: str
    columns: tuple[Col, ...]
    groups: tuple[Group, ...]
    note: str = ""
    """Printed under the table."""
    spanner: str = ""
    """Printed above all columns but the first: "Catégorie prédite"."""
    kind: TableKind = ""


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


def exact(value: float) -> str:
    """The shortest decimal that reads back as the same float; a count has no point."""
    return repr(value) if isinstance(value, int) else repr(float(value))


def absent(reason: str = "") -> Cell:
    """The cell of a number that does not exist, with the reason as its tooltip."""
    return Cell(text=DASH, title=reason, kind="missing")


# ------------------------------------------------------------------ tables of columns


Form = Literal[
    "percent", "whole", "points", "gap", "duration", "p", "0", "0.0", "0.00", "0.000", "0.0000"
]
"""How a number is read: "percent" is a share, "85,7 %", and "whole" one as "86 %"; "points" is a
difference of shares under a heading that says points, "+28,6", and "gap" its size, "28,6"; "p" is
a p-value under a heading that says so; "0.00" is a number that is no share, with its digits."""

_READ: Mapping[str, Callable[[float], str]] = {
    "percent": wording.percent,
    "whole": lambda share: wording.percent(share, 0),
    "points": lambda gap: wording.signed(100 * gap),
    "gap": lambda gap: wording.decimal(100 * gap, 1),
    "duration": wording.duration,
    "p": wording.bare_p,
}


def number(
    metric: Metric | float | None,
    form: Form,
    *,
    within: tuple[float | None, float | None] = (None, None),
    bare: bool = False,
    why: str = "",
    **cell: Any,
) -> Cell:
    """The cell of a number with its interval, that of the metric or ``within``.

    It holds them as they are read and as they were computed; where it is ``bare`` the interval is
    not read, and is there for sorting and for CSV.  ``why`` says why there is none.
    ``cell`` holds other fields of the :class:`Cell`: where the number comes from (``title``), a
    ``note`` in the interval's place, a ``text`` in that of the form.
    """
    value = metric.value if isinstance(metric, Metric) else metric
    if value is None:
        return absent(why or (t("non mesuré") if metric is None else t("valeur indéfinie")))
    low, high = (metric.low, metric.high) if isinstance(metric, Metric) else within
    limits = ""
    # An interval without width comes of resamples that are all alike: it says nothing.
    if low is not None and high is not None and low != high and not bare:
        shares = wording.interval(low, high, 0 if form == "whole" else 1)
        limits = shares if form in _READ else wording.numbers(low, high, len(form[2:]))
    read = _READ[form](value) if form in _READ else wording.decimal(value, len(form[2:]))
    return Cell(
        text=cell.pop("text", "") or read,
        note=cell.pop("note", "") or limits,
        value=exact(value),
        low="" if low is None else exact(low),
        high="" if high is None else exact(high),
        **cell,
    )


def counted(value: int, *, title: str = "", href: str = "") -> Cell:
    """The cell of a count, which leads to what is counted."""
    return Cell(text=wording.count(value), title=title, href=href)


def field(name: str, form: Form, *, ranged: bool = False, **cell: Any) -> Callable[[Any], Cell]:
    """The cells of a column that shows one number of each thing: its field, "test.auroc".

    ``ranged`` gives it the thing's own bounds, ``low`` and ``high``; ``cell`` is as for
    :func:`number`.
    """
    read = attrgetter(name)

    def shown(thing: Any) -> Cell:
        within = (thing.low, thing.high) if ranged else (None, None)
        return number(read(thing), form, within=within, **cell)

    return shown


class Col(NamedTuple):
    """A column: its heading, and the cell that it gives of one thing."""

    text: str
    cell: Callable[[Any], Cell | str]
    note: str = ""
    numeric: bool | None = None
    """Unless it is said, all columns are but the one that names the rows."""


def table(
    id_: str,
    caption: str,
    things: Iterable[T],
    *columns: Col | None,
    by: Callable[[T], str] | None = None,
    row_kind: Callable[[T], Kind] | None = None,
    title: str = "",
    tip: str | Callable[[T], str] = "",
    note: str = "",
    spanner: str = "",
    named: bool = True,
    kind: TableKind = "scores",
) -> Table:
    """One row a thing, one column a :class:`Col`; a column that is None is left out.

    The first column names the row, unless ``named`` is false.  ``by`` gives the group of a
    thing, ``row_kind`` the kind of its row.
    ``title`` says where the cells that are plain text come from, ``tip`` where the others do that
    do not say it themselves.
    """

    def made(cell: str | Cell, thing: T) -> Cell:
        if isinstance(cell, str):
            return Cell(text=cell, title=title)
        if cell.title or cell.head or cell.kind == "missing":
            return cell
        return replace(cell, title=tip(thing) if callable(tip) else tip)

    used = [column for column in columns if column is not None]
    groups: dict[str, list[Row]] = {}
    for thing in things:
        first, *others = (column.cell(thing) for column in used)
        name = made(first, thing)
        if named:
            name = head(first) if isinstance(first, str) else replace(name, head=True)
        cells = (name, *(made(cell, thing) for cell in others))
        row = Row(cells=cells, kind=row_kind(thing) if row_kind else "")
        groups.setdefault(by(thing) if by else "", []).append(row)
    return Table(
        id=id_,
        caption=caption,
        columns=tuple(
            column if column.numeric is not None else column._replace(numeric=place >= named)
            for place, column in enumerate(used)
        ),
        groups=tuple(Group(title=name, rows=tuple(rows)) for name, rows in groups.items()),
        note=note,
        spanner=spanner,
        kind=kind,
    )
