"""Tests of two or more cases on the same images.

:func:`paired` is the only test of two cases, and always asks for the groups of images that
count as one: near duplicates, or what the data declares.

``b`` images are right with the first case only, ``c`` with the second only, of ``n``;
the images on which both agree tell nothing about the difference.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
import scipy.stats

from evaluation import records
from evaluation.records import BoolArray, FloatArray, Groups, IntArray, Metric, Record, clusters
from evaluation.scoring.intervals import CONFIDENCE, Interval, design_effect, metric, t_interval

ALPHA = 0.05
WANTED = 0.8
"""Power of a test that is called able to see a gap."""

_BESIDE = 1e-10


class McNemar(NamedTuple):
    """p-values that the two cases have the same accuracy, two-sided."""

    p_exact: float
    p_mid: float


class Paired(Record):
    """Two cases on the same images: what each alone gets right, and what that shows."""

    n: int
    only_a: int
    only_b: int
    gap: float
    """(only_a - only_b) / n."""
    low: float
    """Tango's interval of the gap."""
    high: float
    method: str
    """"tango", or "tango-clustered" where groups count as one."""
    p_exact: float
    p_mid: float

    def metric(self, name: str) -> Metric:
        """The gap as one number with its interval."""
        return metric(name, self.gap, self.n, Interval(self.low, self.high, self.method))


def paired(
    right_a: BoolArray, right_b: BoolArray, groups: Groups, among: BoolArray | slice = slice(None)
) -> Paired:
    """The paired test of two cases, of which (N,) say what each gets right, ``among`` N images.

    With ``groups`` the test is that of :func:`sign_flip`, and the interval's counts are divided by
    the design effect of the differences (Korn & Graubard 1998).
    """
    difference = right_a[among].astype(np.int64) - right_b[among]
    only_a, only_b, n = int((difference > 0).sum()), int((difference < 0).sum()), difference.size
    members = clusters(None if groups is None else groups[among])
    effect = design_effect(difference.astype(np.float64), members)
    interval = tango(only_a / effect, only_b / effect, n / effect)
    if members is None:
        p = mcnemar(only_a, only_b)
    else:
        p = sign_flip(np.bincount(members, weights=difference).astype(np.int64))
        interval = interval._replace(method="tango-clustered")
    return Paired(
        n=n,
        only_a=only_a,
        only_b=only_b,
        gap=(only_a - only_b) / n,
        **interval._asdict(),
        **p._asdict(),
    )


def mcnemar(b: int, c: int) -> McNemar:
    """McNemar's exact and mid-p tests (Fagerland, Lydersen & Laake 2013); 1 without dispute."""
    if b == c == 0:
        return McNemar(p_exact=1.0, p_mid=1.0)
    exact = min(1.0, 2 * float(scipy.stats.binom.cdf(min(b, c), b + c, 0.5)))
    probability = float(scipy.stats.binom.pmf(min(b, c), b + c, 0.5))
    # Half the probability of the observed table; it is in both tails unless b = c.
    return McNemar(p_exact=exact, p_mid=exact - (probability / 2 if b == c else probability))


def sign_flip(net: IntArray) -> McNemar:
    """McNemar's tests when images come in groups that are counted as one.

    ``net`` (G,) is b - c within each group.  Under the null hypothesis the sign of each
    group's net is a fair coin; the distribution of the sum is exact (by convolution), and is
    that of :func:`mcnemar` when every group has one image.
    """
    sizes, times = np.unique(np.abs(net[net != 0]), return_counts=True)
    if sizes.size == 0:
        return McNemar(p_exact=1.0, p_mid=1.0)
    pmf = np.ones(1)
    for size, count in zip(sizes, times, strict=True):
        steps = np.zeros(2 * size * count + 1)
        steps[:: 2 * size] = scipy.stats.binom.pmf(np.arange(count + 1), count, 0.5)
        pmf = np.convolve(pmf, steps)
    distance = np.abs(np.arange(pmf.size) - pmf.size // 2)
    observed = abs(int(net.sum()))
    exact = min(1.0, float(pmf[distance >= observed].sum()))
    return McNemar(p_exact=exact, p_mid=exact - float(pmf[distance == observed].sum()) / 2)


def tango(b: float, c: float, n: float) -> Interval:
    """Score interval of the difference (b - c) / n of paired proportions (Tango 1998)."""
    z2 = scipy.stats.chi2.ppf(CONFIDENCE, 1)
    gap = (b - c) / n

    def excess(delta: float) -> float:
        """Squared score minus its critical value, times the variance: 0 at both bounds."""
        linear = -b - c + (2 * n - b + c) * delta
        root = np.sqrt(max(0.0, linear**2 + 8 * n * c * delta * (1 - delta)))
        rate = (root - linear) / (4 * n)
        variance = n * (2 * rate + delta * (1 - delta))
        return float((b - c - n * delta) ** 2 - z2 * variance)

    # Without a disputed image the score is 0 / 0 at the gap itself: start beside it.
    low, high = gap - _BESIDE, gap + _BESIDE
    low = -1.0 if low <= -1 else scipy.optimize.brentq(excess, -1.0, low, xtol=_BESIDE / 100)
    high = 1.0 if high >= 1 else scipy.optimize.brentq(excess, high, 1.0, xtol=_BESIDE / 100)
    return Interval(float(low), float(high), "tango")


def cochran_q(correct: BoolArray) -> tuple[float, float]:
    """Cochran's Q (1950) that (K, N) answers are equally right, and its p, K - 1 df."""
    if (correct == correct[0]).all():
        return 0.0, 1.0
    cases, of_case, of_image = len(correct), correct.sum(axis=1), correct.sum(axis=0)
    between = cases * (of_case**2).sum() - of_case.sum() ** 2
    q = (cases - 1) * between / (cases * of_image.sum() - (of_image**2).sum())
    return float(q), float(scipy.stats.chi2.sf(q, cases - 1))


def holm(p: FloatArray) -> FloatArray:
    """Holm's correction (1979) of (M,) p-values; M may be 0."""
    order = np.argsort(p)
    left = np.arange(p.size, 0, -1)
    corrected = np.empty(p.size)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * left))
    return corrected


