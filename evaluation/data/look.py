"""What a photo looks like from afar, to know near duplicates by.

A difference hash (dHash, Krawetz 2013) is robust to scale and compression, and blind to
colour: the same mug in red and in blue are one to it, though they are two products.  So the
mean colours of an 8 x 8 grid stand beside it.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from evaluation.records.base import Progress

HASH_BITS = 4
"""Two looks are alike when at most this many of the 64 bits of their hashes differ …"""
COLOUR_LEVELS = 3.0
"""… and their colours differ by at most this, of 255, on average.  Both were chosen by looking at
pairs of product photos: variants of a product (another print, another colour) begin at 4."""
COLOUR_PEAK = 35
"""… and by at most this in any one cell: on a white page the mean hides a small product that is
another.  The one pair of product photos that are the same has 29, the next pair 67."""

_GRID = 8
_CELL = 8
"""Pixels a side that a cell keeps at least: a photo is reduced by a whole factor before."""
SIDE = (_GRID + 1) * _CELL
"""Pixels a side that are enough for a look: larger JPEGs are decoded smaller."""
_HASH_BYTES = _GRID * _GRID // 8


def look_of(image: Image.Image) -> str:
    """The look of an RGB photo: 64 bits of hash, then 8 x 8 x 3 colour levels, hexadecimal."""
    factor = max(1, min(image.width // (_GRID + 1), image.height // _GRID) // _CELL)
    small, box = image.reduce(factor), (0, 0, image.width / factor, image.height / factor)
    cells, wide = ((columns, _GRID) for columns in (_GRID, _GRID + 1))
    grey = np.asarray(small.convert("L").resize(wide, Image.Resampling.BOX, box), dtype=np.int16)
    brighter = np.packbits(grey[:, 1:] > grey[:, :-1])
    colours = np.asarray(small.resize(cells, Image.Resampling.BOX, box), dtype=np.uint8)
    return brighter.tobytes().hex() + colours.tobytes().hex()


def alike(looks: Sequence[str], progress: Progress | None = None) -> list[tuple[int, ...]]:
    """Groups of two or more looks that are nearly the same, directly or through others.

    The photos are visited from neighbour to neighbour, each one once.  Two hashes that differ in
    ``HASH_BITS`` bits agree in one band of ``HASH_BITS + 1`` at least (multi-index hashing, Norouzi
    et al. 2012), and alike colours have alike means, so a photo is compared with few others: the
    unvisited ones of its bands and of its brightness.

    Looks are as :func:`look_of` gives them; an empty one is like none.  Gives indices of ``looks``,
    ascending, in groups in order of their first index.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for index, look in enumerate(looks):
        if look:
            members[look].append(index)
    if not members:
        return []
    distinct = list(members.values())
    content = np.array([list(bytes.fromhex(look)) for look in members], dtype=np.uint8)
    unvisited = _Unvisited(content[:, :_HASH_BYTES], content[:, _HASH_BYTES:])
    groups: list[tuple[int, ...]] = []
    done = 0
    for start in range(len(distinct)):
        if not unvisited.left[start]:
            continue
        unvisited.left[start] = False
        group = [start]
        for member in group:  # which grows while it is read
            group += unvisited.take_alike(member)
            done += 1
            if progress is not None and done % 500 == 0:
                progress(done, len(distinct))
        groups.append(tuple(sorted(index for member in group for index in distinct[member])))
    return sorted(group for group in groups if len(group) > 1)


def equal(keys: Sequence[str | None]) -> list[list[int]]:
    """Positions that have a key in common, where two or more have; None is no key."""
    positions: dict[str, list[int]] = defaultdict(list)
    for position, key in enumerate(keys):
        if key is not None:
            positions[key].append(position)
    return [group for group in positions.values() if len(group) > 1]


class _Unvisited:
    """The looks not yet in a group, to be asked for those that are like one."""

    def __init__(self, hashes: NDArray[np.uint8], colours: NDArray[np.uint8]) -> None:
        self.left = np.ones(len(hashes), dtype=bool)
        self._hashes = np.ascontiguousarray(hashes).view(np.uint64).ravel()
        self._colours = colours
        # One number to search a band by: the band's bits, then the brightness.
        self._keys = _bands(np.unpackbits(hashes, axis=1)) * 512.0 + colours.mean(axis=1)
        self._build()

    def _build(self) -> None:
        """Forget what was visited, once it is half of what is searched."""
        known = np.flatnonzero(self.left)
        orders = [known[np.argsort(keys[known], kind="stable")] for keys in self._keys]
        self._bands = [(order, keys[order]) for order, keys in zip(orders, self._keys, strict=True)]
        self._size = self._remaining = known.size

    def take_alike(self, member: int) -> list[int]:
        """The unvisited looks that are like this one; from now on they are visited."""
        if self._remaining * 2 < self._size:
            self._build()
        reach = np.array((-COLOUR_LEVELS - 0.01, COLOUR_LEVELS + 0.01))
        in_bands = []
        for (order, keys), key in zip(self._bands, self._keys[:, member], strict=True):
            low, high = np.searchsorted(keys, key + reach)
            close = order[low:high]
            differ = np.bitwise_count(self._hashes[close] ^ self._hashes[member])
            in_bands.append(close[(differ <= HASH_BITS) & self.left[close]])
        near = np.unique(np.concatenate(in_bands))
        # Hashes first: they leave few photos whose colours have to be looked at.
        apart = np.abs(self._colours[near].astype(np.int16) - self._colours[member])
        same = (apart.mean(axis=1) <= COLOUR_LEVELS) & (apart.max(axis=1) <= COLOUR_PEAK)
        near = near[same]
        self.left[near] = False
        self._remaining -= near.size
        return [int(index) for index in near]


def _bands(bits: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(B, N) numbers made of some bits each of (N, 64) hashes; every bit is in one band.

    The bits that tell most photos apart are dealt out first, so that every band has its share:
    on a white page the outer bits are the same in all.
    """
    order = np.argsort(np.abs(bits.mean(axis=0) - 0.5), kind="stable")
    dealt = (order[first :: HASH_BITS + 1] for first in range(HASH_BITS + 1))
    numbers: NDArray[np.int64] = np.stack(
        [bits[:, own] @ (1 << np.arange(own.size)) for own in dealt]
    )
    return numbers
