"""Charts: what is drawn, in French, and safely."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from evaluation.report.kit import charts
from evaluation.report.kit.charts import Bar
from evaluation.report.kit.tables import table
from evaluation.report.kit.vega import specification, vega_svg

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = 'A & <b> "x" | {{ y }}'


def drawings(plot: Callable[..., Any], *rows: Any) -> tuple[str, str]:
    """A plot, wide and narrow."""
    figure = charts.chart("x", partial(plot, *rows), vega_svg, table=table("t", "T", ()))
    return figure.wide, figure.narrow


def texts(drawing: str) -> list[str]:
    return [one.text or "" for one in ET.fromstring(drawing).iter(f"{SVG}text")]  # noqa: S314 - ours


BARS = (
    Bar(label=HOSTILE, kind="clip", value=0.643, low=0.576, high=0.705, quoted=0.843),
    Bar(label="Supervisé", kind="supervised", value=0.876, low=0.825, high=0.914),
    Bar(label="Cité seul", kind="reference", value=0.557),
)


@pytest.mark.parametrize("side", [0, 1], ids=["wide", "narrow"])
def test_interval_plot_names_every_case_with_its_value(side: int) -> None:
    """Each line has its name and its value, in French; names cannot be markup."""
    drawing = drawings(charts.interval_plot, BARS, 1 / 7)[side]
    said = texts(drawing)
    for expected in (HOSTILE, "Supervisé", "Cité seul", "64,3\u202f%", "87,6\u202f%"):
        assert expected in said
    assert "<b>" not in drawing


def test_axis_numbers_are_french() -> None:
    """The axis of shares reads 25 %, with a French space; scores have a comma."""
    wide, _ = drawings(charts.interval_plot, BARS, 0.1)
    assert any(re.fullmatch(r"25[\u00a0\u202f]%", one) for one in texts(wide))
    wide, _ = drawings(charts.interval_plot, BARS)
    assert "0,25" in texts(wide)
    assert "0,64" in texts(wide)


def test_change_plot_signs_its_bars() -> None:
    """Gains and losses are told by sign as well as by colour, zero has none."""
    said = texts(drawings(charts.change_plot, {"a": 12.3, "b": -4.0, "c": 0})[0])
    assert {"+12,3", "\u22124,0", "0,0"} <= set(said)


def test_count_plot_names_each_class_once() -> None:
    """Stacked bars of a narrow screen do not repeat a class's name."""
    parts = ("train", "validation", "test")
    counts = {(label, part): 3 for label in ("Ours", "Trains") for part in parts}
    for drawing in drawings(charts.count_plot, counts):
        assert texts(drawing).count("Ours") == 1


def test_drawings_follow_the_colour_scheme() -> None:
    """Every colour is a variable of the style sheet."""
    for drawing in drawings(charts.interval_plot, BARS, 0.1):
        colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', drawing))
        assert colours - {"none", "transparent"}
        assert all(one.startswith("var(--v-") for one in colours - {"none", "transparent"})


def test_identifiers_are_not_shared() -> None:
    """Two drawings on one page have no identifier in common."""
    wide, narrow = drawings(charts.interval_plot, BARS, 0.1)
    other, _ = drawings(charts.interval_plot, BARS[:2], 0.1)
    found = [set(re.findall(r'\bid="([^"]+)"', one)) for one in (wide, narrow, other)]
    assert sum(map(len, found)) == len(set.union(*found))


def test_drawing_is_hidden_from_screen_readers() -> None:
    """Words replace the drawing: it is not read mark by mark."""
    for drawing in drawings(charts.interval_plot, BARS, 0.1):
        assert drawing.startswith("<svg ")
        assert 'aria-hidden="true"' in drawing.split(">", 1)[0]


# ---------------------------------------------------------------- charts of the tests

GAINS = (
    {"label": HOSTILE, "value": 12.0, "low": 3.0, "high": 22.0, "shown": True},
    {"label": "Sacs", "value": -5.0, "low": -12.0, "high": 3.0, "shown": False},
)
BINS = (
    {"confidence": 0.3, "accuracy": 0.2, "low": 0.1, "high": 0.4, "state": "before"},
    {"confidence": 0.8, "accuracy": 0.7, "low": 0.6, "high": 0.8, "state": "after"},
)
LEARNING = tuple(
    {"line": line, "shots": shots, "mean": 0.5, "low": 0.4, "high": 0.6}
    for line in ("0", "1", "3")
    for shots in ("1", "2", "toutes")
)
LEVEL = {"value": 0.7, "low": 0.6, "high": 0.8}
PLOTS: dict[str, tuple[Any, ...]] = {
    "gains": (charts.gain_plot, GAINS),
    "reliability": (partial(specification, "reliability"), BINS),
    "coverage": (charts.coverage_plot, [(0.1, 1.0), (1.0, 0.8)], 0.95),
    "learning": (charts.learning_plot, LEARNING, LEVEL),
}


@pytest.mark.parametrize("plot", PLOTS)
def test_curves_follow_the_colour_scheme(plot: str) -> None:
    """Every colour of every plot is a variable of the style sheet, wide and narrow."""
    for drawing in drawings(*PLOTS[plot]):
        colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', drawing)) - {"none", "transparent"}
        assert colours
        assert all(one.startswith("var(--v-") for one in colours)


def test_gain_plot_names_and_signs_its_lines() -> None:
    """Gains are signed; one that no test shows is hollow, whatever its size."""
    for drawing in drawings(charts.gain_plot, GAINS):
        assert {HOSTILE, "Sacs", "+12,0", "\u22125,0"} <= set(texts(drawing))
        assert "<b>" not in drawing
        assert drawing.count('fill="var(--v-ground)"') == 1


def test_learning_plot_tells_its_lines_without_colour() -> None:
    """Each method has its own dashes; the axis names the sizes in their order."""
    wide, _ = drawings(charts.learning_plot, LEARNING, None)
    dashes = set(re.findall(r'stroke-dasharray="([^"]+)"', wide))
    assert dashes == {",".join(map(str, charts.LINES[line][2])) for line in (0, 1, 3)}
    said = texts(wide)
    assert said.index("1") < said.index("2") < said.index("toutes")


def test_coverage_plot_keeps_its_target_in_view() -> None:
    """The axis reaches below the lowest precision and the target."""
    wide, _ = drawings(charts.coverage_plot, [(0.1, 1.0), (1.0, 0.62)], 0.95)
    assert any(re.fullmatch(r"60[\u00a0\u202f]%", one) for one in texts(wide))
