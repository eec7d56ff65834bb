"""Vega-Lite in the report's style: specifications in a few words, and their drawings.

Each chart is drawn twice, for a wide and for a narrow screen; style sheets show one of them.
Colours are CSS variables, so that one drawing serves both colour schemes, and every
distinction that colour makes is made by shape or by words as well.
"""

import json
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal

from markupsafe import Markup

from evaluation.report.kit.language import Language, current

WIDE, NARROW = 560, 310
"""Widths of the plotting area, pixels."""

FONT = "Atkinson Hyperlegible Next, system-ui, sans-serif"

INK, QUIET, GRID = "var(--v-ink)", "var(--v-quiet)", "var(--v-grid)"

FormatLocale = Literal["fr-FR", "en-GB"]

LOCALES: Mapping[Language, FormatLocale] = {"fr": "fr-FR", "en": "en-GB"}
"""How Vega calls the number formats of the languages."""

Spec = dict[str, Any]

Draw = Callable[[Mapping[str, Any]], str]
"""From a Vega-Lite specification to the text of an SVG."""


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


def plane(values: Sequence[Mapping[str, Any]], width: int, height: int) -> Spec:
    """The frame of a plot with two axes of numbers, sizes in pixels."""
    return {**frame(values, narrow=False, step=1), "width": width, "height": height}


def mark(kind: str, **style: Any) -> Spec:
    """A mark in its style: ``mark("rule", strokeWidth=4)``."""
    return {"type": kind, **style}


def layer(
    drawn_as: Spec, /, *, data: Mapping[str, Any] | None = None, only: str = "", **encoding: Any
) -> Spec:
    """A layer: a mark, its encoding, the one row of data it has of its own, the rows it takes."""
    return {
        **({"data": {"values": [dict(data)]}} if data is not None else {}),
        **({"transform": [{"filter": only}]} if only else {}),
        "mark": drawn_as,
        "encoding": encoding,
    }


def quantity(field: str, axis: Spec | None = None, **scale: Any) -> Spec:
    """A channel of numbers, with its axis and what is said of its scale."""
    return {
        "field": field,
        "type": "quantitative",
        **({"scale": scale} if scale else {}),
        **({"axis": axis} if axis is not None else {}),
    }


def nominal(field: str, signs: Mapping[str, Any]) -> Spec:
    """A channel of names, each with its colour, shape or dashes; it has no legend."""
    return {
        "field": field,
        "type": "nominal",
        "legend": None,
        "scale": {"domain": list(signs), "range": list(signs.values())},
    }


def share(field: str, title: str, *, low: float = 0.0, narrow: bool = False) -> Spec:
    """A channel of shares from ``low`` to 1; a narrow axis has room for three labels."""
    ticks: Spec = {"values": [0, 0.5, 1]} if narrow else {"tickCount": 5}
    axis = {"format": ".0%", "labelFontSize": 13, "title": title, **ticks}
    return quantity(field, axis, domain=[low, 1], clamp=True)


def points(title: str) -> Spec:
    """The axis of gains and losses in percentage points."""
    zero = "datum.value == 0 ? '0' : datum.label"
    return {"title": title, "format": "+.0f", "tickCount": 5, "labelExpr": zero}


def rows(*, narrow: bool) -> Spec:
    """The vertical channel: names on the left, or over each line where the screen is narrow."""
    axis = {
        "title": None,
        "grid": False,
        "labelExpr": "split(datum.label, '\\n')",
        "labelLimit": 330,
        "labelLineHeight": 16,
    }
    return {
        "field": "label",
        "type": "nominal",
        "sort": None,
        "axis": None if narrow else axis,
        "scale": {"padding": 0.1},
    }


def over(field: str, dy: int) -> Spec:
    """A layer of the names of the lines, written over them."""
    shape = mark("text", align="left", dy=dy, fontSize=13, color=INK, limit=NARROW)
    return layer(shape, x={"value": 0}, text={"field": field})


# ------------------------------------------------------------------------ drawings


@cache
def _draw(text: str, locale: FormatLocale) -> str:
    import vl_convert

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


def svg(text: str, prefix: str) -> Markup:
    """An SVG that fills its place in the page, hidden from screen readers: words replace it."""
    text = re.sub(r"^.*?<svg", "<svg", text, count=1, flags=re.DOTALL)
    opening = re.match(r'<svg[^>]*?viewBox="0 0 (?P<width>[\d.]+) [\d.]+"[^>]*>', text)
    width = opening["width"] if opening else str(WIDE)
    # Without what changes nothing, which is half of the text.
    text = _NEEDLESS.sub("", _EMPTY.sub("", text))
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
