"""Cutting a data set into train, validation and test.

Stratified and seeded; the order of the files plays no part.  Every class has the exact size
asked for, and its sub-categories, where known, their share of it to the nearest photo or so:
each part is a systematic sample of the class sorted by sub-category.  Photos that look the same
always fall on one side, whatever their classes: a copy in train would be recognised in test.

Photos of one patient, product or session (the data's group column) fall on one side too.  Such
groups are drawn whole, so that the sizes are only near those asked for: see ``data.dealing``.

When the data brings its own split, that split is kept.  A part that it lacks is carved out of
train, when a model needs it.  A photo of train whose copy lies in validation or test is left out
(of validation, when the copy lies in test): the published test set stays what it was, and nothing
leaks into it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from evaluation.data.dealing import Group, Parts, Sizes, counts_of, deal_exactly, deal_whole_groups
from evaluation.data.look import alike, equal
from evaluation.errors import SHOWN, DataError, quoted
from evaluation.records import FOLDS, DataNote, Dataset, Fold, Grouping, Split, SplitSpec
from evaluation.records.base import Progress


def split_dataset(
    dataset: Dataset,
    spec: SplitSpec,
    needed: Sequence[Fold] = FOLDS,
    progress: Progress | None = None,
) -> Split:
    """Split a data set, stratified by class.

    A sample's ``fold`` is kept, and so are groups together.  A share of a class is rounded, and is
    one photo at least.  Parts that are not ``needed`` by the study's models may be empty.  The ids
    of each part are in the data set's order; a sample may be in none, when the data's own split
    has a copy of it elsewhere.

    Raises :class:`DataError`: a class has too few photos, or copies make the sizes impossible.
    """
    policy, ordered = spec.near_duplicates, sorted(dataset.samples, key=lambda sample: sample.id)
    same = equal([sample.pixels for sample in ordered])
    copies = _joined(len(ordered), same)
    looks = [] if policy == "off" else alike([ordered[own[0]].look for own in copies], progress)
    near = [[copies[index][0] for index in group] for group in looks]
    links: dict[Grouping, list[list[int]]] = {}
    if policy != "off":
        links["copies"] = same
    if policy == "group":
        links["look"] = near
    if any(sample.group is not None for sample in ordered):
        links["declared"] = equal([sample.group for sample in ordered])
    joined = _joined(len(ordered), [link for every in links.values() for link in every])
    groups = [tuple(ordered[index] for index in group) for group in joined]

    def ids(every: Iterable[Sequence[int]]) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(ordered[own].id for own in group) for group in every if len(group) > 1)

    cut = _Cut(dataset, spec, needed)
    given, pool, carved = cut.divided(groups)
    drawn = Split(
        train=(),
        validation=(),
        test=(),
        seed=spec.seed,
        duplicates=ids(copies),
        near_duplicates=ids(_joined(len(ordered), [*same, *near])) if policy != "off" else (),
        groups=ids(joined),
        grouping=tuple(links),
        carved=carved if given else (),
    )
    return cut.into(given | cut.dealt(pool, carved, whole="declared" in links), drawn)


def _joined(count: int, links: Iterable[Sequence[int]]) -> list[list[int]]:
    """Positions below ``count`` in the groups that links connect, directly or through others;
    groups and their members ascending, one that nothing is like alone.
    """
    group_of = [[position] for position in range(count)]
    for first, *others in links:
        for other in others:
            small, large = sorted((group_of[first], group_of[other]), key=len)
            if small is not large:
                large += small
                for position in small:
                    group_of[position] = large
    return [sorted(group) for group in {id(group): group for group in group_of}.values()]


def draw_again(
    dataset: Dataset, split: Split, spec: SplitSpec, needed: Sequence[Fold] = FOLDS
) -> tuple[Split, ...]:
    """Other splits of the same photos and groups, as many as the study asks for.

    They are drawn as ``split`` was, from the seeds that follow its own.  With ``folds``, the test
    parts of one repetition hold each photo once, and groups are dealt whole.

    Raises :class:`DataError`: the data brings its own test part, all photos are tested, or a class
    has too few photos for the folds.
    """
    if not spec.repeats:
        return ()
    if any(sample.fold for sample in dataset.samples) or not (split.train or split.validation):
        own = "the data brings its own parts" if split.train else "every photo is tested"
        raise DataError(
            f"{own}: no other split can be drawn",
            where=f"split of {dataset.name}",
            remedy="delete repeats and folds in [split]",
        )
    ordered = sorted(dataset.samples, key=lambda sample: sample.id)
    place = {sample.id: index for index, sample in enumerate(ordered)}
    joined = _joined(len(ordered), [[place[own] for own in group] for group in split.groups])
    pool = [tuple(ordered[index] for index in group) for group in joined]
    whole = spec.folds is not None or "declared" in split.grouping
    draws = []
    for seed in range(spec.seed + 1, spec.seed + 1 + spec.repeats):
        cut = _Cut(dataset, replace(spec, seed=seed), needed)
        for tested in _folds(dataset, cut.spec, pool):
            rest = [group for group in pool if group[0].id not in tested]
            carved: tuple[Fold, ...] = ("validation",) if tested else ("test", "validation")
            parts = tested | cut.dealt(rest, carved, whole=whole)
            draws.append(cut.into(parts, replace(split, seed=seed)))
    return tuple(draws)


def _folds(dataset: Dataset, spec: SplitSpec, pool: Sequence[Group]) -> Iterator[Parts]:
    """The test part of each fold of one cross-validation; one empty part without folds."""
    if spec.folds is None:
        yield {}
        return
    counts = Counter(sample.label for sample in dataset.samples)
    short = [
        f"{label!r} has {counts[label]} for {spec.folds} folds"
        for label in dataset.classes
        if counts[label] < spec.folds
    ]
    _refuse(short, "ask for fewer folds", dataset.name)
    names = [f"fold-{number}" for number in range(spec.folds)]
    sizes = {
        name: {
            # The photos that are left over go to another fold for each class.
            label: counts[label] // spec.folds
            + ((number + shift) % spec.folds < counts[label] % spec.folds)
            for shift, label in enumerate(dataset.classes)
        }
        for number, name in enumerate(names)
    }
    dealt = deal_whole_groups(pool, cast("Mapping[Fold, Sizes]", sizes), spec.seed, dataset.name)
    for name in names:
        yield {member: "test" for member, part in dealt.items() if part == name}


def without_small_classes(
    dataset: Dataset, spec: SplitSpec, needed: Sequence[Fold] = FOLDS
) -> Dataset:
    """The data set less the classes that cannot be split, when the study says to leave them out.

    They are named in a note.  Raises :class:`DataError` when fewer than two classes are left.
    """
    if spec.small_classes == "refuse":
        return dataset
    cut = _Cut(dataset, spec, needed)
    given, pool, carved = cut.divided([(sample,) for sample in dataset.samples])
    short = set(cut.short(pool, carved))
    held = {(given.get(sample.id, "train"), sample.label) for sample in dataset.samples}
    for part in set(needed) - set(carved):
        short |= {label for label in dataset.classes if (part, label) not in held}
    if not short:
        return dataset
    classes = tuple(label for label in dataset.classes if label not in short)
    if len(classes) < 2:  # noqa: PLR2004 - a choice needs two
        raise DataError(
            f"every class but {quoted(classes) or 'none'} is too small to be split",
            where=f"split of {dataset.name}",
            remedy="add photos, or ask for smaller parts in [split]",
        )
    return replace(
        dataset,
        classes=classes,
        samples=tuple(sample for sample in dataset.samples if sample.label not in short),
        notes=(
            *dataset.notes,
            DataNote(kind="small-class", count=len(short), names=tuple(sorted(short))),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Cut:
    """How a data set is cut: the sizes that are asked for, and the parts that are needed."""

    dataset: Dataset
    spec: SplitSpec
    needed: Sequence[Fold]

    def divided(self, groups: Sequence[Group]) -> tuple[Parts, list[Group], tuple[Fold, ...]]:
        """What the data assigns (id to part), the groups that it leaves, and the parts that are to
        be drawn of them: those that the data does not give.
        """
        folds = {sample.fold for group in groups for sample in group} - {None, "train"}
        given: Parts = {}
        pool: list[Group] = []
        for group in groups:
            own = {sample.fold for sample in group}  # test before validation before train
            part = next((fold for fold in reversed(FOLDS) if fold in own), "train")
            if part in folds:
                given |= {sample.id: part for sample in group if sample.fold == part}
            else:
                pool.append(group)
        lacking: tuple[Fold, ...] = ("test", "validation") if pool else ()
        return (
            given,
            pool,
            tuple(
                part
                for part in lacking
                if part not in given.values() and (part in self.needed or not given)
            ),
        )

    def dealt(self, pool: Sequence[Group], carved: Sequence[Fold], *, whole: bool) -> Parts:
        """The groups of a pool, dealt to the parts to be drawn and to train."""
        short = list(self.short(pool, carved).values())
        _refuse(short, "add photos, ask for smaller parts", self.dataset.name)
        deal = deal_whole_groups if whole else deal_exactly
        sizes = self._sizes(counts_of(pool), carved)
        return deal(pool, sizes, self.spec.seed, self.dataset.name)

    def short(self, pool: Sequence[Group], carved: Sequence[Fold]) -> dict[str, str]:
        """Classes with too few photos for the parts to be drawn, each to the sum that says so."""
        counts, short = counts_of(pool), {}
        sizes = self._sizes(counts, carved)
        for label in self.dataset.classes if sizes else ():
            parts = {part: size[label] for part, size in sizes.items()}
            parts |= {"train": 1} if "train" in self.needed else {}
            if counts[label] < sum(parts.values()):
                sum_of = " + ".join(f"{n} {part}" for part, n in parts.items())
                short[label] = f"{label!r} has {counts[label]} for {sum_of}"
        return short

    def _sizes(self, counts: Mapping[str, int], carved: Sequence[Fold]) -> dict[Fold, Sizes]:
        spec = self.spec
        asked: dict[Fold, tuple[int | None, float]] = {
            "test": (spec.test_per_class, spec.test_share),
            "validation": (spec.validation_per_class, spec.validation_share),
        }

        def size(part: Fold, count: int, *, least: int = 1) -> int:
            exact, share = asked[part]
            return exact if exact is not None else max(least, round(share * count))

        def spare(part: Fold, count: int) -> int:
            # What no model needs takes what the test part leaves, if anything.
            return min(size(part, count, least=0), max(0, count - size("test", count)))

        return {
            part: {
                label: (size if part in self.needed else spare)(part, counts[label])
                for label in self.dataset.classes
            }
            for part in carved
        }

    def into(self, parts: Parts, split: Split) -> Split:
        """The split with these parts, in the data set's order; those needed lack no class."""
        name, samples = self.dataset.name, self.dataset.samples
        seen = {(parts[sample.id], sample.label) for sample in samples if sample.id in parts}
        for part in self.needed:
            absent = [label for label in self.dataset.classes if (part, label) not in seen]
            if len(absent) == len(self.dataset.classes):
                raise DataError(
                    f"no {part} photo at all, and a model of the study needs some",
                    where=f"split of {name}",
                    remedy=f"add photos to {part}, or keep only models that are not trained",
                )
            if absent:
                raise DataError(
                    f"no {part} photo of the class {quoted(absent)}",
                    where=f"split of {name}",
                    remedy=f"add photos to {part}, or leave such classes out: small_classes = "
                    '"leave-out" in [split]',
                )
        train, validation, test = (
            tuple(sample.id for sample in samples if parts.get(sample.id) == fold) for fold in FOLDS
        )
        return replace(split, train=train, validation=validation, test=test)


def _refuse(short: Sequence[str], remedy: str, name: str) -> None:
    if short:
        more = f" and {len(short) - SHOWN} more classes" if len(short) > SHOWN else ""
        raise DataError(
            f"too few photos: {'; '.join(short[:SHOWN])}{more}",
            where=f"split of {name}",
            remedy=f'{remedy} in [split], or leave such classes out: small_classes = "leave-out"',
        )
