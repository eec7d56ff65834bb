"""Slices: their accuracy, and a test that knows the classes and the groups."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.records import Predictions
from evaluation.scoring.variation import FEWEST, mantel_haenszel, score_slices


def predictions(labels: np.ndarray, right: np.ndarray) -> Predictions:
    said = np.where(right, labels, (labels + 1) % 3)
    return Predictions(
        classes=("a", "b", "c"),
        sample_ids=tuple(map(str, range(labels.size))),
        labels=labels,
        probabilities=np.eye(3)[said],
    )


def test_a_slice_that_is_harder_than_its_classes_is_found() -> None:
    """The others are not; every p-value is corrected for all slices of the case."""
    random = np.random.default_rng(1)
    labels = random.integers(0, 3, 300)
    shop = np.array(["x", "y", "z"])[random.integers(0, 3, 300)]
    right = random.random(300) < np.where(shop == "z", 0.5, 0.9)
    found = score_slices("s/m", predictions(labels, right), {"shop": list(shop)})
    by = {one.value: one for one in found}
    assert set(by) == {"x", "y", "z"}
    assert by["z"].accuracy.value == pytest.approx(right[shop == "z"].mean())
    worst = by["z"]
    assert worst.p_holm is not None
    assert worst.p is not None
    assert worst.p_holm < 0.001
    assert worst.p_holm == pytest.approx(3 * worst.p)
    assert worst.accuracy.value is not None
    assert worst.accuracy.value < worst.expected


def test_a_slice_of_a_hard_class_is_no_hard_slice() -> None:
    """Half of the photos of one hard class: low accuracy, as low as expected, and no alarm."""
    random = np.random.default_rng(2)
    labels = np.repeat([0, 1, 2], 60)
    right = random.random(180) < np.where(labels == 2, 0.4, 0.95)
    shop = np.where((labels == 2) & (np.arange(180) % 2 == 0), "x", "y")
    x, y = score_slices("s/m", predictions(labels, right), {"shop": list(shop)})
    assert x.value == "x"
    assert x.accuracy.value is not None
    assert x.accuracy.value < y.accuracy.value  # type: ignore[operator]
    assert x.expected == pytest.approx(right[labels == 2].mean())
    assert x.p_holm is not None
    assert x.p_holm > 0.05


@pytest.mark.parametrize("copies", [1, 3])
def test_slices_that_say_nothing_are_rarely_told(copies: int) -> None:
    """Of 400 draws, some 5 % have p < 0.05; photos that come three times count as one."""
    random, alarms = np.random.default_rng(3), 0
    for _ in range(400):
        labels = np.repeat(random.integers(0, 3, 60), copies)
        inside = np.repeat(random.random(60) < 0.4, copies)
        right = np.repeat(random.random(60) < 0.7, copies)
        groups = np.repeat(np.arange(60), copies)
        p = mantel_haenszel(inside, right, labels, groups if copies > 1 else None)
        alarms += p is not None and p < 0.05
    assert 8 <= alarms <= 34


def test_few_photos_are_told_together() -> None:
    """Values of fewer than ten photos, and photos without one, make the rest, which no test has."""
    labels = np.arange(48) % 3
    shop = ["x"] * 20 + ["y"] * (FEWEST - 1) + [""] * 5 + ["z"] * 14
    found = score_slices("s/m", predictions(labels, labels > 0), {"shop": shop})
    assert [one.value for one in found] == ["x", "z", ""]
    assert (found[-1].accuracy.n, found[-1].p, found[-1].p_holm) == (14, None, None)


def test_a_column_that_tells_nothing_apart_has_no_slices() -> None:
    """All photos of one value; or each of its own."""
    labels = np.arange(30) % 3
    said = predictions(labels, labels > 0)
    assert score_slices("s/m", said, {"a": ["x"] * 30, "b": list(map(str, range(30)))}) == ()


def test_classes_of_one_slice_alone_cannot_be_compared() -> None:
    """Each shop sells one class: nothing can be exchanged, and p is none."""
    labels = np.repeat([0, 1], 20)
    found = score_slices("s/m", predictions(labels, labels > 0), {"s": ["x"] * 20 + ["y"] * 20})
    assert [(one.p, one.p_holm) for one in found] == [(None, None)] * 2
