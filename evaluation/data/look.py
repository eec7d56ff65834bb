"""What a photo looks like from afar, to know near duplicates by.

A difference hash (dHash, Krawetz 2013) is robust to scale and compression, and blind to
colour: the same mug in red and in blue are one to it, though they are two products.  So the
mean colours of an 8 x 8 grid stand beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from evaluation.records import IntArray

HASH_BITS = 4
"""Two looks are alike when at most this many of the 64 bits of their hashes differ …"""
COLOUR_LEVELS = 3.0
"""… and their colours differ by at most this, of 255, on average.  Both were chosen by looking at
pairs of product photos: variants of a product (another print, another colour) begin at 4."""
COLOUR_PEAK = 35
"""… and by at most this in any one cell: on a white page the mean hides a small product that is
another.  The one pair of product photos that are the same has 29, the next pair 67."""

_GRID = 8
_HASH_BYTES = _GRID * _GRID // 8


def look_of(image: Image.Image) -> str:
    """The look of an RGB photo: 64 bits of hash, then 8 x 8 x 3 colour levels, hexadecimal."""
    grey = np.asarray(
        image.convert("L").resize((_GRID + 1, _GRID), Image.Resampling.BOX), dtype=np.int16
    )
    brighter = np.packbits(grey[:, 1:] > grey[:, :-1])
    colours = np.asarray(image.resize((_GRID, _GRID), Image.Resampling.BOX), dtype=np.uint8)
    return brighter.tobytes().hex() + colours.tobytes().hex()


def alike(looks: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of looks that are nearly the same; an empty look is like none."""
    known = [index for index, look in enumerate(looks) if look]
    if not known:
        return []
    content = np.array([list(bytes.fromhex(looks[index])) for index in known], dtype=np.uint8)
    signs = np.where(np.unpackbits(content[:, :_HASH_BYTES], axis=1), 1, -1).astype(np.int8)
    colours = content[:, _HASH_BYTES:].astype(np.int16)
    pairs = []
    for i in range(len(known) - 1):
        # Hashes first: they leave few photos whose colours have to be looked at.
        rest = np.flatnonzero(_differing(signs[i], signs[i + 1 :]) <= HASH_BITS) + i + 1
        apart = np.abs(colours[rest] - colours[i])
        same = (apart.mean(axis=1) <= COLOUR_LEVELS) & (apart.max(axis=1) <= COLOUR_PEAK)
        pairs += [(known[i], known[int(j)]) for j in rest[same]]
    return pairs


def _differing(one: IntArray, others: IntArray) -> IntArray:
    """(N,) number of bits in which each of (N, 64) hashes, as signs, differs from one."""
    differing: IntArray = (one.size - others.astype(np.int16) @ one.astype(np.int16)) // 2
    return differing
