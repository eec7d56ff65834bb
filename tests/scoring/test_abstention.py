"""Risk and coverage, and what a shop may classify without a look."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.records import Predictions
from evaluation.scoring.abstention import abstain, aurc, automate, certify, risk_coverage
from tests.conftest import effort
from tests.scoring.test_metrics import make_predictions


def graded(n: int, *, seed: int = 0, floor: float = 0.5) -> Predictions:
    """Two classes; an image of confidence c is right with probability c."""
    generator = np.random.default_rng(seed)
    confidence = generator.uniform(floor, 1, n)
    right = generator.random(n) < confidence
    guess = generator.integers(0, 2, n)
    labels = np.where(right, guess, 1 - guess)
    probabilities = np.where(np.eye(2)[guess] == 1, confidence[:, None], 1 - confidence[:, None])
    return make_predictions(labels, probabilities)


def test_the_curve_by_hand() -> None:
    """Confidences .9 right, .8 wrong, .8 right, .6 wrong: risks 0, 1/3, 1/2 at 1/4, 3/4, 1."""
    curve = risk_coverage(np.array([0.8, 0.9, 0.6, 0.8]), np.array([False, True, False, True]))
    assert [(p.coverage, p.threshold) for p in curve] == [(0.25, 0.9), (0.75, 0.8), (1.0, 0.6)]
    assert [p.risk for p in curve] == pytest.approx([0, 1 / 3, 1 / 2])


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    """1000 distinct confidences: 200 points, the last at full coverage with the error rate."""
    predictions = graded(1000)
    curve = abstain("case", predictions).curve
    assert (len(curve), curve[0].coverage, curve[-1].coverage) == (200, 0.001, 1.0)
    assert curve[-1].risk == pytest.approx(np.mean(predictions.predicted != predictions.labels))


def test_the_area_by_hand() -> None:
    """Right, wrong, right, wrong by falling confidence: (0 + 1/2 + 1/3 + 1/2) / 4."""
    area = aurc(
        np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, False]), np.zeros(4, int)
    )
    assert area.value == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert area.low <= area.value <= area.high


@settings(max_examples=effort(30), deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.booleans()), min_size=1, max_size=6))
def test_the_area_with_equal_confidences_is_the_mean_over_their_orders(
    images: list[tuple[int, bool]],
) -> None:
    """Exact expectation: the k-th image of a level finds E + j·e errors on average."""
    confidence = np.array([level / 4 for level, _ in images])
    right = np.array([hit for _, hit in images])
    total, errors, seen = Fraction(0), Fraction(0), 0
    for level in (3, 2, 1):
        hits = [hit for one, hit in images if one == level]
        rate = Fraction(hits.count(False), len(hits)) if hits else Fraction(0)
        for _ in hits:
            errors, seen = errors + rate, seen + 1
            total += errors / seen
    area = aurc(confidence, right, np.zeros(len(images), int))
    assert area.value == pytest.approx(float(total / len(images)), abs=1e-12)


def test_a_perfect_order_has_a_smaller_area_than_a_random_one() -> None:
    """Errors last: the area is near its minimum; at random: near the error rate."""
    right = np.arange(200) < 160
    confidence = np.linspace(1, 0.5, 200)
    strata = np.zeros(200, int)
    shuffled = np.random.default_rng(0).permutation(right)
    best, random = aurc(confidence, right, strata), aurc(confidence, shuffled, strata)
    assert best.value < 0.025
    assert random.value == pytest.approx(0.2, abs=0.05)
    assert best.high < random.low


def test_the_jackknife_agrees_with_the_bootstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 1500 images, the intervals of both methods agree to a tenth of their width."""
    predictions = graded(1500)
    arguments = (
        predictions.probabilities.max(axis=1),
        predictions.predicted == predictions.labels,
        np.zeros(1500, int),
    )
    bootstrap = aurc(*arguments)
    monkeypatch.setattr("evaluation.scoring.intervals.LARGE", 10)
    jackknife = aurc(*arguments)
    assert (bootstrap.method, jackknife.method) == ("bootstrap-bca", "jackknife")
    width = bootstrap.high - bootstrap.low
    expected = pytest.approx((bootstrap.low, bootstrap.high), abs=0.1 * width)
    assert (jackknife.low, jackknife.high) == expected


def test_the_interval_of_the_area_covers() -> None:
    """150 images of known confidence: the limit area is covered 91-98 %."""

    def area(n: int, seed: int) -> object:
        p = graded(n, seed=seed)
        right = p.predicted == p.labels
        return aurc(p.probabilities.max(axis=1), right, np.zeros(n, int))

    truth = np.mean([area(2001, seed).value for seed in range(1000, 1060)])
    intervals = [area(150, seed) for seed in range(120)]
    covered = np.mean([one.low <= truth <= one.high for one in intervals])
    assert 0.91 <= covered <= 0.985


def test_the_threshold_comes_from_validation() -> None:
    """The lowest validation confidence with 95 % above it, and the test images above it."""
    validation = make_predictions([0] * 40, [[0.9, 0.1]] * 20 + [[0.8, 0.2]] * 19 + [[0.3, 0.7]])
    test = make_predictions([0] * 4, [[0.85, 0.15], [0.7, 0.3], [0.71, 0.29], [0.6, 0.4]])
    result = automate(test, validation)
    # With the error at .7 and one more, 39 of 41 are right, still ≥ 95 %: all are accepted.
    assert (result.threshold, result.chosen_on) == (0.7, "validation")
    assert (result.coverage.value, result.coverage.n) == (0.75, 4)
    assert (result.precision.value, result.precision.n) == (1.0, 3)


