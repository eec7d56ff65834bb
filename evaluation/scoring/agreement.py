"""How far people agree on the classes of photos, beyond chance, and how often they are right."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np

from evaluation.records import FloatArray, HumanAgreement, IntArray, Metric, PairKappa, Predictions
from evaluation.scoring.intervals import bootstrap, means, metric, share, units_of


def agree(people: Mapping[str, Predictions], groups: IntArray | None = None) -> HumanAgreement:
    """Kappas and mean accuracy of one person or more, who answered for the same N photos.

    ``people`` maps case ids to answers; ``groups`` (N,) gives equal numbers to photos that count as
    one.
    """
    first = next(iter(people.values()))
    answers = {case: said.predicted for case, said in people.items()}
    right = np.array([said.right for said in people.values()])
    (ceiling,) = means(("accuracy",), right.mean(axis=0)[:, None], first.labels, groups)
    return HumanAgreement(
        people=tuple(people),
        ceiling=ceiling,
        pairs=tuple(
            PairKappa(
                a=a,
                b=b,
                same=share("agreement", answers[a] == answers[b], groups),
                kappa=cohen(answers[a], answers[b], groups),
            )
            for a, b in combinations(people, 2)
        ),
        fleiss=fleiss(list(answers.values()), groups) if len(people) > 1 else None,
    )


def cohen(a: IntArray, b: IntArray, groups: IntArray | None = None) -> Metric:
    """Cohen's kappa (1960) of two people's (N,) classes, with its BCa interval."""
    classes = np.arange(max(a.max(), b.max()) + 1)
    margins = [(answers[:, None] == classes).astype(np.float64) for answers in (a, b)]

    def chance(sums: FloatArray, n: FloatArray) -> FloatArray:
        of_a, of_b = np.split(sums, 2, axis=1)
        return np.asarray((of_a * of_b).sum(axis=1) / n**2)

    return _kappa("cohen", (a == b).astype(np.float64), np.hstack(margins), chance, groups)


def fleiss(answers: Sequence[IntArray], groups: IntArray | None = None) -> Metric:
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
    groups: IntArray | None,
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
