"""Calibration: values by hand, the null band, temperatures that see no label they judge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import log_loss

from evaluation.records import Predictions
from evaluation.scoring import softmax
from evaluation.scoring.calibration import (
    bin_of,
    calibrate,
    calibration_scores,
    cross_fitted,
    ece,
    fit_temperature,
    log_probabilities,
    null_ece,
    rescale,
    stratified_folds,
)
from evaluation.scoring.intervals import bootstrap, means, units_of
from tests.scoring.test_metrics import make_predictions, random_predictions


def calibrated(n: int, classes: int, *, sharpen: float = 1.0, seed: int = 0) -> Predictions:
    """Labels drawn from the probabilities, which are then sharpened."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (n, classes))
    labels = (softmax(logits).cumsum(axis=1) > generator.random((n, 1))).argmax(axis=1)
    return make_predictions(labels, softmax(logits * sharpen))


def test_brier_and_log_loss_by_hand() -> None:
    """Two images: Σ(p − y)² = .08 and 1.28 (mean .68); −log .8 and −log .2."""
    scores = calibration_scores(make_predictions([0, 0], [[0.8, 0.2], [0.2, 0.8]]))
    assert scores.brier.value == pytest.approx((0.08 + 1.28) / 2)
    assert scores.nll.value == pytest.approx(-(np.log(0.8) + np.log(0.2)) / 2)
    assert scores.confidence == pytest.approx(0.8)


def test_log_loss_agrees_with_scikit_learn() -> None:
    """On 300 images of 6 classes; the interval holds it and is BCa."""
    predictions = random_predictions(300, 6, skill=1.5)
    nll = calibration_scores(predictions).nll
    assert nll.value == pytest.approx(log_loss(predictions.labels, predictions.probabilities))
    assert nll.low < nll.value < nll.high
    assert (nll.method, nll.n) == ("bootstrap-bca", 300)


def test_a_probability_of_zero_for_the_truth_is_finite() -> None:
    """It costs −log of the smallest positive number, 708.4 nats, and can be written as JSON."""
    scores = calibration_scores(make_predictions([1, 0], [[1.0, 0.0], [1.0, 0.0]]))
    assert scores.nll.value == pytest.approx(708.396 / 2, abs=0.01)


def test_the_ece_by_hand() -> None:
    """Bin ].6,.7]: 2 images at .7, one right: |1.4 − 1|; bin ].9,1]: 1.0 right: 0; over 3."""
    right = np.array([[True, False, True]])
    assert ece(np.array([0.7, 0.7, 1.0]), right)[0] == pytest.approx(0.4 / 3)


def test_bins_hold_their_upper_edge() -> None:
    """.1, .7 and 1 are in the bins that end there, whatever their rounding; 0 is in the first."""
    assert bin_of(np.array([0.0, 0.1, 0.7, 0.7000001, 1.0])).tolist() == [0, 0, 6, 7, 9]


def test_the_reliability_diagram_counts_every_image_once() -> None:
    """Ten bins, empty ones without confidence; accuracies are those of their images."""
    predictions = random_predictions(210, 7, skill=2)
    bins = calibration_scores(predictions).bins
    assert sum(one.accuracy.n for one in bins) == 210
    hits = sum(one.accuracy.value * one.accuracy.n for one in bins if one.accuracy.n)
    assert hits == pytest.approx(np.sum(predictions.predicted == predictions.labels))
    for one in bins:
        assert (one.confidence is None) == (one.accuracy.n == 0)
        assert one.confidence is None or one.low < one.confidence <= one.high


def test_the_null_band_at_210_images() -> None:
    """The facts' .042 mean and .065 at the 95th percentile, for a mean confidence of .857."""
    confidence = np.random.default_rng(0).beta(3, 0.5, 210)
    assert confidence.mean() == pytest.approx(180 / 210, abs=0.01)
    null = null_ece(confidence)
    assert null.mean() == pytest.approx(0.042, abs=0.003)
    assert np.quantile(null, 0.95) == pytest.approx(0.065, abs=0.003)


def test_a_calibrated_model_lies_in_its_null_band() -> None:
    """Labels drawn from the probabilities: 5 % of 200 models lie above, give or take."""
    above = 0
    for seed in range(200):
        predictions = calibrated(150, 4, seed=seed)
        confidence = predictions.probabilities.max(axis=1)
        right = predictions.predicted == predictions.labels
        null = null_ece(confidence, seed=seed)
        above += ece(confidence, right[None])[0] > np.quantile(null, 0.95)
    assert 2 <= above <= 20


def test_an_overconfident_model_lies_above_its_null_band() -> None:
    """Logits three times too sharp: ECE far above the band, back in it after one temperature."""
    result = calibrate("case", calibrated(400, 5, sharpen=3))
    assert result.before.ece > 2 * result.before.ece_null_high
    assert result.after.ece < result.after.ece_null_high
    assert result.after.nll.value < result.before.nll.value
    assert (result.temperature, result.fitted_on) == (pytest.approx(3, rel=0.2), "cross-fitting")


def test_the_temperature_is_recovered() -> None:
    """Labels drawn at temperature 2.5: fitted within 5 % from 5000 images."""
    predictions = calibrated(5000, 4, sharpen=2.5)
    fitted = fit_temperature(log_probabilities(predictions), predictions.labels)
    assert fitted == pytest.approx(2.5, rel=0.05)


