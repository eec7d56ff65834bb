"""Splits: exact sizes, no photo on both sides, the same everywhere."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evaluation.data.loading import load_dataset
from evaluation.data.split import split_dataset
from evaluation.errors import DataError
from evaluation.records import FOLDS, Dataset, Fold, Sample, Split, SplitSpec
from evaluation.study.config import load_study

EXACT = SplitSpec(seed=7, test_per_class=3, validation_per_class=2)


def sample(
    one: str, label: str, *, pixels: str = "", fold: Fold | None = None, sub: str | None = None
) -> Sample:
    return Sample(
        id=one,
        image=Path("/photos") / one,
        label=label,
        digest=one,
        pixels=pixels or one,
        width=1,
        height=1,
        fold=fold,
        subcategory=sub,
    )


def dataset(samples: Sequence[Sample]) -> Dataset:
    return Dataset(
        name="essai",
        kind="folder",
        classes=tuple(sorted({one.label for one in samples})),
        samples=tuple(samples),
        revision="r",
    )


def distinct(count: int = 12, labels: Sequence[str] = ("a", "b", "c")) -> list[Sample]:
    return [sample(f"{label}{i:03}", label) for label in labels for i in range(count)]


def part_of(split: Split) -> dict[str, str]:
    return {one: part for part in FOLDS for one in getattr(split, part)}


def counts(data: Dataset, ids: Sequence[str]) -> Counter[str]:
    label = {one.id: one.label for one in data.samples}
    return Counter(label[one] for one in ids)


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    """A few classes; some photos have copies, some of them in another class."""
    labels = draw(st.lists(st.sampled_from("abcdé"), min_size=2, max_size=4, unique=True))
    sizes = [draw(st.integers(8, 25)) for _ in labels]
    samples = [
        sample(f"{label}/{i}", label, sub=draw(st.sampled_from([None, "x", "y"])))
        for label, size in zip(labels, sizes, strict=True)
        for i in range(size)
    ]
    copies = draw(
        st.lists(
            st.tuples(st.sampled_from(samples), st.sampled_from(samples)), max_size=len(samples)
        )
    )
    pixels = {one.id: one.pixels for one in samples}
    for one, other in copies:
        pixels[one.id] = pixels[other.id]
    return dataset([replace(one, pixels=pixels[one.id]) for one in samples])


@settings(deadline=None)
@given(data=datasets(), seed=st.integers(0, 2**32), test=st.integers(1, 4), val=st.integers(1, 3))
def test_split_is_exact_and_leak_free(data: Dataset, seed: int, test: int, val: int) -> None:
    """Every class has its exact sizes, every photo one part, every group of copies one side."""
    spec = SplitSpec(seed=seed, test_per_class=test, validation_per_class=val)
    try:
        split = split_dataset(data, spec)
    except DataError as error:
        assume("do not fit" not in str(error))
        raise
    parts = part_of(split)
    assert sorted(parts) == sorted(one.id for one in data.samples)
    assert sum(len(getattr(split, part)) for part in FOLDS) == len(data.samples)
    assert set(counts(data, split.test).values()) == {test}
    assert set(counts(data, split.validation).values()) == {val}
    assert set(counts(data, split.train)) == set(data.classes)
    sides: dict[str, set[str]] = {}
    for one in data.samples:
        sides.setdefault(one.pixels, set()).add(parts[one.id])
    assert all(len(where) == 1 for where in sides.values())


@settings(deadline=None)
@given(data=datasets(), seed=st.integers(0, 99), shuffle=st.randoms(use_true_random=False))
def test_split_ignores_the_order_of_the_files(
    data: Dataset, seed: int, shuffle: random.Random
) -> None:
    """Another order of the samples gives the same parts, listed in that order."""
    spec = SplitSpec(seed=seed, test_per_class=2, validation_per_class=1)
    other = list(data.samples)
    shuffle.shuffle(other)
    try:
        split = split_dataset(data, spec)
    except DataError:
        assume(False)
    again = split_dataset(replace(data, samples=tuple(other)), spec)
    assert part_of(split) == part_of(again)
    assert again.test == tuple(one.id for one in other if one.id in set(split.test))
    assert {frozenset(group) for group in split.duplicates} == {
        frozenset(group) for group in again.duplicates
    }


@settings(deadline=None)
@given(
    count=st.integers(3, 60),
    test=st.floats(0.05, 0.5),
    validation=st.floats(0.05, 0.45),
)
def test_shares_are_rounded_counts(count: int, test: float, validation: float) -> None:
    """A share of a class is rounded, and is one photo at least."""
    data = dataset(distinct(count, "ab"))
    spec = SplitSpec(seed=1, test_share=test, validation_share=validation)
    expected = {"test": max(1, round(test * count)), "val": max(1, round(validation * count))}
    assume(sum(expected.values()) < count)
    split = split_dataset(data, spec)
    assert set(counts(data, split.test).values()) == {expected["test"]}
    assert set(counts(data, split.validation).values()) == {expected["val"]}


def test_seed_makes_the_split() -> None:
    """The same seed gives the same split, another seed another."""
    data = dataset(distinct())
    one, same, other = (split_dataset(data, replace(EXACT, seed=s)) for s in (7, 7, 8))
    assert one == same
    assert one.seed == 7
    assert one.digest == same.digest != other.digest


def test_split_is_the_one_of_yesterday() -> None:
    """A fixed point: whoever changes the algorithm changes every published number."""
    split = split_dataset(dataset(distinct()), EXACT)
    assert split.test == GOLDEN_TEST
    assert split.validation == GOLDEN_VALIDATION


GOLDEN_TEST = ("a000", "a003", "a005", "b003", "b004", "b009", "c005", "c006", "c008")
GOLDEN_VALIDATION = ("a008", "a010", "b005", "b007", "c000", "c010")


def test_new_class_does_not_move_the_others() -> None:
    """Adding a class leaves the photos of the others where they were."""
    before = part_of(split_dataset(dataset(distinct()), EXACT))
    after = part_of(split_dataset(dataset(distinct(labels=("a", "b", "c", "d"))), EXACT))
    assert before.items() <= after.items()


def test_every_photo_may_be_tested() -> None:
    """Over many seeds each photo is drawn about as often as any other."""
    data = dataset(distinct(count=10, labels=("a", "b")))
    drawn = Counter(
        one for seed in range(400) for one in split_dataset(data, replace(EXACT, seed=seed)).test
    )
    assert len(drawn) == 20
    assert all(80 <= count <= 160 for count in drawn.values())  # 120 expected


def test_subcategories_are_spread() -> None:
    """Each sub-category has its share of the test part, to the nearest photo or so."""
    sizes = {"x": 30, "y": 20, "z": 10}
    samples = [
        sample(f"{label}{name}{i}", label, sub=name)
        for label in "ab"
        for name, size in sizes.items()
        for i in range(size)
    ]
    data = dataset(samples)
    kind = {one.id: (one.label, one.subcategory) for one in samples}
    for seed in range(20):
        spec = SplitSpec(seed=seed, test_per_class=12, validation_per_class=12)
        split = split_dataset(data, spec)
        found = Counter(kind[one] for one in split.test)
        for (_, name), count in found.items():
            assert abs(count - 12 * sizes[str(name)] / 60) <= 1
        assert len(found) == 6


# ------------------------------------------------------------------------------ copies


def test_copies_in_different_classes_stay_together() -> None:
    """The same photo under two labels is on one side, and the group is reported."""
    samples = distinct(10, "ab")
    samples[0] = replace(samples[0], pixels="same")
    samples[10] = replace(samples[10], pixels="same")
    for seed in range(30):
        split = split_dataset(dataset(samples), replace(EXACT, seed=seed))
        parts = part_of(split)
        assert parts["a000"] == parts["b000"]
        assert split.duplicates == (("a000", "b000"),)


def test_groups_of_copies_reach_every_part() -> None:
    """Copies are not all sent to train: the test part stays a sample of the whole."""
    samples = distinct(30, "ab")
    for i in (0, 2, 4, 30, 32, 34):
        samples[i + 1] = replace(samples[i + 1], pixels=samples[i].pixels)
    seen = {
        part_of(split_dataset(dataset(samples), SplitSpec(seed=s, test_per_class=10)))["a000"]
        for s in range(40)
    }
    assert seen == set(FOLDS)


def test_class_of_pairs_can_be_split_evenly() -> None:
    """When every photo has a copy, even sizes are still reached exactly."""
    samples = [sample(f"{k}{i}", k, pixels=f"{k}{i // 2}") for k in "ab" for i in range(20)]
    data = dataset(samples)
    split = split_dataset(data, SplitSpec(seed=1, test_per_class=6, validation_per_class=4))
    assert set(counts(data, split.test).values()) == {6}
    assert set(counts(data, split.validation).values()) == {4}


def test_impossible_sizes_name_the_copies() -> None:
    """An odd number cannot be made of pairs: the error says so, with a group."""
    samples = [sample(f"{k}{i:02}", k, pixels=f"{k}{i // 2}") for k in "ab" for i in range(20)]
    with pytest.raises(DataError) as caught:
        split_dataset(dataset(samples), EXACT)
    assert "20 group(s) of photos that look the same" in str(caught.value)
    assert "'a00', 'a01'" in str(caught.value)


# --------------------------------------------------------------------------- too small


def test_small_classes_are_named_with_numbers() -> None:
    """Each class that cannot be split is named, with what it has and what it takes."""
    samples = [*distinct(12, "a"), *distinct(5, "b"), *distinct(2, "c")]
    with pytest.raises(DataError) as caught:
        split_dataset(dataset(samples), EXACT)
    text = str(caught.value)
    assert "'b' has 5 for 3 test + 2 validation + 1 train" in text
    assert "'c' has 2 for 3 test + 2 validation + 1 train" in text
    assert "'a'" not in text
    assert "\n" not in text


def test_many_small_classes_are_counted() -> None:
    """A long list is cut."""
    with pytest.raises(DataError, match="and 3 more classes"):
        split_dataset(dataset(distinct(2, "abcdefgh")), EXACT)


# ------------------------------------------------------------------ the data's own split


def folded(per_part: dict[Fold, int], labels: str = "ab") -> list[Sample]:
    return [
        sample(f"{part}/{label}{i}", label, fold=part)
        for part, count in per_part.items()
        for label in labels
        for i in range(count)
    ]


def test_given_split_is_kept() -> None:
    """The sizes that the study asks for do not matter then."""
    samples = folded({"train": 5, "validation": 2, "test": 4})
    split = split_dataset(dataset(samples), EXACT)
    assert part_of(split) == {one.id: one.fold for one in samples}


@pytest.mark.parametrize(
    ("per_part", "sizes"),
    [
        ({"train": 9, "test": 5}, {"train": 7, "validation": 2, "test": 5}),
        ({"train": 9, "validation": 5}, {"train": 6, "validation": 5, "test": 3}),
        ({"train": 9}, {"train": 4, "validation": 2, "test": 3}),
    ],
)
def test_missing_part_is_carved_out_of_train(
    per_part: dict[Fold, int], sizes: dict[str, int]
) -> None:
    """What the data lacks comes from train, in the study's sizes; the rest is kept."""
    samples = folded(per_part)
    data = dataset(samples)
    split = split_dataset(data, EXACT)
    parts = part_of(split)
    assert Counter(parts.values()) == {part: 2 * size for part, size in sizes.items()}
    assert all(parts[one.id] == one.fold for one in samples if one.fold != "train")
    assert len(parts) == len(samples)


