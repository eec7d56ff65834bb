"""Cutting a data set into train, validation and test.

Stratified and seeded; the order of the files plays no part.  Every class has the exact size
asked for, and its sub-categories, where known, their share of it to the nearest photo or so:
each part is a systematic sample of the class sorted by sub-category.  Photos that look the same
always fall on one side, whatever their classes: a copy in train would be recognised in test.

When the data brings its own split, that split is kept.  A part that it lacks is carved out of
train.  A photo of train whose copy lies in validation or test is left out (of validation, when
the copy lies in test): the published test set stays what it was, and nothing leaks into it.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from evaluation.data.listing import SHOWN, quoted
from evaluation.data.look import alike
from evaluation.errors import DataError
from evaluation.records import FOLDS, Dataset, Fold, Sample, Split, SplitSpec

ATTEMPTS = 200
"""How often groups of copies are dealt anew before exact sizes are called impossible."""

Sizes = Mapping[str, int]
"""Class to a number of photos."""
Group = tuple[Sample, ...]


def split_dataset(dataset: Dataset, spec: SplitSpec) -> Split:
    """Split a data set, stratified by class.

    Args:
        dataset: Its samples may carry a ``fold``, which is then kept.
        spec: Seed and sizes; a share of a class is rounded, and is one photo at least.

    Returns:
        Ids of the three parts in the data set's order.  A sample may be in none, when the
        data's own split has a copy of it elsewhere.

    Raises:
        DataError: A class has too few photos, or copies make the sizes impossible.

    """
    groups = _near_duplicates(dataset.samples)
    given, pool = _given_parts(groups)
    held_out: tuple[Fold, ...] = ("test", "validation")
    carved = [part for part in held_out if part not in given.values()]
    sizes = {part: _sizes(pool, dataset.classes, spec, part) for part in carved}
    _refuse_small_classes(pool, dataset.classes, sizes, dataset.name)
    parts = given | _deal(pool, sizes, spec.seed, dataset.name)
    _refuse_absent_classes(dataset, parts)
    return Split(
        train=_ids(dataset, parts, "train"),
        validation=_ids(dataset, parts, "validation"),
        test=_ids(dataset, parts, "test"),
        seed=spec.seed,
        duplicates=_members(_same_pixels(dataset.samples)),
        near_duplicates=_members(groups),
    )


def _same_pixels(samples: Sequence[Sample]) -> list[Group]:
    """Samples grouped by their pixels; groups and their members in order of id."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda sample: sample.id):
        groups[sample.pixels].append(sample)
    return [tuple(group) for group in groups.values()]


def _near_duplicates(samples: Sequence[Sample]) -> list[Group]:
    """Samples grouped by what connects them: the same pixels, or looks that are alike."""
    exact = _same_pixels(samples)
    leader = list(range(len(exact)))
    for i, j in alike([group[0].look for group in exact]):
        old, new = leader[j], leader[i]
        leader = [new if one == old else one for one in leader]
    groups: dict[int, list[Sample]] = defaultdict(list)
    for first, group in zip(leader, exact, strict=True):
        groups[first] += group
    return [tuple(sorted(group, key=lambda sample: sample.id)) for group in groups.values()]


def _members(groups: Iterable[Group]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(sample.id for sample in group) for group in _copies(groups))


def _copies(groups: Iterable[Group]) -> list[Group]:
    return [group for group in groups if len(group) > 1]


# ---------------------------------------------------------- the data's own split


def _given_parts(groups: Sequence[Group]) -> tuple[dict[str, Fold], list[Group]]:
    """What the data assigns (id to part), and the groups that may still be dealt."""
    held_out = {
        sample.fold for group in groups for sample in group if sample.fold not in (None, "train")
    }
    given: dict[str, Fold] = {}
    pool: list[Group] = []
    for group in groups:
        part = _strictest(group)
        if part in held_out:
            given |= {sample.id: part for sample in group if sample.fold == part}
        else:
            pool.append(group)
    return given, pool


def _strictest(group: Group) -> Fold:
    """The part that a group of copies lies in: test before validation before train."""
    folds = {sample.fold for sample in group}
    return next((fold for fold in reversed(FOLDS) if fold in folds), "train")


# ---------------------------------------------------------------------- dealing


def _sizes(pool: Sequence[Group], classes: Sequence[str], spec: SplitSpec, part: Fold) -> Sizes:
    exact = spec.test_per_class if part == "test" else spec.validation_per_class
    if exact is not None:
        return dict.fromkeys(classes, exact)
    share = spec.test_share if part == "test" else spec.validation_share
    counts = _counts(pool)
    return {label: max(1, round(share * counts[label])) for label in classes}


def _counts(groups: Iterable[Group]) -> Counter[str]:
    return Counter(sample.label for group in groups for sample in group)


