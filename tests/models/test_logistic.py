"""The logistic regression on a frozen trunk's features."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from evaluation.errors import ModelError
from evaluation.models.supervised import heads
from evaluation.records import Head, Support
from tests.conftest import effort
from tests.models.clouds import class_names, cloud


def _fit(train: Support, validation: Support | None, classes: int) -> Head:
    return heads.fit_logistic_regression(class_names(classes), train, validation, seed=0)


@pytest.mark.parametrize(("classes", "n"), [(2, 40), (5, 200), (5, 15)])
def test_it_is_scikit_learn_s_regression_on_standardised_features(classes: int, n: int) -> None:
    """Same probabilities as a plain pipeline, for more photos than features and for fewer."""
    train, test = cloud(1, n, classes), cloud(2, 50, classes)
    head = _fit(train, None, classes)
    plain = make_pipeline(
        StandardScaler(),
        LogisticRegression(C=heads.DEFAULT_STRENGTH, tol=1e-8, max_iter=10000),
    ).fit(train.embeddings.astype(float), train.labels)
    expected = plain.predict_proba(test.embeddings.astype(float))
    found = softmax(head.logits(test.embeddings), axis=1)
    assert np.abs(found - expected).max() < 1e-5
    assert expected.max() - expected.min() > 0.05


def test_the_regularisation_is_chosen_on_validation() -> None:
    """The best C on validation, the most regularised of equals, as trying each one shows."""
    train, validation = cloud(1, 60, 4, noise=3), cloud(2, 80, 4, noise=3)
    head = _fit(train, validation, 4)
    scores = {}
    for strength in heads.STRENGTHS:
        plain = make_pipeline(
            StandardScaler(), LogisticRegression(C=strength, tol=1e-8, max_iter=10000)
        ).fit(train.embeddings.astype(float), train.labels)
        scores[strength] = plain.score(validation.embeddings.astype(float), validation.labels)
    best = max(scores.values())
    assert len(set(scores.values())) > 1
    assert head.chosen["C"] == min(c for c, score in scores.items() if score == best)
    assert head.chosen["validation_accuracy"] == pytest.approx(best)
    assert head.chosen["validation_images"] == 80
    assert head.chosen["train_images"] == 60
    assert head.warnings == ()


def test_many_classes_are_fitted_sooner_and_nearly_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each strength from the one before, to a coarser tolerance: the same choice and answers."""
    train, validation = cloud(1, 60, 6, noise=3), cloud(2, 80, 6, noise=3)
    fine = _fit(train, validation, 6)
    monkeypatch.setattr(heads, "MANY_CLASSES", 5)
    coarse = _fit(train, validation, 6)
    assert coarse.chosen["C"] == fine.chosen["C"]
    found, expected = (head.logits(validation.embeddings) for head in (coarse, fine))
    assert 0 < np.abs(softmax(found, axis=1) - softmax(expected, axis=1)).max() < 0.01


def test_the_head_is_fitted_on_the_training_part_alone() -> None:
    """With the same choice of C, the validation photos leave no trace in the weights."""
    train, validation = cloud(1, 60, 3), cloud(2, 30, 3)
    with_validation = _fit(train, validation, 3)
    chosen = with_validation.chosen["C"]
    fits = heads._fit_all(train, 3, (float(chosen),), seed=0)
    assert np.array_equal(with_validation.weight, fits[float(chosen)][0].weight)


@settings(max_examples=effort(15), deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_the_order_of_the_photos_does_not_matter(seed: int, classes: int) -> None:
    """The optimum is unique: shuffled photos give the same logits."""
    train = cloud(seed, 24, classes)
    order = np.random.default_rng(seed).permutation(24)
    shuffled = Support(embeddings=train.embeddings[order], labels=train.labels[order])
    one, other = _fit(train, None, classes), _fit(shuffled, None, classes)
    difference = one.logits(train.embeddings) - other.logits(train.embeddings)
    assert np.abs(difference).max() < 1e-4


def test_two_fits_are_equal_to_the_bit() -> None:
    """Nothing is random."""
    train, validation = cloud(1, 60, 3), cloud(2, 30, 3)
    one, other = _fit(train, validation, 3), _fit(train, validation, 3)
    assert np.array_equal(one.weight, other.weight)
    assert np.array_equal(one.bias, other.bias)


def test_a_constant_feature_counts_for_nothing() -> None:
    """It is neither divided by zero nor given a weight."""
    train = cloud(1, 30, 3)
    rows = np.concatenate([train.embeddings, np.full((30, 1), 7.0, np.float32)], axis=1)
    head = _fit(Support(embeddings=rows, labels=train.labels), None, 3)
    assert np.isfinite(head.weight).all()
    assert head.weight[:, -1] == pytest.approx([0, 0, 0], abs=1e-12)


def test_without_validation_the_record_says_so() -> None:
    """C is then a default, and a warning tells it."""
    empty = Support(embeddings=np.empty((0, 20), np.float32), labels=np.empty(0, np.int64))
    for validation in (None, empty):
        head = _fit(cloud(1, 30, 3), validation, 3)
        assert head.chosen["C"] == heads.DEFAULT_STRENGTH
        assert "validation_accuracy" not in head.chosen
        assert "not chosen" in head.warnings[0]


def test_a_fit_that_does_not_converge_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few iterations: the head is given, with a line that says so."""
    monkeypatch.setattr(heads, "MAX_ITERATIONS", 1)
    head = _fit(cloud(1, 60, 4), cloud(2, 20, 4), 4)
    assert any("did not converge in 1 iterations" in line for line in head.warnings)


def test_what_cannot_be_learnt_is_refused() -> None:
    """A class without training photo is named; one class alone is no choice."""
    train = cloud(1, 20, 2)
    with pytest.raises(ModelError, match='no training photo of the class "class 2"'):
        _fit(train, None, 3)
    lonely = Support(embeddings=train.embeddings, labels=np.zeros(20, np.int64))
    with pytest.raises(ModelError, match="at least two classes"):
        _fit(lonely, None, 1)


def test_one_photo_a_class_is_enough_to_fit() -> None:
    """The smallest training part that means something."""
    head = _fit(cloud(1, 3, 3, noise=0.1), None, 3)
    assert head.weight.shape == (3, 20)
    assert (head.logits(cloud(1, 3, 3, noise=0.1).embeddings).argmax(axis=1) == range(3)).all()