def test_train_photo_that_copies_a_test_one_is_left_out() -> None:
    """The given test part stays whole, and nothing of it is learnt."""
    samples = folded({"train": 6, "validation": 3, "test": 3})
    seen = {one.id: one for one in samples}
    for copy, original in (
        ("train/a0", "test/b1"),
        ("train/b0", "validation/b1"),
        ("validation/a0", "test/a0"),
    ):
        seen[copy] = replace(seen[copy], pixels=seen[original].pixels)
    split = split_dataset(dataset(list(seen.values())), EXACT)
    parts = part_of(split)
    assert set(seen) - set(parts) == {"train/a0", "train/b0", "validation/a0"}
    assert all(parts[one] == seen[one].fold for one in parts)
    assert {frozenset(group) for group in split.duplicates} == {
        frozenset({"train/a0", "test/b1"}),
        frozenset({"train/b0", "validation/b1"}),
        frozenset({"test/a0", "validation/a0"}),
    }


def test_copies_within_a_given_part_all_stay() -> None:
    """Copies on one side do no harm there."""
    samples = folded({"train": 6, "validation": 2, "test": 3})
    seen = {one.id: one for one in samples}
    seen["test/a1"] = replace(seen["test/a1"], pixels=seen["test/a0"].pixels)
    split = split_dataset(dataset(list(seen.values())), EXACT)
    assert len(part_of(split)) == len(samples)


