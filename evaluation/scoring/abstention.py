"""Leaving doubtful images to a person: what is gained, and how much can be automated."""

import math

import numpy as np
import scipy.stats
from scipy.special import digamma

from evaluation import records
from evaluation.records import BoolArray, FloatArray, Groups, IntArray, Metric, Predictions
from evaluation.scoring import intervals
from evaluation.scoring.calibration import cross_fitted
from evaluation.scoring.intervals import Interval, bootstrap, metric, share, units_of
from evaluation.scoring.paired import ALPHA

TARGET = 0.95
"""The precision that a shop asks for."""

_POINTS = 200
_RESAMPLES = 1_999
_PARTS = 200
_STEPS = 20  # coverages of 5, 10, …, 100 %
_STARTS = (19, 14, 9, 4)  # 100, 75, 50 and 25 %


def abstain(
    case: str, test: Predictions, validation: Predictions | None = None, groups: Groups = None
) -> records.Abstention:
    """Risk-coverage curve, its area, and what can be automated, by the highest probability."""
    confidence, right = test.probabilities.max(axis=1), test.right
    return records.Abstention(
        case=case,
        curve=risk_coverage(confidence, right),
        aurc=aurc(confidence, right, test.labels, groups),
        automation=automate(test, validation, groups),
    )


def _accepted(confidence: FloatArray, right: BoolArray) -> tuple[FloatArray, IntArray, FloatArray]:
    """(L,) levels of confidence, highest first; how many images each accepts, and gets wrong."""
    levels, where = np.unique(-confidence, return_inverse=True)
    return -levels, np.bincount(where).cumsum(), np.bincount(where, weights=~right).cumsum()


def risk_coverage(confidence: FloatArray, right: BoolArray) -> tuple[records.RiskPoint, ...]:
    """The curve at every distinct confidence, thinned to 200 of them, the last kept."""
    levels, accepted, wrong = _accepted(confidence, right)
    kept = np.unique(np.linspace(0, levels.size - 1, _POINTS).round().astype(np.int64))
    return tuple(_point(levels, accepted, wrong, int(i)) for i in kept)


def _point(levels: FloatArray, accepted: IntArray, wrong: FloatArray, i: int) -> records.RiskPoint:
    """The curve at level i."""
    return records.RiskPoint(
        coverage=float(accepted[i] / accepted[-1]),
        risk=float(wrong[i] / accepted[i]),
        threshold=float(levels[i]),
    )


def aurc(
    confidence: FloatArray, right: BoolArray, strata: IntArray, groups: Groups = None
) -> Metric:
    """Mean risk over all coverages k / N (Geifman & El-Yaniv 2017), with its interval.

    Images of equal confidence are taken in random order, on average.  The interval is BCa up to
    2000 images; beyond, that of a jackknife over 200 parts (method "jackknife").
    """
    n = confidence.size
    levels, where = np.unique(-confidence, return_inverse=True)
    order = np.argsort(where, kind="stable")
    starts = np.searchsorted(where[order], np.arange(levels.size))

    def areas(copies: FloatArray) -> FloatArray:
        """(B, 1) areas when image i is there (B, N) copies[:, i] times.

        Within a level of w images and share e of errors, the k-th image is met with
        (E + j e) / (n + j) errors on average, E of n before it: summed over j = 1..w this is
        w e + (E - e n) (H(n + w) - H(n)), H the harmonic numbers.
        """
        total = np.add.reduceat(copies[:, order], starts, axis=1)
        wrong = np.add.reduceat((copies * ~right)[:, order], starts, axis=1)
        after = np.cumsum(total, axis=1)
        before, errors = after - total, np.cumsum(wrong, axis=1) - wrong
        harmonic = digamma(after + 1) - digamma(before + 1)
        risks = wrong + (errors - wrong / np.maximum(total, 1) * before) * harmonic
        return np.asarray(risks.sum(axis=1, keepdims=True) / np.maximum(after[:, -1:], 1))

    value = float(areas(np.ones((1, n)))[0, 0])
    if n <= intervals.LARGE:
        # A unit's content is the images that it holds: sums of contents count copies.
        (interval,) = bootstrap(units_of(strata, np.eye(n), groups), areas, resamples=_RESAMPLES)
    else:
        # A group lies in one part.
        _, units = np.unique(np.arange(n) if groups is None else groups, return_inverse=True)
        shuffled = np.random.default_rng(intervals.SEED).permutation(units.max() + 1)
        parts = shuffled[units] % _PARTS
        left_out = areas((parts != np.arange(_PARTS)[:, None]).astype(np.float64))
        half = intervals.Z * float(((_PARTS - 1) * left_out.var(ddof=0)) ** 0.5)
        interval = Interval(max(0.0, value - half), value + half, "jackknife")
    return metric("aurc", value, n, interval)


