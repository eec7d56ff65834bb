"""Charts of the tests: gains around zero, reliability, coverage, learning curves.

Drawn as those of :mod:`evaluation.report.kit.charts`: twice, in colours that follow the scheme, and
what colour tells is told by shape, filling or dashes as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from evaluation.report.kit import wording
from evaluation.report.kit.charts import (
    COLOURS,
    INK,
    NARROW,
    QUIET,
    WIDE,
    Spec,
    frame,
    over,
    rows,
    svg,
)
from evaluation.report.kit.language import t
from evaluation.report.study.view import Draw

LINES = (
    ("var(--v-zero-shot)", "circle", [1, 0]),
    ("var(--v-supervised)", "square", [8, 4]),
    ("var(--v-quoted)", "diamond", [2, 3]),
    ("var(--v-loss)", "triangle-up", [10, 3, 2, 3]),
)
"""Colour, sign and dashes of each line of a plot; style sheets draw the same keys."""

_SQUARE = {False: 380, True: 250}
_HEIGHT = {False: 300, True: 240}
_PERCENT: Spec = {"format": ".0%", "labelFontSize": 13}


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


def gain_plot(gains: Sequence[Gain], draw: Draw) -> tuple[Markup, Markup]:
    """Gains with their intervals around zero, in points; hollow where no test shows them."""
    return _both(draw, lambda narrow: _gain_spec(gains, narrow=narrow))


def reliability_plot(bins: Sequence[Bin], draw: Draw) -> tuple[Markup, Markup]:
    """Accuracy against confidence, before and after a temperature, beside the diagonal."""
    return _both(draw, lambda narrow: _reliability_spec(bins, narrow=narrow))


def coverage_plot(
    points: Sequence[tuple[float, float]], target: float, draw: Draw
) -> tuple[Markup, Markup]:
    """Precision against the share of the photos that is classified: (coverage, precision)."""
    return _both(draw, lambda narrow: _coverage_spec(points, target, narrow=narrow))


def learning_plot(
    points: Sequence[LearningPoint], level: Level | None, draw: Draw
) -> tuple[Markup, Markup]:
    """Accuracy against the number of labelled photos a class, a line a method."""
    return _both(draw, lambda narrow: _learning_spec(points, level, narrow=narrow))


def epoch_plot(
    points: Sequence[EpochPoint], axis: str, best: int, draw: Draw, *, share: bool
) -> tuple[Markup, Markup]:
    """A training by epoch, with a rule at the epoch that is kept."""
    return _both(draw, lambda narrow: _epoch_spec(points, axis, best, share=share, narrow=narrow))


def _both(draw: Draw, spec: Any) -> tuple[Markup, Markup]:
    return svg(draw(spec(False)), "i"), svg(draw(spec(True)), "n")


def _plane(values: Sequence[Mapping[str, Any]], width: int, height: int) -> Spec:
    """A plot with two axes of numbers."""
    return {**frame(values, narrow=False, step=1), "width": width, "height": height}


def _share_axis(field: str, title: str, *, low: float = 0.0, narrow: bool = False) -> Spec:
    """An axis of shares; a narrow one has room for three labels."""
    ticks = {"values": [0, 0.5, 1]} if narrow else {"tickCount": 5}
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"domain": [low, 1], "clamp": True},
        "axis": {**_PERCENT, "title": title, **ticks},
    }


# ------------------------------------------------------------------ specifications


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
    spec = frame(values, narrow=narrow, step=48 if narrow else 32)
    spec["encoding"] = {"y": rows(narrow)}
    reach = max([10.0, *(abs(x) for one in gains for x in (one.low, one.high))]) * 1.05
    # The figures stand in a column of their own, on the right.
    x = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": [-reach, reach], "range": [0, (NARROW if narrow else WIDE) - 56]},
        "axis": {
            "title": t("points de rappel"),
            "format": "+.0f",
            "tickCount": 5,
            "labelExpr": "datum.value == 0 ? '0' : datum.label",
        },
    }
    colour = {
        "field": "sign",
        "type": "nominal",
        "legend": None,
        "scale": {
            "domain": ["gain", "loss", "open"],
            "range": [COLOURS["gain"], COLOURS["loss"], QUIET],
        },
    }
    down = 4 if narrow else 0
    spec["layer"] = [
        {
            "data": {"values": [{"zero": 0}]},
            "mark": {"type": "rule", "color": QUIET},
            "encoding": {"x": {**x, "field": "zero"}, "y": None},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 4, "opacity": 0.45, "yOffset": down},
            "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "color": colour},
        },
        *(
            {
                "transform": [{"filter": test}],
                "mark": {
                    "type": "point",
                    "filled": filled,
                    "size": 110,
                    "opacity": 1,
                    "strokeWidth": 2,
                    **({} if filled else {"fill": "var(--v-ground)"}),
                    "yOffset": down,
                },
                "encoding": {"x": x, "color": colour},
            }
            for test, filled in (
                ("datum.sign != 'open'", True),
                ("datum.sign == 'open'", False),
            )
        ),
        {
            "mark": {
                "type": "text",
                "align": "right",
                "fontSize": 13,
                "fontWeight": "bold",
                "color": INK,
                "dy": down,
            },
            "encoding": {
                "x": {"value": NARROW if narrow else WIDE},
                "text": {"field": "text"},
            },
        },
    ]
    if narrow:
        spec["layer"].append(over({"field": "label"}, dy=-14))
    return spec


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
    side = _SQUARE[narrow]
    spec = _plane(values, side, side)
    x = _share_axis("confidence", t("confiance du modèle"), narrow=narrow)
    y = _share_axis("accuracy", t("part de bonnes réponses"))
    colour = {
        "field": "state",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": ["before", "after"], "range": [LINES[0][0], LINES[1][0]]},
    }
    shape = {
        "field": "state",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": ["before", "after"], "range": [LINES[0][1], LINES[1][1]]},
    }
    spec["layer"] = [
        {
            "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
            "mark": {"type": "line", "strokeDash": [3, 4], "color": QUIET, "strokeWidth": 1.5},
            "encoding": {"x": {**x, "field": "x"}, "y": {**y, "field": "y"}},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.4},
            "encoding": {
                "x": x,
                "y": {**y, "field": "low"},
                "y2": {"field": "high"},
                "color": colour,
            },
        },
        {
            "mark": {"type": "line", "strokeWidth": 1.5, "opacity": 0.6},
            "encoding": {"x": x, "y": y, "color": colour},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
            "encoding": {"x": x, "y": y, "color": colour, "shape": shape},
        },
    ]
    return spec


def _coverage_spec(points: Sequence[tuple[float, float]], target: float, *, narrow: bool) -> Spec:
    values = [{"coverage": coverage, "precision": precision} for coverage, precision in points]
    low = min([target, *(precision for _, precision in points)])
    # Ten points of air under the curve, whole tens, and never above 80 %.
    floor = min(0.8, max(0.0, int(10 * low - 0.5) / 10))
    x = _share_axis("coverage", t("part classée sans relecture"), narrow=narrow)
    y = _share_axis("precision", t("précision"), low=floor)
    spec = _plane(values, NARROW - 60 if narrow else WIDE - 60, _HEIGHT[narrow])
    spec["layer"] = [
        {
            "data": {"values": [{"target": target}]},
            "mark": {"type": "rule", "strokeDash": [3, 4], "color": QUIET, "strokeWidth": 1.5},
            "encoding": {"y": {**y, "field": "target"}},
        },
        {
            "mark": {
                "type": "line",
                "interpolate": "step-before",
                "strokeWidth": 2.5,
                "color": LINES[0][0],
            },
            "encoding": {"x": x, "y": y, "order": {"field": "coverage"}},
        },
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
    order = list(dict.fromkeys(one.shots for one in points))
    used = sorted({one.line for one in points})
    names = [str(line) for line in used]
    x = {
        "field": "shots",
        "type": "ordinal",
        "sort": order,
        "scale": {"type": "point", "padding": 0.2},
        "axis": {"title": t("photos étiquetées par catégorie"), "labelAngle": 0, "grid": False},
    }
    lows = [one["low"] for one in values] + ([level.low] if level else [])
    floor = max(0.0, int(10 * min(lows, default=0.0)) / 10)
    y = _share_axis("mean", "exactitude", low=floor)

    def scale(values: list[Any]) -> Spec:
        return {"domain": names, "range": values}

    by_line = {"field": "line", "type": "nominal", "legend": None}
    colour = {**by_line, "scale": scale([LINES[line][0] for line in used])}
    shape = {**by_line, "scale": scale([LINES[line][1] for line in used])}
    dash = {**by_line, "scale": scale([LINES[line][2] for line in used])}
    spec = _plane(values, NARROW - 60 if narrow else WIDE - 60, _HEIGHT[narrow])
    spec["layer"] = [
        *(_level_layers(level, y) if level else []),
        {
            "mark": {"type": "area", "opacity": 0.14},
            "encoding": {
                "x": x,
                "y": {**y, "field": "low"},
                "y2": {"field": "high"},
                "color": colour,
            },
        },
        {
            "mark": {"type": "line", "strokeWidth": 2.5},
            "encoding": {"x": x, "y": y, "color": colour, "strokeDash": dash},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
            "encoding": {"x": x, "y": y, "color": colour, "shape": shape},
        },
    ]
    return spec


def _epoch_spec(
    points: Sequence[EpochPoint], axis: str, best: int, *, share: bool, narrow: bool
) -> Spec:
    values = [{"line": str(one.line), "epoch": one.epoch, "value": one.value} for one in points]
    used = sorted({one.line for one in points})
    names = [str(line) for line in used]
    x: Spec = {
        "field": "epoch",
        "type": "quantitative",
        "axis": {
            "title": t("époque"),
            "tickMinStep": 1,
            "tickCount": 5 if narrow else 10,
            "labelOverlap": True,
            "grid": False,
            "format": "d",
        },
    }
    y: Spec = {
        "field": "value",
        "type": "quantitative",
        "scale": {"zero": False},
        "axis": {"title": axis, "tickCount": 5, "labelFontSize": 13}
        | ({"format": ".0%"} if share else {}),
    }

    def by_line(sign: int) -> Spec:
        scale = {"domain": names, "range": [LINES[line][sign] for line in used]}
        return {"field": "line", "type": "nominal", "legend": None, "scale": scale}

    spec = _plane(values, NARROW - 60 if narrow else WIDE - 60, _HEIGHT[narrow])
    spec["layer"] = [
        {
            "data": {"values": [{"epoch": best}]},
            "mark": {"type": "rule", "color": INK, "strokeWidth": 1.5, "strokeDash": [3, 4]},
            "encoding": {"x": x},
        },
        {
            "mark": {"type": "line", "strokeWidth": 2.5},
            "encoding": {"x": x, "y": y, "color": by_line(0), "strokeDash": by_line(2)},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 30, "opacity": 1},
            "encoding": {"x": x, "y": y, "color": by_line(0), "shape": by_line(1)},
        },
    ]
    return spec


def _level_layers(level: Level, y: Spec) -> list[Spec]:
    data = {"values": [{"value": level.value, "low": level.low, "high": level.high}]}
    return [
        {
            "data": data,
            "mark": {"type": "rect", "opacity": 0.12, "color": INK},
            "encoding": {
                "x": {"value": 0},
                "x2": {"value": "width"},
                "y": {**y, "field": "low"},
                "y2": {"field": "high"},
            },
        },
        {
            "data": data,
            "mark": {"type": "rule", "color": INK, "strokeWidth": 1.5, "strokeDash": [3, 4]},
            "encoding": {"y": {**y, "field": "value"}},
        },
    ]


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


def faithfulness_plot(points: Sequence[FaithfulPoint], draw: Draw) -> tuple[Markup, Markup]:
    """Mean probability against the share of the photo, a panel a measure, a line a method."""
    return _both(draw, lambda narrow: _faithfulness_spec(points, narrow=narrow))


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
    by_line = {"field": "line", "type": "nominal", "legend": None}
    spec = _plane(values, NARROW - 60 if narrow else WIDE // 2 - 40, 150)
    spec["mark"] = {"type": "line", "strokeWidth": 2.5}
    spec["encoding"] = {
        "facet": {
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
        },
        "x": _share_axis("share", t("part de la photo"), narrow=narrow),
        "y": _share_axis("probability", t("probabilité"), narrow=True),
        "color": {
            **by_line,
            "scale": {"domain": used, "range": [_FAITHFUL[kind][0] for kind in used]},
        },
        "strokeDash": {
            **by_line,
            "scale": {"domain": used, "range": [_FAITHFUL[kind][1] for kind in used]},
        },
    }
    return spec
