"""Paired tests: published and hand-computed values, exactness, coverage."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from evaluation.scoring.paired import (
    cochran_q,
    critical_count,
    detectable_gap,
    holm,
    mcnemar,
    mean_gain,
    paired,
    power,
    sign_flip,
    smallest_gap,
    tango,
)


def test_mcnemar_on_the_published_airway_data() -> None:
    """Fagerland et al. 2013, table 1: 1 and 7 disputed of 21, exact .0703, mid-p .0391."""
    p = mcnemar(1, 7)
    assert (p.p_exact, p.p_mid) == pytest.approx((0.0703125, 0.0390625))


def test_densenet_and_clip_descriptions_at_best() -> None:
    """180 against 177: b = 3, c = 0 gives exact p = .25 and mid-p = .125."""
    p = mcnemar(3, 0)
    assert (p.p_exact, p.p_mid) == (0.25, 0.125)


@pytest.mark.parametrize(("a", "b", "expected"), [(180, 117, 1.1e-8), (177, 117, 8.5e-8)])
def test_the_slides_counts_against_the_names_at_worst(a: int, b: int, expected: float) -> None:
    """As many disputed images as can be: exact p = 1.1e-8 and 8.5e-8, below .05 / 45."""
    c = 210 - a
    p = mcnemar(a - b + c, c).p_exact
    assert p == pytest.approx(expected, rel=0.02)
    assert p < 0.05 / 45


def test_mcnemar_without_disputed_image_says_nothing() -> None:
    """b = c = 0: p is 1, not exact − pmf = 0."""
    assert mcnemar(0, 0).p_mid == mcnemar(0, 0).p_exact == 1.0


def test_mid_p_of_an_even_split_is_fagerland_s() -> None:
    """b = c = 2: 1 − pmf(2; 4) / 2 = 1 − 6/32."""
    assert mcnemar(2, 2).p_mid == pytest.approx(1 - 6 / 32)


@given(b=st.integers(0, 40), c=st.integers(0, 40))
def test_the_sign_flip_test_is_mcnemar_s_for_single_images(b: int, c: int) -> None:
    """Groups of one image: the same p-values; agreeing images change nothing."""
    net = np.array([1] * b + [-1] * c + [0] * 5)
    ours, theirs = sign_flip(net), mcnemar(b, c)
    assert ours.p_exact == pytest.approx(theirs.p_exact, rel=1e-9)
    assert ours.p_mid == pytest.approx(theirs.p_mid, rel=1e-9)


def test_the_sign_flip_test_by_hand() -> None:
    """Nets 2, 1, 1: |sum| ≥ 4 in 2 of 8 sign patterns."""
    p = sign_flip(np.array([2, 1, 1]))
    assert (p.p_exact, p.p_mid) == pytest.approx((2 / 8, 1 / 8))


def test_doubled_photos_do_not_double_the_evidence() -> None:
    """Each image photographed twice: grouped, the p-value is that of single photos."""
    grouped = sign_flip(np.array([2] * 8 + [-2] * 2))
    assert grouped.p_mid == pytest.approx(mcnemar(8, 2).p_mid)
    assert mcnemar(16, 4).p_mid < grouped.p_mid


def disputed(b: int, c: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Two cases on n images: b right with the first alone, c with the second alone."""
    first, second = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    first[:b] = second[b : b + c] = True
    return first, second


def test_the_paired_test_of_single_images_is_mcnemar_s_with_tango_s_interval() -> None:
    """No groups, or groups of one image each: the same numbers."""
    right = disputed(8, 2, 40)
    alone = paired(*right, None)
    assert (alone.only_a, alone.only_b, alone.gap, alone.method) == (8, 2, 6 / 40, "tango")
    assert (alone.p_mid, alone.low) == (mcnemar(8, 2).p_mid, tango(8, 2, 40).low)
    assert paired(*right, np.arange(40)) == alone


def test_copies_count_as_one_in_the_paired_test() -> None:
    """Every photo twice: counts double, p is that of single photos, the interval hardly moves."""
    first, second = disputed(8, 2, 40)
    alone = paired(first, second, None)
    twice = paired(np.repeat(first, 2), np.repeat(second, 2), np.repeat(np.arange(40), 2))
    assert (twice.only_a, twice.gap, twice.method) == (16, alone.gap, "tango-clustered")
    assert twice.p_mid == pytest.approx(alone.p_mid)
    assert (twice.low, twice.high) == pytest.approx((alone.low, alone.high), abs=0.004)


def test_tango_on_the_facts_example() -> None:
    """10 and 7 disputed of 210: [−2.7, +5.7] points."""
    interval = tango(10, 7, 210)
    assert (round(100 * interval.low, 1), round(100 * interval.high, 1)) == (-2.7, 5.7)


def test_tango_on_the_published_airway_data() -> None:
    """1 and 7 of 21: [−0.517, −0.026] (Fagerland, Lydersen & Laake 2014)."""
    interval = tango(1, 7, 21)
    assert (round(interval.low, 3), round(interval.high, 3)) == (-0.517, -0.026)


