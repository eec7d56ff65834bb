"""Charts: Vega-Lite specifications built from records, drawn as SVG when the pages are made.

Each chart is drawn twice, for a wide and for a narrow screen; style sheets show one of them.
Colours are CSS variables, so that one drawing serves both colour schemes, and every
distinction that colour makes is made by shape or by words as well.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from markupsafe import Markup

from evaluation.report.kit import wording
from evaluation.report.kit.language import Language, current, t
from evaluation.report.kit.tables import Table
from evaluation.report.study.view import Draw

WIDE, NARROW = 560, 310
"""Widths of the plotting area, pixels."""

FONT = "Atkinson Hyperlegible Next, system-ui, sans-serif"

INK, QUIET, GRID = "var(--v-ink)", "var(--v-quiet)", "var(--v-grid)"
COLOURS = {
    "clip": "var(--v-zero-shot)",
    "supervised": "var(--v-supervised)",
    "reference": "var(--v-quoted)",
    "gain": "var(--v-zero-shot)",
    "loss": "var(--v-loss)",
    "train": "var(--v-train)",
    "validation": "var(--v-validation)",
    "test": "var(--v-test)",
}
FormatLocale = Literal["fr-FR", "en-GB"]

LOCALES: Mapping[Language, FormatLocale] = {"fr": "fr-FR", "en": "en-GB"}
"""How Vega calls the number formats of the languages."""

_SHAPES = {"clip": "circle", "supervised": "square", "reference": "diamond"}

Spec = dict[str, Any]


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
    """"clip", "supervised" or "reference"."""
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
class Count:
    """How many photos of a class lie in one part of the split."""

    label: str
    part: str
    """"train", "validation" or "test"."""
    number: int


def interval_plot(bars: Sequence[Bar], chance: float, draw: Draw) -> tuple[Markup, Markup]:
    """Accuracy of each case with its interval, chance and published figures, wide and narrow."""
    specs = (_interval_spec(bars, narrow=narrow) for narrow in (False, True))
    wide, narrow = (_with_chance(spec, chance) for spec in specs)
    return svg(draw(wide), "i"), svg(draw(narrow), "n")


def score_plot(bars: Sequence[Bar], draw: Draw) -> tuple[Markup, Markup]:
    """A score between 0 and 1 of each class beside its published figure, wide and narrow."""
    wide, narrow = (_interval_spec(bars, narrow=one, share=False) for one in (False, True))
    return svg(draw(wide), "i"), svg(draw(narrow), "n")


def change_plot(changes: Sequence[Change], draw: Draw) -> tuple[Markup, Markup]:
    """Gains and losses around zero, in percentage points, wide and narrow."""
    return (
        svg(draw(_change_spec(changes, narrow=False)), "i"),
        svg(draw(_change_spec(changes, narrow=True)), "n"),
    )


def count_plot(counts: Sequence[Count], draw: Draw) -> tuple[Markup, Markup]:
    """Photos of each class in each part of the split, stacked, wide and narrow."""
    return (
        svg(draw(_count_spec(counts, narrow=False)), "i"),
        svg(draw(_count_spec(counts, narrow=True)), "n"),
    )


# ------------------------------------------------------------------ specifications


def frame(values: Sequence[Mapping[str, Any]], *, narrow: bool, step: int) -> Spec:
    """What every drawing shares: its data, its size (``step`` pixels a line) and its type."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": NARROW if narrow else WIDE,
        "height": {"step": step},
        "padding": 2,
        "data": {"values": list(values)},
        "config": {
            "aria": False,
            "background": None,
            "font": FONT,
            "view": {"stroke": None},
            "axis": {
                "labelColor": INK,
                "titleColor": QUIET,
                "titleFontWeight": "normal",
                "labelFontSize": 13,
                "titleFontSize": 13,
                "gridColor": GRID,
                "domain": False,
                "ticks": False,
                "labelPadding": 8,
            },
        },
    }


def rows(narrow: bool, field: str = "label") -> Spec:
    """The vertical axis: names on the left, or over each line where the screen is narrow."""
    axis = {
        "title": None,
        "grid": False,
        "labelExpr": "split(datum.label, '\\n')",
        "labelLimit": 330,
        "labelLineHeight": 16,
    }
    return {
        "field": field,
        "type": "nominal",
        "sort": None,
        "axis": None if narrow else axis,
        "scale": {"padding": 0.1},
    }


