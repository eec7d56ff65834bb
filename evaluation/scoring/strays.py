"""Telling photos of the classes from photos that belong to none."""

from collections.abc import Mapping

import numpy as np
from scipy.special import logsumexp, softmax

from evaluation.records import FloatArray, Groups, Metric, StrayScore, StrayTest
from evaluation.scoring.intervals import Interval, Z, metric, share

Scores = Mapping[StrayScore, FloatArray]
"""Of N photos, (N,) of each score: higher for photos of the classes."""
KEPT = 0.95
"""Share of the test photos that pass where false passes are counted."""


def stray_scores(
    logits: FloatArray, *, scale: float | None = None, none: FloatArray | None = None
) -> Scores:
    """Every score that (N, C) logits allow; see :data:`evaluation.records.StrayScore`.

    ``scale`` is that of the logits of a text-image model, ``none`` its (N,) logits of the text
    that stands for no class.
    """
    scores: dict[StrayScore, FloatArray] = {
        "softmax": softmax(logits, axis=1).max(axis=1),
        "energy": np.asarray(logsumexp(logits, axis=1)),
    }
    if scale is not None and none is not None:
        scores["mcm"] = softmax(logits / scale, axis=1).max(axis=1)
        with_none = np.column_stack([logits, none])
        scores["none"] = 1 - softmax(with_none, axis=1)[:, -1]
    return scores


def measure_strays(
    validation: Scores, choosing: Scores, test: Scores, scored: Scores, groups: Groups = None
) -> tuple[tuple[StrayTest, ...], StrayScore]:
    """Each score on the test photos and the ``scored`` strays, and the score to take.

    Thresholds and the score are chosen on the validation photos and the other strays.
    """
    tests = []
    for score in test:
        threshold = best_threshold(validation[score], choosing[score])
        own, others = test[score], scored[score]
        at_95 = np.sort(own)[int((1 - KEPT) * own.size + 1e-9)]
        tests.append(
            StrayTest(
                score=score,
                auroc=auroc(own, others, groups),
                fpr95=share("fpr95", others >= at_95),
                threshold=threshold,
                kept=share("kept", own >= threshold, groups),
                passed=share("passed", others >= threshold),
            )
        )
    chosen = max(test, key=lambda score: auroc(validation[score], choosing[score]).value or 0.0)
    return tuple(tests), chosen


def best_threshold(own: FloatArray, strays: FloatArray) -> float:
    """The lowest score whose share of (N,) photos most exceeds the (M,) strays' (Youden 1950)."""
    levels = np.unique(np.concatenate([own, strays]))
    below = [np.searchsorted(np.sort(scores), levels) / scores.size for scores in (own, strays)]
    return float(levels[int(np.argmax(below[1] - below[0]))])


def auroc(own: FloatArray, strays: FloatArray, groups: Groups = None) -> Metric:
    """The chance that one of (N,) photos scores higher than one of (M,) strays, ties one half.

    The interval is DeLong's (1988), on the logit scale; ``groups`` (N,) makes photos of equal
    number one cluster (Obuchowski 1997).
    """
    above, below = _placements(own, strays), 1 - _placements(strays, own)
    value = float(above.mean())
    residuals: FloatArray = above - value
    if groups is not None:
        members = np.unique(groups, return_inverse=True)[1]
        residuals = np.bincount(members, weights=residuals).astype(np.float64)
    variance = sum(
        float(side @ side) / n**2 * side.size / max(side.size - 1, 1)
        for side, n in ((residuals, own.size), (below - value, strays.size))
    )
    n = own.size + strays.size
    if variance <= 0 or not 0 < value < 1:  # told apart without a fault, or all equal
        return Metric(name="auroc", value=value, n=n)
    half = Z * variance**0.5 / (value * (1 - value))
    low, high = (1 / (1 + (1 - value) / value * np.exp(-side)) for side in (-half, half))
    return metric("auroc", value, n, Interval(float(low), float(high), "delong"))


def _placements(own: FloatArray, others: FloatArray) -> FloatArray:
    """(N,) share of the others that each score exceeds, ties one half."""
    ranked = np.sort(others)
    ends = [np.searchsorted(ranked, own, side) for side in ("left", "right")]
    return np.asarray((ends[0] + ends[1]) / (2 * others.size))