def test_tango_without_disputed_image_is_not_empty() -> None:
    """b = c = 0: ±z² / (n + z²), as n agreeing images do not prove equality."""
    z2 = scipy.stats.chi2.ppf(0.95, 1)
    interval = tango(0, 0, 210)
    assert (interval.low, interval.high) == pytest.approx((-z2 / (210 + z2), z2 / (210 + z2)))


@given(n=st.integers(1, 60), data=st.data())
def test_tango_holds_the_gap_and_mirrors(n: int, data: st.DataObject) -> None:
    """low ≤ gap ≤ high in [−1, 1]; exchanging the cases mirrors the interval."""
    b = data.draw(st.integers(0, n))
    c = data.draw(st.integers(0, n - b))
    ours, mirrored = tango(b, c, n), tango(c, b, n)
    assert -1 <= ours.low <= (b - c) / n <= ours.high <= 1
    assert (ours.low, ours.high) == pytest.approx((-mirrored.high, -mirrored.low), abs=1e-8)


def test_tango_bounds_are_where_the_score_is_critical() -> None:
    """At 0, the squared score is McNemar's chi-square: 12 against 3 excludes 0, 11:4 does not."""
    assert (12 - 3) ** 2 / 15 > 3.8415 > (11 - 4) ** 2 / 15
    assert tango(12, 3, 100).low > 0 > tango(11, 4, 100).low


def test_tango_covers_about_95_percent() -> None:
    """6 % and 4 % disputed at n = 210: coverage 93-97 % over 1500 draws."""
    generator = np.random.default_rng(0)
    draws = generator.multinomial(210, [0.06, 0.04, 0.90], size=1500)
    covered = [tango(b, c, 210).low <= 0.02 <= tango(b, c, 210).high for b, c, _ in draws]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_cochran_s_q_on_agresti_s_drugs() -> None:
    """46 patients, 3 drugs (Agresti 2002; SAS PROC FREQ, example "Cochran's Q"): 8.4706, .0145."""
    patterns = [(1, 1, 1), (1, 1, 0), (1, 0, 1), (1, 0, 0), (0, 1, 1), (0, 1, 0), (0, 0, 1)]
    table = np.repeat([*patterns, (0, 0, 0)], [6, 16, 2, 4, 2, 4, 6, 6], axis=0)
    q, p = cochran_q(table.T.astype(bool))
    assert (round(q, 4), round(p, 4)) == (8.4706, 0.0145)


def test_cochran_s_q_of_two_cases_is_mcnemar_s_chi_square() -> None:
    """(b − c)² / (b + c), with one degree of freedom."""
    right = np.array([[1] * 10 + [0] * 7 + [1] * 20, [0] * 10 + [1] * 7 + [1] * 20], dtype=bool)
    assert cochran_q(right)[0] == pytest.approx((10 - 7) ** 2 / 17)


def test_cochran_s_q_of_equal_cases_is_one() -> None:
    """No disagreement anywhere: 0 / 0 is not reported."""
    assert cochran_q(np.ones((3, 5), dtype=bool))[1] == 1.0


def test_holm_by_hand() -> None:
    """.01, .04, .03 become .03, .06, .06."""
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
    assert holm(np.array([])).size == 0


@pytest.mark.parametrize("size", [1, 2, 5, 45])
def test_holm_agrees_with_statsmodels(size: int) -> None:
    """Ties included."""
    from statsmodels.stats.multitest import multipletests

    p = np.random.default_rng(size).random(size).round(1) / 10
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_holm_keeps_false_separations_below_five_percent() -> None:
    """6 equally good cases on 210 images with common hard photos: 2000 studies of 15 pairs."""
    generator = np.random.default_rng(0)
    test = functools.cache(lambda b, c: mcnemar(b, c).p_mid)
    false = 0
    for _ in range(2000):
        chance = 1 / (1 + np.exp(-generator.normal(2, 1.5, 210)))
        right = generator.random((6, 210)) < chance
        alone = (right[:, None] & ~right[None]).sum(axis=-1)
        p = [test(*sorted((alone[i, j], alone[j, i]))) for i in range(6) for j in range(i)]
        false += (holm(np.array(p)) < 0.05).any()
    assert 0.02 <= false / 2000 <= 0.05


@pytest.mark.parametrize(("disputed", "points"), [(20, 4.8), (30, 5.7), (40, 6.7)])
def test_the_smallest_gap_at_210_images(disputed: int, points: float) -> None:
    """The facts' 4.8, 5.7 and 6.7 points."""
    gap = smallest_gap(disputed, 210)
    assert gap is not None
    assert round(100 * gap, 1) == points


def test_fewer_than_five_disputed_images_can_show_nothing() -> None:
    """4 against 0 has mid-p .0625; 5 against 0 has .03125."""
    assert smallest_gap(4, 210) is None
    assert smallest_gap(5, 210) == pytest.approx(5 / 210)


