"""The scores of one case, each with its interval.

Point values are scikit-learn's, taken here from the confusion matrix: importing it would take
longer than scoring, and the tests compare.  Proportions (accuracy, top-2 accuracy, recalls,
precisions) have Wilson's interval, the others a BCa bootstrap that resamples images within
their true class.  Everything is recomputed exactly from predictions.csv: the resamples
are seeded and depend on the confusion matrix alone.
"""

import numpy as np
import scipy.special

from evaluation import records
from evaluation.errors import DataError, ModelError
from evaluation.records import BoolArray, FloatArray, Groups, IntArray, Metric, Predictions, Record
from evaluation.records.lists import METRICS
from evaluation.scoring.intervals import Interval, bootstrap, metric, share, units_of


class Scores(Record):
    """What :func:`score` says of one case."""

    metrics: tuple[Metric, ...]
    """In the order of :data:`METRICS`."""
    per_class: tuple[records.ClassScores, ...]
    """In the order of the classes."""
    confusion: tuple[tuple[int, ...], ...]
    """(C, C): rows are the true classes, columns the predicted ones."""


def softmax(logits: FloatArray) -> FloatArray:
    """(N, C) logits of any float type to (N, C) float64 probabilities, rows summing to 1."""
    return scipy.special.softmax(np.asarray(logits, dtype=np.float64), axis=1)


def score(predictions: Predictions, groups: Groups = None) -> Scores:
    """Scores a case.

    Classes that were neither present nor predicted are left out of the macro means, as in
    scikit-learn; balanced accuracy is the mean recall of the classes present.  Top-k
    accuracy is left out with k classes or fewer, where it is 1 whatever the model, and where
    only the predicted classes are known.

    Raises :class:`DataError` when there is no image, :class:`ModelError` when the
    probabilities are not finite.
    """
    labels, predicted, right = predictions.labels, predictions.predicted, predictions.right
    n, c = predictions.probabilities.shape
    if n == 0:
        raise DataError("there is no image to score", remedy="give the test part some images")
    finite = np.isfinite(predictions.probabilities).all(axis=1)
    if not finite.all():
        raise ModelError(
            f"{int((~finite).sum())} of {n} images have probabilities that are not finite, "
            f"{predictions.sample_ids[int(finite.argmin())]!r} first",
            remedy="try fp32, or check the weights",
        )
    confusion = np.bincount(labels * c + predicted, minlength=c * c).reshape(c, c)
    hits, support, named = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    seen, present = support + named > 0, support > 0
    f1 = 2 * hits / np.maximum(support + named, 1)
    recall = hits[present] / support[present]
    intervals, balanced, macro = _bootstrap(labels, predicted, c, groups)
    values = {
        "accuracy": share("accuracy", right, groups),
        "macro_f1": metric("macro_f1", f1[seen].mean(), n, macro),
        "balanced_accuracy": metric("balanced_accuracy", recall.mean(), n, balanced),
        **{
            row.name: share(row.name, in_top(predictions, row.top), groups)
            for row in METRICS
            if row.top is not None and row.top < c and not predictions.certain
        },
    }
    return Scores(
        metrics=tuple(values[row.name] for row in METRICS if row.name in values),
        per_class=tuple(
            records.ClassScores(
                label=label,
                precision=share("precision", right, groups, predicted == i),
                recall=share("recall", right, groups, labels == i),
                f1=metric("f1", f1[i], int(support[i]), interval)
                if seen[i]
                else Metric(name="f1", value=None, n=0),
                support=int(support[i]),
            )
            for i, (label, interval) in enumerate(zip(predictions.classes, intervals, strict=True))
        ),
        confusion=tuple(map(tuple, confusion.tolist())),
    )


def in_top(predictions: Predictions, k: int) -> BoolArray:
    """(N,) whether the true class is among the k most probable, the first of equals first.

    scikit-learn's ``top_k_accuracy_score`` prefers the *last* of equals: its top 2 might
    not hold the class that ``Predictions.predicted`` names.
    """
    probabilities = predictions.probabilities
    own = np.take_along_axis(probabilities, predictions.labels[:, None], axis=1)
    earlier = np.arange(probabilities.shape[1]) < predictions.labels[:, None]
    before = (probabilities > own) | ((probabilities == own) & earlier)
    return np.asarray(before.sum(axis=1) < k)


def _bootstrap(
    labels: IntArray, predicted: IntArray, c: int, groups: Groups
) -> tuple[tuple[Interval, ...], Interval, Interval]:
    """Intervals of each class's F1, of balanced accuracy and of macro-F1: same resamples."""
    times = None
    if groups is None:  # a million photos have at most C x C pairs of classes
        pairs, times = np.unique(labels * c + predicted, return_counts=True)
        labels, predicted = np.divmod(pairs, c)
    truth, guess = np.eye(c)[labels], np.eye(c)[predicted]
    units = units_of(labels, np.hstack([truth * guess, truth, guess]), groups, times)
    _, support, named = np.split(units.total, 3)
    present, seen = support > 0, support + named > 0

    def statistic(sums: FloatArray) -> FloatArray:
        hits, support, named = np.split(sums, 3, axis=1)
        # A resample may lose the only image of a class: 0 of 0 counts as 0.
        recalls = hits / np.maximum(support, 1)
        f1 = 2 * hits / np.maximum(support + named, 1)
        return np.column_stack([f1, recalls[:, present].mean(axis=1), f1[:, seen].mean(axis=1)])

    *f1_intervals, balanced, macro = bootstrap(units, statistic)
    return tuple(f1_intervals), balanced, macro
