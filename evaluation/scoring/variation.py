"""How accuracy varies: over splits of the same photos, over slices of them, and among people."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from operator import attrgetter

import numpy as np
import scipy.stats

from evaluation import records
from evaluation.records import BoolArray, FloatArray, Groups, IntArray, Metric, Predictions
from evaluation.scoring.intervals import bootstrap, means, metric, share, t_interval, units_of
from evaluation.scoring.paired import with_holm

FEWEST = 10
"""Test photos of a slice that is told by itself."""


def corrected(differences: FloatArray, tested: float) -> tuple[float, float, float]:
    """The 95 % interval of a mean over overlapping splits (low, high), and the p that it is 0.

    The corrected resampled t-test (Nadeau & Bengio 2003, "Inference for the generalization
    error", Machine Learning 52): two splits share most of their photos, so that the variance of
    the mean of J differences is taken as (1/J + n2/n1) s², with n1 photos to learn from, those of
    validation included, and n2 to test; t with J - 1 degrees of freedom.  For the folds of a
    cross-validation n2/n1 is 1/(K - 1) (Bouckaert & Frank 2004).

    There are (J,) differences, one a split, J > 1, of which each tests a share ``tested`` below 1.
    """
    number, mean = differences.size, float(differences.mean())
    error = float(np.sqrt((1 / number + tested / (1 - tested)) * differences.var(ddof=1)))
    return t_interval(mean, error, number - 1)


def compare_repeats(scored: Mapping[str, records.RepeatedScores | None]) -> records.Repeats | None:
    """Every pair of the cases that share the first one's draws; None when none was repeated."""
    first = next((scores for scores in scored.values() if scores), None)
    if first is None:
        return None
    kept = {
        case: scores.accuracies
        for case, scores in scored.items()
        if scores and scores.draws == first.draws
    }
    order = sorted(kept, key=lambda case: -np.mean(kept[case]))
    pairs = []
    for a, b in combinations(order, 2):
        differences = np.array(kept[a]) - np.array(kept[b])
        low, high, p = corrected(differences, first.tested)
        gap = float(differences.mean())
        pairs.append(records.RepeatedPair(a=a, b=b, gap=gap, low=low, high=high, p=p, p_holm=p))
    return records.Repeats(
        draws=len(first.draws),
        folds=first.folds,
        tested=first.tested,
        accuracies={case: kept[case] for case in order},
        pairs=with_holm(pairs, attrgetter("p")),
        left_out=tuple(case for case in scored if case not in kept),
    )


def score_slices(
    case: str, predictions: Predictions, columns: Mapping[str, Sequence[str]], groups: Groups = None
) -> tuple[records.SliceScore, ...]:
    """Each slice of each column (name to N values, "" for none), and the rest; none if alike."""
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
                    records.SliceScore(
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
    inside: BoolArray, right: BoolArray, labels: IntArray, groups: Groups = None
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


def agree(people: Mapping[str, Predictions], groups: Groups = None) -> records.HumanAgreement:
    """Kappas and mean accuracy of people (case id to answers) who saw the same N photos."""
    first = next(iter(people.values()))
    answers = {case: said.predicted for case, said in people.items()}
    right = np.array([said.right for said in people.values()])
    (ceiling,) = means(("accuracy",), right.mean(axis=0)[:, None], first.labels, groups)
    return records.HumanAgreement(
        people=tuple(people),
        ceiling=ceiling,
        pairs=tuple(
            records.PairKappa(
                a=a,
                b=b,
                same=share("agreement", answers[a] == answers[b], groups),
                kappa=cohen(answers[a], answers[b], groups),
            )
            for a, b in combinations(people, 2)
        ),
        fleiss=fleiss(list(answers.values()), groups) if len(people) > 1 else None,
    )


def cohen(a: IntArray, b: IntArray, groups: Groups = None) -> Metric:
    """Cohen's kappa (1960) of two people's (N,) classes, with its BCa interval."""
    classes = np.arange(max(a.max(), b.max()) + 1)
    margins = [(answers[:, None] == classes).astype(np.float64) for answers in (a, b)]

    def chance(sums: FloatArray, n: FloatArray) -> FloatArray:
        of_a, of_b = np.split(sums, 2, axis=1)
        return np.asarray((of_a * of_b).sum(axis=1) / n**2)

    return _kappa("cohen", (a == b).astype(np.float64), np.hstack(margins), chance, groups)


def fleiss(answers: Sequence[IntArray], groups: Groups = None) -> Metric:
    """Fleiss' kappa (1971) of the (N,) classes that two people or more gave, likewise."""
    classes, raters = np.arange(np.max(answers) + 1), len(answers)
    votes = np.asarray(
        np.sum([given[:, None] == classes for given in answers], axis=0, dtype=np.float64)
    )
    same = np.asarray(((votes**2).sum(axis=1) - raters) / (raters * (raters - 1)))

    def chance(sums: FloatArray, n: FloatArray) -> FloatArray:
        return np.asarray(((sums / (raters * n)[:, None]) ** 2).sum(axis=1))

    return _kappa("fleiss", same, votes, chance, groups)


def _kappa(
    name: str,
    same: FloatArray,
    margins: FloatArray,
    chance: Callable[[FloatArray, FloatArray], FloatArray],
    groups: Groups,
) -> Metric:
    """Agreement beyond chance, from the (N,) agreement on each photo and its (N, K) margins.

    ``chance`` gives (B,) agreements by chance of (B, K) summed margins over (B,) photos.
    Undefined where chance alone explains everything: all put all photos in one class.
    """
    n = same.size
    content = np.column_stack([same, np.ones(n), margins])

    def kappa(sums: FloatArray) -> FloatArray:
        photos = np.maximum(sums[:, 1], 1)
        expected = chance(sums[:, 2:], photos)
        beyond = sums[:, 0] / photos - expected
        return (beyond / np.where(expected < 1, 1 - expected, np.inf))[:, None]

    units = units_of(np.zeros(n, dtype=np.int64), content, groups)
    if float(chance(units.total[None, 2:], np.array([float(n)]))[0]) >= 1:
        return Metric(name=name, value=None, n=n)
    (interval,) = bootstrap(units, kappa)
    return metric(name, float(kappa(units.total[None])[0, 0]), n, interval)
