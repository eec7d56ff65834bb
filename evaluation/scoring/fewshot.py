"""From how many labelled images a class does training beat zero-shot?

Heads on frozen embeddings, fitted on growing supports drawn from the training part.  What
a method has to choose, it chooses by cross-validation inside its support: the validation part
would be hundreds of labels that a shop with four labels a class does not have.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import scipy.optimize
import scipy.special
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # publishes none

from evaluation.errors import DataError
from evaluation.records import (
    BoolArray,
    FewShot,
    FewShotPoint,
    FloatArray,
    Head,
    IntArray,
    LabelsWorth,
    LearningCurve,
    Support,
)
from evaluation.scoring.calibration import fit_temperature
from evaluation.scoring.intervals import share
from evaluation.scoring.paired import ALPHA, holm, mean_gain

SHOTS: tuple[int | None, ...] = (1, 2, 4, 8, 16, None)
"""Labelled images a class; None: all of them."""
SEEDS = (0, 1, 2, 3, 4)

WIDER: tuple[int, ...] = (32, 64)
"""Shots of the logistic regression as well, where a label-free case is to be matched."""

_FOLDS = 5
_ITERATIONS = 1_000
_TINY = 1e-300

Scorer = Callable[[FloatArray], FloatArray]
"""(N, D) embeddings to (N, C) scores: the highest is the predicted class."""
Choice = tuple[float, ...]
"""A value of each hyperparameter."""
Fit = Callable[[Choice], Scorer]
Prepare = Callable[[Support, Head | None], Fit]
"""Takes a support that holds every class, then a choice: what does not depend on the choice is
computed once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A way to make a classifier from a few labelled embeddings."""

    name: str
    prepare: Prepare
    grid: tuple[Choice, ...]
    """What it chooses among; the first when nothing can be compared, or all tie."""
    needs_texts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setting:
    """What all points of all curves share."""

    train: Support
    test: Support
    zero_shot: Head | None
    right_zero_shot: BoolArray | None
    """(N,) test images that the zero-shot head gets right."""
    seeds: Sequence[int]
    groups: IntArray | None
    """(N,) equal numbers for test images that count as one."""
    label_free: Mapping[str, BoolArray]
    """Case to the (N,) test images that it gets right."""


def few_shot(
    model: str,
    train: Support,
    test: Support,
    classes: Sequence[str],
    *,
    zero_shot: Head | None = None,
    zero_shot_case: str | None = None,
    shots: Sequence[int | None] = SHOTS,
    seeds: Sequence[int] = SEEDS,
    methods: Sequence[Method] | None = None,
    groups: IntArray | None = None,
    label_free: Mapping[str, BoolArray] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> FewShot:
    """Learning curves of every method on one model's embeddings, and where they break even.

    ``zero_shot`` is the head made from texts, over which training has to win; without it the
    methods that start from texts are left out.  Bands and tests count both the draw of the
    support and the test images (:func:`mean_gain`), those of equal ``groups`` (N,) as one; the
    tests of a curve are corrected for its points (Holm).  ``label_free`` holds, by case, the (N,)
    test images that a label-free head over the same embeddings gets right: how many labels it is
    worth is read off the curve of the logistic regression.

    Raises :class:`DataError` with fewer than two classes, or one without a training image.
    """
    largest = int(_counts(train, classes, model).max())
    used = [
        method
        for method in (METHODS if methods is None else methods)
        if zero_shot is not None or not method.needs_texts
    ]
    setting = Setting(
        train=train,
        test=test,
        zero_shot=zero_shot,
        right_zero_shot=None if zero_shot is None else _right(zero_shot.logits, test),
        seeds=seeds,
        groups=groups,
        label_free=label_free or {},
    )
    plan = {
        method: _sizes(shots, largest, wider=bool(label_free) and method.name == MATCHED)
        for method in used
    }
    curves = _curves(plan, setting, largest, progress)
    right = setting.right_zero_shot
    return FewShot(
        model=model,
        zero_shot_case=zero_shot_case,
        zero_shot=None if right is None else share("accuracy", right, groups),
        curves=tuple(curves),
        seeds=tuple(seeds),
        worth=tuple(
            labels_worth(case, curve)
            for curve in curves
            for case in setting.label_free
            if curve.method == MATCHED
        ),
    )


def labels_worth(case: str, curve: LearningCurve) -> LabelsWorth:
    """Where a curve reaches a label-free case, by interpolation over the logarithm of labels.

    The interval holds the numbers of labels at which no difference is excluded: the bounds of
    the paired gain over the case cross zero there.  More labels do no harm but by the luck of a
    draw: gains and bounds are the nearest that never fall (isotonic regression, draws as weights).
    """
    labels = np.array([point.images for point in curve.points], dtype=np.float64)
    gains = [point.over_label_free[case] for point in curve.points]
    draws = [gain.repetitions for gain in gains]
    return LabelsWorth(
        case=case,
        method=curve.method,
        labels=_crossing(labels, [gain.gain for gain in gains], draws),
        low=_crossing(labels, [gain.high for gain in gains], draws),
        high=_crossing(labels, [gain.low for gain in gains], draws),
    )


def _crossing(labels: FloatArray, values: Sequence[float], draws: Sequence[int]) -> float | None:
    """Where a gain turns positive; None when it is so everywhere, or nowhere."""
    gains = scipy.optimize.isotonic_regression(values, weights=draws).x
    below = int((gains < 0).sum())
    if below in (0, len(gains)):
        return None
    i = below - 1
    share = -gains[i] / (gains[i + 1] - gains[i])
    return float(np.exp(np.log(labels[i]) + share * np.log(labels[i + 1] / labels[i])))


def _curves(
    plan: Mapping[Method, Sequence[int | None]],
    setting: Setting,
    largest: int,
    progress: Callable[[int, int], None],
) -> list[LearningCurve]:
    """One curve a method, over the supports that it is tried with."""
    curves = []
    total, done = sum(len(tried) for tried in plan.values()), 0
    for method, tried in plan.items():
        points = []
        for size in tried:
            # Thousands of small products: threads would spend their time waiting for each other.
            with threadpool_limits(limits=1, user_api="blas"):
                points.append(_point(method, size, setting))
            done += 1
            progress(done, total)
        curves.append(_curve(method.name, points, largest))
    return curves


def _sizes(shots: Sequence[int | None], largest: int, *, wider: bool) -> list[int | None]:
    """The supports that are tried, smallest first: from the largest class on, k is all there is."""
    sizes = [k for k in shots if k is None or k < largest]
    if not wider:
        return sizes
    more = sorted({*WIDER, *(k for k in sizes if k)})
    return [k for k in more if k < largest] + [None] * (None in sizes)


def _counts(train: Support, classes: Sequence[str], model: str) -> IntArray:
    """(C,) training images of each class; raises as :func:`few_shot`."""
    if len(classes) < 2:  # noqa: PLR2004 - nothing to tell apart
        raise DataError("learning curves take two classes or more", where=model)
    counts = np.bincount(train.labels, minlength=len(classes))
    if (counts == 0).any():
        raise DataError(
            "has no training image",
            where=f"class {classes[int(counts.argmin())]!r}",
            remedy="give the split a training part with every class",
        )
    return counts


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


def _point(method: Method, shots: int | None, setting: Setting) -> FewShotPoint:
    train = setting.train
    # All images are the same support whatever the seed.
    seeds = setting.seeds if shots is not None else setting.seeds[:1]
    supports = [draw_support(train.labels, shots, seed) for seed in seeds]
    right = np.stack(
        [
            _right(_tuned(method, _rows(train, rows), setting.zero_shot, seed), setting.test)
            for rows, seed in zip(supports, seeds, strict=True)
        ]
    )
    band = mean_gain(right, groups=setting.groups)
    return FewShotPoint(
        shots=shots,
        images=supports[0].size,
        accuracies=tuple(float(x) for x in right.mean(axis=1)),
        mean=band.gain,
        low=max(0.0, band.low),
        high=min(1.0, band.high),
        over_zero_shot=None
        if setting.right_zero_shot is None
        else mean_gain(right, setting.right_zero_shot, setting.groups),
        p_holm=None,
        over_label_free={
            case: mean_gain(right, known, setting.groups)
            for case, known in setting.label_free.items()
        },
    )


def _curve(name: str, points: Sequence[FewShotPoint], largest: int) -> LearningCurve:
    gains = [point.over_zero_shot for point in points if point.over_zero_shot is not None]
    if not gains:
        return LearningCurve(method=name, points=tuple(points), break_even=None)
    corrected = holm(np.array([gain.p for gain in gains]))
    break_even = None
    for point, gain, p in reversed(list(zip(points, gains, corrected, strict=True))):
        if gain.gain <= 0 or p >= ALPHA:
            break
        break_even = largest if point.shots is None else point.shots
    return LearningCurve(
        method=name,
        points=tuple(
            replace(point, p_holm=float(p)) for point, p in zip(points, corrected, strict=True)
        ),
        break_even=break_even,
    )


def _rows(support: Support, rows: IntArray) -> Support:
    return Support(embeddings=support.embeddings[rows], labels=support.labels[rows])


def _right(scorer: Scorer, test: Support) -> BoolArray:
    result: BoolArray = scorer(test.embeddings).argmax(axis=1) == test.labels
    return result


def _tuned(method: Method, support: Support, zero_shot: Head | None, seed: int) -> Scorer:
    """Chooses the hyperparameter by cross-validation inside the support, then fits on all of it.

    One image a class leaves nothing to compare on: the first value is taken.
    """
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


# ------------------------------------------------------------------------ methods


def _span(embeddings: FloatArray) -> Scorer:
    """Embeddings centred, scaled to a mean squared norm of 1, and turned into their own span.

    A penalised linear head never leaves the span of its support, so nothing is lost and a few
    images cost a few dimensions.
    """
    x = embeddings.astype(np.float64)
    centre = x.mean(axis=0)
    _, values, axes = np.linalg.svd(x - centre, full_matrices=False)
    kept = values > 1e-10 * max(float(values[0]), _TINY)
    norm = max(float(np.sqrt(np.mean(np.sum((x - centre) ** 2, axis=1)))), _TINY)
    scaled = axes[kept].T / norm
    return lambda rows: (rows.astype(np.float64) - centre) @ scaled


def logistic(support: Support, _zero_shot: Head | None) -> Fit:
    """Multinomial logistic regression; its strength is scikit-learn's C."""
    span = _span(support.embeddings)
    x = span(support.embeddings)

    def fit(choice: Choice) -> Scorer:
        (strength,) = choice
        head = LogisticRegression(C=strength, max_iter=_ITERATIONS)
        with warnings.catch_warnings():
            # Separable supports with hardly any penalty: any point near the optimum will do.
            warnings.simplefilter("ignore", ConvergenceWarning)
            head.fit(x, support.labels)
        return lambda embeddings: _per_class(head.decision_function(span(embeddings)))

    return fit


