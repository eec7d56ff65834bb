"""Comparing cases: refusals, ties, ranks, and the false positive rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.errors import ComparisonError
from evaluation.records import Predictions
from evaluation.scoring.comparison import (
    align,
    compare,
    tie_groups,
    verdict,
)


def from_correct(right: np.ndarray | list[int]) -> Predictions:
    """Two classes, all images of class 0: right means class 0 is predicted."""
    right = np.asarray(right, dtype=bool)
    return Predictions(
        classes=("yes", "no"),
        sample_ids=tuple(f"image {i}" for i in range(right.size)),
        labels=np.zeros(right.size, dtype=np.int64),
        probabilities=np.where(right[:, None], [0.9, 0.1], [0.2, 0.8]),
    )


def with_counts(n: int, **counts: int) -> dict[str, Predictions]:
    """Cases whose right answers are nested: the first ``count`` images."""
    return {name: from_correct(np.arange(n) < count) for name, count in counts.items()}


def test_other_images_are_refused_with_their_names() -> None:
    """The message says which cases, how many images and which."""
    a, b = from_correct([1, 0, 1]), from_correct([1, 1, 0])
    b = replace(b, sample_ids=("image 0", "image 1", "other"))
    with pytest.raises(ComparisonError) as raised:
        align({"s/m/p": a, "s/m/q": b})
    assert str(raised.value) == (
        "s/m/p and s/m/q: were not scored on the same images: 1 only in s/m/p (image 2), "
        "1 only in s/m/q (other); run both again on the same data and split"
    )


def test_many_missing_images_are_named_in_part() -> None:
    """Three ids, then an ellipsis."""
    with pytest.raises(ComparisonError, match=r"9 only in a \(image 1, image 2, image 3, …\)"):
        align({"a": from_correct([1] * 10), "b": from_correct([1])})


def test_other_labels_are_refused() -> None:
    """An image whose label changed between the runs."""
    a = from_correct([1, 0])
    with pytest.raises(ComparisonError, match=r"different labels for 1 images \(image 1\)"):
        align({"a": a, "b": replace(a, labels=np.array([0, 1]))})


def test_other_classes_are_refused() -> None:
    """A class was renamed between the runs."""
    a = from_correct([1, 0])
    with pytest.raises(ComparisonError, match="different classes"):
        align({"a": a, "b": replace(a, classes=("yes", "never"))})


def test_an_image_scored_twice_is_refused() -> None:
    """Paired tests would count it twice."""
    a = from_correct([1, 0])
    with pytest.raises(ComparisonError, match="scored twice"):
        align({"a": replace(a, sample_ids=("x", "x"))})


def test_images_in_another_order_are_put_in_order() -> None:
    """Shuffled rows give the same comparison."""
    generator = np.random.default_rng(0)
    a, b = (from_correct(generator.random(50) < p) for p in (0.8, 0.6))
    order = generator.permutation(50)
    shuffled = replace(
        b,
        sample_ids=tuple(b.sample_ids[i] for i in order),
        labels=b.labels[order],
        probabilities=b.probabilities[order],
    )
    assert compare(align({"a": a, "b": shuffled})) == compare(align({"a": a, "b": b}))


def test_the_slides_counts_are_two_ties_and_a_loser() -> None:
    """180 and 177 share rank 1 of [1, 2]; 117 is third; pairs are listed best first."""
    comparison = compare(align(with_counts(210, names=117, descriptions=177, densenet=180)))
    assert [(c.case, c.rank, c.worst_rank, c.groups) for c in comparison.cases] == [
        ("densenet", 1, 2, ("a",)),
        ("descriptions", 1, 2, ("a",)),
        ("names", 3, 3, ("b",)),
    ]
    first = comparison.pairs[0]
    assert (first.a, first.b, first.only_a, first.only_b) == ("densenet", "descriptions", 3, 0)
    assert (first.p_mid, first.verdict) == (0.125, "tie")
    assert [pair.verdict for pair in comparison.pairs[1:]] == ["better", "better"]
    assert comparison.cochran_p < 1e-20


def test_pairs_hold_their_numbers() -> None:
    """10 against 7 disputed of 210: gap 1.4 points, [−2.7, 5.7], smallest gap at 17 disputed."""
    a = np.array([1] * 10 + [0] * 7 + [1] * 193)
    b = np.array([0] * 10 + [1] * 7 + [1] * 193)
    pair = compare(align({"b": from_correct(b), "a": from_correct(a)})).pairs[0]
    assert (pair.a, pair.n, pair.only_a, pair.only_b) == ("a", 210, 10, 7)
    assert pair.gap == pytest.approx(3 / 210)
    assert (round(pair.low, 3), round(pair.high, 3)) == (-0.027, 0.057)
    assert pair.p_mid == pair.p_holm < pair.p_exact
    assert pair.smallest_gap == pytest.approx(9 / 210)
    assert pair.verdict == "inconclusive"  # the interval reaches beyond 5 points


def test_too_few_images_are_inconclusive_and_no_tie() -> None:
    """On 20 images, equal accuracies do not exclude a gap of 5 points."""
    a = np.array([1] * 3 + [0] * 3 + [1] * 14)
    b = np.array([0] * 3 + [1] * 3 + [1] * 14)
    assert compare(align({"a": from_correct(a), "b": from_correct(b)})).pairs[0].verdict == (
        "inconclusive"
    )


@pytest.mark.parametrize(
    ("separated", "low", "high", "expected"),
    [
        (True, 0.01, 0.2, "better"),
        (False, -0.03, 0.04, "tie"),
        (False, 0.01, 0.04, "inconclusive"),  # lost to the correction, but hardly equal
        (False, -0.03, 0.06, "inconclusive"),
    ],
)
def test_verdicts(separated: bool, low: float, high: float, expected: str) -> None:
    """A tie needs an interval that holds 0 and excludes five points."""
    assert verdict(separated=separated, low=low, high=high) == expected


def test_ties_that_are_not_transitive_share_two_letters() -> None:
    """A ties with B, B with C, A beats C: a, ab, b."""
    assert tie_groups(["A", "B", "C"], {("A", "C")}) == {
        "A": ("a",),
        "B": ("a", "b"),
        "C": ("b",),
    }


@given(
    n=st.integers(1, 8),
    edges=st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20),
)
def test_two_cases_share_a_letter_exactly_when_nothing_separates_them(
    n: int, edges: set[tuple[int, int]]
) -> None:
    """Whatever the pattern of separations."""
    names = [str(i) for i in range(n)]
    separated = {(str(i), str(j)) for i, j in edges if i < j < n}
    letters = tie_groups(names, separated)
    for i, one in enumerate(names):
        assert letters[one]
        for other in names[i + 1 :]:
            share = bool(set(letters[one]) & set(letters[other]))
            assert share == ((one, other) not in separated)


def test_groups_of_near_duplicates_widen_and_weaken() -> None:
    """Every photo three times: counted as one, it needs three times the evidence."""
    a, b = np.repeat([1] * 8 + [0] * 2 + [1] * 30, 3), np.repeat([0] * 8 + [1] * 2 + [1] * 30, 3)
    aligned = align({"a": from_correct(a), "b": from_correct(b)})
    alone, grouped = compare(aligned), compare(aligned, np.arange(120) // 3)
    assert alone.pairs[0].p_mid < 0.01
    assert grouped.pairs[0].p_mid > 0.05
    assert grouped.pairs[0].high - grouped.pairs[0].low > 1.5 * (
        alone.pairs[0].high - alone.pairs[0].low
    )
    assert grouped.clustered
    assert grouped.cases[0].accuracy.method == "wilson-clustered"


def test_rank_intervals_hold_the_true_rank() -> None:
    """Five cases of different ability: all true ranks lie in their intervals 19 times in 20."""
    generator = np.random.default_rng(0)
    abilities = np.array([0.90, 0.86, 0.86, 0.75, 0.60])
    true_low, true_high = np.array([1, 2, 2, 4, 5]), np.array([1, 3, 3, 4, 5])
    held = 0
    for _ in range(100):
        right = generator.random((5, 210)) < abilities[:, None]
        cases = {str(i): from_correct(row) for i, row in enumerate(right)}
        held += all(
            case.rank <= true_low[int(case.case)] and case.worst_rank >= true_high[int(case.case)]
            for case in compare(align(cases)).cases
        )
    assert held / 100 >= 0.95