def over(text: Spec, dy: int = -15) -> Spec:
    """Names of the lines, written over them."""
    return {
        "mark": {
            "type": "text",
            "align": "left",
            "dy": dy,
            "fontSize": 13,
            "color": INK,
            "limit": NARROW,
        },
        "encoding": {"x": {"value": 0}, "text": text},
    }


def _interval_spec(bars: Sequence[Bar], *, narrow: bool, share: bool = True) -> Spec:
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
    lettered = any(bar.letters for bar in bars)
    room = max(18, 9 * max(len(bar.letters) for bar in bars)) if lettered else 0
    spec = frame(values, narrow=narrow, step=52 if narrow else 46 if share else 32)
    colour = {
        "field": "kind",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": list(_SHAPES), "range": [COLOURS[kind] for kind in _SHAPES]},
    }
    shape = {
        "field": "kind",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": list(_SHAPES), "range": list(_SHAPES.values())},
    }
    x = {
        "field": "value",
        "type": "quantitative",
        # A narrow screen keeps room for the figures on the right.
        "scale": {"domain": [0, 1], "range": [0, NARROW - 56 - room if narrow else WIDE]},
        "axis": {
            "format": ".0%" if share else ".2f",
            "title": None,
            "values": [0, 0.25, 0.5, 0.75, 1],
        },
    }
    spec["encoding"] = {"y": rows(narrow)}
    spec["layer"] = [
        {
            "mark": {"type": "rule", "strokeWidth": 4, "opacity": 0.45, "strokeCap": "round"},
            "encoding": {
                "x": {**x, "field": "low"},
                "x2": {"field": "high"},
                "color": colour,
            },
        },
        {
            "transform": [{"filter": "isValid(datum.quoted)"}],
            "mark": {
                "type": "point",
                "shape": "diamond",
                "size": 150,
                "filled": False,
                "strokeWidth": 2,
                "color": COLOURS["reference"],
            },
            "encoding": {"x": {**x, "field": "quoted"}},
        },
        {
            "transform": [{"filter": "datum.kind != 'reference'"}],
            "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
            "encoding": {"x": x, "color": colour, "shape": shape},
        },
        {
            "transform": [{"filter": "datum.kind == 'reference'"}],
            "mark": {"type": "point", "filled": False, "size": 150, "strokeWidth": 2},
            "encoding": {"x": x, "color": colour, "shape": shape},
        },
        {
            "mark": {
                "type": "text",
                "align": "right",
                "fontSize": 14,
                "fontWeight": "bold",
                "color": INK,
                "dx": -room if narrow else 62,
            },
            "encoding": {
                "x": {"value": NARROW if narrow else WIDE},
                "text": {"field": "text"},
            },
        },
    ]
    if lettered:
        spec["layer"].append(_letters(narrow=narrow))
    if narrow:
        spec["layer"].append(over({"field": "name"}))
    return spec


def _letters(*, narrow: bool) -> Spec:
    """The letters of the ties, on the right of the figures."""
    return {
        "mark": {
            "type": "text",
            "align": "right" if narrow else "left",
            "fontSize": 14,
            "color": QUIET,
            "dx": 0 if narrow else 74,
        },
        "encoding": {
            "x": {"value": NARROW if narrow else WIDE},
            "text": {"field": "letters"},
        },
    }


def _with_chance(spec: Spec, chance: float) -> Spec:
    """The plot with a dotted line where a draw among the classes would stand."""
    line = {
        "data": {"values": [{"chance": chance}]},
        "mark": {"type": "rule", "strokeDash": [3, 4], "color": QUIET, "strokeWidth": 1.5},
        "encoding": {"x": {"field": "chance", "type": "quantitative"}, "y": None},
    }
    return {**spec, "layer": [line, *spec["layer"]]}


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
    spec = frame(values, narrow=narrow, step=48 if narrow else 32)
    spec["encoding"] = {"y": rows(narrow)}
    x = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": [-reach, reach]},
        "axis": {
            "title": t("points"),
            "format": "+.0f",
            "tickCount": 5,
            "labelExpr": "datum.value == 0 ? '0' : datum.label",
        },
    }
    sign = {
        "field": "sign",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": ["gain", "loss"], "range": [COLOURS["gain"], COLOURS["loss"]]},
    }
    spec["layer"] = [
        {
            "mark": {"type": "bar", "height": 14, "yOffset": 4 if narrow else 0},
            "encoding": {"x": x, "color": sign},
        },
        {
            "data": {"values": [{"zero": 0}]},
            "mark": {"type": "rule", "color": QUIET},
            "encoding": {"x": {"field": "zero", "type": "quantitative"}, "y": None},
        },
        *(
            {
                "transform": [{"filter": test}],
                "mark": {
                    "type": "text",
                    "align": align,
                    "dx": dx,
                    "dy": 4 if narrow else 0,
                    "fontSize": 13,
                    "color": INK,
                },
                "encoding": {"x": x, "text": {"field": "text"}},
            }
            for test, align, dx in (
                ("datum.value >= 0", "left", 6),
                ("datum.value < 0", "right", -6),
            )
        ),
    ]
    if narrow:
        spec["layer"].append(over({"field": "label"}, dy=-14))
    return spec


