"""Strays: scores that tell them, thresholds that never saw those that are scored."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import roc_auc_score

from evaluation.scoring.strays import auroc, best_threshold, measure_strays, stray_scores


def draws(seed: int, n: int, move: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n) + move


def test_auroc_is_that_of_scikit_learn() -> None:
    """Ties count one half; DeLong's interval holds the value."""
    own, strays = np.round(draws(0, 90, 1.0), 1), np.round(draws(1, 60), 1)
    found = auroc(own, strays)
    truth = np.repeat([1, 0], [90, 60])
    assert found.value == pytest.approx(roc_auc_score(truth, np.concatenate([own, strays])))
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high < 1  # type: ignore[operator]


def test_the_interval_of_the_auroc_holds_the_truth() -> None:
    """Of 400 draws, some 95 % of the intervals hold 0.7602, that of two normals one apart."""
    held = 0
    for seed in range(400):
        found = auroc(draws(2 * seed, 50, 1.0), draws(2 * seed + 1, 40))
        held += (found.low or 0) <= 0.76025 <= (found.high or 1)
    assert 368 <= held <= 394


def test_photos_of_one_group_count_as_one() -> None:
    """Each photo three times, in groups: no narrower than alone; ungrouped, it would be."""
    own, strays = draws(0, 40, 1.0), draws(1, 400)
    alone, copied = auroc(own, strays), np.repeat(own, 3)
    grouped = auroc(copied, strays, np.repeat(np.arange(40), 3))
    blind = auroc(copied, strays)
    assert (grouped.low, grouped.high) == pytest.approx((alone.low, alone.high), abs=1e-6)
    assert blind.low > grouped.low  # type: ignore[operator]


def test_nothing_is_known_of_what_is_told_without_a_fault() -> None:
    """An AUROC of one has no interval of this kind."""
    found = auroc(np.array([2.0, 3.0]), np.array([0.0, 1.0]))
    assert (found.value, found.low) == (1.0, None)


def test_every_score_that_the_logits_allow() -> None:
    """MCM is the softmax of cosines at temperature 1; "none" is one more class."""
    cosines, none = np.array([[0.9, 0.1], [0.2, 0.1]]), np.array([10.0, 30.0])
    found = stray_scores(100 * cosines, scale=100.0, none=none)
    assert list(found) == ["softmax", "energy", "mcm", "none"]
    np.testing.assert_allclose(found["mcm"], softmax(cosines, axis=1).max(axis=1))
    np.testing.assert_allclose(found["none"], [1, 1 / (1 + np.exp(10.0))], atol=1e-4)
    np.testing.assert_allclose(found["energy"][0], 90, atol=1e-9)
    assert list(stray_scores(cosines)) == ["softmax", "energy"]


def test_the_threshold_parts_the_two_best() -> None:
    """At 5, 4 of 6 photos pass and no stray; at 3, 5 of 6 photos and one of 4 strays."""
    own, strays = np.array([1.0, 3, 5, 6, 7, 8]), np.array([0.0, 0, 2, 4])
    assert best_threshold(own, strays) == 5.0


def test_scored_strays_choose_nothing() -> None:
    """Threshold and score stay whatever the scored strays and the test photos are."""
    good = {"softmax": draws(0, 80, 3.0), "energy": draws(1, 80)}
    bad = {"softmax": draws(2, 60), "energy": draws(3, 60)}
    first, chosen = measure_strays(good, bad, good, bad)  # type: ignore[arg-type]
    turned = {"softmax": draws(4, 60, 9.0), "energy": draws(5, 60, -9.0)}
    second, again = measure_strays(good, bad, good, turned)  # type: ignore[arg-type]
    assert chosen == again == "softmax"
    assert [one.threshold for one in first] == [one.threshold for one in second]
    assert second[0].passed.value == 1.0
    assert second[0].auroc.value is not None
    assert second[0].auroc.value < 0.1


def test_false_passes_are_counted_where_95_percent_pass() -> None:
    """Twenty photos: the lowest may fail, the second lowest passes."""
    own = {"softmax": np.arange(20.0)}
    strays = {"softmax": np.array([0.0, 0.5, 1.0, 30.0])}
    (found,), _ = measure_strays(own, strays, own, strays)  # type: ignore[arg-type]
    assert found.fpr95.value == 0.5
