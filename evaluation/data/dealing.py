"""Dealing photos into parts: exact sizes where single photos are dealt, near ones for groups."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import numpy as np

from evaluation.errors import DataError, quoted
from evaluation.records import Fold, Sample

ATTEMPTS = 200
"""How often groups of copies are dealt anew before exact sizes are called impossible."""
DRAWS = 20
"""How often whole groups are dealt; the draw that comes nearest to the sizes is taken."""

Sizes = Mapping[str, int]
"""Class to a number of photos."""
Group = tuple[Sample, ...]
Parts = dict[str, Fold]
"""Sample id to its part."""


def counts_of(groups: Iterable[Group]) -> Counter[str]:
    """How many photos of each class they hold."""
    return Counter(sample.label for group in groups for sample in group)


def generator_of(label: str, seed: int) -> np.random.Generator:
    """One generator a class: a new class does not change what is drawn for the others."""
    key = int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "big")
    return np.random.default_rng([seed, key])


def _room(pool: Sequence[Group], sizes: Mapping[Fold, Sizes]) -> dict[Fold, dict[str, int]]:
    """What each part is to get of each class: the sizes, and the rest for train."""
    room = {part: dict(wanted) for part, wanted in sizes.items()}
    room["train"] = {
        label: count - sum(wanted[label] for wanted in sizes.values())
        for label, count in counts_of(pool).items()
    }
    return room


def deal_exactly(pool: Sequence[Group], sizes: Mapping[Fold, Sizes], seed: int, name: str) -> Parts:
    """Give each group a part, so that every class has the exact sizes asked for."""
    copies = [group for group in pool if len(group) > 1]
    parts, left = _deal_copies(copies, _room(pool, sizes), np.random.default_rng(seed), name)
    for label in sorted(counts_of(pool)):
        rng = generator_of(label, seed)
        singles = [group[0] for group in pool if len(group) == 1 and group[0].label == label]
        shuffled = [singles[index] for index in rng.permutation(len(singles))]
        # The sub-categories one after the other, each in random order.
        ids = [sample.id for sample in sorted(shuffled, key=lambda own: own.subcategory or "")]
        parts |= dict.fromkeys(ids, "train")
        for part in sizes:
            # A systematic sample: evenly spaced from a random start (Cochran 1977, chapter 8).  In
            # whole numbers: a rounded position could fall on the same photo twice.
            count = left[part][label]
            start = int(rng.integers(len(ids))) if count else 0
            drawn = {ids[(step * len(ids) + start) // count] for step in range(count)}
            parts |= dict.fromkeys(drawn, part)
            ids = [sample_id for sample_id in ids if sample_id not in drawn]
    return parts


def _deal_copies(
    copies: Sequence[Group],
    room: Mapping[Fold, dict[str, int]],
    rng: np.random.Generator,
    name: str,
) -> tuple[dict[str, Fold], dict[Fold, dict[str, int]]]:
    """Deal groups of copies at random where there is room; returns what room is left."""
    for _ in range(ATTEMPTS):
        left = {part: dict(labels) for part, labels in room.items()}
        parts: dict[str, Fold] = {}
        # The largest first: small groups fit into what they leave.
        for index in sorted(rng.permutation(len(copies)), key=lambda index: -len(copies[index])):
            needed = counts_of([copies[index]]).items()
            fitting = [part for part in left if all(left[part][label] >= n for label, n in needed)]
            if not fitting:
                break
            # A part is drawn in proportion to its room, which is then taken.
            weights = np.array([sum(left[part][label] for label, _ in needed) for part in fitting])
            shares = weights.cumsum() / weights.sum()
            part = fitting[int(np.searchsorted(shares, rng.random(), "right"))]
            for label, n in needed:
                left[part][label] -= n
            parts |= {sample.id: part for sample in copies[index]}
        else:
            return parts, left
    largest = max(copies, key=len)
    raise DataError(
        f"{len(copies)} group(s) of photos that look the same (the largest: {len(largest)} photos, "
        f"{quoted([sample.id for sample in largest], 2)}) do not fit into parts of the sizes "
        "asked for",
        where=f"split of {name}",
        remedy="remove copies or ask for fewer test and validation photos; or, when a fixed "
        'camera makes all photos look alike, write near_duplicates = "report" in [split], or name '
        "what belongs together: group_column in [dataset]",
    )


def deal_whole_groups(
    pool: Sequence[Group], sizes: Mapping[Fold, Sizes], seed: int, name: str
) -> Parts:
    """Give each group one part, so that the sizes come near those asked for.

    The largest groups first, each to the part that lacks most of its classes (the greedy rule of
    stratified group folds); the best of ``DRAWS`` draws by the sum of squared differences.

    Raises :class:`DataError`: there are too few groups for every class to be in every part.
    """
    room = _room(pool, sizes)
    contents = [counts_of([group]) for group in pool]
    best, least = None, float("inf")
    for draw in range(DRAWS):
        left = {part: Counter(wanted) for part, wanted in room.items()}
        parts: Parts = {}
        order = np.random.default_rng([seed, draw]).permutation(len(pool))
        for index in sorted(order, key=lambda index: -len(pool[index])):
            part = min(left, key=partial(_excess, left, contents[index], room))
            left[part].subtract(contents[index])
            parts |= {sample.id: part for sample in pool[index]}
        # A part without a photo of a class that it wants is no solution.
        held = all(
            left[part][label] < n for part in room for label, n in room[part].items() if n > 0
        )
        cost = sum(lack**2 for labels in left.values() for lack in labels.values())
        if held and cost < least:
            best, least = parts, cost
    if best is None:
        raise DataError(
            f"{len(pool)} groups are too few for every class to be in every part",
            where=f"split of {name}",
            remedy='add groups, or leave such classes out: small_classes = "leave-out" in [split]',
        )
    return best


def _excess(
    left: Mapping[Fold, Counter[str]],
    content: Counter[str],
    room: Mapping[Fold, Mapping[str, int]],
    part: Fold,
) -> float:
    """How much worse a part's sizes get by taking a group, relative to what it wants."""
    return sum(
        ((left[part][label] - n) ** 2 - left[part][label] ** 2) / max(1, room[part].get(label, 0))
        for label, n in content.items()
    )
