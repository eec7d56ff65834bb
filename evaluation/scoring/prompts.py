"""What prompt sets change, text by text, class by class, and how much of it is choice."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from operator import attrgetter
from typing import Any, Literal

import numpy as np
import scipy.linalg
import scipy.stats

from evaluation import records
from evaluation.records import BoolArray, FloatArray, Groups, IntArray, Predictions, clusters, unit
from evaluation.scoring.intervals import bootstrap, resample, share, sums_of, units_of
from evaluation.scoring.paired import Paired, paired, with_holm

NEAR_IDENTICAL = 0.95

_RESAMPLES = 1_999
_FLAT = 1e-24

_Source = Literal["model", "prompts", "interaction"]


def prompt_gain(
    aligned: Mapping[str, Predictions], a: str, b: str, groups: Groups
) -> records.PromptGain:
    """What case ``a`` changes in each class's recall over ``b``: paired tests, Holm-corrected."""
    labels, right_a, right_b = aligned[a].labels, aligned[a].right, aligned[b].right
    rows = []
    for i in np.unique(labels):  # no test image, no recall
        test = paired(right_a, right_b, groups, labels == i)
        own = {"label": aligned[a].classes[i], "only_a": test.only_a, "only_b": test.only_b}
        rows.append(records.ClassGain(gain=test.gap, **own, **_shown(test)))
    return records.PromptGain(a=a, b=b, classes=with_holm(rows, attrgetter("p_mid")))


def _shown(test: Paired) -> dict[str, Any]:
    """What a row says of its test, not yet corrected."""
    p = {"p_mid": test.p_mid, "p_holm": test.p_mid}
    return {"n": test.n, "low": test.low, "high": test.high, **p}


def text_effects(
    predictions: Predictions,
    texts: Mapping[str, Sequence[str]],
    logits_without: Callable[[str, int], FloatArray],
    groups: Groups,
) -> tuple[records.TextEffect, ...]:
    """What each text of a class brings: the predictions with it against those without it.

    ``logits_without(label, i)`` gives the (N, C) logits, or any scores of the same order, of
    the same images when text ``i`` of the class ``label`` is left out.  Tango intervals; mid-p
    McNemar tests, corrected for all texts (Holm).
    """
    with_it = predictions.right
    rows = []
    for c, label in enumerate(predictions.classes):
        for i, text in enumerate(texts[label]):
            without = logits_without(label, i).argmax(axis=1) == predictions.labels
            own = predictions.labels == c
            test = paired(with_it, without, groups)
            recalls = with_it[own].mean() - without[own].mean() if own.any() else 0.0
            rows.append(
                records.TextEffect(
                    label=label,
                    text=text,
                    only_with=test.only_a,
                    only_without=test.only_b,
                    effect=test.gap,
                    own_recall=float(recalls),
                    **_shown(test),
                )
            )
    return with_holm(rows, attrgetter("p_mid"))


def near_identical(classes: Sequence[str], embeddings: FloatArray) -> tuple[records.TextPair, ...]:
    """Pairs of classes whose (C, D) texts have a cosine of 0.95 or more, closest first."""
    directions = unit(embeddings)
    cosines = directions @ directions.T
    pairs = [
        records.TextPair(a=classes[i], b=classes[j], cosine=float(cosines[i, j]))
        for i, j in combinations(range(len(classes)), 2)
        if cosines[i, j] >= NEAR_IDENTICAL
    ]
    return tuple(sorted(pairs, key=lambda pair: -pair.cosine))


def variance_split(
    correct: Mapping[tuple[str, str], BoolArray], labels: IntArray, groups: Groups = None
) -> tuple[records.VarianceSource, ...]:
    """How much of the differences in accuracy comes from models, prompt sets, and their meeting.

    ``correct`` maps (model, prompt set) to its (N,) right answers on the same images, every
    model with every prompt set.  The two-way table of accuracies is split into sums of squares;
    shares have BCa intervals over images, resampled within class.  Each source is tested by
    Wald's statistic with the covariance of the cells over images (Grizzle, Starmer & Koch 1969),
    referred to Hotelling's F: cells share their images, which an ordinary ANOVA ignores.
    It takes two models and two prompt sets or more.
    """
    models, sets = (tuple(dict.fromkeys(key[i] for key in correct)) for i in (0, 1))
    cells = np.column_stack([correct[m, p] for m in models for p in sets]).astype(np.float64)
    contrasts = _contrasts(len(models), len(sets))
    units = units_of(labels, np.column_stack([cells, np.ones(labels.size)]), groups)
    intervals = bootstrap(
        units,
        lambda sums: _shares(sums[:, :-1] / np.maximum(sums[:, -1:], 1), contrasts),
        resamples=_RESAMPLES,
    )
    shares = _shares(cells.mean(axis=0)[None, :], contrasts)[0]
    tests = wald_tests(cells, labels, clusters(groups), contrasts)
    return tuple(
        records.VarianceSource(
            source=source, share=float(part), low=interval.low, high=interval.high, **tests[source]
        )
        for source, part, interval in zip(contrasts, shares, intervals, strict=True)
    )


