"""Kappas of people, against published tables and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from evaluation.records import Predictions
from evaluation.scoring.variation import agree, cohen, fleiss

FLEISS = (
    (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
)  # fmt: skip
"""Ten subjects in five classes by fourteen people, the worked example: kappa is 0.210."""


def people(n: int = 120, persons: int = 3, right: float = 0.9) -> dict[str, Predictions]:
    random = np.random.default_rng(5)
    labels = random.integers(0, 4, n)
    found = {}
    for person in range(persons):
        said = np.where(random.random(n) < right, labels, random.integers(0, 4, n))
        found[f"s/p{person}"] = Predictions(
            classes=tuple("abcd"),
            sample_ids=tuple(map(str, range(n))),
            labels=labels,
            probabilities=np.eye(4)[said],
        )
    return found


def test_cohen_is_that_of_scikit_learn() -> None:
    """Whatever the number of classes; its interval holds it."""
    one, other, _ = people().values()
    found = cohen(one.predicted, other.predicted)
    assert found.value == pytest.approx(cohen_kappa_score(one.predicted, other.predicted))
    assert found.low is not None
    assert found.high is not None
    assert found.value is not None
    assert found.low < found.value < found.high < 1


def test_fleiss_is_that_of_the_published_example() -> None:
    """Fourteen people, ten subjects, five classes."""
    said = np.array([np.repeat(np.arange(5), row) for row in FLEISS])
    assert fleiss(list(said.T)).value == pytest.approx(0.210, abs=5e-4)


def test_all_photos_in_one_class_have_no_kappa() -> None:
    """Chance alone would agree: nothing can be said beyond it."""
    same = np.zeros(12, dtype=np.int64)
    assert cohen(same, same).value is None
    assert fleiss([same, same]).value is None


def test_copies_widen_the_intervals() -> None:
    """Each photo four times, counted as one: the kappa stays, and so does what is known of it."""
    one, other, _ = people(40).values()
    alone = cohen(one.predicted, other.predicted)
    copied = cohen(
        np.repeat(one.predicted, 4), np.repeat(other.predicted, 4), np.repeat(np.arange(40), 4)
    )
    assert copied.value == pytest.approx(alone.value)
    assert (copied.low, copied.high) == pytest.approx((alone.low, alone.high), abs=0.03)


def test_the_ceiling_is_the_mean_accuracy_of_the_people() -> None:
    """Of three people: three pairs; of one there is no agreement to speak of."""
    said = people()
    found = agree(said)
    right = [(one.predicted == one.labels).mean() for one in said.values()]
    assert found.ceiling.value == pytest.approx(np.mean(right))
    assert [(pair.a, pair.b) for pair in found.pairs] == [
        ("s/p0", "s/p1"), ("s/p0", "s/p2"), ("s/p1", "s/p2"),
    ]  # fmt: skip
    alone = agree({"s/p0": said["s/p0"]})
    assert (alone.pairs, alone.fleiss) == ((), None)
    assert alone.ceiling.value == pytest.approx(right[0])
