"""Claims that hold of every case, and the floors that its study declares."""

from collections.abc import Callable

import numpy as np
import pytest

from evaluation.records import Case, Predictions, RunRecord, Threshold


def test_every_test_image_is_predicted(predictions: Predictions, record: RunRecord) -> None:
    """Each image of the test part has one prediction, and no other image has one."""
    accuracy = record.metric("accuracy")
    assert accuracy is not None
    assert len(set(predictions.sample_ids)) == len(predictions.sample_ids) == accuracy.n


def test_probabilities_are_a_distribution(predictions: Predictions) -> None:
    """Probabilities are finite, not negative, and sum to one over the classes."""
    assert np.isfinite(predictions.probabilities).all()
    assert (predictions.probabilities >= 0).all()
    np.testing.assert_allclose(predictions.probabilities.sum(axis=1), 1.0, atol=1e-9)


def test_record_agrees_with_predictions(predictions: Predictions, record: RunRecord) -> None:
    """The stored accuracy and confusion matrix are those of the stored predictions."""
    hits = predictions.labels == predictions.predicted
    accuracy = record.metric("accuracy")
    assert accuracy is not None
    assert accuracy.value == pytest.approx(hits.mean(), abs=1e-12)
    assert sum(map(sum, record.confusion)) == len(hits)
    assert np.trace(np.array(record.confusion)) == hits.sum()


def test_declared_thresholds_are_met(
    case: Case,
    record: RunRecord,
    thresholds: tuple[Threshold, ...],
    other: Callable[[str], RunRecord],
    gain_since: Callable[[str], float],
) -> None:
    """Every floor that the study declares for the case is reached."""
    missed = []
    for threshold in thresholds:
        reached = _value(record, threshold.metric)
        what = f"{case.name} {threshold.metric}"
        if threshold.over is not None:
            reached -= _value(other(threshold.over), threshold.metric)
            what += f" over {threshold.over}"
        if threshold.since is not None:
            reached, what = gain_since(threshold.since), f"{what} since {threshold.since}"
        if reached < threshold.minimum:
            missed.append(f"{what} is {reached:.4f}, below the declared {threshold.minimum}")
    if missed:
        pytest.fail("; ".join(missed), pytrace=False)


def _value(record: RunRecord, name: str) -> float:
    metric = record.metric(name)
    if metric is None or metric.value is None:
        reason = record.error or "it has no such metric"
        pytest.fail(f"{record.case} has no {name} to compare with: {reason}", pytrace=False)
    return metric.value