def test_the_temperature_minimises_the_log_loss() -> None:
    """No temperature on a fine grid does better."""
    predictions = random_predictions(200, 5, skill=2)
    logits = log_probabilities(predictions)

    def loss(temperature: float) -> float:
        return log_loss(predictions.labels, softmax(logits / temperature))

    best = fit_temperature(logits, predictions.labels)
    assert all(loss(best) <= loss(t) + 1e-12 for t in np.linspace(0.2, 5, 200))


@pytest.mark.parametrize(("labels", "expected"), [([0, 1], 0.01), ([1, 0], 100.0)])
def test_extreme_temperatures_are_bounded(labels: list[int], expected: float) -> None:
    """Always right: as sharp as can be; always wrong: as flat."""
    predictions = make_predictions(labels, [[0.7, 0.3], [0.3, 0.7]])
    assert fit_temperature(log_probabilities(predictions), predictions.labels) == expected


def test_logits_and_their_probabilities_give_the_same_temperature() -> None:
    """Everything can be recomputed from predictions.csv."""
    logits = np.random.default_rng(0).normal(0, 3, (80, 4))
    predictions = make_predictions(np.arange(80) % 4, softmax(logits))
    assert fit_temperature(log_probabilities(predictions), predictions.labels) == pytest.approx(
        fit_temperature(logits, predictions.labels), rel=1e-6
    )


def test_no_image_s_temperature_sees_its_own_label() -> None:
    """Changing one image's label leaves its own temperature, and changes others'."""
    predictions = random_predictions(100, 4, skill=1)
    labels = predictions.labels.copy()
    labels[0] = (labels[0] + 1) % 4
    # The same folds: they depend on the labels by their order alone.
    logits = log_probabilities(predictions)
    before = cross_fitted(
        predictions, lambda images: fit_temperature(logits[images], predictions.labels[images])
    )
    fold = stratified_folds(predictions)
    others = fold != fold[0]
    expected = fit_temperature(logits[others], predictions.labels[others])
    assert before[0] == expected
    assert np.unique(before).size == 5


def test_folds_are_even_and_spread_the_classes() -> None:
    """30 images of each of 7 classes: 42 a fold, 6 of each class; whatever their order."""
    predictions = random_predictions(210, 7, skill=1)
    fold = stratified_folds(predictions)
    table = np.zeros((5, 7))
    np.add.at(table, (fold, predictions.labels), 1)
    assert (table == 6).all()
    order = np.random.default_rng(0).permutation(210)
    shuffled = replace(
        predictions,
        sample_ids=tuple(predictions.sample_ids[i] for i in order),
        labels=predictions.labels[order],
        probabilities=predictions.probabilities[order],
    )
    assert (stratified_folds(shuffled) == fold[order]).all()


def test_the_temperature_comes_from_validation_where_there_is_one() -> None:
    """One temperature, fitted there, applied to every test image."""
    validation, test = calibrated(300, 4, sharpen=2, seed=1), calibrated(100, 4, sharpen=2, seed=2)
    result = calibrate("case", test, validation)
    expected = fit_temperature(log_probabilities(validation), validation.labels)
    assert (result.temperature, result.fitted_on) == (pytest.approx(expected), "validation")
    rescaled = rescale(test, np.full(100, expected))
    assert result.after.nll.value == calibration_scores(rescaled).nll.value


def test_a_temperature_changes_no_predicted_class() -> None:
    """Accuracy is the same before and after."""
    predictions = random_predictions(200, 6, skill=1)
    after = rescale(predictions, np.full(200, 3.7))
    assert (after.predicted == predictions.predicted).all()
    assert after.probabilities.sum(axis=1) == pytest.approx(1)


def test_means_of_many_images_agree_with_the_bootstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 2000 images, the normal and the BCa interval agree to 3 % of their width."""
    generator = np.random.default_rng(0)
    strata = np.arange(2000) % 4
    column = (generator.exponential(1, 2000) + strata)[:, None]
    bca = means(["x"], column, strata)[0]
    monkeypatch.setattr("evaluation.scoring.intervals.LARGE", 10)
    normal = means(["x"], column, strata)[0]
    assert (bca.method, normal.method) == ("bootstrap-bca", "normal")
    width = bca.high - bca.low
    assert (normal.low, normal.high) == pytest.approx((bca.low, bca.high), abs=0.05 * width)


def test_the_brier_score_s_interval_covers() -> None:
    """120 images from a known model: the expected Brier score is covered 91-98 %."""
    truth = calibration_scores(calibrated(20_000, 3, seed=99)).brier.value
    covered = 0
    for seed in range(200):
        p = calibrated(120, 3, seed=seed)
        squares = ((p.probabilities - np.eye(3)[p.labels]) ** 2).sum(axis=1)
        # Labels are drawn too: one stratum.
        units = units_of(np.zeros(120, dtype=int), np.column_stack([squares, np.ones(120)]))
        interval = bootstrap(units, lambda sums: sums[:, :1] / sums[:, 1:], resamples=999)[0]
        covered += interval.low <= truth <= interval.high
    assert 0.91 <= covered / 200 <= 0.98
