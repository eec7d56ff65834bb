"""Cases over splits of the same photos, which overlap: means, spreads and corrected tests."""

from collections.abc import Mapping
from itertools import combinations
from operator import attrgetter

import numpy as np

from evaluation.records import FloatArray, RepeatedPair, RepeatedScores, Repeats
from evaluation.scoring.intervals import t_interval
from evaluation.scoring.paired import with_holm


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


def compare_repeats(scored: Mapping[str, RepeatedScores | None]) -> Repeats | None:
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
        pairs.append(RepeatedPair(a=a, b=b, gap=gap, low=low, high=high, p=p, p_holm=p))
    return Repeats(
        draws=len(first.draws),
        folds=first.folds,
        tested=first.tested,
        accuracies={case: kept[case] for case in order},
        pairs=with_holm(pairs, attrgetter("p")),
        left_out=tuple(case for case in scored if case not in kept),
    )
