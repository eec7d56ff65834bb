"""Charts of scores and counts: intervals, changes, parts of a split, gains around zero.

A plot is a function of its rows and of ``narrow``, which says for which of the two screens its
specification is; :func:`chart` draws both.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from markupsafe import Markup

from evaluation.records import FAMILIES
from evaluation.report.kit import wording
from evaluation.report.kit.language import t
from evaluation.report.kit.page import Claim
from evaluation.report.kit.tables import Table
from evaluation.report.kit.vega import (
    INK,
    NARROW,
    QUIET,
    WIDE,
    Draw,
    Spec,
    frame,
    layer,
    mark,
    nominal,
    over,
    points,
    quantity,
    rows,
    svg,
)

KINDS: Mapping[str, str] = {
    **{family: sign.colour for family, sign in FAMILIES.items()},
    "reference": "var(--v-quoted)",
}
"""Colours of the kinds of systems."""

SHAPES = {family: sign.shape for family, sign in FAMILIES.items()} | {"reference": "diamond"}
"""And their shapes."""

SIGNS = {"gain": "var(--v-zero-shot)", "loss": "var(--v-loss)"}
PARTS = {"train": "var(--v-train)", "validation": "var(--v-validation)", "test": "var(--v-test)"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A figure: two drawings of the same data, the words that replace them, the data."""

    id: str
    wide: Markup
    narrow: Markup
    table: Table
    """The data of the figure."""
    title: Claim | str = ""
    alt: str = ""
    """What the figure shows, for those who do not see it."""
    keys: tuple[tuple[str, str], ...] = ()
    """Its legend: the CSS class that draws a sign, and what the sign means."""