def _count_spec(counts: Sequence[Count], *, narrow: bool) -> Spec:
    order = ["train", "validation", "test"]
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
    x = {
        "field": "number",
        "type": "quantitative",
        "stack": "zero",
        "axis": {"title": t("photos"), "format": ",d", "tickCount": 5, "tickMinStep": 1},
    }
    spec["encoding"] = {"y": rows(narrow)}
    spec["layer"] = [
        {
            "mark": {
                "type": "bar",
                "height": 15,
                "yOffset": 5 if narrow else 0,
                "stroke": "var(--v-paper)",
                "strokeWidth": 1,
            },
            "encoding": {
                "x": x,
                "order": {"field": "rank"},
                "color": {
                    "field": "part",
                    "type": "nominal",
                    "legend": None,
                    "scale": {"domain": order, "range": [COLOURS[part] for part in order]},
                },
            },
        },
    ]
    if narrow:
        names = over({"field": "label"}, dy=-12)
        names["transform"] = [{"aggregate": [], "groupby": ["label"]}]
        spec["layer"].append(names)
    return spec


# -------------------------------------------------------------------------- drawing


@cache
def _draw(text: str, locale: FormatLocale) -> str:
    import vl_convert  # noqa: PLC0415 - 0.7 s, and no page without a chart needs it

    drawn: str = vl_convert.vegalite_to_svg(text, format_locale=locale)
    return drawn


def vega_svg(spec: Mapping[str, Any]) -> str:
    """Draws a Vega-Lite specification, with the numbers of the current language.

    Equal specifications are drawn once.
    """
    return _draw(json.dumps(spec, sort_keys=True), LOCALES[current()])


_NEEDLESS = re.compile(
    r' (?:class|role|aria-\w+|pointer-events)="[^"]*"'  # the whole drawing is hidden from them
    r'| opacity="1"'
    r'| font-family="[^"]*"'  # said once, on the drawing
)
_EMPTY = re.compile(r'<path(?: [\w-]+="[^"]*")*? d="(?:|M0,0h0v0h0Z)"(?: [\w-]+="[^"]*")*/>')


def _lighter(text: str) -> str:
    """The drawing without what changes nothing: half of its text."""
    return _NEEDLESS.sub("", _EMPTY.sub("", text))


def svg(text: str, prefix: str) -> Markup:
    """An SVG that fills its place in the page, hidden from screen readers: words replace it."""
    text = re.sub(r"^.*?<svg", "<svg", text, count=1, flags=re.DOTALL)
    found = re.match(r'<svg[^>]*?viewBox="0 0 (?P<width>[\d.]+) [\d.]+"[^>]*>', text)
    width = found["width"] if found else str(WIDE)
    text = _lighter(text)
    # Identifiers are unique on a page only if each drawing has its own.
    mark = f"{prefix}{zlib.crc32(text.encode()):x}"
    text = re.sub(r'\bid="', f'id="{mark}-', text)
    text = re.sub(r"url\(#", f"url(#{mark}-", text)
    text = re.sub(
        r"<svg[^>]*?(viewBox=\"[^\"]*\")[^>]*>",
        rf'<svg xmlns="http://www.w3.org/2000/svg" \1 aria-hidden="true" '
        rf'font-family="{FONT}" style="max-width:{width}px">',
        text,
        count=1,
    )
    return Markup(text)  # noqa: S704 - drawn by vl_convert, which escapes text
