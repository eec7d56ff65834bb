"""Intervals: published values, agreement with scipy, and coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from evaluation.scoring.intervals import (
    Units,
    bootstrap,
    design_effect,
    resample,
    share,
    units_of,
    wilson,
)

COVERAGE_ROUNDS = 600


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [
        (180, 210, 80.34, 89.81),
        (177, 210, 78.75, 88.59),
        (117, 210, 48.95, 62.27),
        (27, 30, 74.4, 96.5),
        (24, 30, 62.7, 90.5),
    ],
)
def test_wilson_has_the_published_values(count: int, n: int, low: float, high: float) -> None:
    """The slides' accuracies and typical recalls."""
    interval = wilson(count, n)
    assert 100 * interval.low == pytest.approx(low, abs=0.05 if n == 30 else 0.005)
    assert 100 * interval.high == pytest.approx(high, abs=0.05 if n == 30 else 0.005)


@pytest.mark.parametrize(("count", "bounds"), [(0, (0.0, 0.2775)), (10, (0.7225, 1.0))])
def test_wilson_at_the_ends_is_exact(count: int, bounds: tuple[float, float]) -> None:
    """0 and 10 of 10: one bound is exactly 0 or 1, the other z²/(n+z²) away."""
    interval = wilson(count, 10)
    assert (interval.low, interval.high) == pytest.approx(bounds, abs=1e-4)
    assert interval.low == 0.0 or interval.high == 1.0


@pytest.mark.parametrize("p", [0.5, 0.857])
def test_wilson_covers_about_95_percent(p: float) -> None:
    """Exact coverage at n = 210, summed over the binomial, is between 93.5 and 96.5 %."""
    counts = np.arange(211)
    covered = [wilson(int(k), 210).low <= p <= wilson(int(k), 210).high for k in counts]
    coverage = scipy.stats.binom.pmf(counts, 210, p)[covered].sum()
    assert 0.935 <= coverage <= 0.965


def table_units(counts: np.ndarray) -> Units:
    """Units of a confusion matrix: hits, support and predictions of each class."""
    c = counts.shape[0]
    labels, predicted = (np.repeat(axis, counts.ravel()) for axis in np.divmod(range(c * c), c))
    truth, guess = np.eye(c)[labels], np.eye(c)[predicted]
    return units_of(labels, np.hstack([truth * guess, truth, guess]))


def macro_f1(sums: np.ndarray) -> np.ndarray:
    hits, support, named = np.split(sums, 3, axis=-1)
    return (2 * hits / (support + named)).mean(axis=-1, keepdims=True)


def test_bca_agrees_with_scipy() -> None:
    """Resampling the confusion matrix is resampling the images of each class, as scipy does."""
    counts = np.array([[24, 4, 2], [3, 18, 9], [1, 8, 21]])
    ours = bootstrap(table_units(counts), macro_f1)[0]

    samples = [np.repeat(range(3), row) for row in counts]

    def statistic(*predicted: np.ndarray, axis: int) -> np.ndarray:
        sizes = [sample.shape[axis] for sample in predicted]
        hits = [(sample == i).sum(axis=axis) for i, sample in enumerate(predicted)]
        named = [sum((s == i).sum(axis=axis) for s in predicted) for i in range(3)]
        return sum(2 * hits[i] / (sizes[i] + named[i]) for i in range(3)) / 3

    theirs = scipy.stats.bootstrap(
        samples,
        statistic,
        vectorized=True,
        n_resamples=9_999,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert ours.method == "bootstrap-bca"
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.006)


def test_resamples_keep_the_size_of_every_class() -> None:
    """Resampling within class: supports never change."""
    units = table_units(np.array([[5, 1], [2, 8]]))
    assert np.unique(resample(units, resamples=50)[:, 2:4], axis=0).tolist() == [[6, 10]]


