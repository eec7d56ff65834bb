"""Charts of scores, counts, changes, learning and maps; ``plots/`` holds their specifications.

A plot is a function of its rows and of ``narrow``, which says for which of the two screens its
specification is; :func:`chart` draws both.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from markupsafe import Markup

from evaluation.records import FAMILIES
from evaluation.report.kit import wording
from evaluation.report.kit.page import Claim
from evaluation.report.kit.tables import Table
from evaluation.report.kit.vega import Draw, Rows, Spec, specification, svg

KINDS: Mapping[str, str] = {
    **{family: sign.colour for family, sign in FAMILIES.items()},
    "reference": "var(--v-quoted)",
}
"""Colours of the kinds of systems."""

SHAPES = {family: sign.shape for family, sign in FAMILIES.items()} | {"reference": "diamond"}
"""And their shapes."""

PARTS = {"train": "var(--v-train)", "validation": "var(--v-validation)", "test": "var(--v-test)"}

Line = tuple[str, str, list[int]]
LINES: tuple[Line, ...] = (
    ("var(--v-zero-shot)", "circle", [1, 0]),
    ("var(--v-supervised)", "square", [8, 4]),
    ("var(--v-quoted)", "diamond", [2, 3]),
    ("var(--v-loss)", "triangle-up", [10, 3, 2, 3]),
)
"""Colour, sign and dashes of each line of a plot; style sheets draw the same keys."""

_FAITHFUL: dict[str, tuple[str, list[int]]] = {
    **{f"line-{i}": (colour, dashes) for i, (colour, _, dashes) in enumerate(LINES)},
    "line-4": ("var(--v-ink)", [1, 0]),
    "control-random": ("var(--v-quiet)", [2, 3]),
    "control-centre": ("var(--v-quiet)", [9, 4]),
}
"""Colour and dashes of the lines of :func:`faithfulness_plot`, by the kind of their key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A figure: two drawings of the same data, the words that replace them, the data."""

    id: str
    wide: Markup
    narrow: Markup
    table: Table
    """The data of the figure."""
    title: Claim | str = ""
    alt: Claim | str = ""
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
    alt: Claim | str = "",
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
    values = [
        {
            **asdict(bar),
            "name": bar.label.replace("\n", " · "),
            "low": bar.value if bar.low is None else bar.low,
            "high": bar.value if bar.high is None else bar.high,
            "text": wording.decimal(bar.value, 2) if chance is None else wording.percent(bar.value),
        }
        for bar in bars
    ]
    # For the letters, in a column of their own.
    room = max(9 * len(bar.letters) for bar in bars)
    return specification(
        "interval",
        values,
        narrow=narrow,
        chance=chance,
        ceiling=ceiling,
        room=max(18, room) if room else 0,
        colours=KINDS,
        shapes=SHAPES,
    )


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
    return specification("change", values, narrow=narrow, reach=reach)


def count_plot(counts: Mapping[tuple[str, str], int], *, narrow: bool) -> Spec:
    """Photos of each class in each part of the split, stacked: (class, part) to their number."""
    values = [
        {"label": label, "part": part, "rank": [*PARTS].index(part), "number": number}
        for (label, part), number in counts.items()
    ]
    return specification("count", values, narrow=narrow, colours=PARTS)


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
    reach = max([10.0, *(abs(gain[bound]) for gain in gains for bound in ("low", "high"))]) * 1.05
    return specification("gain", values, narrow=narrow, reach=reach)


# ------------------------------------------------------------------ plots of two axes


def coverage_plot(points: Sequence[tuple[float, float]], target: float, *, narrow: bool) -> Spec:
    """Precision against the share of the photos that is classified: (coverage, precision)."""
    values = [{"coverage": coverage, "precision": precision} for coverage, precision in points]
    low = min([target, *(precision for _, precision in points)])
    # Ten points of air under the curve, whole tens, and never above 80 %.
    floor = min(0.8, max(0.0, int(10 * low - 0.5) / 10))
    return specification("coverage", values, narrow=narrow, target=target, floor=floor)


def _signs(points: Rows, lines: Sequence[Line]) -> Mapping[str, Mapping[str, Any]]:
    """Colours, shapes and dashes of the lines of the points, each a place in ``lines`` as text."""
    used = sorted({point["line"] for point in points}, key=int)
    colours, shapes, dashes = ({i: lines[int(i)][sign] for i in used} for sign in range(3))
    return {"colours": colours, "shapes": shapes, "dashes": dashes}


def learning_plot(
    points: Rows,
    level: Mapping[str, Any] | None,
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
    lows = [value["low"] for value in (*values, *([level] if level else []))]
    floor = max(0.0, int(10 * min(lows, default=0.0)) / 10)
    signs = _signs(values, lines)
    return specification(
        "learning", values, narrow=narrow, level=level, axis=axis, floor=floor, **signs
    )


def epoch_plot(points: Rows, title: str, best: int, *, share: bool, narrow: bool) -> Spec:
    """A training by epoch, with a rule at the epoch that is kept.

    Each row has its ``line`` (0 training, 1 validation), its ``epoch`` and its ``value``, which
    the vertical axis calls ``title``.
    """
    signs = _signs(points, LINES)
    return specification(
        "epoch", points, narrow=narrow, title=title, best=best, share=share, **signs
    )


def faithful_line(names: Sequence[str], method: str) -> str:
    """The line that stands for a method, or a control, among those of a chart."""
    kind = f"control-{method}"
    return kind if kind in _FAITHFUL else f"line-{names.index(method) % (len(LINES) + 1)}"


def faithfulness_plot(points: Rows, *, narrow: bool) -> Spec:
    """Mean probability against the share of the photo, a panel a measure, a line a method.

    Each row has its ``panel`` (the measure, in words), its ``line`` (what :func:`faithful_line`
    gave), the ``share`` of the photo that is deleted or shown, and a ``probability``.
    """
    used = {point["line"] for point in points}
    colours, dashes = (
        {line: signs[i] for line, signs in _FAITHFUL.items() if line in used} for i in (0, 1)
    )
    return specification("faithfulness", points, narrow=narrow, colours=colours, dashes=dashes)
