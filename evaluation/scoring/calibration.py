"""Can the probabilities be believed?  Before and after one temperature.

Proper scores first (Brier, log-loss); the expected calibration error second, beside what
a perfectly calibrated model would show on so few images.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import scipy.optimize
import scipy.special

from evaluation import records
from evaluation.records import BoolArray, FloatArray, Groups, IntArray, Predictions
from evaluation.scoring.intervals import SEED, means, share

BINS = 10
FOLDS = 5

_NULL_DRAWS = 1_000
_SHARPEST, _FLATTEST = 0.01, 100.0


def calibrate(
    case: str, test: Predictions, validation: Predictions | None = None, groups: Groups = None
) -> records.Calibration:
    """A case's calibration, as it is and after one temperature (Guo et al. 2017).

    The temperature is fitted on ``validation``; without it, it is cross-fitted: each fifth of
    the test images gets that of the four others, so that no image sees its own label.
    """
    logits = log_probabilities(test)
    if validation is not None:
        temperature = fit_temperature(log_probabilities(validation), validation.labels)
        temperatures = np.full(test.labels.size, temperature)
    else:
        temperatures = cross_fitted(
            test, lambda images: fit_temperature(logits[images], test.labels[images])
        )
    return records.Calibration(
        case=case,
        before=calibration_scores(test, groups),
        after=calibration_scores(rescale(test, temperatures), groups),
        temperature=float(temperatures.mean()),
        fitted_on="cross-fitting" if validation is None else "validation",
    )


def calibration_scores(
    predictions: Predictions, groups: Groups = None
) -> records.CalibrationScores:
    """Brier score, log-loss, ECE with its null band, and the reliability diagram."""
    labels, probabilities = predictions.labels, predictions.probabilities
    truth = np.eye(probabilities.shape[1])[labels]
    squares = np.sum((probabilities - truth) ** 2, axis=1)
    losses = -log_probabilities(predictions)[np.arange(labels.size), labels]
    brier, nll = means(("brier", "nll"), np.column_stack([squares, losses]), labels, groups)
    confidence, right = probabilities.max(axis=1), predictions.right
    null, where = null_ece(confidence), bin_of(confidence)
    return records.CalibrationScores(
        brier=brier,
        nll=nll,
        ece=float(ece(confidence, right[None, :])[0]),
        ece_null_mean=float(null.mean()),
        ece_null_high=float(np.quantile(null, 0.95)),
        bins=tuple(
            records.ReliabilityBin(
                low=i / BINS,
                high=(i + 1) / BINS,
                confidence=float(confidence[here].mean()) if (here := where == i).any() else None,
                accuracy=share("accuracy", right, groups, here),
            )
            for i in range(BINS)
        ),
        confidence=float(confidence.mean()),
    )


def log_probabilities(predictions: Predictions) -> FloatArray:
    """(N, C) natural logarithms; a probability of 0 counts as the smallest positive float64.

    They serve as logits: a softmax does not see what is added to a whole row.
    """
    return np.log(np.maximum(predictions.probabilities, np.finfo(np.float64).tiny))


def bin_of(confidence: FloatArray) -> IntArray:
    """(N,) index of the bin ]low, high] that holds each confidence; 0 is in the first."""
    edges = np.linspace(0, 1, BINS + 1)
    return np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, BINS - 1)


def ece(confidence: FloatArray, right: BoolArray) -> FloatArray:
    """(B,) expected calibration errors of (B, N) right answers (Naeini et al. 2015).

    Σ over the bins of |Σ confidence − Σ right answers| / N: equal-width bins of the confidence
    of the predicted class.
    """
    where = bin_of(confidence)
    order = np.argsort(where, kind="stable")
    starts = np.unique(where[order], return_index=True)[1]
    hits = np.add.reduceat(right[:, order], starts, axis=1, dtype=np.int64)
    believed = np.add.reduceat(confidence[order], starts)
    return np.asarray(np.abs(hits - believed).sum(axis=1) / confidence.size)


def null_ece(confidence: FloatArray, *, seed: int = SEED) -> FloatArray:
    """(1000,) ECEs of a model that is right exactly as often as these confidences say."""
    generator = np.random.default_rng(seed)
    drawn = generator.random((_NULL_DRAWS, confidence.size), dtype=np.float32)
    return ece(confidence, drawn < confidence)


def fit_temperature(logits: FloatArray, labels: IntArray) -> float:
    """The temperature T that makes softmax(logits / T) most likely (Guo et al. 2017).

    The log-loss is convex in 1 / T; T stays between 0.01 and 100, the bounds of models that are
    always right, or no better than chance.  It is 1 of no image.
    """
    if labels.size == 0:
        return 1.0
    # What is added to a row changes no probability, but would change the rounding.
    logits = logits - logits.max(axis=1, keepdims=True)
    own = logits[np.arange(labels.size), labels]

    def slope(log_inverse: float) -> float:
        """Derivative of the log-loss by 1 / T."""
        probabilities = scipy.special.softmax(logits * np.exp(log_inverse), axis=1)
        return float(np.mean((probabilities * logits).sum(axis=1) - own))

    flat, sharp = -np.log(_FLATTEST), -np.log(_SHARPEST)
    if slope(flat) >= 0:
        return _FLATTEST
    if slope(sharp) <= 0:
        return _SHARPEST
    return float(np.exp(-scipy.optimize.brentq(slope, flat, sharp, xtol=1e-9)))


def cross_fitted(predictions: Predictions, fit: Callable[[BoolArray], float]) -> FloatArray:
    """(N,) what ``fit`` makes of (N,) images that are not of the fold of each."""
    fold = stratified_folds(predictions)
    return np.array([fit(fold != i) for i in range(FOLDS)])[fold]


def stratified_folds(predictions: Predictions) -> IntArray:
    """(N,) fold of each image: classes spread evenly, whatever the order of the images."""
    generator = np.random.default_rng(SEED)
    by_id = np.argsort(np.array(predictions.sample_ids))
    shuffled = by_id[generator.permutation(by_id.size)]
    by_class = shuffled[np.argsort(predictions.labels[shuffled], kind="stable")]
    fold = np.empty(by_id.size, dtype=np.int64)
    # Dealt like cards, class after class: folds differ by at most one image.
    fold[by_class] = np.arange(by_id.size) % FOLDS
    return fold


def rescale(predictions: Predictions, temperatures: FloatArray) -> Predictions:
    """The predictions with softmax(log p / T); the predicted classes do not change."""
    logits = log_probabilities(predictions) / temperatures[:, None]
    return replace(predictions, probabilities=scipy.special.softmax(logits, axis=1), logits=logits)