def _per_class(decision: FloatArray) -> FloatArray:
    """Of two classes, scikit-learn gives the second one's margin alone."""
    return np.column_stack([-decision, decision]) if decision.ndim == 1 else decision


def text_probe(support: Support, zero_shot: Head | None) -> Fit:
    """A linear probe that starts from the texts and is pulled back to them.

    Adds to the weighted zero-shot logits a linear head fitted by cross-entropy, with a squared
    penalty (text-initialised linear probes: Huang et al., LP++, CVPR 2024; Silva-Rodriguez et
    al., CLAP, CVPR 2024).  Chooses the inverse penalty and the weight of the texts.  Zero-shot
    logits that are too sharp for the support are softened first by one temperature: their scale
    is that of contrastive training.
    """
    if zero_shot is None:
        raise ValueError("a text probe needs a zero-shot head")
    span, raw = _span(support.embeddings), zero_shot.logits(support.embeddings)
    softening = max(1.0, fit_temperature(raw, support.labels))
    x = span(support.embeddings)

    def fit(choice: Choice) -> Scorer:
        strength, trust = choice[0], choice[1] / softening
        weight, bias = _fit_offset(trust * raw, x, support.labels, strength)
        return lambda embeddings: (
            trust * zero_shot.logits(embeddings) + span(embeddings) @ weight.T + bias
        )

    return fit