def test_bca_of_macro_f1_covers_about_95_percent() -> None:
    """Tables drawn from a known one of 30 images a class: its macro-F1 is covered 92-97.5 %."""
    rates = np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.02, 0.08, 0.9]])
    truth = macro_f1(np.concatenate([rates.diagonal(), np.ones(3), rates.sum(axis=0)]))[0]
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(COVERAGE_ROUNDS):
        counts = np.array([generator.multinomial(30, row) for row in rates])
        interval = bootstrap(table_units(counts), macro_f1, resamples=999)[0]
        covered += interval.low <= truth <= interval.high
    assert 0.92 <= covered / COVERAGE_ROUNDS <= 0.975


def test_groups_are_resampled_together() -> None:
    """Every image photographed twice: the interval is that of half as many images."""
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], 40)
    correct = generator.random(80) < 0.7
    content = np.column_stack([correct, np.ones(80)]).astype(float)

    def accuracy(sums: np.ndarray) -> np.ndarray:
        return sums[:, :1] / sums[:, 1:]

    once = bootstrap(units_of(labels, content), accuracy)[0]
    twice = units_of(np.repeat(labels, 2), np.repeat(content, 2, axis=0), np.arange(160) // 2)
    assert bootstrap(twice, accuracy)[0] == once
    naive = bootstrap(units_of(np.repeat(labels, 2), np.repeat(content, 2, axis=0)), accuracy)[0]
    assert naive.high - naive.low < 0.8 * (once.high - once.low)


def test_a_group_across_classes_belongs_to_most_of_its_images() -> None:
    """Two images of class 1 and one of class 0: the group is a unit of class 1."""
    units = units_of(np.array([0, 1, 1]), np.ones((3, 1)), np.array([7, 7, 7]))
    assert (units.strata.tolist(), units.content.tolist()) == ([1], [[3.0]])


def test_copies_of_photos_bring_no_precision() -> None:
    """Every image three times, as groups: Wilson's interval of single images, nearly."""
    hits = np.arange(100) < 80
    once = share("accuracy", hits)
    thrice = share("accuracy", np.repeat(hits, 3), np.repeat(np.arange(100), 3))
    assert (thrice.value, thrice.n, thrice.method) == (0.8, 300, "wilson-clustered")
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high), abs=0.002)


def test_groups_of_one_image_change_nothing() -> None:
    """Wilson's interval as it is, and its name."""
    hits = np.arange(50) < 20
    assert share("accuracy", hits, np.arange(50)) == share("accuracy", hits)


def test_groups_that_are_all_right_count_as_one_each() -> None:
    """No variation to judge by: 10 groups of 5 right images are at most 10 images."""
    metric = share("accuracy", np.ones(50, dtype=bool), np.arange(50) // 5)
    assert (metric.low, metric.high) == pytest.approx((wilson(10, 10).low, 1.0))


def test_independent_groups_inflate_little() -> None:
    """The design effect of unrelated images in pairs is 1, give or take, and never below."""
    generator = np.random.default_rng(0)
    effects = [
        design_effect(generator.random(200).round(), np.arange(200) // 2) for _ in range(100)
    ]
    assert min(effects) >= 1
    assert np.mean(effects) < 1.1


def test_clustered_wilson_covers_about_95_percent() -> None:
    """100 pairs of photos that agree nine times in ten: covered 92-98 %, naively far less."""
    generator = np.random.default_rng(0)
    groups = np.arange(200) // 2
    covered, naive = 0, 0
    for _ in range(COVERAGE_ROUNDS):
        first, own = generator.random(100) < 0.8, generator.random(100) < 0.8
        second = np.where(generator.random(100) < 0.9, first, own)
        hits = np.column_stack([first, second]).ravel()
        clustered, alone = share("accuracy", hits, groups), share("accuracy", hits)
        covered += clustered.low <= 0.8 <= clustered.high
        naive += alone.low <= 0.8 <= alone.high
    assert 0.92 <= covered / COVERAGE_ROUNDS <= 0.98
    assert naive / COVERAGE_ROUNDS < 0.88
