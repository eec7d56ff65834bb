"""The audit: doubtful labels, overlapping classes, near duplicates."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import scipy.stats
from scipy.spatial.distance import pdist

from evaluation.records import Metric
from evaluation.scoring import softmax
from evaluation.scoring.audit import (
    audit_embeddings,
    audit_labels,
)
from evaluation.scoring.comparison import align
from tests.scoring.test_metrics import make_predictions

LABELS = [0] * 5 + [1] * 5
SURE = np.where(np.eye(2)[LABELS] == 1, 0.9, 0.1)


def changed(rows: dict[int, list[float]]) -> object:
    probabilities = SURE.copy()
    for i, row in rows.items():
        probabilities[i] = row
    return make_predictions(LABELS, probabilities)


def test_a_photo_that_all_put_elsewhere_with_confidence_is_a_suspect() -> None:
    """Both models are as sure of the other class as they usually are of it."""
    cases = {"a": changed({0: [0.05, 0.95]}), "b": changed({0: [0.08, 0.92]})}
    found = audit_labels(align(cases))
    (suspect,) = found.suspects
    assert (suspect.sample_id, suspect.label, suspect.consensus) == ("00000", "class 0", "class 1")
    assert dict(suspect.predicted) == {"a": "class 1", "b": "class 1"}
    assert suspect.label_probability == pytest.approx((0.05 + 0.08) / 2)
    assert found.cases == ("a", "b")


@pytest.mark.parametrize(
    "row",
    [
        pytest.param([0.9, 0.1], id="the other model keeps the label"),
        pytest.param([0.4, 0.6], id="the other model hesitates"),
    ],
)
def test_a_photo_that_one_model_does_not_doubt_is_none(row: list[float]) -> None:
    """An error without confidence, or of one model alone, is only an error."""
    found = audit_labels(align({"a": changed({0: [0.05, 0.95]}), "b": changed({0: row})}))
    assert found.suspects == ()


def test_models_that_name_several_classes_make_a_photo_ambiguous() -> None:
    """No consensus: the label is not simply another one."""
    labels = np.repeat([0, 1, 2], 4)
    sure = np.where(np.eye(3)[labels] == 1, 0.8, 0.1)
    one, other = sure.copy(), sure.copy()
    one[0], other[0] = [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]
    cases = {"a": make_predictions(labels, one), "b": make_predictions(labels, other)}
    (suspect,) = audit_labels(align(cases)).suspects
    assert suspect.consensus is None
    assert set(suspect.predicted.values()) == {"class 1", "class 2"}


def test_accuracies_are_told_with_and_without_the_suspects() -> None:
    """9 of 10, then 9 of 9; the other error of b stays."""
    cases = {
        "a": changed({0: [0.05, 0.95]}),
        "b": changed({0: [0.05, 0.95], 1: [0.3, 0.7]}),
    }
    with_a, with_b = audit_labels(align(cases)).accuracies
    assert (with_a.everything.value, with_a.without.value, with_a.without.n) == (0.9, 1.0, 9)
    assert (with_b.everything.value, with_b.without.value) == (0.8, pytest.approx(8 / 9))


def test_the_least_believed_label_comes_first() -> None:
    """Suspects by the probability of their label."""
    rows = {0: [0.07, 0.93], 1: [0.02, 0.98]}
    found = audit_labels(align({"a": changed(rows), "b": changed(rows)}))
    assert [suspect.sample_id for suspect in found.suspects] == ["00001", "00000"]


def test_one_model_is_no_audit() -> None:
    """Its opinion agrees with itself."""
    found = audit_labels(align({"a": changed({0: [0.05, 0.95]})}))
    assert (found.cases, found.suspects, found.accuracies) == (("a",), (), ())


@pytest.mark.parametrize("models", [2, 6])
def test_swapped_labels_are_found(models: int) -> None:
    """20 of 400 labels swapped, noisy models: most are found, and hardly any other."""
    generator = np.random.default_rng(0)
    truth = np.arange(400) % 4
    labels = truth.copy()
    labels[:20] = (truth[:20] + 1) % 4
    cases = {}
    for i in range(models):
        logits = 4.0 * np.eye(4)[truth] + generator.normal(size=(400, 4))
        cases[f"m{i}"] = make_predictions(labels, softmax(logits))
    found = {int(suspect.sample_id) for suspect in audit_labels(align(cases)).suspects}
    assert len(found & set(range(20))) >= 12
    assert len(found - set(range(20))) <= 2


# ------------------------------------------------------------------------ classes


def clusters(spreads: list[float], n: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    centres = np.eye(len(spreads), 16)
    labels = np.repeat(np.arange(len(spreads)), n)
    noise = np.array(spreads)[labels][:, None] * generator.normal(size=(labels.size, 16))
    return centres[labels] + noise, labels


def test_variety_is_the_mean_pairwise_distance() -> None:
    """scipy's pdist, of vectors of any length; its interval is the jackknife's."""
    embeddings, labels = clusters([0.1, 0.4])
    audit = audit_embeddings("m", embeddings, labels, ["a", "b"], {})
    for c, row in enumerate(audit.classes):
        distances = pdist(embeddings[labels == c], "cosine")
        assert row.variety.value == pytest.approx(distances.mean())
        assert row.variety.low < row.variety.value < row.variety.high
        assert (row.variety.n, row.variety.method) == (40, "jackknife")
    assert audit.classes[0].variety.high < audit.classes[1].variety.low


def test_the_variety_s_interval_covers() -> None:
    """Classes of 30 photos: the true mean distance is covered 90-98 % of 300 times."""
    truth = pdist(clusters([0.3], n=1500, seed=99)[0], "cosine").mean()
    covered = 0
    for seed in range(300):
        embeddings, labels = clusters([0.3], n=30, seed=seed)
        row = audit_embeddings("m", embeddings, labels, ["a"], {}).classes[0].variety
        covered += row.low <= truth <= row.high
    assert 0.90 <= covered / 300 <= 0.98


def test_overlap_counts_neighbours() -> None:
    """Two classes on one centre share their neighbours; the third keeps to itself."""
    embeddings, labels = clusters([0.05, 0.05, 0.05])
    embeddings[labels == 1] += np.eye(3, 16)[0] - np.eye(3, 16)[1]
    overlap = np.array(audit_embeddings("m", embeddings, labels, ["a", "b", "c"], {}).overlap)
    assert overlap.sum(axis=1) == pytest.approx(1)
    assert overlap[0, 1] > 0.3 < overlap[1, 0]
    assert overlap[2].tolist() == [0, 0, 1]


def test_a_photo_is_not_its_own_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pairs across classes: every nearest neighbour is of the other class."""
    monkeypatch.setattr("evaluation.scoring.audit.NEIGHBOURS", 1)
    embeddings = np.array([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0], [0.01, 1.0]])
    audit = audit_embeddings("m", embeddings, np.array([0, 1, 0, 1]), ["a", "b"], {})
    assert audit.overlap == ((0.0, 1.0), (1.0, 0.0))
    assert [row.purity for row in audit.classes] == [0.0, 0.0]


