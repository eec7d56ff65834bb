"""The maps of one photo, written as overlays and told in numbers."""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from evaluation.explain.base import InputMaps
from evaluation.explain.geometry import Geometry
from evaluation.explain.overlay import display_size, render
from evaluation.explain.summary import summarise
from evaluation.records import BoolArray, ClassMap, ExplainMethod, FloatArray, Sample

FOLDER = "attention"
"""Of the overlays, within the case's folder."""


def draw(
    method: ExplainMethod,
    maps: InputMaps,
    *,
    sample: Sample,
    geometry: Geometry,
    explained: Sequence[int],
    classes: Sequence[str],
    write: Callable[[str, bytes], None],
    folder: str = FOLDER,
) -> list[ClassMap]:
    """Writes the overlays of a photo by one method, all on the same scale.

    ``maps`` is (1, c, h, w), of the ``explained`` c of all ``classes``.
    """
    size = display_size(geometry.photo)
    placed, seen = geometry.lay_out(maps.of(0), extent=maps.extent, size=size)
    scale = float(max(0.0, placed.max()))
    visible = _visible(placed, seen)
    # Two photos may have the same pixels and different labels: their id tells them apart.
    stem = hashlib.sha256(sample.id.encode()).hexdigest()[:16]
    drawn = []
    for i, c in enumerate(explained):
        content = render(placed[i], seen, scale)
        # The content too is in the name: a record never shows another one's overlay.
        name = f"{folder}/{stem}-{method}-{c}-{hashlib.sha256(content).hexdigest()[:8]}.webp"
        write(name, content)
        drawn.append(
            ClassMap(
                method=method,
                label=classes[c],
                overlay=name,
                width=size[0],
                height=size[1],
                peak=float(placed[i].max()),
                scale=scale,
                summary=summarise(visible[i]),
            )
        )
    return drawn


def _visible(placed: FloatArray, seen: BoolArray) -> FloatArray:
    """(…, height, width) cut to the rectangle that was seen."""
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not len(rows):
        return placed[..., :1, :1]
    return placed[..., rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
