"""What the models say of the data: doubtful labels, classes that overlap."""

from collections.abc import Mapping, Sequence

import numpy as np
import scipy.stats

from evaluation import records
from evaluation.records import FloatArray, Groups, IntArray, Metric, Predictions, Suspect, unit
from evaluation.scoring.intervals import Interval, metric, share, t_interval

NEIGHBOURS = 10


def audit_labels(aligned: Mapping[str, Predictions], groups: Groups = None) -> records.DataAudit:
    """Photos that every case puts, with confidence, in another class; accuracies without them.

    ``aligned`` should hold one case a model: several prompt sets of one model agree in their
    errors, and would outvote the others.  A model is confident of a class when it gives it at
    least the probability that it gives it on average on the photos labelled so (confident
    learning, Northcutt, Jiang & Chuang 2021): a threshold of its own for each model and class,
    which asks for no calibration.  A suspect is named otherwise by every case, whose
    probabilities exceed these thresholds on average: were each asked to exceed its own, many
    models would find fewer suspects than two.  One model's opinion is no agreement: of a single
    case nothing is said.

    The accuracies without the suspects are an upper bound: photos were set aside *because* all
    models miss them, whether their label is wrong or they are hard.
    """
    if len(aligned) == 1:
        return records.DataAudit(cases=tuple(aligned), suspects=(), accuracies=())
    first = next(iter(aligned.values()))
    classes, labels = first.classes, first.labels
    guesses = {case: said.predicted for case, said in aligned.items()}
    right = {case: guess == labels for case, guess in guesses.items()}
    confidence = np.zeros(len(labels))
    for case, said in aligned.items():
        # A class that no photo is labelled with has no usual probability: 1 stands for it.
        usual = np.ones(len(classes))
        for c in np.unique(labels):
            usual[c] = said.probabilities[labels == c, c].mean()
        confidence += said.probabilities.max(axis=1) - usual[guesses[case]]
    doubted = ~np.any(list(right.values()), axis=0) & (confidence >= 0)
    suspects = []
    for i in np.flatnonzero(doubted):
        named = {case: classes[guess[i]] for case, guess in guesses.items()}
        given = [said.probabilities[i, labels[i]] for said in aligned.values()]
        suspect = Suspect(
            sample_id=first.sample_ids[i],
            label=classes[labels[i]],
            predicted=named,
            consensus=next(iter(named.values())) if len(set(named.values())) == 1 else None,
            label_probability=float(np.mean(given)),
        )
        suspects.append(suspect)
    return records.DataAudit(
        cases=tuple(aligned),
        suspects=tuple(sorted(suspects, key=lambda suspect: suspect.label_probability)),
        accuracies=tuple(
            records.CleanedAccuracy(
                case=case,
                everything=share("accuracy", hits, groups),
                without=share("accuracy", hits, groups, ~doubted),
            )
            for case, hits in right.items()
        ),
    )


def audit_embeddings(
    model: str,
    embeddings: FloatArray,
    labels: IntArray,
    classes: Sequence[str],
    recalls: Mapping[str, Metric],
) -> records.EmbeddingAudit:
    """Overlap of the classes and variety within them, from (N, D) embeddings.

    Overlap: among the nearest neighbours (cosine) of a class's photos, the share that belongs to
    each class.  Variety: mean cosine distance between two photos of a class.  ``recalls`` maps
    classes to a case's recalls, to stand beside their variety.
    """
    directions, c = unit(embeddings), len(classes)
    k = min(NEIGHBOURS, labels.size - 1)
    counts = np.zeros((c, c))
    if k > 0:
        from sklearn.neighbors import NearestNeighbors

        # Asked about its own points, it leaves out the point itself.
        nearest = NearestNeighbors(n_neighbors=k, metric="cosine").fit(directions)
        around = nearest.kneighbors(return_distance=False)
        np.add.at(counts, (np.repeat(labels, k), labels[around].ravel()), 1)
    # Rows sum to 1; of a class without photos, or of photos without neighbours, only to 0.
    overlap = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = tuple(
        records.ClassVariety(
            label=name,
            variety=_variety(directions[labels == i]),
            purity=float(overlap[i, i]),
            recall=recalls.get(name),
        )
        for i, name in enumerate(classes)
    )
    correlation, p = _rank_correlation(rows)
    return records.EmbeddingAudit(
        model=model,
        neighbours=k,
        overlap=tuple(map(tuple, overlap.tolist())),
        classes=rows,
        variety_recall=correlation,
        variety_recall_p=p,
    )


def _variety(unit: FloatArray) -> Metric:
    """Mean pairwise cosine distance of (N, D) unit vectors, with its jackknife interval."""
    n = unit.shape[0]
    if n < 2:  # noqa: PLR2004 - it takes a pair
        return Metric(name="variety", value=None, n=n)
    total = unit.sum(axis=0)
    square = float(total @ total)
    value = 1 - (square - n) / (n * (n - 1))
    if n < 3:  # noqa: PLR2004 - leaving one out leaves no pair
        return Metric(name="variety", value=value, n=n)
    without = 1 - (square - 2 * unit @ total + 1 - (n - 1)) / ((n - 1) * (n - 2))
    error = ((n - 1) / n * float(np.sum((without - without.mean()) ** 2))) ** 0.5
    low, high, _ = t_interval(value, error, n - 1)
    # A cosine distance lies between 0 and 2.
    return metric("variety", value, n, Interval(max(0.0, low), min(2.0, high), "jackknife"))


def _rank_correlation(rows: Sequence[records.ClassVariety]) -> tuple[float | None, float | None]:
    """Spearman's correlation of variety and recall, with its permutation p-value."""
    pairs = [(row.variety.value, row.recall.value) for row in rows if row.recall]
    known = [pair for pair in pairs if None not in pair]
    if len(known) < 3:  # noqa: PLR2004 - two points always agree
        return None, None
    ranks = scipy.stats.rankdata(np.array(known, dtype=np.float64), axis=0)
    ranks = ranks - ranks.mean(axis=0)
    scale = float(np.sqrt(np.prod(np.sum(ranks**2, axis=0))))
    if scale == 0:
        return None, None
    test = scipy.stats.permutation_test(
        (ranks[:, 0],),
        lambda x, axis: np.sum(x * ranks[:, 1], axis=axis) / scale,
        permutation_type="pairings",
        vectorized=True,
        n_resamples=9_999,
        rng=np.random.default_rng(0),
    )
    return float(test.statistic), float(test.pvalue)
