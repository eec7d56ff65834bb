"""A map for its reader: a transparent picture to lay over the photo, and what it shows in numbers.

Colours are inferno's, which goes from black to light yellow in steps that look equal, in
grey and to the colour-blind as well (Smith and van der Walt, released into the public domain
under CC0).  What the model did not see is hatched.
"""

import io
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evaluation.records import BoolArray, FloatArray, MapSummary

SIDE = 320
"""Of the longer side, pixels: that of the photos' small copies."""
MAX_BYTES = 60_000
QUALITIES = (80, 60, 40, 20)
"""Tried in turn until the image is small enough; even noise is at the last one."""
_UNSEEN = (128, 128, 128)
_HATCH_PERIOD, _HATCH_WIDTH = 10, 3
_ROUNDED = 4
"""Decimals of a summary: a record that does not change is a short diff."""

INFERNO: NDArray[np.uint8] = np.frombuffer(
    bytes.fromhex(Path(__file__).with_name("inferno.txt").read_text(encoding="ascii")),
    dtype=np.uint8,
).reshape(-1, 3)
"""(256, 3): the colours from the lowest to the highest value."""


def display_size(photo: tuple[int, int]) -> tuple[int, int]:
    """Width and height of a photo's overlay: never larger than the photo."""
    factor = min(1.0, SIDE / max(photo))
    return max(1, round(photo[0] * factor)), max(1, round(photo[1] * factor))


def colours(values: FloatArray, scale: float) -> NDArray[np.uint8]:
    """(h, w) values to (h, w, 3) colours: 0 and below is the darkest, ``scale`` the brightest."""
    shares = np.clip(values / scale, 0, 1) if scale > 0 else np.zeros_like(values)
    return INFERNO[(255 * shares).round().astype(np.intp)]


def render(values: FloatArray, seen: BoolArray, scale: float) -> bytes:
    """A WebP of at most ``MAX_BYTES``: opaque colours where the model saw, hatching elsewhere.

    ``values`` and ``seen`` are (h, w), over the whole photo; ``scale`` has the brightest colour.
    """
    rows, columns = np.indices(values.shape)
    hatching = (rows + columns) % _HATCH_PERIOD < _HATCH_WIDTH
    pixels = np.zeros((*values.shape, 4), dtype=np.uint8)
    pixels[..., :3] = np.where(seen[..., None], colours(values, scale), _UNSEEN)
    pixels[..., 3] = np.where(seen | hatching, 255, 60)
    image = Image.fromarray(pixels)
    content = b""
    for quality in QUALITIES:
        file = io.BytesIO()
        image.save(file, "WEBP", quality=quality, alpha_quality=quality, method=4)
        content = file.getvalue()
        if len(content) <= MAX_BYTES:
            break
    return content


def summarise(values: FloatArray) -> MapSummary:
    """Where the mass of an (h, w) map lies, signed, over what the model saw."""
    signed = np.asarray(values, dtype=np.float64)
    mass = np.clip(signed, 0, None)
    against, total = float(np.clip(-signed, 0, None).sum()), float(mass.sum())
    if total == 0:
        return MapSummary(
            empty=True, centre_share=0.0, top_row=1, top_column=1, top_share=0.0, half_area=0.0,
            against_share=1.0 if against else 0.0,
        )  # fmt: skip
    mass /= total
    down, along = (
        np.stack([_overlap(cells, *edges) for edges in pairwise(np.linspace(0, cells, 4))])
        for cells in mass.shape
    )
    ninths = down @ mass @ along.T
    row, column = divmod(int(ninths.argmax()), 3)
    rows, columns = (_overlap(cells, cells / 4, 3 * cells / 4) for cells in mass.shape)
    # Cells, the heaviest first, that add up to half; the last one in part.
    heaviest = np.sort(mass.ravel())[::-1]
    sums = np.cumsum(heaviest)
    last = int(np.searchsorted(sums, 0.5))
    half = last + (0.5 - (sums[last - 1] if last else 0.0)) / heaviest[last]
    return MapSummary(
        empty=False,
        centre_share=round(float(rows @ mass @ columns), _ROUNDED),
        top_row=row,
        top_column=column,
        top_share=round(float(ninths[row, column]), _ROUNDED),
        half_area=round(float(half / mass.size), _ROUNDED),
        against_share=round(against / (against + total), _ROUNDED),
    )


def _overlap(cells: int, low: float, high: float) -> FloatArray:
    """(cells,): the share of each cell that lies between two borders."""
    index = np.arange(cells)
    return np.asarray(np.clip(np.minimum(index + 1, high) - np.maximum(index, low), 0, None))
