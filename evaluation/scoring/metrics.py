"""The scores of one case, each with its interval.

Point values are scikit-learn's.  Proportions (accuracy, top-2 accuracy, recalls,
precisions) have Wilson's interval, the others a BCa bootstrap that resamples images within
their true class.  Everything is recomputed exactly from predictions.csv: the resamples
are seeded and depend on the confusion matrix alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.special
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    recall_score,
)

from evaluation.errors import DataError, ModelError
from evaluation.records import ClassScores, FloatArray, IntArray, Metric, Predictions
from evaluation.scoring.intervals import Interval, bootstrap, proportion, units_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What :func:`score` says of one case."""

    metrics: tuple[Metric, ...]
    """accuracy, top2_accuracy (from three classes on), balanced_accuracy, macro_f1."""
    per_class: tuple[ClassScores, ...]
    """In the order of the classes."""
    confusion: tuple[tuple[int, ...], ...]
    """(C, C): rows are the true classes, columns the predicted ones."""


def softmax(logits: FloatArray) -> FloatArray:
    """(N, C) logits of any float type to (N, C) float64 probabilities, rows summing to 1."""
    result: FloatArray = scipy.special.softmax(np.asarray(logits, dtype=np.float64), axis=1)
    return result


def score(predictions: Predictions) -> Scores:
    """Scores a case.

    Classes that were neither present nor predicted are left out of the macro means, as in
    scikit-learn; balanced accuracy is the mean recall of the classes present.  Top-2
    accuracy is omitted below three classes, where it is 1 whatever the model.

    Raises :class:`DataError` when there is no image, :class:`ModelError` when the
    probabilities are not finite, or do not fit the images and classes.
    """
    check(predictions)
    labels, predicted = predictions.labels, predictions.predicted
    every_class = np.arange(len(predictions.classes))
    confusion = confusion_matrix(labels, predicted, labels=every_class)
    f1_intervals, balanced_interval, macro_interval = _intervals(labels, predicted, every_class)
    n = labels.size
    top2 = proportion("top2_accuracy", int(in_top(predictions, 2).sum()), n)
    return Scores(
        metrics=(
            proportion("accuracy", accuracy_score(labels, predicted, normalize=False), n),
            *([top2] if every_class.size > 2 else []),  # noqa: PLR2004 - explained above
            _with_interval(
                "balanced_accuracy",
                recall_score(labels, predicted, labels=np.unique(labels), average="macro"),
                n,
                balanced_interval,
            ),
            _with_interval(
                "macro_f1",
                f1_score(labels, predicted, average="macro", zero_division=0),
                n,
                macro_interval,
            ),
        ),
        per_class=_per_class(predictions, confusion, f1_intervals),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
    )


def check(predictions: Predictions) -> None:
    """Raises when the predictions cannot be scored; see :func:`score`."""
    n, c = len(predictions.sample_ids), len(predictions.classes)
    if n == 0:
        raise DataError("there is no image to score", remedy="give the test part some images")
    shapes = predictions.labels.shape, predictions.probabilities.shape
    if shapes != ((n,), (n, c)):
        raise ModelError(
            f"{n} images of {c} classes have labels and probabilities of shapes "
            f"{shapes[0]} and {shapes[1]}",
            remedy="give one row an image and one column a class",
        )
    if predictions.labels.min() < 0 or predictions.labels.max() >= c:
        raise DataError(
            f"a label lies outside the {c} classes", remedy="labels are indices into the classes"
        )
    finite = np.isfinite(predictions.probabilities).all(axis=1)
    if not finite.all():
        raise ModelError(
            f"{int((~finite).sum())} of {n} images have probabilities that are not finite, "
            f"{predictions.sample_ids[int(finite.argmin())]!r} first",
            remedy="try fp32, or check the weights",
        )


def in_top(predictions: Predictions, k: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(N,) whether the true class is among the k most probable, the first of equals first.

    scikit-learn's ``top_k_accuracy_score`` prefers the *last* of equals: its top 2 might
    not hold the class that ``Predictions.predicted`` names.
    """
    probabilities = predictions.probabilities
    own = np.take_along_axis(probabilities, predictions.labels[:, None], axis=1)
    earlier = np.arange(probabilities.shape[1]) < predictions.labels[:, None]
    before = (probabilities > own) | ((probabilities == own) & earlier)
    result: np.ndarray[tuple[int], np.dtype[np.bool_]] = before.sum(axis=1) < k
    return result


def _intervals(
    labels: IntArray, predicted: IntArray, every_class: IntArray
) -> tuple[tuple[Interval, ...], Interval, Interval]:
    """Of each class's F1, of balanced accuracy and of macro-F1, from the same resamples."""
    c = every_class.size
    truth = (labels[:, None] == every_class).astype(np.float64)
    guess = (predicted[:, None] == every_class).astype(np.float64)
    units = units_of(labels, np.hstack([truth * guess, truth, guess]))
    present = units.total[c : 2 * c] > 0
    seen = present | (units.total[2 * c :] > 0)

    def statistic(sums: FloatArray) -> FloatArray:
        hits, support, named = sums[:, :c], sums[:, c : 2 * c], sums[:, 2 * c :]
        # A jackknife sample may lose the only image of a class: 0 of 0 counts as 0.
        recalls = hits / np.maximum(support, 1)
        f1 = 2 * hits / np.maximum(support + named, 1)
        balanced = recalls[:, present].mean(axis=1)
        macro = f1[:, seen].mean(axis=1)
        return np.column_stack([f1, balanced, macro])

    *f1_intervals, balanced, macro = bootstrap(units, statistic)
    return tuple(f1_intervals), balanced, macro


def _with_interval(name: str, value: float, n: int, interval: Interval) -> Metric:
    return Metric(
        name=name,
        value=float(value),
        low=interval.low,
        high=interval.high,
        n=n,
        method=interval.method,
    )


def _per_class(
    predictions: Predictions, confusion: IntArray, f1_intervals: tuple[Interval, ...]
) -> tuple[ClassScores, ...]:
    _, _, f1, supports = precision_recall_fscore_support(
        predictions.labels,
        predictions.predicted,
        labels=np.arange(len(predictions.classes)),
        zero_division=0,
    )
    named = confusion.sum(axis=0)
    rows = []
    for i, label in enumerate(predictions.classes):
        hits, support = int(confusion[i, i]), int(supports[i])
        # A class neither present nor predicted has no F1.
        absent = support + named[i] == 0
        rows.append(
            ClassScores(
                label=label,
                precision=proportion("precision", hits, int(named[i])),
                recall=proportion("recall", hits, support),
                f1=Metric(name="f1", value=None, n=0)
                if absent
                else _with_interval("f1", f1[i], support, f1_intervals[i]),
                support=support,
            )
        )
    return tuple(rows)
