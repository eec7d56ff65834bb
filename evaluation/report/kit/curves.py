"""Charts of two axes: reliability, coverage, learning, training, deletion and insertion.

What colour tells is told by shape, filling or dashes as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from evaluation.report.kit.language import t
from evaluation.report.kit.vega import (
    INK,
    NARROW,
    QUIET,
    WIDE,
    Draw,
    Spec,
    drawn,
    layer,
    mark,
    nominal,
    plane,
    quantity,
    share,
)

LINES = (
    ("var(--v-zero-shot)", "circle", [1, 0]),
    ("var(--v-supervised)", "square", [8, 4]),
    ("var(--v-quoted)", "diamond", [2, 3]),
    ("var(--v-loss)", "triangle-up", [10, 3, 2, 3]),
)
"""Colour, sign and dashes of each line of a plot; style sheets draw the same keys."""

_DOTTED = mark("rule", strokeDash=[3, 4], strokeWidth=1.5)
_LINE = mark("line", strokeWidth=2.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One point of a reliability diagram."""

    confidence: float
    accuracy: float
    low: float
    high: float
    after: bool
    """Whether the probabilities went through a temperature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningPoint:
    """One point of a learning curve."""

    line: int
    """Which of :data:`LINES`."""
    shots: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochPoint:
    """One point of a training's curve."""

    line: int
    """Which of :data:`LINES`: 0 training, 1 validation."""
    epoch: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A horizontal line with its band: what training has to beat."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FaithfulPoint:
    """One point of a curve of deletion or of insertion."""

    panel: str
    """The measure, in words."""
    line: str
    """What :func:`faithful_line` gave."""
    share: float
    """Of the photo that is deleted, or shown."""
    probability: float


def reliability_plot(bins: Sequence[Bin], draw: Draw) -> tuple[Markup, Markup]:
    """Accuracy against confidence, before and after a temperature, beside the diagonal."""
    return drawn(draw, lambda narrow: _reliability_spec(bins, narrow=narrow))


def coverage_plot(
    points: Sequence[tuple[float, float]], target: float, draw: Draw
) -> tuple[Markup, Markup]:
    """Precision against the share of the photos that is classified: (coverage, precision)."""
    return drawn(draw, lambda narrow: _coverage_spec(points, target, narrow=narrow))


def learning_plot(
    points: Sequence[LearningPoint], level: Level | None, draw: Draw
) -> tuple[Markup, Markup]:
    """Accuracy against the number of labelled photos a class, a line a method."""
    return drawn(draw, lambda narrow: _learning_spec(points, level, narrow=narrow))


def epoch_plot(
    points: Sequence[EpochPoint], axis: str, best: int, draw: Draw, *, share: bool
) -> tuple[Markup, Markup]:
    """A training by epoch, with a rule at the epoch that is kept."""
    return drawn(draw, lambda narrow: _epoch_spec(points, axis, best, share=share, narrow=narrow))


def faithfulness_plot(points: Sequence[FaithfulPoint], draw: Draw) -> tuple[Markup, Markup]:
    """Mean probability against the share of the photo, a panel a measure, a line a method."""
    return drawn(draw, lambda narrow: _faithfulness_spec(points, narrow=narrow))


def _landscape(values: Sequence[Mapping[str, Any]], *, narrow: bool) -> Spec:
    return plane(values, NARROW - 60 if narrow else WIDE - 60, 240 if narrow else 300)


def _by_line(used: Sequence[int], sign: int) -> Spec:
    """A channel of :data:`LINES`: their colours (0), shapes (1) or dashes (2)."""
    return nominal("line", {str(line): LINES[line][sign] for line in used})


def _reliability_spec(bins: Sequence[Bin], *, narrow: bool) -> Spec:
    values = [
        {
            "confidence": one.confidence,
            "accuracy": one.accuracy,
            "low": one.low,
            "high": one.high,
            "state": "after" if one.after else "before",
        }
        for one in bins
    ]
    side = 250 if narrow else 380
    spec = plane(values, side, side)
    x = share("confidence", t("confiance du modèle"), narrow=narrow)
    y = share("accuracy", t("part de bonnes réponses"))
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