def chart(
    id_: str,
    plot: Callable[..., Spec],
    draw: Draw,
    *,
    table: Table,
    title: Claim | str = "",
    alt: str = "",
    keys: Iterable[tuple[str, str]] = (),
) -> Chart:
    """A figure whose ``plot`` gives its specification, for a screen that is ``narrow`` or not.

    Its words are the template's, unless a slide shows it too.
    """
    wide, narrow = svg(draw(plot(narrow=False)), "i"), svg(draw(plot(narrow=True)), "n")
    return Chart(
        id=id_, title=title, alt=alt, wide=wide, narrow=narrow, keys=tuple(keys), table=table
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One line of an interval plot."""

    label: str
    """Its lines are separated by a line break."""
    kind: str
    """A family of :data:`evaluation.records.FAMILIES`, or "reference"."""
    value: float
    low: float | None = None
    high: float | None = None
    quoted: float | None = None
    """A published figure shown on the same line."""
    letters: str = ""
    """Of its groups: cases that no test separates share one."""


def interval_plot(
    bars: Sequence[Bar], chance: float | None = None, ceiling: float | None = None, *, narrow: bool
) -> Spec:
    """Accuracy of each case with its interval, chance, what people reach, and published figures.

    Without ``chance`` these are scores between 0 and 1, and no shares.
    """
    share = chance is not None
    values = [
        {
            **asdict(bar),
            "name": bar.label.replace("\n", " · "),
            "low": bar.value if bar.low is None else bar.low,
            "high": bar.value if bar.high is None else bar.high,
            "text": wording.percent(bar.value) if share else wording.decimal(bar.value, 2),
        }
        for bar in bars
    ]
    room = max(9 * len(bar.letters) for bar in bars)
    room = max(18, room) if room else 0
    spec = frame(values, narrow=narrow, step=52 if narrow else 46 if share else 32)
    spec["encoding"] = {"y": rows(narrow=narrow)}
    # A narrow screen keeps room for the figures on the right.
    x = quantity(
        "value",
        {"format": ".0%" if share else ".2f", "title": None, "values": [0, 0.25, 0.5, 0.75, 1]},
        domain=[0, 1],
        range=[0, NARROW - 56 - room if narrow else WIDE],
    )

    def beside(field: str, **style: object) -> Spec:
        """Text in a column of its own, on the right of the lines."""
        right = {"value": NARROW if narrow else WIDE}
        return layer(mark("text", fontSize=14, **style), x=right, text={"field": field})

    figure = {"align": "right", "fontWeight": "bold", "color": INK}
    letter = {"align": "right" if narrow else "left", "color": QUIET}
    spec["layer"] = [
        *([_across("chance", chance, [3, 4])] if chance is not None else []),
        *([_across("ceiling", ceiling, [9, 4])] if ceiling is not None else []),
        *_points_and_intervals(x),
        beside("text", **figure, dx=-room if narrow else 62),
        *([beside("letters", **letter, dx=0 if narrow else 74)] if room else []),
        *([over("name", -15)] if narrow else []),
    ]
    return spec


def _across(name: str, value: float, dashes: list[int]) -> Spec:
    """A line across all bars: where a draw among the classes would stand, or people do."""
    rule = mark("rule", strokeDash=dashes, color=QUIET, strokeWidth=1.5)
    return layer(rule, data={name: value}, x=quantity(name), y=None)


def _points_and_intervals(x: Spec) -> list[Spec]:
    colour, shape = nominal("kind", KINDS), nominal("kind", SHAPES)
    interval = mark("rule", strokeWidth=4, opacity=0.45, strokeCap="round")
    beside = mark("point", shape="diamond", size=150, filled=False, strokeWidth=2)
    beside["color"] = KINDS["reference"]
    full = mark("point", filled=True, size=110, opacity=1)
    hollow = mark("point", filled=False, size=150, strokeWidth=2)
    is_quoted = "datum.kind == 'reference'"
    return [
        layer(interval, x={**x, "field": "low"}, x2={"field": "high"}, color=colour),
        layer(beside, only="isValid(datum.quoted)", x={**x, "field": "quoted"}),
        layer(full, only=is_quoted.replace("==", "!="), x=x, color=colour, shape=shape),
        layer(hollow, only=is_quoted, x=x, color=colour, shape=shape),
    ]


def change_plot(changes: Mapping[str, float], *, narrow: bool) -> Spec:
    """Gains and losses around zero: line to its change, in percentage points."""
    values = [
        {
            "label": label,
            "value": change,
            "sign": "loss" if change < 0 else "gain",
            "text": wording.signed(change),
        }
        for label, change in changes.items()
    ]
    reach = max([10.0, *map(abs, changes.values())]) * 1.25
    down = 4 if narrow else 0
    spec = frame(values, narrow=narrow, step=48 if narrow else 32)
    spec["encoding"] = {"y": rows(narrow=narrow)}
    x = quantity("value", points(t("points")), domain=[-reach, reach])

    def figure(test: str, align: str, dx: int) -> Spec:
        style = mark("text", align=align, dx=dx, dy=down, fontSize=13, color=INK)
        return layer(style, only=test, x=x, text={"field": "text"})

    spec["layer"] = [
        layer(mark("bar", height=14, yOffset=down), x=x, color=nominal("sign", SIGNS)),
        layer(mark("rule", color=QUIET), data={"zero": 0}, x=quantity("zero"), y=None),
        figure("datum.value >= 0", "left", 6),
        figure("datum.value < 0", "right", -6),
        *([over("label", -14)] if narrow else []),
    ]
    return spec


def count_plot(counts: Mapping[tuple[str, str], int], *, narrow: bool) -> Spec:
    """Photos of each class in each part of the split, stacked: (class, part) to their number."""
    order = list(PARTS)
    values = [
        {"label": label, "part": part, "rank": order.index(part), "number": number}
        for (label, part), number in counts.items()
    ]
    spec = frame(values, narrow=narrow, step=48 if narrow else 30)
    axis = {"title": t("photos"), "format": ",d", "tickCount": 5, "tickMinStep": 1}
    down = 5 if narrow else 0
    spec["encoding"] = {"y": rows(narrow=narrow)}
    spec["layer"] = [
        layer(
            mark("bar", height=15, yOffset=down, stroke="var(--v-paper)", strokeWidth=1),
            x={**quantity("number", axis), "stack": "zero"},
            order={"field": "rank"},
            color=nominal("part", PARTS),
        )
    ]
    if narrow:
        names = over("label", -12)
        spec["layer"].append({"transform": [{"aggregate": [], "groupby": ["label"]}], **names})
    return spec


def gain_plot(gains: Sequence[Mapping[str, Any]], *, narrow: bool) -> Spec:
    """Gains with their intervals around zero, in points; hollow where no test shows them.

    Each row has a ``label``, a ``value`` with its bounds ``low`` and ``high``, and ``shown``:
    whether a corrected test says that it is not zero.
    """
    values = [
        {
            **{name: gain[name] for name in ("label", "value", "low", "high")},
            "sign": ("loss" if gain["value"] < 0 else "gain") if gain["shown"] else "open",
            "text": wording.signed(gain["value"]),
        }
        for gain in gains
    ]
    width, down = NARROW if narrow else WIDE, 4 if narrow else 0
    spec = frame(values, narrow=narrow, step=48 if narrow else 32)
    spec["encoding"] = {"y": rows(narrow=narrow)}
    reach = max([10.0, *(abs(gain[bound]) for gain in gains for bound in ("low", "high"))]) * 1.05
    # The figures stand in a column of their own, on the right.
    axis = points(t("points de rappel"))
    x = quantity("value", axis, domain=[-reach, reach], range=[0, width - 56])
    colour = nominal("sign", {**SIGNS, "open": QUIET})
    interval = mark("rule", strokeWidth=4, opacity=0.45, yOffset=down)
    sign = mark("point", size=110, opacity=1, strokeWidth=2, yOffset=down)
    full, hollow = {**sign, "filled": True}, {**sign, "filled": False, "fill": "var(--v-ground)"}
    figure = mark("text", align="right", fontSize=13, fontWeight="bold", color=INK, dy=down)
    spec["layer"] = [
        layer(mark("rule", color=QUIET), data={"zero": 0}, x={**x, "field": "zero"}, y=None),
        layer(interval, x={**x, "field": "low"}, x2={"field": "high"}, color=colour),
        layer(full, only="datum.sign != 'open'", x=x, color=colour),
        layer(hollow, only="datum.sign == 'open'", x=x, color=colour),
        layer(figure, x={"value": width}, text={"field": "text"}),
        *([over("label", -14)] if narrow else []),
    ]
    return spec
