"""The map of the photos: a scatter of photos and class texts.

Still, it is drawn as every other chart; the page's script draws it anew, with the same shapes,
colours and places of names.  A class has a colour and a shape; a photo that is classified right
is full, another one hollow.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.report.kit.vega import Spec, specification

_TALL = 0.866
"""Half the height of a triangle with equal sides, half of one being 1."""

SHAPES = (
    "M1,0A1,1,0,1,1,-1,0A1,1,0,1,1,1,0",
    "M-1,-1h2v2h-2Z",
    f"M0,{-_TALL}L-1,{_TALL}L1,{_TALL}Z",
    "M-1,0L0,-1L1,0L0,1Z",
    "M-1,-.4v.8h.6v.6h.8v-.6h.6v-.8h-.6v-.6h-.8v.6Z",
    f"M0,{_TALL}L-1,{-_TALL}L1,{-_TALL}Z",
    f"M{_TALL},0L{-_TALL},-1L{-_TALL},1Z",
    f"M{-_TALL},0L{_TALL},-1L{_TALL},1Z",
)
"""Circle, square, triangle, diamond, cross, and triangles that point down, right and left."""

COLOURS = tuple(f"var(--v-class-{i})" for i in range(7))
"""Seven colours and eight shapes: the first 56 classes differ by one of the two at least."""

CROSS = "M-1,-1L1,1M-1,1L1,-1"
"""The shape of a class's text."""

HEIGHTS = {"wide": 460, "narrow": 360}
"""Of the plotting area, pixels; the script draws the same."""

LEAST = {"wide": 470, "narrow": 200}
"""Of the plotting area, the smallest width on which the script draws it so, pixels."""

_LETTER, _LINE, _LONGEST = 7.6, 16, 200
"""Of a name in bold type of 13 pixels: a letter's width, a line's height, where it is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """What both drawings share: classes, limits and titles."""

    classes: tuple[str, ...]
    x: tuple[float, float]
    y: tuple[float, float]
    x_title: str
    y_title: str


_NAMED = 300
"""Names beyond which none is written: so many leave no room for each other."""


def name_places(
    texts: Mapping[str, tuple[float, float]], axes: Axes, size: str
) -> Mapping[str, float | None]:
    """Of each class, the ordinate at which its name is written: no two names overlap.

    ``texts`` are the places of the texts, ``size`` is "wide" or "narrow".  A name stands above or
    below its own cross, as near as others leave room, and within the sides of the plot: names that
    would touch on the narrowest plot do so on none, since a wider one only draws them apart.  None
    where there is no room, and for all of more than ``_NAMED``.
    """
    if not 0 < len(texts) <= _NAMED:
        return dict.fromkeys(texts)
    height, half = HEIGHTS[size], _LINE / 2
    (left, right), (low, high) = axes.x, axes.y
    unit = (high - low) / height
    # Boxes: middles, half widths and heights; of the crosses, then of the names that are written.
    boxes = np.array(
        [
            (LEAST[size] * (x - left) / (right - left), (high - y) / unit, half, half)
            for x, y in texts.values()
        ]
    )
    placed: dict[str, float | None] = {}
    for label, (x, y) in zip(texts, boxes[:, :2].tolist(), strict=True):
        reach = min(_LONGEST, _LETTER * len(label)) / 2
        tried = (y + side * (13 + step * half) for step in range(14) for side in (-1, 1))
        middle = min(max(x, reach), LEAST[size] - reach)
        spots = np.array([(middle, at, reach, half) for at in tried if half <= at <= height - half])
        apart = np.abs(spots[:, None, :2] - boxes[:, :2])
        touch = (apart < spots[:, None, 2:] + boxes[:, 2:]).all(axis=2)
        # A cross gives way where nothing else does.
        free = [*spots[~touch.any(axis=1)], *spots[~touch[:, len(texts) :].any(axis=1)]]
        boxes = np.array([*boxes, *free[:1]])
        placed[label] = round(high - float(free[0][1]) * unit, 4) if free else None
    return placed


def scatter_plot(axes: Axes, data: Mapping[str, Any], *, narrow: bool) -> Spec:
    """Photos and texts in the plane.

    ``data`` holds the rows of what is drawn: ``photos`` (x, y, label, right) and ``texts`` (x, y,
    label).
    """
    size = "narrow" if narrow else "wide"
    texts = {row["label"]: (row["x"], row["y"]) for row in data["texts"]}
    levels = name_places(texts, axes, size)
    names = [{**row, "level": levels[row["label"]]} for row in data["texts"]]
    colours, shapes = (
        [signs[i % len(signs)] for i in range(len(axes.classes))] for signs in (COLOURS, SHAPES)
    )
    return specification(
        "scatter",
        {**data, "names": [row for row in names if row["level"] is not None]},
        narrow=narrow,
        height=HEIGHTS[size],
        axes=axes,
        colours=colours,
        shapes=shapes,
        cross=CROSS,
        longest=_LONGEST,
    )