def _coverage_spec(points: Sequence[tuple[float, float]], target: float, *, narrow: bool) -> Spec:
    values = [{"coverage": coverage, "precision": precision} for coverage, precision in points]
    low = min([target, *(precision for _, precision in points)])
    # Ten points of air under the curve, whole tens, and never above 80 %.
    floor = min(0.8, max(0.0, int(10 * low - 0.5) / 10))
    x = share("coverage", t("part classée sans relecture"), narrow=narrow)
    y = share("precision", t("précision"), low=floor)
    curve = {**_LINE, "interpolate": "step-before", "color": LINES[0][0]}
    spec = _landscape(values, narrow=narrow)
    spec["layer"] = [
        layer({**_DOTTED, "color": QUIET}, data={"target": target}, y={**y, "field": "target"}),
        layer(curve, x=x, y=y, order={"field": "coverage"}),
    ]
    return spec


def _learning_spec(points: Sequence[LearningPoint], level: Level | None, *, narrow: bool) -> Spec:
    values: list[dict[str, Any]] = [
        {
            "line": str(one.line),
            "shots": one.shots,
            "mean": one.mean,
            "low": max(0.0, one.low),
            "high": min(1.0, one.high),
        }
        for one in points
    ]
    used = sorted({one.line for one in points})
    x = {
        "field": "shots",
        "type": "ordinal",
        "sort": list(dict.fromkeys(one.shots for one in points)),
        "scale": {"type": "point", "padding": 0.2},
        "axis": {"title": t("photos étiquetées par catégorie"), "labelAngle": 0, "grid": False},
    }
    lows = [one["low"] for one in values] + ([level.low] if level else [])
    floor = max(0.0, int(10 * min(lows, default=0.0)) / 10)
    y = share("mean", t("exactitude"), low=floor)
    colour = _by_line(used, 0)
    band, point = mark("area", opacity=0.14), mark("point", filled=True, size=80, opacity=1)
    spec = _landscape(values, narrow=narrow)
    spec["layer"] = [
        *(_level_layers(level, y) if level else []),
        layer(band, x=x, y={**y, "field": "low"}, y2={"field": "high"}, color=colour),
        layer(_LINE, x=x, y=y, color=colour, strokeDash=_by_line(used, 2)),
        layer(point, x=x, y=y, color=colour, shape=_by_line(used, 1)),
    ]
    return spec


def _level_layers(level: Level, y: Spec) -> list[Spec]:
    data = {"value": level.value, "low": level.low, "high": level.high}
    band = mark("rect", opacity=0.12, color=INK)
    low, high = {**y, "field": "low"}, {"field": "high"}
    return [
        layer(band, data=data, x={"value": 0}, x2={"value": "width"}, y=low, y2=high),
        layer({**_DOTTED, "color": INK}, data=data, y={**y, "field": "value"}),
    ]


def _epoch_spec(
    points: Sequence[EpochPoint], title: str, best: int, *, share: bool, narrow: bool
) -> Spec:
    values = [{"line": str(one.line), "epoch": one.epoch, "value": one.value} for one in points]
    used = sorted({one.line for one in points})
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
    colour = _by_line(used, 0)
    point = mark("point", filled=True, size=30, opacity=1)
    spec = _landscape(values, narrow=narrow)
    spec["layer"] = [
        layer({**_DOTTED, "color": INK}, data={"epoch": best}, x=x),
        layer(_LINE, x=x, y=y, color=colour, strokeDash=_by_line(used, 2)),
        layer(point, x=x, y=y, color=colour, shape=_by_line(used, 1)),
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


def _faithfulness_spec(points: Sequence[FaithfulPoint], *, narrow: bool) -> Spec:
    values = [
        {
            "panel": one.panel,
            "line": one.line,
            "share": one.share,
            "probability": one.probability,
        }
        for one in points
    ]
    used = [kind for kind in _FAITHFUL if any(one.line == kind for one in points)]
    facet = {
        "field": "panel",
        "type": "nominal",
        "columns": 1 if narrow else 2,
        "sort": list(dict.fromkeys(one.panel for one in points)),
        "title": None,
        "header": {
            "labelColor": INK,
            "labelFontSize": 13,
            "labelFontWeight": "bold",
            "labelAnchor": "start",
        },
    }
    colour, dashes = (nominal("line", {kind: _FAITHFUL[kind][i] for kind in used}) for i in (0, 1))
    spec = plane(values, NARROW - 60 if narrow else WIDE // 2 - 40, 150)
    return spec | layer(
        _LINE,
        facet=facet,
        x=share("share", t("part de la photo"), narrow=narrow),
        y=share("probability", t("probabilité"), narrow=True),
        color=colour,
        strokeDash=dashes,
    )
