"""The ``head`` regime: a linear head learnt epoch by epoch on frozen features."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from evaluation.errors import ModelError
from evaluation.models.supervised.heads import (
    WEIGHT_DECAYS,
    fit_logistic_regression,
    train_head,
)
from evaluation.models.supervised.schedule import plan_of
from evaluation.records import Head, Support, TrainingSpec
from tests.models.clouds import class_names, cloud


def _train(
    train: Support, validation: Support | None, classes: int, seed: int = 0, **spec: Any
) -> Head:
    declared = TrainingSpec(regime="head", **spec)
    names = class_names(classes)
    return train_head(names, train, validation, declared, seed=seed, where="essai")


def _accuracy(head: Head, support: Support) -> float:
    return float((head.logits(support.embeddings).argmax(axis=1) == support.labels).mean())


def test_it_learns_about_as_well_as_the_regression() -> None:
    """On features that a linear head separates, both are right of almost all new photos."""
    train, validation, test = cloud(1, 200, 4), cloud(2, 80, 4), cloud(3, 400, 4)
    names = class_names(4)
    regression = fit_logistic_regression(names, train, validation, seed=0)
    # Twenty features need larger weights than a trunk's thousand, in as many steps.
    found = _accuracy(_train(train, validation, 4, learning_rate=2e-2), test)
    assert found > 0.8
    assert found > _accuracy(regression, test) - 0.03


def test_the_curve_is_what_the_kept_head_does() -> None:
    """The best epoch's validation accuracy and loss are those of the head that is returned."""
    train, validation = cloud(1, 60, 4, noise=4), cloud(2, 80, 4, noise=4)
    head = _train(train, validation, 4)
    record = head.training
    assert record is not None
    best = record.epochs[record.best_epoch - 1]
    assert best.validation_accuracy == max(one.validation_accuracy for one in record.epochs)
    assert best.validation_accuracy == pytest.approx(_accuracy(head, validation))
    logits = head.logits(validation.embeddings)
    logits -= logits.max(axis=1, keepdims=True)
    chances = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    loss = -chances[np.arange(80), validation.labels].mean()
    assert best.validation_loss == pytest.approx(loss, abs=1e-4)
    assert head.chosen["validation_accuracy"] == best.validation_accuracy
    assert head.chosen["weight_decay"] in WEIGHT_DECAYS
    assert record.trained_parameters == 4 * 21


def test_two_trainings_are_equal_to_the_bit_and_another_seed_is_another() -> None:
    """Everything is drawn from the seed."""
    train, validation = cloud(1, 90, 3, noise=4), cloud(2, 60, 3, noise=4)
    one, same, other = (_train(train, validation, 3, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one.weight, same.weight)
    assert np.array_equal(one.bias, same.bias)
    assert not np.array_equal(one.weight, other.weight)


def test_validation_leaves_no_trace_but_the_choices() -> None:
    """With a declared decay and the last epoch kept anyhow, other labels change no weight."""
    train, validation = cloud(1, 60, 3), cloud(2, 30, 3)
    wrong = Support(embeddings=validation.embeddings, labels=(validation.labels + 1) % 3)
    one = _train(train, validation, 3, epochs=1, weight_decay=1.0)
    other = _train(train, wrong, 3, epochs=1, weight_decay=1.0)
    assert np.array_equal(one.weight, other.weight)


def test_without_validation_the_last_epoch_is_kept_and_the_record_says_so() -> None:
    """Nothing to choose on: a default decay, a warning, no validation curve."""
    head = _train(cloud(1, 30, 3), None, 3, epochs=5)
    assert head.training is not None
    assert head.training.best_epoch == 5
    assert all(one.validation_loss is None for one in head.training.epochs)
    assert "not chosen" in head.warnings[0]


def test_training_stops_when_validation_no_longer_improves() -> None:
    """``patience`` epochs after the best one, which is kept."""
    train, validation = cloud(1, 40, 4, noise=6), cloud(2, 60, 4, noise=6)
    head = _train(train, validation, 4, epochs=200, patience=3, weight_decay=0.0)
    record = head.training
    assert record is not None
    assert record.stopped_early
    assert len(record.epochs) == record.best_epoch + 3 < 200


def test_the_learning_rate_rises_then_falls_to_nothing() -> None:
    """A straight warm-up to the declared rate, then half a cosine."""
    spec = TrainingSpec(regime="head", warmup_epochs=2)
    plan = plan_of(spec, epochs=10, batch_size=1, learning_rate=0.5)
    rates = [plan.rate(step, 5) for step in range(50)]
    assert rates[:10] == pytest.approx([0.05 * n for n in range(1, 11)])
    assert rates[10] == pytest.approx(0.5)
    assert rates[30] == pytest.approx(0.25)
    assert all(one > other for one, other in pairwise(rates[10:]))
    assert 0 < rates[-1] < 0.01


def test_a_loss_that_is_no_number_names_its_epoch() -> None:
    """One line: the model, the epoch, the learning rate to lower."""
    broken = cloud(1, 30, 3)
    broken.embeddings[7, 2] = np.inf
    with pytest.raises(ModelError) as caught:
        _train(broken, None, 3, learning_rate=0.25, epochs=4)
    line = str(caught.value)
    assert line.startswith("essai: the loss is not finite in epoch ")
    assert "learning_rate" in line
    assert "0.25" in line
    assert "\n" not in line


def test_what_cannot_be_learnt_is_refused() -> None:
    """A class without training photo is named; one photo a class is enough."""
    with pytest.raises(ModelError, match='no training photo of the class "class 2"'):
        _train(cloud(1, 20, 2), None, 3)
    assert _accuracy(_train(cloud(1, 3, 3, noise=0.1), None, 3), cloud(1, 3, 3, noise=0.1)) == 1