def with_holm(rows: Iterable[Any], p: Callable[[Any], float | None]) -> tuple[Any, ...]:
    """Records with their ``p_holm``, corrected for all that have a p."""
    rows = tuple(rows)
    p_holm = iter(holm(np.array([p(row) for row in rows if p(row) is not None])).tolist())
    return tuple(row if p(row) is None else replace(row, p_holm=next(p_holm)) for row in rows)


def critical_count(disputed: IntArray) -> IntArray:
    """The largest min(b, c) with mid-p < ALPHA given b + c; -1 where there is none."""
    disputed = np.asarray(disputed)
    binom = scipy.stats.binom
    candidate = np.asarray(binom.ppf(ALPHA / 2, disputed, 0.5)).astype(np.int64)
    # Twice the mid-tail is cdf(c) + cdf(c - 1); the quantile itself, or the one below, passes.
    tail = binom.cdf(candidate, disputed, 0.5) + binom.cdf(candidate - 1, disputed, 0.5)
    passes = (tail < ALPHA) & (2 * candidate < disputed)
    return np.where(passes, candidate, candidate - 1)


@cache  # 190 pairs of 20 cases share few totals
def smallest_gap(disputed: int, n: int) -> float | None:
    """The smallest gap with mid-p < ALPHA when ``disputed`` of n images are; None if none."""
    fewest = int(critical_count(np.array([disputed]))[0])
    return None if fewest < 0 else (disputed - 2 * fewest) / n


def power(gap: float, discordance: float, n: int) -> float:
    """Probability that the mid-p test sees a true ``gap`` on n images.

    ``discordance`` is the expected share of disputed images, at least ``gap``.  Exact: summed
    over the number of disputed images and over how they fall.
    """
    binom = scipy.stats.binom
    disputed = np.arange(n + 1)
    weight = binom.pmf(disputed, n, discordance)
    disputed, weight = disputed[weight > 1e-12], weight[weight > 1e-12]  # noqa: PLR2004 - negligible
    fewest = critical_count(disputed)
    share = (discordance + gap) / (2 * discordance) if discordance > 0 else 0.5
    rejected = binom.cdf(fewest, disputed, share) + binom.cdf(fewest, disputed, 1 - share)
    return float(weight @ np.where(fewest < 0, 0.0, rejected))


def detectable_gap(discordance: float, n: int) -> float | None:
    """The smallest true gap that is seen with a power of :data:`WANTED`; None if none is."""
    if discordance <= 0 or power(discordance, discordance, n) < WANTED:
        return None
    return float(
        scipy.optimize.brentq(lambda gap: power(gap, discordance, n) - WANTED, 0.0, discordance)
    )


def mean_gain(
    correct: BoolArray, baseline: BoolArray | None = None, groups: Groups = None
) -> records.MeanGain:
    """Mean accuracy of S repetitions of a method on N images, over a case's on the same images.

    ``correct`` is (S, N) and ``baseline`` (N,); without it the gain is the mean accuracy itself,
    and its interval lies between 0 and 1.  Repetitions (seeds, supports) and images are both
    samples: the variance is the sum of the two one-way variances, which counts their interaction
    twice and errs on the wide side (Owen 2007, "The pigeonhole bootstrap"); t quantiles with
    Satterthwaite's degrees of freedom.  Equal repetitions, or a single one, add no variance.
    """
    difference = correct - (0.0 if baseline is None else baseline.astype(np.float64))
    repetitions, n = difference.shape
    gain = float(difference.mean())
    members = clusters(groups)
    residuals = difference.mean(axis=0) - gain
    sums = residuals if members is None else np.bincount(members, weights=residuals)
    units = sums.size
    by_image = units / (units - 1) * float(sums @ sums) / n**2 if units > 1 else 0.0
    by_seed = float(difference.mean(axis=1).var(ddof=1) / repetitions) if repetitions > 1 else 0.0
    variance = by_image + by_seed
    spread = by_image**2 / max(units - 1, 1) + by_seed**2 / max(repetitions - 1, 1)
    df = variance**2 / spread if spread else 1.0
    low, high, p = t_interval(gain, variance**0.5, df)
    if baseline is None:
        low, high = max(0.0, low), min(1.0, high)
    return records.MeanGain(gain=gain, low=low, high=high, p=p, n=n, repetitions=repetitions)


def band(correct: BoolArray, groups: Groups) -> dict[str, Any]:
    """What a :class:`records.Band` holds of the (S, N) right answers of S repetitions."""
    mean = mean_gain(correct, groups=groups)
    accuracies = tuple(correct.mean(axis=1).tolist())
    return {"accuracies": accuracies, "mean": mean.gain, "low": mean.low, "high": mean.high}
