"""Confidence intervals: Wilson for proportions, stratified BCa bootstrap for the rest.

The bootstrap here works on *units*: images, or groups of near-duplicate photos that are
resampled together.  A unit's content is a vector of counts that add up over units (how
often class 3 was predicted, …), and a statistic is a function of the sums.  Units with
the same content in the same stratum are one row with a multiplicity, so that resampling n
images is one multinomial draw: exact, and independent of the order of the images.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from evaluation.records import BoolArray, FloatArray, Groups, IntArray, Metric, Record, clusters

CONFIDENCE = 0.95
Z = float(ndtri((1 + CONFIDENCE) / 2))
RESAMPLES = 9_999
LARGE = 2_000
"""Images beyond which statistics that need every image's value are not resampled 9999 times."""
SEED = 0

# Sums of the same counts in another order differ by rounding; a tie is a tie.
_TIE = 1e-12

Statistic = Callable[[FloatArray], FloatArray]
"""(..., K) sums of contents to (..., S) values."""


class Interval(NamedTuple):
    """A confidence interval and how it was made."""

    low: float
    high: float
    method: str


def wilson(count: float, n: float) -> Interval:
    """Wilson's score interval of a proportion ``count / n`` (Wilson 1927), n > 0."""
    z2 = Z**2
    middle = (count + z2 / 2) / (n + z2)
    half = np.sqrt(z2 * (count * (n - count) / n + z2 / 4)) / (n + z2)
    # At 0 and n successes the bound is 0 or 1 but for rounding.
    return Interval(
        low=0.0 if count == 0 else max(0.0, float(middle - half)),
        high=1.0 if count == n else min(1.0, float(middle + half)),
        method="wilson",
    )


def share(
    name: str, hits: BoolArray, groups: Groups = None, among: BoolArray | slice = slice(None)
) -> Metric:
    """The share of (N,) images, or of those ``among`` them, that are hits; None of no image.

    With Wilson's interval.  With ``groups`` (N,), images of equal number count as one: n is
    divided by the design effect before it enters the interval (Korn & Graubard 1998), which is
    then called "wilson-clustered".
    """
    hits, members = hits[among], clusters(None if groups is None else groups[among])
    count, n = int(hits.sum()), hits.size
    if n == 0:
        return Metric(name=name, value=None, n=0)
    effect = design_effect(hits.astype(np.float64), members)
    interval = wilson(count / effect, n / effect)
    if members is not None:
        interval = interval._replace(method="wilson-clustered")
    return metric(name, count / n, n, interval)


def design_effect(values: FloatArray, groups: Groups) -> float:
    """By how much groups inflate the variance of the mean of (N,) values, at least 1; None: by 1.

    The variance of the mean as a ratio over groups, divided by that of independent images
    (Kish 1965).  When all values are equal it cannot be seen, and is the largest possible:
    that of groups whose images are copies.
    """
    if groups is None:
        return 1.0
    _, members = np.unique(groups, return_inverse=True)
    sizes = np.bincount(members)
    residuals = values - values.mean()
    alone = float(residuals @ residuals)
    if alone <= _TIE or sizes.size == 1:
        return float(sizes @ sizes / values.size)
    sums = np.bincount(members, weights=residuals)
    between = sizes.size / (sizes.size - 1) * float(sums @ sums)
    return max(1.0, between / alone)


def t_interval(mean: float, error: float, df: float) -> tuple[float, float, float]:
    """The interval of a mean with its standard error (low, high), and the p that it is 0."""
    if error == 0:
        return mean, mean, 1.0 if mean == 0 else 0.0
    half = float(stdtrit(df, (1 + CONFIDENCE) / 2)) * error
    return mean - half, mean + half, 2 * float(stdtr(df, -abs(mean) / error))


def metric(name: str, value: float, n: int, interval: Interval) -> Metric:
    """A value and its interval as one number."""
    return Metric(name=name, value=float(value), n=n, **interval._asdict())


class Units(Record, eq=False):
    """What the bootstrap resamples, equal units told once."""

    strata: IntArray
    """(U,) resampling keeps the number of units of each stratum."""
    multiplicity: IntArray
    """(U,) how many units are like this one."""
    content: FloatArray
    """(U, K) what one such unit adds to the sums."""

    @property
    def total(self) -> FloatArray:
        """(K,) the sums over all units."""
        return self.multiplicity @ self.content


