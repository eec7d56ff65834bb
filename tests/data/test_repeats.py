"""Other draws of the same photos: what is kept together stays so, and a fold tests each once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from evaluation.data.split import draw_again, split_dataset
from evaluation.errors import DataError
from evaluation.records import FOLDS, SplitSpec
from tests.data.test_groups import dataset, patients, sample


def test_other_draws_have_the_sizes_of_the_study_own() -> None:
    """As many as asked for, all different, exact in each class, groups of copies on one side."""
    data = dataset(
        [
            sample(f"{label}{i}", label, pixels=f"{label}{i // 2}")
            for label in "ab"
            for i in range(20)
        ]
    )
    spec = SplitSpec(seed=3, test_per_class=6, validation_per_class=4, repeats=5)
    own = split_dataset(data, spec)
    draws = draw_again(data, own, spec)
    assert len({own.digest, *(draw.digest for draw in draws)}) == 6
    for draw in draws:
        assert Counter(one[0] for one in draw.test) == {"a": 6, "b": 6}
        assert [len(getattr(draw, fold)) for fold in FOLDS] == [20, 8, 12]
        side = {one: fold for fold in FOLDS for one in getattr(draw, fold)}
        assert all(len({side[one] for one in group}) == 1 for group in own.groups)
    again = draw_again(replace(data, samples=data.samples[::-1]), own, spec)
    assert [set(draw.test) for draw in draws] == [set(draw.test) for draw in again]


def test_folds_test_each_photo_once() -> None:
    """In each repetition, patients whole, with something to learn from and to choose on."""
    data, spec = patients(20), SplitSpec(repeats=2, folds=5)
    draws = draw_again(data, split_dataset(data, spec), spec)
    assert len(draws) == 10
    for repetition in (draws[:5], draws[5:]):
        tested = [one for draw in repetition for one in draw.test]
        assert sorted(tested) == sorted(one.id for one in data.samples)
    assert draws[0].test != draws[5].test
    for draw in draws:
        sides = [{one.partition("-")[0] for one in getattr(draw, fold)} for fold in FOLDS]
        assert all(sides)
        assert sum(len(side) for side in sides) == 20


def test_folds_are_even_where_photos_stand_alone() -> None:
    """A class of 11 gives 2 or 3 photos to each of 5 folds."""
    data = dataset([sample(f"{label}{i:02}", label) for label in "ab" for i in range(11)])
    spec = SplitSpec(repeats=1, folds=5)
    for draw in draw_again(data, split_dataset(data, spec), spec):
        assert set(Counter(one[0] for one in draw.test).values()) <= {2, 3}


@pytest.mark.parametrize(
    ("fold", "spec", "words"),
    [
        ("test", SplitSpec(repeats=3), "brings its own parts"),
        (None, SplitSpec(repeats=3, test_share=1, validation_share=0), "every photo is tested"),
        (None, SplitSpec(repeats=1, folds=40), "'a' has 20 for 40 folds"),
    ],
)
def test_what_cannot_be_drawn_again_is_one_line(
    fold: str | None, spec: SplitSpec, words: str
) -> None:
    """A given test part, a test part of everything, folds that some class cannot fill."""
    data = dataset(
        [
            sample(f"{label}{i}", label, fold=fold if i < 5 else None)
            for label in "ab"
            for i in range(20)
        ]
    )
    needed = ("test",) if spec.test_share == 1 else FOLDS
    with pytest.raises(DataError, match=words):
        draw_again(data, split_dataset(data, spec, needed), spec, needed)