def _deal(
    pool: Sequence[Group], sizes: Mapping[Fold, Sizes], seed: int, name: str
) -> dict[str, Fold]:
    """Give each group a part, so that every class has the exact sizes asked for."""
    room = {part: dict(wanted) for part, wanted in sizes.items()}
    counts = _counts(pool)
    room["train"] = {
        label: count - sum(wanted[label] for wanted in sizes.values())
        for label, count in counts.items()
    }
    copies = _copies(pool)
    singles = [group[0] for group in pool if len(group) == 1]
    parts, left = _deal_copies(copies, room, np.random.default_rng(seed), name)
    for label in sorted(counts):
        # One generator a class: a new class does not move the photos of the others.
        key = int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "big")
        rng = np.random.default_rng([seed, key])
        ids = _by_subcategory([sample for sample in singles if sample.label == label], rng)
        parts |= dict.fromkeys(ids, "train")
        for part in sizes:
            drawn = _every_kth(ids, left[part][label], rng)
            parts |= dict.fromkeys(drawn, part)
            ids = [one for one in ids if one not in drawn]
    return parts


def _by_subcategory(samples: Sequence[Sample], rng: np.random.Generator) -> list[str]:
    """Ids in random order within each sub-category, the sub-categories one after the other."""
    shuffled = [samples[index] for index in rng.permutation(len(samples))]
    return [sample.id for sample in sorted(shuffled, key=lambda one: one.subcategory or "")]


def _every_kth(ids: Sequence[str], count: int, rng: np.random.Generator) -> set[str]:
    """A systematic sample: evenly spaced from a random start (Cochran 1977, chapter 8)."""
    if count == 0:
        return set()
    start = int(rng.integers(len(ids)))
    # In whole numbers: a rounded position could fall on the same photo twice.
    return {ids[(step * len(ids) + start) // count] for step in range(count)}


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
        order = sorted(rng.permutation(len(copies)), key=lambda index: -len(copies[index]))
        for index in order:
            part = _place(copies[index], left, rng)
            if part is None:
                break
            parts |= {sample.id: part for sample in copies[index]}
        else:
            return parts, left
    largest = max(copies, key=len)
    raise DataError(
        f"{len(copies)} groups of identical photos (the largest: {len(largest)} photos, "
        f"{quoted([sample.id for sample in largest], 2)}) do not fit into parts of the sizes "
        "asked for",
        where=f"split of {name}",
        remedy="remove copies, or ask for fewer test and validation photos",
    )


def _place(
    group: Group, left: Mapping[Fold, dict[str, int]], rng: np.random.Generator
) -> Fold | None:
    """A part with room for the group, drawn in proportion to its room, which is then taken."""
    needed = Counter(sample.label for sample in group)
    fitting = [part for part in left if all(left[part][label] >= n for label, n in needed.items())]
    if not fitting:
        return None
    weights = np.array([sum(left[part][label] for label in needed) for part in fitting], float)
    part = fitting[int(np.searchsorted(weights.cumsum() / weights.sum(), rng.random(), "right"))]
    for label, n in needed.items():
        left[part][label] -= n
    return part


# ----------------------------------------------------------------------- checks


def _refuse_small_classes(
    pool: Sequence[Group],
    classes: Sequence[str],
    sizes: Mapping[Fold, Sizes],
    name: str,
) -> None:
    counts = _counts(pool)
    short = []
    for label in classes:
        needed = {part: wanted[label] for part, wanted in sizes.items()} | {"train": 1}
        if counts[label] < sum(needed.values()):
            sum_of = " + ".join(f"{n} {part}" for part, n in needed.items())
            short.append(f"{label!r} has {counts[label]} for {sum_of}")
    if short:
        more = f" and {len(short) - SHOWN} more classes" if len(short) > SHOWN else ""
        raise DataError(
            "too few photos: " + "; ".join(short[:SHOWN]) + more,
            where=f"split of {name}",
            remedy="add photos, ask for smaller parts in [split], or take the class out",
        )


def _refuse_absent_classes(dataset: Dataset, parts: Mapping[str, Fold]) -> None:
    seen = {(parts[sample.id], sample.label) for sample in dataset.samples if sample.id in parts}
    for part in FOLDS:
        absent = [label for label in dataset.classes if (part, label) not in seen]
        if absent:
            raise DataError(
                f"no {part} photo of the class {quoted(absent)}",
                where=f"split of {dataset.name}",
                remedy=f"add photos to {part}, or take the class out",
            )


def _ids(dataset: Dataset, parts: Mapping[str, Fold], wanted: Fold) -> tuple[str, ...]:
    return tuple(sample.id for sample in dataset.samples if parts.get(sample.id) == wanted)