def automate(
    test: Predictions,
    validation: Predictions | None = None,
    groups: Groups = None,
    *,
    target: float = TARGET,
) -> records.Automation:
    """The share of the catalogue that is classified at a precision of ``target``.

    The threshold is the one of the largest coverage whose precision on ``validation`` is the
    target even with one error more (the correction of conformal risk control, Angelopoulos et
    al. 2024); without a validation part, each fifth of the test images gets the threshold of the
    four others.  Either way no image is judged by a threshold that saw its label, so the many
    thresholds looked at do not flatter the precision that is reported.
    """
    confidence, right = test.probabilities.max(axis=1), test.right
    if validation is not None:
        chosen = _threshold(validation.probabilities.max(axis=1), validation.right, target)
        thresholds = np.full(confidence.size, chosen)
    else:
        thresholds = cross_fitted(
            test, lambda others: _threshold(confidence[others], right[others], target)
        )
    accepted = confidence >= thresholds
    alone = slice(None) if groups is None else np.unique(groups, return_index=True)[1]
    certified = certify(confidence[alone], right[alone], target=target)
    used = float(np.median(thresholds))
    return records.Automation(
        target=target,
        threshold=used if np.isfinite(used) else None,
        chosen_on="cross-fitting" if validation is None else "validation",
        coverage=share("coverage", accepted, groups),
        precision=share("precision", right, groups, accepted),
        certified_coverage=0.0 if certified is None else certified.coverage,
        certified_threshold=None if certified is None else certified.threshold,
        certifiable=confidence[alone].size >= fewest(target),
    )


def _threshold(confidence: FloatArray, right: BoolArray, target: float) -> float:
    """The lowest confidence down to which the precision is ``target``; infinite if none is.

    Counted with one error more, for the image that is to be judged: the best of many thresholds
    looks better than it is.
    """
    levels, accepted, wrong = _accepted(confidence, right)
    good = np.flatnonzero(accepted - wrong >= target * (accepted + 1))
    return float(levels[good[-1]]) if good.size else np.inf


def fewest(target: float = TARGET, alpha: float = ALPHA) -> int:
    """The least number of images, all right, that show a precision above ``target``."""
    return math.ceil(math.log(alpha) / math.log(target))


def certify(
    confidence: FloatArray, right: BoolArray, *, target: float = TARGET
) -> records.RiskPoint | None:
    """The largest coverage whose precision exceeds ``target`` with 95 % confidence.

    Fixed-sequence testing from several starts (Angelopoulos et al. 2021, "Learn then Test",
    section 2.2): a coverage is tested by the binomial tail; a start that passes goes on, 5 %
    further at a time, until a test fails.  Starts of 25, 50 and 75 % share the 5 % of error,
    less those whose images are too few to pass even if all are right; where none of the three
    can pass, all images together are the start.  Coverages, unlike thresholds picked by their
    precision, do not depend on the labels, so all that pass may be believed at once.

    Images have to be independent: of near-duplicate photos, give one.
    """
    levels, accepted, wrong = _accepted(confidence, right)
    # The level at which each coverage is reached; a level is taken whole.
    wanted = np.arange(1, _STEPS + 1) / _STEPS * confidence.size
    at = np.searchsorted(accepted, np.ceil(wanted - 1e-9))
    p = np.asarray(scipy.stats.binom.cdf(wrong[at], accepted[at], 1 - target))
    # As many starts as can all pass when they share alpha, the widest coverages first.
    several = (_STARTS[1:], _STARTS[1:3], _STARTS[1:2], _STARTS[:1])
    starts = next(
        (some for some in several if accepted[at[some[-1]]] >= fewest(target, ALPHA / len(some))),
        (),
    )
    passes = [int(np.cumprod(p[start:] <= ALPHA / len(starts)).sum()) for start in starts]
    last = [start + number - 1 for start, number in zip(starts, passes, strict=True) if number]
    best = max(last, default=-1)
    return None if best < 0 else _point(levels, accepted, wrong, int(at[best]))