def test_class_absent_from_a_given_part_is_refused() -> None:
    """A class without a test photo has no score."""
    samples = folded({"train": 6, "validation": 2, "test": 3})
    samples = [one for one in samples if not one.id.startswith("test/b")]
    with pytest.raises(DataError, match="no test photo of the class 'b'"):
        split_dataset(dataset(samples), EXACT)


def test_given_split_without_train_is_refused() -> None:
    """There is nothing to train on, and nothing to carve from."""
    with pytest.raises(DataError, match="no train photo at all"):
        split_dataset(dataset(folded({"validation": 2, "test": 3})), EXACT)


# ----------------------------------------------------------------------------- flipkart


@pytest.mark.data
def test_flipkart_split(flipkart_root: Path, tmp_path: Path) -> None:
    """210 test photos, 30 a class, as in the slides; six groups of copies, each on one side."""
    study = load_study("flipkart", data_root=flipkart_root)
    data = load_dataset(study.dataset, name="flipkart", root=flipkart_root, cache=tmp_path)
    split = split_dataset(data, study.split)
    assert len(split.test) == 210
    assert set(counts(data, split.test).values()) == {30}
    assert set(counts(data, split.validation).values()) == {30}
    assert len(split.train) == 1047 - 420
    assert sorted(len(group) for group in split.duplicates) == [2, 3, 3, 3, 4, 7]
    parts = part_of(split)
    assert all(len({parts[one] for one in group}) == 1 for group in split.duplicates)
    assert study.split.seed == 42
