"""Plots of two axes: reliability, coverage, learning, training, deletion and insertion.

What colour tells is told by shape, filling or dashes as well.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.report.kit.language import t
from evaluation.report.kit.vega import (
    INK,
    NARROW,
    QUIET,
    WIDE,
    Spec,
    layer,
    mark,
    nominal,
    plane,
    quantity,
)
from evaluation.report.kit.vega import share as shares

Line = tuple[str, str, list[int]]
LINES: tuple[Line, ...] = (
    ("var(--v-zero-shot)", "circle", [1, 0]),
    ("var(--v-supervised)", "square", [8, 4]),
    ("var(--v-quoted)", "diamond", [2, 3]),
    ("var(--v-loss)", "triangle-up", [10, 3, 2, 3]),
)
"""Colour, sign and dashes of each line of a plot; style sheets draw the same keys."""

_DOTTED = mark("rule", strokeDash=[3, 4], strokeWidth=1.5)
_LINE = mark("line", strokeWidth=2.5)

Row = Mapping[str, Any]
"""A point of a plot: its fields are those of the data that Vega draws."""


def _landscape(values: Sequence[Row], *, narrow: bool) -> Spec:
    return plane(values, NARROW - 60 if narrow else WIDE - 60, 240 if narrow else 300)


def _lines(
    rows: Sequence[Row], x: Spec, y: Spec, size: int, lines: Sequence[Line] = LINES
) -> list[Spec]:
    """A line with its points for each ``line`` of the rows, a place in ``lines`` as text."""
    used = sorted({row["line"] for row in rows}, key=int)
    colour, shape, dashes = (
        nominal("line", {line: lines[int(line)][sign] for line in used}) for sign in range(3)
    )
    point = mark("point", filled=True, size=size, opacity=1)
    return [
        layer(_LINE, x=x, y=y, color=colour, strokeDash=dashes),
        layer(point, x=x, y=y, color=colour, shape=shape),
    ]


def reliability_plot(bins: Sequence[Row], *, narrow: bool) -> Spec:
    """Accuracy against confidence, before and after a temperature, beside the diagonal.

    Each row has a ``confidence``, an ``accuracy`` with its bounds ``low`` and ``high``, and a
    ``state``, "before" or "after".
    """
    side = 250 if narrow else 380
    spec = plane(bins, side, side)
    x = shares("confidence", t("confiance du modèle"), narrow=narrow)
    y = shares("accuracy", t("part de bonnes réponses"))
    colour, shape = (
        nominal("state", {"before": LINES[0][sign], "after": LINES[1][sign]}) for sign in (0, 1)
    )
    diagonal = layer(
        mark("line", strokeDash=[3, 4], color=QUIET, strokeWidth=1.5),
        x={**x, "field": "x"},
        y={**y, "field": "y"},
    )
    interval = mark("rule", strokeWidth=3, opacity=0.4)
    point = mark("point", filled=True, size=90, opacity=1)
    spec["layer"] = [
        {"data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]}, **diagonal},
        layer(interval, x=x, y={**y, "field": "low"}, y2={"field": "high"}, color=colour),
        layer(mark("line", strokeWidth=1.5, opacity=0.6), x=x, y=y, color=colour),
        layer(point, x=x, y=y, color=colour, shape=shape),
    ]
    return spec


def coverage_plot(points: Sequence[tuple[float, float]], target: float, *, narrow: bool) -> Spec:
    """Precision against the share of the photos that is classified: (coverage, precision)."""
    values = [{"coverage": coverage, "precision": precision} for coverage, precision in points]
    low = min([target, *(precision for _, precision in points)])
    # Ten points of air under the curve, whole tens, and never above 80 %.
    floor = min(0.8, max(0.0, int(10 * low - 0.5) / 10))
    x = shares("coverage", t("part classée sans relecture"), narrow=narrow)
    y = shares("precision", t("précision"), low=floor)
    curve = {**_LINE, "interpolate": "step-before", "color": LINES[0][0]}
    spec = _landscape(values, narrow=narrow)
    spec["layer"] = [
        layer({**_DOTTED, "color": QUIET}, data={"target": target}, y={**y, "field": "target"}),
        layer(curve, x=x, y=y, order={"field": "coverage"}),
    ]
    return spec


def learning_plot(
    points: Sequence[Row],
    level: Row | None,
    *,
    narrow: bool,
    axis: str = "",
    lines: Sequence[Line] = LINES,
) -> Spec:
    """Accuracy against the number of labelled photos a class, or of ``axis``; a line a method.

    Each row has its ``line``, the number ``shots`` in words, and a ``mean`` with its bounds
    ``low`` and ``high``; ``level`` has a ``value`` with its bounds: what training has to beat.
    """
    values = [
        {**point, "low": max(0.0, point["low"]), "high": min(1.0, point["high"])}
        for point in points
    ]
    x = {
        "field": "shots",
        "type": "ordinal",
        "sort": list(dict.fromkeys(point["shots"] for point in points)),
        "scale": {"type": "point", "padding": 0.2},
        "axis": {
            "title": axis or t("photos étiquetées par catégorie"),
            "labelAngle": 0,
            "grid": False,
        },
    }
    lows = [value["low"] for value in (*values, *([level] if level else []))]
    y = shares("mean", t("exactitude"), low=max(0.0, int(10 * min(lows, default=0.0)) / 10))
    line, point = _lines(values, x, y, 80, lines)
    low, high = {**y, "field": "low"}, {"field": "high"}
    band = layer(mark("area", opacity=0.14), x=x, y=low, y2=high, color=line["encoding"]["color"])
    spec = _landscape(values, narrow=narrow)
    spec["layer"] = [band, line, point]
    if level:
        spec["layer"][:0] = [
            layer(
                mark("rect", opacity=0.12, color=INK),
                data=level,
                x={"value": 0},
                x2={"value": "width"},
                y=low,
                y2=high,
            ),
            layer({**_DOTTED, "color": INK}, data=level, y={**y, "field": "value"}),
        ]
    return spec


def epoch_plot(points: Sequence[Row], title: str, best: int, *, share: bool, narrow: bool) -> Spec:
    """A training by epoch, with a rule at the epoch that is kept.

    Each row has its ``line`` (0 training, 1 validation), its ``epoch`` and its ``value``, which
    the vertical axis calls ``title``.
    """
    across: Spec = {
        "title": t("époque"),
        "tickMinStep": 1,
        "tickCount": 5 if narrow else 10,
        "labelOverlap": True,
        "grid": False,
        "format": "d",
    }
    up: Spec = {"title": title, "tickCount": 5, "labelFontSize": 13}
    x = quantity("epoch", across)
    y = quantity("value", {**up, "format": ".0%"} if share else up, zero=False)
    spec = _landscape(points, narrow=narrow)
    spec["layer"] = [
        layer({**_DOTTED, "color": INK}, data={"epoch": best}, x=x),
        *_lines(points, x, y, 30),
    ]
    return spec


# -------------------------------------------------------------------- faithfulness

_FAITHFUL: dict[str, tuple[str, list[int]]] = {
    **{f"line-{i}": (colour, dashes) for i, (colour, _, dashes) in enumerate(LINES)},
    "line-4": (INK, [1, 0]),
    "control-random": (QUIET, [2, 3]),
    "control-centre": (QUIET, [9, 4]),
}
"""Colour and dashes of the lines of :func:`faithfulness_plot`, by the kind of their key."""


def faithful_line(names: Sequence[str], method: str) -> str:
    """The line that stands for a method, or a control, among those of a chart."""
    kind = f"control-{method}"
    return kind if kind in _FAITHFUL else f"line-{names.index(method) % (len(LINES) + 1)}"


def faithfulness_plot(points: Sequence[Row], *, narrow: bool) -> Spec:
    """Mean probability against the share of the photo, a panel a measure, a line a method.

    Each row has its ``panel`` (the measure, in words), its ``line`` (what :func:`faithful_line`
    gave), the ``share`` of the photo that is deleted or shown, and a ``probability``.
    """
    used = [kind for kind in _FAITHFUL if any(point["line"] == kind for point in points)]
    facet = {
        "field": "panel",
        "type": "nominal",
        "columns": 1 if narrow else 2,
        "sort": list(dict.fromkeys(point["panel"] for point in points)),
        "title": None,
        "header": {
            "labelColor": INK,
            "labelFontSize": 13,
            "labelFontWeight": "bold",
            "labelAnchor": "start",
        },
    }
    colour, dashes = (nominal("line", {kind: _FAITHFUL[kind][i] for kind in used}) for i in (0, 1))
    spec = plane(points, NARROW - 60 if narrow else WIDE // 2 - 40, 150)
    return spec | layer(
        _LINE,
        facet=facet,
        x=shares("share", t("part de la photo"), narrow=narrow),
        y=shares("probability", t("probabilité"), narrow=True),
        color=colour,
        strokeDash=dashes,
    )