def _fit_offset(
    start: FloatArray, x: FloatArray, labels: IntArray, strength: float
) -> tuple[FloatArray, FloatArray]:
    """(C, R) weight and (C,) bias added to (N, C) logits: penalised cross-entropy by L-BFGS."""
    truth = np.eye(start.shape[1])[labels]
    x = np.column_stack([x, np.ones(x.shape[0])])
    shape = (start.shape[1], x.shape[1])

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        weight = flat.reshape(shape)
        logits = start + x @ weight.T
        log_norm = scipy.special.logsumexp(logits, axis=1, keepdims=True)
        value = np.sum(log_norm) - np.sum(logits * truth) + np.sum(flat**2) / (2 * strength)
        excess = np.exp(logits - log_norm) - truth
        return float(value), (excess.T @ x + weight / strength).ravel()

    found = scipy.optimize.minimize(
        loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS}
    )
    weight = found.x.reshape(shape)
    return weight[:, :-1], weight[:, -1]


def gda(support: Support, zero_shot: Head | None) -> Fit:
    """Gaussian discriminant analysis, added to zero-shot (Wang et al., ICLR 2024).

    One covariance for all classes, its inverse estimated by D ((n - 1) S + tr(S) I)⁻¹ (Kubokawa
    & Srivastava 2008); equal priors.  With one image a class there is no covariance: it is then
    the identity, which makes nearest class means.  Both sources are brought to the same spread
    on the support, so that a weight of 1 trusts them equally; without a zero-shot head, GDA
    stands alone.
    """
    x, labels = support.embeddings.astype(np.float64), support.labels
    means = np.stack([x[labels == c].mean(axis=0) for c in np.unique(labels)])
    centred = x - means[np.unique(labels, return_inverse=True)[1]]
    directions = _precision(centred, means)
    bias = -np.sum(directions * means, axis=1) / 2

    def alone(embeddings: FloatArray) -> FloatArray:
        result: FloatArray = embeddings.astype(np.float64) @ directions.T + bias
        return result

    if zero_shot is None:
        return lambda _choice: alone
    balance = _spread(zero_shot.logits(x)) / max(_spread(alone(x)), _TINY)

    def fit(choice: Choice) -> Scorer:
        weight = choice[0] * balance
        return lambda embeddings: zero_shot.logits(embeddings) + weight * alone(embeddings)

    return fit


