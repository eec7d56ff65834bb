"""Charts of scores and counts: intervals, changes, parts of a split, gains around zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evaluation.records import FAMILIES
from evaluation.report.kit import wording
from evaluation.report.kit.language import t
from evaluation.report.kit.tables import Table
from evaluation.report.kit.vega import (
    INK,
    NARROW,
    QUIET,
    WIDE,
    Draw,
    Spec,
    drawn,
    frame,
    layer,
    mark,
    nominal,
    over,
    points,
    quantity,
    rows,
)

KINDS: Mapping[str, str] = {
    **{family: sign.colour for family, sign in FAMILIES.items()},
    "reference": "var(--v-quoted)",
}
"""Colours of the kinds of systems."""

SHAPES = {family: sign.shape for family, sign in FAMILIES.items()} | {"reference": "diamond"}
"""And their shapes."""

SIGNS = {"gain": "var(--v-zero-shot)", "loss": "var(--v-loss)"}
PARTS = {
    "train": "var(--v-train)",
    "validation": "var(--v-validation)",
    "test": "var(--v-test)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One entry of a chart's legend."""

    kind: str
    """Its CSS class, which draws the sign."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A figure: two drawings of the same data, the words that replace them, the data."""

    id: str
    title: str
    alt: str
    """What the figure shows, for those who do not see it."""
    wide: Markup
    narrow: Markup
    keys: tuple[Key, ...] = ()
    table: Table
    """The data of the figure."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One bar of a diverging chart."""

    label: str
    points: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """One line of a plot of gains, in points."""

    label: str
    points: float
    low: float
    high: float
    shown: bool
    """Whether a corrected test says that it is not zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many photos of a class lie in one part of the split."""

    label: str
    part: str
    """"train", "validation" or "test"."""
    number: int


def interval_plot(bars: Sequence[Bar], chance: float, draw: Draw) -> tuple[Markup, Markup]:
    """Accuracy of each case with its interval, chance and published figures, wide and narrow."""
    return drawn(draw, lambda narrow: _interval_spec(bars, chance, narrow=narrow))


def score_plot(bars: Sequence[Bar], draw: Draw) -> tuple[Markup, Markup]:
    """A score between 0 and 1 of each class beside its published figure, wide and narrow."""
    return drawn(draw, lambda narrow: _interval_spec(bars, None, narrow=narrow))


def change_plot(changes: Sequence[Change], draw: Draw) -> tuple[Markup, Markup]:
    """Gains and losses around zero, in percentage points, wide and narrow."""
    return drawn(draw, lambda narrow: _change_spec(changes, narrow=narrow))


def count_plot(counts: Sequence[Count], draw: Draw) -> tuple[Markup, Markup]:
    """Photos of each class in each part of the split, stacked, wide and narrow."""
    return drawn(draw, lambda narrow: _count_spec(counts, narrow=narrow))


def gain_plot(gains: Sequence[Gain], draw: Draw) -> tuple[Markup, Markup]:
    """Gains with their intervals around zero, in points; hollow where no test shows them."""
    return drawn(draw, lambda narrow: _gain_spec(gains, narrow=narrow))


def _interval_spec(bars: Sequence[Bar], chance: float | None, *, narrow: bool) -> Spec:
    """Without ``chance`` these are scores, and no shares."""
    share = chance is not None
    values = [
        {
            "label": bar.label,
            "name": bar.label.replace("\n", " · "),
            "value": bar.value,
            "low": bar.value if bar.low is None else bar.low,
            "high": bar.value if bar.high is None else bar.high,
            "kind": bar.kind,
            "quoted": bar.quoted,
            "letters": bar.letters,
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
    spec["layer"] = [
        *([_chance(chance)] if chance is not None else []),
        *_points_and_intervals(x),
        _beside(
            "text",
            align="right",
            fontWeight="bold",
            color=INK,
            dx=-room if narrow else 62,
            narrow=narrow,
        ),
    ]
    if room:
        spec["layer"].append(
            _beside(
                "letters",
                align="right" if narrow else "left",
                color=QUIET,
                dx=0 if narrow else 74,
                narrow=narrow,
            )
        )
    if narrow:
        spec["layer"].append(over("name", -15))
    return spec


def _chance(chance: float) -> Spec:
    """A dotted line where a draw among the classes would stand."""
    rule = mark("rule", strokeDash=[3, 4], color=QUIET, strokeWidth=1.5)
    return layer(rule, data={"chance": chance}, x=quantity("chance"), y=None)


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


def _beside(field: str, *, narrow: bool, **style: object) -> Spec:
    """Text in a column of its own, on the right of the lines."""
    return layer(
        mark("text", fontSize=14, **style),
        x={"value": NARROW if narrow else WIDE},
        text={"field": field},
    )


def _change_spec(changes: Sequence[Change], *, narrow: bool) -> Spec:
    values = [
        {
            "label": change.label,
            "value": change.points,
            "sign": "loss" if change.points < 0 else "gain",
            "text": wording.signed(change.points),
        }
        for change in changes
    ]
    reach = max([10.0, *(abs(change.points) for change in changes)]) * 1.25
    down = 4 if narrow else 0
    spec = frame(values, narrow=narrow, step=48 if narrow else 32)
    spec["encoding"] = {"y": rows(narrow=narrow)}
    x = quantity("value", points(t("points")), domain=[-reach, reach])
    spec["layer"] = [
        layer(mark("bar", height=14, yOffset=down), x=x, color=nominal("sign", SIGNS)),
        layer(mark("rule", color=QUIET), data={"zero": 0}, x=quantity("zero"), y=None),
        *(
            layer(
                mark("text", align=align, dx=dx, dy=down, fontSize=13, color=INK),
                only=test,
                x=x,
                text={"field": "text"},
            )
            for test, align, dx in (
                ("datum.value >= 0", "left", 6),
                ("datum.value < 0", "right", -6),
            )
        ),
    ]
    if narrow:
        spec["layer"].append(over("label", -14))
    return spec


def _count_spec(counts: Sequence[Count], *, narrow: bool) -> Spec:
    order = list(PARTS)
    values = [
        {
            "label": one.label,
            "part": one.part,
            "rank": order.index(one.part),
            "number": one.number,
        }
        for one in counts
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


def _gain_spec(gains: Sequence[Gain], *, narrow: bool) -> Spec:
    values = [
        {
            "label": one.label,
            "value": one.points,
            "low": one.low,
            "high": one.high,
            "sign": ("loss" if one.points < 0 else "gain") if one.shown else "open",
            "text": wording.signed(one.points),
        }
        for one in gains
    ]
    width, down = NARROW if narrow else WIDE, 4 if narrow else 0
    spec = frame(values, narrow=narrow, step=48 if narrow else 32)
    spec["encoding"] = {"y": rows(narrow=narrow)}
    reach = max([10.0, *(abs(x) for one in gains for x in (one.low, one.high))]) * 1.05
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
    ]
    if narrow:
        spec["layer"].append(over("label", -14))
    return spec