def units_of(
    strata: IntArray, content: FloatArray, groups: Groups = None, times: IntArray | None = None
) -> Units:
    """The units of N images: the images themselves, or groups of them.

    Parameters: ``strata`` (N,) and ``content`` (N, K); ``groups`` (N,), equal numbers for
    images that are resampled together; or ``times`` (N,), how many images each row stands for.
    A group whose images lie in several strata belongs to the one where most of them lie (the
    lowest of equals).
    """
    if groups is not None:
        _, members = np.unique(groups, return_inverse=True)
        names, inverse = np.unique(strata, return_inverse=True)
        votes = sums_of(np.eye(names.size)[inverse], members)
        strata, content = names[votes.argmax(axis=1)], sums_of(content, members)
    table = np.column_stack([strata.astype(np.float64), content])
    rows, row = np.unique(table, axis=0, return_inverse=True)
    multiplicity = np.bincount(row.ravel(), weights=times).astype(np.int64)
    return Units(strata=rows[:, 0].astype(np.int64), multiplicity=multiplicity, content=rows[:, 1:])


def sums_of(rows: FloatArray, members: IntArray) -> FloatArray:
    """(G, K) sums of (N, K) rows over their members, numbered from 0."""
    return np.stack([np.bincount(members, weights=column) for column in rows.T], axis=1)


def resample(units: Units, *, resamples: int = RESAMPLES) -> FloatArray:
    """(B, K) sums of B resamples with replacement within each stratum."""
    generator = np.random.default_rng(SEED)
    sums = np.zeros((resamples, units.content.shape[1]))
    for stratum in np.unique(units.strata):
        here = units.strata == stratum
        times = units.multiplicity[here]
        drawn = generator.multinomial(times.sum(), times / times.sum(), size=resamples)
        content = units.content[here]
        used = content.any(axis=0)  # few of the columns, when there are many classes
        sums[:, used] += drawn @ content[:, used]
    return sums


def bootstrap(
    units: Units, statistic: Statistic, *, resamples: int = RESAMPLES
) -> tuple[Interval, ...]:
    """BCa intervals of S statistics from the same resamples (Efron 1987).

    The acceleration is the multi-sample one of ``scipy.stats.bootstrap`` (Davison & Hinkley
    1997, section 3.2.2).  Where BCa is undefined, because no resample differs or because all
    lie on one side of the value, the interval is the percentile one and its method says so.
    """
    values = statistic(units.total[None, :])[0]
    replicates = statistic(resample(units, resamples=resamples))
    jackknife = statistic(units.total - units.content)  # without one unit of each row
    cubes, squares = np.zeros((2, values.size))
    for stratum in np.unique(units.strata):
        here = units.strata == stratum
        times = units.multiplicity[here]
        n = times.sum()
        if n == 1:  # it is in every resample: it moves nothing
            continue
        influence = (n - 1) * (times @ jackknife[here] / n - jackknife[here])
        cubes += times @ influence**3 / n**3
        squares += times @ influence**2 / n**2
    tails = np.array([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    below, up_to = replicates < values - _TIE, replicates <= values + _TIE
    bias = ndtri((below.mean(axis=0) + up_to.mean(axis=0)) / 2)
    shifted = bias + ndtri(tails)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        accelerations = cubes / squares**1.5 / 6
        levels = ndtr(bias + shifted / (1 - accelerations * shifted))
    defined = np.isfinite([*levels, bias]).all(axis=0) & (np.ptp(replicates, axis=0) > _TIE)
    intervals = []
    for column, level, bca in zip(replicates.T, levels.T, defined, strict=True):
        low, high = np.quantile(column, level if bca else tails)
        method = "bootstrap-bca" if bca else "bootstrap-percentile"
        intervals.append(Interval(float(low), float(high), method))
    return tuple(intervals)


def means(
    names: Sequence[str], columns: FloatArray, strata: IntArray, groups: Groups = None
) -> tuple[Metric, ...]:
    """The mean of each column of (N, S), images resampled within their stratum.

    BCa up to 2000 images; beyond, where the two agree to the third digit, the normal interval
    of a stratified mean (method "normal").
    """
    n = columns.shape[0]
    if n <= LARGE:
        units = units_of(strata, np.column_stack([columns, np.ones(n)]), groups)
        intervals = bootstrap(units, lambda sums: sums[:, :-1] / np.maximum(sums[:, -1:], 1))
    else:
        _, members = np.unique(strata, return_inverse=True)
        intervals = ()
        for values in columns.T:
            of_strata = np.bincount(members, weights=values) / np.bincount(members)
            residuals = values - of_strata[members]
            error = np.sqrt(residuals @ residuals) / n * design_effect(values, groups) ** 0.5
            low, high = values.mean() - Z * error, values.mean() + Z * error
            intervals += (Interval(float(low), float(high), "normal"),)
    return tuple(
        metric(name, value, n, interval)
        for name, value, interval in zip(names, columns.mean(axis=0), intervals, strict=True)
    )