def _precision(centred: FloatArray, means: FloatArray) -> FloatArray:
    """(C, D) means times the estimated inverse covariance of (N, D) centred embeddings."""
    n, d = centred.shape
    ridge = float(np.sum(centred**2)) / max(n - 1, 1)
    if ridge == 0:
        return means
    if n >= d:
        solved = np.linalg.solve(centred.T @ centred + ridge * np.eye(d), means.T).T
    else:
        # Woodbury: an n × n system instead of a d × d one.
        inner = np.linalg.solve(centred @ centred.T + ridge * np.eye(n), centred @ means.T)
        solved = (means - (centred.T @ inner).T) / ridge
    result: FloatArray = d * solved
    return result


def _spread(logits: FloatArray) -> float:
    """Standard deviation of logits between the classes of an image."""
    return float((logits - logits.mean(axis=1, keepdims=True)).std())


def knn(support: Support, _zero_shot: Head | None) -> Fit:
    """K nearest neighbours by cosine, nearer ones counting more."""

    def fit(choice: Choice) -> Scorer:
        head = KNeighborsClassifier(
            n_neighbors=min(int(choice[0]), support.labels.size),
            metric="cosine",
            weights="distance",
        )
        head.fit(support.embeddings, support.labels)
        return lambda embeddings: np.asarray(head.predict_proba(embeddings))

    return fit


def _each(*values: float) -> tuple[Choice, ...]:
    return tuple((value,) for value in values)


MATCHED = "logistic"
"""The method whose labels a label-free case is counted in: the plainest."""
METHODS: tuple[Method, ...] = (
    Method(name="logistic", prepare=logistic, grid=_each(10.0, 1.0, 100.0, 0.1, 1000.0)),
    Method(name="gda", prepare=gda, grid=_each(1.0, 0.3, 3.0, 0.1, 10.0)),
    Method(
        name="text-probe",
        prepare=text_probe,
        grid=tuple(product((1.0, 10.0, 100.0), (1.0, 0.3, 0.1))),
        needs_texts=True,
    ),
    Method(name="knn", prepare=knn, grid=_each(1, 3, 5, 9, 15)),
)
