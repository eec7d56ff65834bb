"""Which photos are explained: a rule, not a taste.

A pure function of the predictions.  Equal confidences are told apart by the order of the
test set, so the same predictions always give the same photos.
"""

import hashlib
from collections.abc import Iterator
from itertools import zip_longest

import numpy as np

from evaluation import records
from evaluation.records import ExplainSpec, Predictions, SelectedPhoto, SelectionReason

_Choice = tuple[int, SelectionReason]
"""Row of the predictions, and why."""


def select_photos(predictions: Predictions, spec: ExplainSpec) -> tuple[SelectedPhoto, ...]:
    """The photos of a case that are explained, those that matter most first.

    For each class the photos shared by all cases, and the most confident wrong, the most
    confident right and the least confident right ones; for the largest confusions, the most
    confident photo of each pair.  A photo chosen by several rules comes once, with all its
    reasons.  Where the cap is too small, every rule and class loses its last photos first.
    """
    rules = (
        _of_each_class(predictions, spec.shared_per_class, "shared"),
        _confusions(predictions, spec.confusions, spec.photos_per_rule),
        _of_each_class(predictions, spec.photos_per_rule, "surest-wrong"),
        _of_each_class(predictions, spec.photos_per_rule, "surest-right"),
        _of_each_class(predictions, spec.photos_per_rule, "least-sure-right"),
    )
    reasons: dict[int, list[SelectionReason]] = {}
    for turn in zip_longest(*rules):
        for choice in turn:
            if choice is not None and (choice[0] in reasons or len(reasons) < spec.cap):
                reasons.setdefault(choice[0], []).append(choice[1])
    return tuple(
        SelectedPhoto(sample_id=predictions.sample_ids[row], reasons=tuple(why))
        for row, why in reasons.items()
    )


def _of_each_class(
    predictions: Predictions, count: int, rule: records.SelectionRule
) -> Iterator[_Choice]:
    """The first photo of each class by a rule, then the second of each, …"""
    right, confidence = predictions.right, predictions.probabilities.max(axis=1)
    eligible = {"shared": np.ones_like(right), "surest-wrong": ~right}.get(rule, right)
    order = confidence if rule == "least-sure-right" else -confidence
    if rule == "shared":  # the same photos in every case: those whose ids hash lowest
        hashes = [hashlib.sha256(name.encode()).hexdigest() for name in predictions.sample_ids]
        order = np.array(hashes, dtype=np.str_)
    ranked = []
    for c in range(len(predictions.classes)):
        rows = np.flatnonzero(eligible & (predictions.labels == c))
        ranked.append(rows[np.argsort(order[rows], kind="stable")][:count])
    for turn in zip_longest(*ranked):
        for label, row in zip(predictions.classes, turn, strict=True):
            if row is not None:
                yield int(row), SelectionReason(rule=rule, label=label)


def _confusions(predictions: Predictions, pairs: int, count: int) -> Iterator[_Choice]:
    """The largest cells of the confusion matrix off its diagonal, the first of equals."""
    labels, predicted = predictions.labels, predictions.predicted
    size = len(predictions.classes)
    matrix = np.zeros((size, size), dtype=np.int64)
    np.add.at(matrix, (labels, predicted), 1)
    np.fill_diagonal(matrix, 0)
    for cell in np.argsort(-matrix.ravel(), kind="stable")[:pairs]:
        true, guess = divmod(int(cell), size)
        if matrix[true, guess] == 0:
            return
        rows = np.flatnonzero((labels == true) & (predicted == guess))
        confidence = predictions.probabilities[rows, guess]
        reason = SelectionReason(
            rule="confusion", label=predictions.classes[true], predicted=predictions.classes[guess]
        )
        for row in rows[np.argsort(-confidence, kind="stable")][:count]:
            yield int(row), reason
