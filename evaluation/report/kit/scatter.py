"""The map of the photos: a scatter of photos and class texts, still and interactive.

One Vega-Lite specification serves both.  Still, it is drawn as every other chart; interactive,
it is compiled to Vega when the pages are made, and the page's script fills its data sets.  A
class has a colour and a shape; a photo that is classified right is full, another one hollow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from evaluation.report.kit.vega import INK, NARROW, QUIET, WIDE, Spec, mark, plane, quantity

SHAPES = (
    "circle",
    "square",
    "triangle-up",
    "diamond",
    "cross",
    "triangle-down",
    "triangle-right",
    "triangle-left",
)
COLOURS = tuple(f"var(--v-class-{i})" for i in range(7))
"""Seven colours and eight shapes: the first 56 classes differ by one of the two at least."""

CROSS = "M-1,-1L1,1M-1,1L1,-1"
"""The shape of a class's text."""

HEIGHTS = {"wide": 460, "narrow": 360}
"""Of the plotting area, pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """What both drawings share: classes, limits and titles."""

    classes: tuple[str, ...]
    x: tuple[float, float]
    y: tuple[float, float]
    x_title: str
    y_title: str


def scatter_program(axes: Axes) -> Mapping[str, Any]:
    """The Vega program of the interactive plot.

    Its data sets, those of :func:`scatter_plot`, are empty; its photos also have a place ``at``.
    """
    program: Mapping[str, Any] = json.loads(_compiled(json.dumps(scatter_plot(axes, narrow=False))))
    return program


@cache
def _compiled(text: str) -> str:
    import vl_convert

    return json.dumps(vl_convert.vegalite_to_vega(text))


def scatter_plot(axes: Axes, data: Mapping[str, Any] | None = None, *, narrow: bool) -> Spec:
    """Photos and texts in the plane.

    ``data`` holds the rows of what is drawn: ``photos`` (x, y, label, right), ``texts`` (x, y,
    label) and ``here``, the photo that is looked at (x, y); without it the script fills them.
    """
    spec = plane([], NARROW if narrow else WIDE, HEIGHTS["narrow" if narrow else "wide"])
    del spec["data"]
    spec["config"]["legend"] = {
        "labelColor": INK,
        "labelFontSize": 13,
        "labelLimit": 240,
        "orient": "bottom",
        "columns": 1 if narrow else 3,
        "symbolLimit": 0,
        "symbolFillColor": "transparent",
    }
    if data is not None:
        spec["datasets"] = dict(data)
    place = {"x": _axis("x", axes.x, axes.x_title), "y": _axis("y", axes.y, axes.y_title)}
    name = mark("text", dy=-13, fontSize=13, fontWeight="bold", color=INK, limit=200)
    ring = mark("point", shape="circle", filled=False, size=420, strokeWidth=3, stroke=QUIET)
    spec["layer"] = [
        _photos(axes, place),
        _layer("texts", mark("point", shape=CROSS, size=90, strokeWidth=2.5, stroke=INK), place),
        _layer("texts", name, {**place, "text": {"field": "label", "type": "nominal"}}),
        _layer("here", ring, place),
    ]
    return spec


def _layer(data: str, shape: Spec, encoding: Spec) -> Spec:
    return {"data": {"name": data}, "mark": shape, "encoding": encoding}


def _axis(field: str, limits: tuple[float, float], title: str) -> Spec:
    # Coordinates have no unit; only distances compare.
    axis = {"title": title, "labels": False, "grid": True, "tickCount": 5}
    return quantity(field, axis, domain=list(limits), nice=False, zero=False)


def _photos(axes: Axes, place: Spec) -> Spec:
    def by_class(signs: tuple[str, ...]) -> Spec:
        cycle = [signs[i % len(signs)] for i in range(len(axes.classes))]
        return {
            "field": "label",
            "type": "nominal",
            "scale": {"domain": list(axes.classes), "range": cycle},
            "legend": {"title": None},
        }

    colour = by_class(COLOURS)
    encoding = {
        **place,
        "stroke": colour,
        "fill": {**colour, "legend": None},
        "fillOpacity": {"condition": {"test": "datum.right", "value": 0.75}, "value": 0},
        "shape": by_class(SHAPES),
    }
    return _layer("photos", mark("point", filled=False, size=62, strokeWidth=1.6), encoding)