def recall(value: float | None) -> Metric:
    return Metric(name="recall", value=value, n=30)


def test_variety_stands_beside_recall() -> None:
    """The more varied, the worse recognised: Spearman −1, exact p = 2 / 5!."""
    names = list("abcde")
    embeddings, labels = clusters([0.1, 0.2, 0.3, 0.4, 0.5])
    recalls = {name: recall(0.9 - 0.1 * i) for i, name in enumerate(names)}
    audit = audit_embeddings("m", embeddings, labels, names, recalls)
    assert audit.variety_recall == pytest.approx(-1)
    assert audit.variety_recall_p == pytest.approx(2 / 120)
    assert audit.classes[0].recall == recalls["a"]


def test_the_correlation_agrees_with_scipy() -> None:
    """With ties; the p-value is the share of the 6! orders that are as extreme."""
    values = [0.5, 0.9, 0.7, 0.7, 0.4, 0.8]
    names = list("abcdef")
    embeddings, labels = clusters([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    recalls = {name: recall(value) for name, value in zip(names, values, strict=True)}
    audit = audit_embeddings("m", embeddings, labels, names, recalls)
    varieties = [row.variety.value for row in audit.classes]
    expected = scipy.stats.spearmanr(varieties, values).statistic
    assert audit.variety_recall == pytest.approx(expected)
    ranks = scipy.stats.rankdata(values)
    every = [np.corrcoef(ranks, order)[0, 1] for order in permutations(range(6))]
    extreme = np.mean(np.abs(every) >= abs(expected) - 1e-9)
    assert audit.variety_recall_p == pytest.approx(extreme, abs=0.02)


def test_equal_recalls_have_no_correlation() -> None:
    """0 / 0 is None, as are fewer than three classes with a recall."""
    embeddings, labels = clusters([0.1, 0.2, 0.3])
    for recalls in ({n: recall(0.5) for n in "abc"}, {"a": recall(0.1), "b": recall(None)}, {}):
        audit = audit_embeddings("m", embeddings, labels, list("abc"), recalls)
        assert (audit.variety_recall, audit.variety_recall_p) == (None, None)


def test_a_class_of_one_photo_has_no_variety() -> None:
    """Of two photos, a value without interval."""
    embeddings = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    audit = audit_embeddings("m", embeddings, np.array([0, 1, 1]), ["a", "b"], {})
    assert audit.classes[0].variety.value is None
    assert audit.classes[1].variety.value == pytest.approx(1 - 0.5**0.5)
    assert audit.classes[1].variety.low is None
