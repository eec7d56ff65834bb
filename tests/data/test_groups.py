"""What the split keeps together, and which parts it may leave empty."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluation.data.look import COLOUR_LEVELS, COLOUR_PEAK, HASH_BITS, alike
from evaluation.data.split import split_dataset, without_small_classes
from evaluation.errors import DataError
from evaluation.records import FOLDS, Dataset, Fold, Sample, SplitSpec


def sample(name: str, label: str, **more: object) -> Sample:
    known = {"digest": name, "pixels": name, "width": 1, "height": 1} | more
    return Sample(id=name, image=Path("x"), label=label, **known)  # type: ignore[arg-type]


def dataset(samples: list[Sample]) -> Dataset:
    classes = tuple(sorted({one.label for one in samples}))
    return Dataset(name="d", kind="folder", classes=classes, samples=tuple(samples), revision="r")


def patients(count: int, photos: int = 6) -> Dataset:
    return dataset(
        [
            sample(f"p{patient:02}-{i}", "ab"[i % 2], group=f"p{patient}")
            for patient in range(count)
            for i in range(photos)
        ]
    )


# --------------------------------------------------------------------- declared groups


@pytest.mark.parametrize("seed", range(5))
def test_declared_groups_are_drawn_whole(seed: int) -> None:
    """No patient lies in two parts, every class is in each, and the sizes come near."""
    split = split_dataset(patients(20), SplitSpec(seed=seed))
    sides = [{one.partition("-")[0] for one in getattr(split, part)} for part in FOLDS]
    assert sum(len(side) for side in sides) == 20
    assert abs(len(split.test) - 24) <= 6
    assert len(split.groups) == 20
    assert split.grouping == ("copies", "look", "declared")


def test_declared_groups_are_drawn_alike_whatever_the_order() -> None:
    """The seed and the ids alone decide."""
    data = patients(12)
    again = replace(data, samples=data.samples[::-1])
    assert set(split_dataset(data, SplitSpec()).test) == set(split_dataset(again, SplitSpec()).test)


def test_too_few_groups_are_one_line() -> None:
    """Two patients cannot be in three parts."""
    with pytest.raises(DataError, match="2 groups are too few for every class"):
        split_dataset(patients(2), SplitSpec())


def test_a_declared_group_of_a_given_split_leaves_train() -> None:
    """A patient of the published test part is not learnt from."""
    folds: list[Fold] = ["train", "train", "validation", "test"]
    samples = [
        sample(f"{label}{i}{fold}", label, fold=fold, group=f"{label}{i}{fold}")
        for label in "ab"
        for i in range(3)
        for fold in folds[1:]
    ]
    samples[0] = replace(samples[0], group=samples[2].group)
    split = split_dataset(dataset(samples), SplitSpec())
    assert samples[0].id not in (*split.train, *split.validation, *split.test)
    assert samples[2].id in split.test


# --------------------------------------------------------------------- near duplicates


def look(bits: int, levels: np.ndarray) -> str:
    return bits.to_bytes(8, "big").hex() + levels.astype(np.uint8).tobytes().hex()


def scene(samples: int) -> Dataset:
    """Photos of a fixed camera: all alike, none the same."""
    rng = np.random.default_rng(0)
    ground = rng.integers(50, 200, 192)
    return dataset(
        [
            sample(f"{label}{i}", label, look=look(7, ground + rng.integers(-2, 3, 192)))
            for label in "ab"
            for i in range(samples)
        ]
    )


def test_a_fixed_camera_says_what_to_declare() -> None:
    """All its photos look the same: the error names both ways out."""
    with pytest.raises(DataError) as caught:
        split_dataset(scene(10), SplitSpec())
    assert 'near_duplicates = "report"' in str(caught.value)
    assert "group_column" in str(caught.value)


def test_look_alikes_may_be_told_without_being_grouped() -> None:
    """ "report" keeps exact copies together, and nothing else."""
    data = scene(10)
    copy = replace(data.samples[0], id="a0-again")
    split = split_dataset(
        replace(data, samples=(*data.samples, copy)), SplitSpec(near_duplicates="report")
    )
    assert [len(group) for group in split.near_duplicates] == [21]
    assert split.groups == (("a0", "a0-again"),)
    assert split.grouping == ("copies",)


def test_look_alikes_may_not_be_looked_for() -> None:
    """ "off": every photo stands for itself."""
    split = split_dataset(scene(10), SplitSpec(near_duplicates="off"))
    assert (split.near_duplicates, split.groups, split.grouping) == ((), (), ())


def family(count: int, seed: int) -> list[str]:
    """Looks of which most are changed copies of an earlier one: some alike, some just not."""
    rng = np.random.default_rng(seed)
    made: list[tuple[int, np.ndarray]] = []
    for _ in range(count):
        bits, levels = int.from_bytes(rng.bytes(8), "big"), rng.integers(0, 256, 192)
        if made and rng.random() < 0.6:
            bits, levels = made[rng.integers(len(made))]
            bits ^= sum({1 << int(bit) for bit in rng.integers(0, 64, rng.integers(0, 6))})
            levels = np.clip(levels + rng.integers(-5, 6, 192), 0, 255)
        made.append((bits, levels))
    return [look(bits, levels) for bits, levels in made]


@pytest.mark.parametrize("seed", range(4))
def test_groups_are_those_of_all_pairs(seed: int) -> None:
    """Comparing everything with everything finds the same groups."""
    looks = family(90, seed)
    content = np.array([list(bytes.fromhex(one)) for one in looks], dtype=np.int16)
    bits = np.unpackbits(content[:, :8].astype(np.uint8), axis=1).astype(int)
    leader = list(range(len(looks)))
    for i in range(len(looks)):
        for j in range(i + 1, len(looks)):
            apart = np.abs(content[i, 8:] - content[j, 8:])
            same = apart.mean() <= COLOUR_LEVELS and apart.max() <= COLOUR_PEAK
            if same and (bits[i] != bits[j]).sum() <= HASH_BITS:
                leader = [leader[i] if one == leader[j] else one for one in leader]
    wanted = [
        tuple(i for i, one in enumerate(leader) if one == first) for first in dict.fromkeys(leader)
    ]
    assert alike(looks) == sorted(group for group in wanted if len(group) > 1)


def test_many_photos_take_little_time() -> None:
    """Five thousand identical ones, and twenty thousand of one white page, in seconds."""
    assert alike(family(1, 0) * 5000) == [tuple(range(5000))]
    rng = np.random.default_rng(2)
    page = np.full((20_000, 192), 255)
    page[:, 60:130] = rng.integers(0, 256, (20_000, 70))
    bits = rng.integers(0, 1 << 24, 20_000) << 20
    looks = [look(int(one), levels) for one, levels in zip(bits, page, strict=True)]
    clock = time.process_time()
    told: list[tuple[int, int]] = []
    alike(looks, lambda done, total: told.append((done, total)))
    assert time.process_time() - clock < 10
    assert told[0] == (500, 20_000)


# ------------------------------------------------------------------ parts not needed


def test_zero_shot_alone_may_test_everything() -> None:
    """A data set that is all test, or is asked to be, needs no other part."""
    everything = [sample(f"{label}{i}", label) for label in "ab" for i in range(5)]
    asked = split_dataset(
        dataset(everything), SplitSpec(test_share=1, validation_share=0), ("test",)
    )
    given = split_dataset(
        dataset([replace(one, fold="test") for one in everything]), SplitSpec(), ("test",)
    )
    for split in (asked, given):
        assert (len(split.test), split.validation, split.train) == (10, (), ())


def test_tiny_classes_can_be_tested_without_training() -> None:
    """One photo is enough to be right or wrong about."""
    data = dataset([sample("a", "a"), sample("b", "b"), sample("b2", "b")])
    assert {one[0] for one in split_dataset(data, SplitSpec(), ("test",)).test} == {"a", "b"}


def test_a_model_that_trains_needs_training_photos() -> None:
    """The error says which part is missing, not that a class is small."""
    data = dataset([sample(f"{label}{i}", label, fold="test") for label in "ab" for i in range(5)])
    with pytest.raises(DataError, match="no train photo at all, and a model"):
        split_dataset(data, SplitSpec())


def test_a_test_part_carved_out_of_train_is_told() -> None:
    """train and val alone: what the test part is made of must be said."""
    folds: list[Fold] = ["train"] * 8 + ["validation"] * 4
    data = dataset(
        [
            sample(f"{label}{i:02}", label, fold=fold)
            for label in "ab"
            for i, fold in enumerate(folds)
        ]
    )
    split = split_dataset(data, SplitSpec())
    assert split.carved == ("test",)
    assert Counter(one[0] for one in split.validation) == {"a": 4, "b": 4}


def test_small_classes_can_be_left_out_and_are_named() -> None:
    """The others are split as if the small ones had never been there."""
    big = [sample(f"{label}{i}", label) for label in "ab" for i in range(9)]
    data = dataset([*big, sample("c0", "c"), sample("d0", "d"), sample("d1", "d")])
    with pytest.raises(DataError, match="leave-out"):
        split_dataset(data, SplitSpec())
    left = without_small_classes(data, SplitSpec(small_classes="leave-out"))
    assert left.classes == ("a", "b")
    [note] = left.notes
    assert (note.kind, note.names) == ("small-class", ("c", "d"))
    assert split_dataset(left, SplitSpec()) == split_dataset(dataset(big), SplitSpec())


def test_too_many_small_classes_are_one_line() -> None:
    """Nothing would be left to choose between."""
    data = dataset([sample("a0", "a"), sample("b0", "b")])
    with pytest.raises(DataError, match="every class but none is too small"):
        without_small_classes(data, SplitSpec(small_classes="leave-out"))
