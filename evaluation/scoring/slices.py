"""Accuracy on parts of the test photos, and whether one is harder than its classes explain."""

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import attrgetter

import numpy as np
import scipy.stats

from evaluation.records import BoolArray, IntArray, Predictions, SliceScore
from evaluation.scoring.intervals import share
from evaluation.scoring.paired import with_holm

FEWEST = 10
"""Test photos of a slice that is told by itself."""


def score_slices(
    case: str,
    predictions: Predictions,
    columns: Mapping[str, Sequence[str]],
    groups: IntArray | None = None,
) -> tuple[SliceScore, ...]:
    """Each slice of each column, and the rest of the column; nothing where all photos are alike.

    ``columns`` maps the name of each to the values of the N test photos, "" for none; ``groups``
    (N,) gives equal numbers to photos that count as one.
    """
    labels, right = predictions.labels, predictions.right
    recall = np.bincount(labels, weights=right) / np.maximum(np.bincount(labels), 1)
    scores = []
    for column, values in columns.items():
        frequent = sorted(v for v, n in Counter(values).items() if v and n >= FEWEST)
        rest = np.isin(values, frequent, invert=True)
        parts = {value: np.array(values) == value for value in frequent} | {"": rest}
        for value, inside in parts.items():
            if 0 < inside.sum() < inside.size and frequent:
                scores.append(
                    SliceScore(
                        case=case,
                        column=column,
                        value=value,
                        accuracy=share("accuracy", right, groups, inside),
                        expected=float(recall[labels[inside]].mean()),
                        p=mantel_haenszel(inside, right, labels, groups) if value else None,
                        p_holm=None,
                    )
                )
    return with_holm(scores, attrgetter("p"))


def mantel_haenszel(
    inside: BoolArray, right: BoolArray, labels: IntArray, groups: IntArray | None = None
) -> float | None:
    """The p-value that photos of a slice are as often right as others of their class, two-sided.

    Mantel and Haenszel's test (1959): which photos of a class lie in the slice is exchangeable
    under the null hypothesis.  Of (N,) photos in ``groups``, whole groups are exchanged, those of
    one class (the first photo's) and one size.  None where nothing can be exchanged.
    """
    units = np.arange(labels.size) if groups is None else groups
    _, first, member = np.unique(units, return_index=True, return_inverse=True)
    size = np.bincount(member)
    strata = np.column_stack([labels[first], size])
    _, stratum = np.unique(strata, axis=0, return_inverse=True)
    units_in = np.bincount(stratum)

    def centred(values: BoolArray) -> np.ndarray:
        sums = np.bincount(member, weights=values)
        return sums - (np.bincount(stratum, weights=sums) / units_in)[stratum]

    within, hits = centred(inside) / size, centred(right)
    spread = np.bincount(stratum, weights=within**2) * np.bincount(stratum, weights=hits**2)
    variance = float((spread / np.maximum(units_in - 1, 1)).sum())
    if variance <= 0:
        return None
    return float(scipy.stats.chi2.sf(float(within @ hits) ** 2 / variance, 1))