def _contrasts(models: int, sets: int) -> dict[_Source, FloatArray]:
    """Orthonormal contrasts (df, models x sets) of each source; together they span all of them."""
    by_model, by_set = (np.asarray(scipy.linalg.helmert(k)) for k in (models, sets))
    same_model, same_set = (np.full((1, k), k**-0.5) for k in (models, sets))
    return {
        "model": np.kron(by_model, same_set),
        "prompts": np.kron(same_model, by_set),
        "interaction": np.kron(by_model, by_set),
    }


def _shares(accuracies: FloatArray, contrasts: Mapping[_Source, FloatArray]) -> FloatArray:
    """(B, 3) shares of the sum of squares of (B, cells) accuracies; a third each when it is 0."""
    squares = np.stack(
        [((accuracies @ contrast.T) ** 2).sum(axis=1) for contrast in contrasts.values()], axis=1
    )
    total = squares.sum(axis=1, keepdims=True)
    # Rounding alone leaves some 1e-32 between equal accuracies.
    flat = total < _FLAT
    return np.where(flat, 1 / 3, squares / np.where(flat, 1, total))


def wald_tests(
    cells: FloatArray, labels: IntArray, groups: Groups, contrasts: Mapping[_Source, FloatArray]
) -> dict[_Source, dict[str, Any]]:
    """Effect of each source on (N, cells) answers and its test, images sampled within class."""
    _, classes = np.unique(labels, return_inverse=True)
    means = sums_of(cells, classes) / np.bincount(classes)[:, None]
    residuals: FloatArray = cells - means[classes]
    residuals = residuals if groups is None else sums_of(residuals, groups)
    n, independent = len(cells), len(residuals)
    # Half an image's worth of doubt: cells that are always right still vary elsewhere.
    covariance = (residuals.T @ residuals / n + np.eye(cells.shape[1]) / (2 * n)) / n
    tests = {}
    for source, contrast in contrasts.items():
        effects, noise = contrast @ cells.mean(axis=0), contrast @ covariance @ contrast.T
        df, wald = len(contrast), float(effects @ np.linalg.solve(noise, effects))
        left = independent - df
        p = scipy.stats.f.sf(wald * left / (df * (independent - 1)), df, left) if left > 0 else 1.0
        excess = max(0.0, float(effects @ effects - np.trace(noise)))
        effect = (excess / cells.shape[1]) ** 0.5
        tests[source] = {"effect": effect, "df": df, "wald": wald, "p": float(p)}
    return tests


def choose_prompts(
    model: str,
    validation: Mapping[str, BoolArray],
    test: Mapping[str, BoolArray],
    test_labels: IntArray,
    *,
    validation_groups: Groups = None,
    test_groups: Groups = None,
) -> records.PromptChoice:
    """Chooses a prompt set on validation and reports it on test, beside the choice on test.

    ``validation`` and ``test`` map each prompt set to its right answers.  The optimism is how
    much the accuracy of the best one on a resample of the test images exceeds its accuracy on
    the test images themselves, on average (Efron 1983).
    """
    names = tuple(test)
    right = np.stack([test[name] for name in names])
    chosen = max(names, key=lambda name: validation[name].mean())
    best = names[int(right.mean(axis=1).argmax())]
    units = units_of(test_labels, right.T.astype(np.float64), test_groups)
    accuracies = resample(units, resamples=_RESAMPLES) / test_labels.size
    optimism = accuracies.max(axis=1) - right.mean(axis=1)[accuracies.argmax(axis=1)]
    return records.PromptChoice(
        model=model,
        candidates=names,
        chosen=chosen,
        validation=share("accuracy", validation[chosen], validation_groups),
        test=share("accuracy", test[chosen], test_groups),
        best_on_test=best,
        best_test=share("accuracy", test[best], test_groups),
        optimism=float(optimism.mean()),
    )
