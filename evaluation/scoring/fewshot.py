"""From how many labelled images a class does training beat zero-shot?

Heads on frozen embeddings, fitted on growing supports drawn from the training part.  What
a method has to choose, it chooses by cross-validation inside its support: the validation part
would be hundreds of labels that a shop with four labels a class does not have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import partial

import numpy as np
import scipy.optimize
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # publishes none

from evaluation import records
from evaluation.errors import DataError
from evaluation.records import BoolArray, Groups, Head, IntArray, Progress, Record, Support, silent
from evaluation.scoring.intervals import share
from evaluation.scoring.paired import ALPHA, band, mean_gain, with_holm
from evaluation.scoring.probes import MATCHED, METHODS, Method, Scorer

SHOTS: tuple[int | None, ...] = (1, 2, 4, 8, 16, None)
"""Labelled images a class; None: all of them."""
SEEDS = (0, 1, 2, 3, 4)

WIDER: tuple[int, ...] = (32, 64)
"""Shots of the logistic regression as well, where a label-free case is to be matched."""

_FOLDS = 5


class Setting(Record, eq=False):
    """What all points of all curves share."""

    train: Support
    test: Support
    zero_shot: Head | None = None
    """Made from texts: training has to win over it."""
    seeds: Sequence[int] = SEEDS
    groups: Groups = None
    label_free: Mapping[str, BoolArray] = field(default_factory=dict)
    """Case to the (N,) test images that a label-free head over the same embeddings gets right."""


def few_shot(
    model: str,
    classes: Sequence[str],
    setting: Setting,
    *,
    zero_shot_case: str | None = None,
    shots: Sequence[int | None] = SHOTS,
    methods: Sequence[Method] = METHODS,
    progress: Progress = silent,
) -> records.FewShot:
    """Learning curves of every method on one model's embeddings, and where they break even.

    Without a zero-shot head the methods that start from texts are left out.  Bands and tests count
    both the draw of the support and the test images (:func:`mean_gain`); the tests of a curve are
    corrected for its points (Holm).  How many labels a label-free case is worth is read off the
    curve of the logistic regression.

    Raises :class:`DataError` when a class has no training image.
    """
    counts = np.bincount(setting.train.labels, minlength=len(classes))
    if (counts == 0).any():
        raise DataError(
            "has no training image",
            where=f"class {classes[int(counts.argmin())]!r}",
            remedy="give the split a training part with every class",
        )
    largest, zero_shot = int(counts.max()), setting.zero_shot
    right = None if zero_shot is None else _right(zero_shot.logits, setting.test)
    points: dict[str, list[records.FewShotPoint]] = {}
    plan: list[tuple[Method, int | None]] = []
    for method in methods:
        if zero_shot is None and method.needs_texts:
            continue
        wider = WIDER if setting.label_free and method.name == MATCHED else ()
        # Smallest first; from the largest class on, k is all there is.
        sizes = sorted(k for k in {*shots, *wider} if k is not None and k < largest)
        plan += [(method, size) for size in (*sizes, *([None] if None in shots else []))]
    for done, (method, size) in enumerate(plan, start=1):
        # Thousands of small products: threads would spend their time waiting for each other.
        with threadpool_limits(limits=1, user_api="blas"):
            points.setdefault(method.name, []).append(_point(method, size, setting, right))
        progress(done, len(plan))
    curves = [_curve(name, of_method, largest) for name, of_method in points.items()]
    return records.FewShot(
        model=model,
        zero_shot_case=zero_shot_case,
        zero_shot=None if right is None else share("accuracy", right, setting.groups),
        curves=tuple(curves),
        seeds=tuple(setting.seeds),
        worth=tuple(
            labels_worth(case, curve)
            for curve in curves
            for case in setting.label_free
            if curve.method == MATCHED
        ),
    )


def labels_worth(case: str, curve: records.LearningCurve) -> records.LabelsWorth:
    """Where a curve reaches a label-free case, by interpolation over the logarithm of labels.

    The interval holds the numbers of labels at which no difference is excluded: the bounds of
    the paired gain over the case cross zero there.  More labels do no harm but by the luck of a
    draw: gains and bounds are the nearest that never fall (isotonic regression, draws as weights).
    """
    labels = np.array([point.images for point in curve.points], dtype=np.float64)
    gains = [point.over_label_free[case] for point in curve.points]

    def crossing(values: Sequence[float]) -> float | None:
        """Where a gain turns positive; None when it is so everywhere, or nowhere."""
        draws = [gain.repetitions for gain in gains]
        rising = scipy.optimize.isotonic_regression(values, weights=draws).x
        below = int((rising < 0).sum())
        if below in (0, len(rising)):
            return None
        i = below - 1
        part = -rising[i] / (rising[i + 1] - rising[i])
        return float(np.exp(np.log(labels[i]) + part * np.log(labels[i + 1] / labels[i])))

    return records.LabelsWorth(
        case=case,
        method=curve.method,
        labels=crossing([gain.gain for gain in gains]),
        low=crossing([gain.high for gain in gains]),
        high=crossing([gain.low for gain in gains]),
    )


def draw_support(labels: IntArray, shots: int | None, seed: int) -> IntArray:
    """Rows of ``shots`` images of each class, or of all it has if fewer; None: every row.

    With the same seed, a smaller support lies within a larger one: a curve then shows what more
    labels bring, not another draw.
    """
    if shots is None:
        return np.arange(labels.size)
    order = np.random.default_rng(seed).permutation(labels.size)
    chosen = [order[labels[order] == c][:shots] for c in np.unique(labels)]
    return np.sort(np.concatenate(chosen))


def _point(
    method: Method, shots: int | None, setting: Setting, zero_shot: BoolArray | None
) -> records.FewShotPoint:
    # All images are the same support whatever the seed.
    seeds = setting.seeds if shots is not None else setting.seeds[:1]
    right, images = [], 0
    for seed in seeds:
        support = _rows(setting.train, draw_support(setting.train.labels, shots, seed))
        images = support.labels.size
        right.append(_right(_tuned(method, support, setting.zero_shot, seed), setting.test))
    gain = partial(mean_gain, np.stack(right), groups=setting.groups)
    return records.FewShotPoint(
        shots=shots,
        images=images,
        **band(np.stack(right), setting.groups),
        over_zero_shot=None if zero_shot is None else gain(zero_shot),
        p_holm=None,
        over_label_free={case: gain(known) for case, known in setting.label_free.items()},
    )


def _curve(
    name: str, points: Sequence[records.FewShotPoint], largest: int
) -> records.LearningCurve:
    points = with_holm(points, lambda point: point.over_zero_shot and point.over_zero_shot.p)
    break_even = None
    for point in reversed(points):
        gain = point.over_zero_shot
        if gain is None or gain.gain <= 0 or point.p_holm is None or point.p_holm >= ALPHA:
            break
        break_even = largest if point.shots is None else point.shots
    return records.LearningCurve(method=name, points=tuple(points), break_even=break_even)


def _rows(support: Support, rows: IntArray) -> Support:
    return Support(embeddings=support.embeddings[rows], labels=support.labels[rows])


def _right(scorer: Scorer, test: Support) -> BoolArray:
    return np.asarray(scorer(test.embeddings).argmax(axis=1) == test.labels)


def _tuned(method: Method, support: Support, zero_shot: Head | None, seed: int) -> Scorer:
    """Fits what cross-validation inside the support chooses; of one image a class, the first."""
    smallest = int(np.unique(support.labels, return_counts=True)[1].min())
    value = method.grid[0]
    if smallest > 1 and len(method.grid) > 1:
        folds = StratifiedKFold(min(_FOLDS, smallest), shuffle=True, random_state=seed)
        hits = np.zeros(len(method.grid), dtype=np.int64)
        for rest, held in folds.split(support.embeddings, support.labels):
            inner, outer = _rows(support, rest), _rows(support, held)
            fit = method.prepare(inner, zero_shot)
            hits += [_right(fit(candidate), outer).sum() for candidate in method.grid]
        value = method.grid[int(hits.argmax())]
    return method.prepare(support, zero_shot)(value)