def test_critical_counts_agree_with_the_test_itself() -> None:
    """For every b + c up to 120, the largest min(b, c) that McNemar's mid-p rejects."""
    totals = np.arange(1, 121)
    expected = [
        max([c for c in range(m // 2 + 1) if mcnemar(m - c, c).p_mid < 0.05], default=-1)
        for m in totals
    ]
    assert critical_count(totals).tolist() == expected


@pytest.mark.parametrize(("points", "expected"), [(5, 0.44), (7, 0.75), (10, 0.98)])
def test_power_at_210_images(points: int, expected: float) -> None:
    """The facts' powers at 15 % disputed, to their Monte Carlo error."""
    assert power(points / 100, 0.15, 210) == pytest.approx(expected, abs=0.02)


def test_power_agrees_with_a_simulation() -> None:
    """A true gap of 6 points at 15 % disputed: 4000 draws of the test itself."""
    draws = np.random.default_rng(0).multinomial(210, [0.105, 0.045, 0.85], size=4000)
    seen = np.mean([mcnemar(b, c).p_mid < 0.05 for b, c, _ in draws])
    assert power(0.06, 0.15, 210) == pytest.approx(seen, abs=0.025)


def test_power_without_a_gap_is_the_size_of_the_test() -> None:
    """Below 5 %, and not far below: the mid-p test is not as conservative as the exact one."""
    assert 0.035 < power(0.0, 0.15, 210) <= 0.05


def test_the_detectable_gap_is_seen_four_times_in_five() -> None:
    """Power at the detectable gap is .8; without disputed images nothing is detectable."""
    gap = detectable_gap(0.15, 210)
    assert gap is not None
    assert power(gap, 0.15, 210) == pytest.approx(0.8, abs=1e-6)
    assert detectable_gap(0.0, 210) is None
    assert detectable_gap(0.02, 210) is None


def crossed(generator: np.random.Generator, seeds: int, n: int) -> np.ndarray:
    """Right answers of several repetitions, with an effect of the seed and of the image."""
    logits = 1.0 + generator.normal(0, 0.3, (seeds, 1)) + generator.normal(0, 1.5, (1, n))
    return generator.random((seeds, n)) < 1 / (1 + np.exp(-logits))


def test_the_mean_gain_covers_at_least_93_percent() -> None:
    """5 seeds × 210 images, both random: the interval of the mean accuracy covers the truth."""
    generator = np.random.default_rng(1)
    truth = crossed(np.random.default_rng(0), 2000, 2000).mean()
    gains = [mean_gain(crossed(generator, 5, 210)) for _ in range(800)]
    coverage = np.mean([one.low <= truth <= one.high for one in gains])
    assert 0.93 <= coverage <= 0.995


def test_the_mean_gain_s_test_keeps_its_size() -> None:
    """Method and baseline alike: p < .05 in at most 6 % of 800 studies."""
    generator = np.random.default_rng(2)
    false = 0
    for _ in range(800):
        ability = generator.normal(1, 1.5, 210)
        chance = 1 / (1 + np.exp(-ability))
        method = generator.random((5, 210)) < chance
        false += mean_gain(method, generator.random(210) < chance).p < 0.05
    assert false / 800 <= 0.06


def test_one_repetition_adds_no_variance_of_its_own() -> None:
    """A single seed equals the paired t interval over images."""
    generator = np.random.default_rng(0)
    method, case = generator.random((1, 100)) < 0.8, generator.random(100) < 0.6
    gain = mean_gain(method, case)
    difference = method[0].astype(float) - case
    t = scipy.stats.ttest_1samp(difference, 0)
    bounds = t.confidence_interval(0.95)
    assert (gain.low, gain.high, gain.p) == pytest.approx((bounds.low, bounds.high, t.pvalue))


def test_equal_methods_gain_nothing() -> None:
    """No difference on any image: gain 0, p 1."""
    same = np.ones(10, dtype=bool)
    gain = mean_gain(np.stack([same, same]), same)
    assert (gain.gain, gain.p) == (0.0, 1.0)


def test_copies_count_as_one_in_a_mean_gain() -> None:
    """Every photo twice: the interval and p are those of single photos."""
    generator = np.random.default_rng(0)
    method, case = generator.random((3, 50)) < 0.8, generator.random(50) < 0.6
    alone = mean_gain(method, case)
    twice = mean_gain(np.repeat(method, 2, axis=1), np.repeat(case, 2), np.repeat(np.arange(50), 2))
    assert (twice.low, twice.high, twice.p) == pytest.approx((alone.low, alone.high, alone.p))


@pytest.mark.parametrize(("b", "c"), [(0, 1), (3, 9), (12, 12), (40, 11)])
def test_mcnemar_agrees_with_statsmodels(b: int, c: int) -> None:
    """The exact p-value is the library's."""
    from statsmodels.stats import contingency_tables

    expected = contingency_tables.mcnemar([[0, b], [c, 0]], exact=True).pvalue
    assert mcnemar(b, c).p_exact == pytest.approx(expected, rel=1e-12)


def test_cochran_s_q_agrees_with_statsmodels() -> None:
    """Statistic and p-value are the library's."""
    from statsmodels.stats import contingency_tables

    correct = np.random.default_rng(3).random((4, 60)) < np.array([[0.5], [0.6], [0.7], [0.8]])
    expected = contingency_tables.cochrans_q(correct.T.astype(int))
    assert cochran_q(correct) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-12)
