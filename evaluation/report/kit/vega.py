"""Vega-Lite in the report's style: specifications from ``plots/``, and their drawings.

Each chart is drawn twice, for a wide and for a narrow screen; style sheets show one of them.
Every distinction that colour makes is made by shape, dashes or words as well.
"""

import json
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import jinja2
import yaml
from markupsafe import Markup

from evaluation.report.kit.language import Language, current, t

WIDE, NARROW = 560, 310
"""Widths of the plotting area, pixels."""

FONT = "Atkinson Hyperlegible Next, system-ui, sans-serif"

FormatLocale = Literal["fr-FR", "en-GB"]

LOCALES: Mapping[Language, FormatLocale] = {"fr": "fr-FR", "en": "en-GB"}
"""How Vega calls the number formats of the languages."""

Spec = dict[str, Any]

Draw = Callable[[Mapping[str, Any]], str]
"""From a Vega-Lite specification to the text of an SVG."""

Rows = Iterable[Mapping[str, Any]]
"""What a plot draws; its specification names their fields."""

# Those of libyaml where it is there: ten times as fast.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def _printed(value: Any) -> Markup:
    """A value as YAML between braces; what a macro printed is that already."""
    if isinstance(value, Markup):
        return value
    text = yaml.dump([value], Dumper=_DUMPER, default_flow_style=True, width=10**9)
    return Markup(text.strip()[1:-1])  # noqa: S704 - YAML, and no HTML


_PLOTS = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).resolve().parent / "plots"),
    undefined=jinja2.StrictUndefined,
    autoescape=True,
    finalize=_printed,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PLOTS.globals |= {"t": t, "font": FONT}


def specification(
    plot: str, values: Rows | Mapping[str, Rows], *, narrow: bool, **parameters: Any
) -> Spec:
    """What ``plots/PLOT.yaml.jinja`` says of its rows, or of the named lists of them.

    ``parameters`` are the other values that it names.
    """
    named = isinstance(values, Mapping)
    data = {"datasets": values} if named else {"data": {"values": list(values)}}
    known = {"values": values, "narrow": narrow, "width": NARROW if narrow else WIDE}
    text = _PLOTS.get_template(f"{plot}.yaml.jinja").render(parameters | known)
    spec: Spec = data | yaml.load(text, _LOADER)  # noqa: S506 - a safe one
    return spec


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