def test_a_threshold_counts_one_error_more_than_it_saw() -> None:
    """18 right images of 18 could be 18 of 19, 94.7 %: not enough; 19 could be 19 of 20."""
    few, enough = (make_predictions([0] * n, [[0.9, 0.1]] * n) for n in (18, 19))
    assert automate(few, few).threshold is None
    assert automate(enough, enough).threshold == 0.9


def test_what_is_automated_is_as_precise_as_promised_on_average() -> None:
    """200 studies of 210 + 210 graded images: mean precision within 1.5 points of 95 %."""
    precision = [
        automate(graded(210, seed=2 * seed), graded(210, seed=2 * seed + 1)).precision
        for seed in range(200)
    ]
    right = sum(one.value * one.n for one in precision if one.n)
    assert right / sum(one.n for one in precision) >= 0.935


def test_nothing_is_automated_when_no_threshold_reaches_the_target() -> None:
    """A model that is always wrong: coverage 0, no precision, no threshold."""
    wrong = make_predictions([1] * 50, [[0.9, 0.1]] * 50)
    result = automate(wrong)
    assert (result.threshold, result.coverage.value) == (None, 0.0)
    assert (result.precision.value, result.precision.n) == (None, 0)
    assert (result.certified_coverage, result.certified_threshold) == (0.0, None)


def test_cross_fitting_does_not_flatter_the_precision() -> None:
    """Pure noise, 40 images: the best threshold in sight promises far more than is kept.

    What is kept is the accuracy of the draw, since confidence says nothing here.
    """
    promised, flattery, n = [], 0.0, 0
    for seed in range(150):
        generator = np.random.default_rng(seed)
        confidence = generator.uniform(0.5, 1, 40)
        labels = np.where(generator.random(40) < 0.85, 0, 1)
        noise = make_predictions(labels, np.column_stack([confidence, 1 - confidence]))
        best = [p for p in risk_coverage(confidence, labels == 0) if p.risk <= 0.05]
        promised.append(1 - best[-1].risk if best else np.nan)
        result = automate(noise)
        if result.precision.n:
            flattery += (result.precision.value - np.mean(labels == 0)) * result.precision.n
            n += result.precision.n
    assert np.nanmean(promised) >= 0.95
    assert flattery / n <= 0.005


def test_certified_coverages_hold_19_times_in_20() -> None:
    """Precision above 95 % down to a known coverage: beyond it in at most 5 % of 400 draws."""
    generator = np.random.default_rng(0)
    # By falling confidence the chance of an error grows linearly from 0 to 20 %: over the first
    # share q of the images it is 10 % × q, hence 95 % precision at half of them.
    beyond, useful = 0, 0
    for _ in range(400):
        place = np.linspace(0, 1, 4000)
        right = generator.random(4000) >= 0.2 * place
        found = certify(1 - place / 2, right)
        beyond += found is not None and found.coverage > 0.5
        useful += found is not None and found.coverage >= 0.25
    assert beyond / 400 <= 0.05
    assert useful / 400 >= 0.95


@pytest.mark.parametrize("n", [80, 210])
def test_a_precision_at_the_target_is_certified_1_time_in_20(n: int) -> None:
    """Every coverage at exactly 95 %, so that any promise is false: 5 % of 1500 draws at most.

    But for the chance of the draws themselves: three standard deviations.
    """
    right = np.random.default_rng(n).random((1500, n)) < 0.95
    confidence = np.linspace(1, 0.5, n)
    promised = np.mean([certify(confidence, draw) is not None for draw in right])
    assert 0 < promised <= 0.05 + 3 * (0.05 * 0.95 / 1500) ** 0.5


def test_alpha_goes_where_so_many_images_can_pass() -> None:
    """58 images prove nothing; 59 do together; of 210, 75 and 50 % share alpha, 25 % cannot."""
    everything_right = [
        (n, certify(np.linspace(1, 0.5, n), np.ones(n, bool))) for n in (58, 59, 210)
    ]
    assert [(n, found and found.coverage) for n, found in everything_right] == [
        (58, None), (59, 1.0), (210, 1.0),
    ]  # fmt: skip
    # 4 errors of 210 have p = 0.019: too much for a third of alpha, not for a half.
    right = np.ones(210, bool)
    right[[60, 120, 200, 205]] = False
    found = certify(np.linspace(1, 0.5, 210), right)
    assert found is not None
    assert found.coverage == 1.0


def test_near_duplicates_prove_nothing_twice() -> None:
    """40 right photos, each there twice: 80 in number, 40 in evidence."""
    twice = make_predictions([0] * 80, [[0.9, 0.1]] * 80)
    assert automate(twice, twice).certified_coverage == 1.0
    grouped = automate(twice, twice, np.arange(80) // 2)
    assert (grouped.certified_coverage, grouped.certifiable) == (0.0, False)


def test_groups_widen_the_interval_of_the_area() -> None:
    """Every image twice, as groups: the interval of single images, roughly."""
    p = graded(120)
    confidence, right = p.probabilities.max(axis=1), p.predicted == p.labels
    once = aurc(confidence, right, np.zeros(120, int))
    twice = aurc(
        np.repeat(confidence, 2), np.repeat(right, 2), np.zeros(240, int), np.arange(240) // 2
    )
    naive = aurc(np.repeat(confidence, 2), np.repeat(right, 2), np.zeros(240, int))
    assert twice.high - twice.low == pytest.approx(once.high - once.low, rel=0.15)
    assert naive.high - naive.low < 0.85 * (twice.high - twice.low)
