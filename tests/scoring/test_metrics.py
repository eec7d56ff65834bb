"""The scores of one case: scikit-learn's values, and intervals that can be recomputed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score, top_k_accuracy_score

from evaluation.errors import DataError, ModelError
from evaluation.records import Predictions
from evaluation.records.lists import METRICS
from evaluation.report.kit.language import speaking, t
from evaluation.report.study.view import metric_title
from evaluation.scoring import Scores, score, softmax
from evaluation.stores.prediction_tables import read_predictions, to_csv
from tests.conftest import effort


def make_predictions(
    labels: list[int] | np.ndarray, probabilities: list[list[float]] | np.ndarray
) -> Predictions:
    probabilities = np.asarray(probabilities, dtype=np.float64)
    return Predictions(
        classes=tuple(f"class {i}" for i in range(probabilities.shape[1])),
        sample_ids=tuple(f"{i:05d}" for i in range(len(labels))),
        labels=np.asarray(labels, dtype=np.int64),
        probabilities=probabilities,
    )


def from_predicted(labels: list[int], predicted: list[int], classes: int) -> Predictions:
    return make_predictions(labels, np.eye(classes)[predicted])


def random_predictions(n: int, classes: int, *, skill: float, seed: int = 0) -> Predictions:
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    logits = generator.normal(size=(n, classes))
    logits[np.arange(n), labels] += skill
    return make_predictions(labels, softmax(logits))


def metrics(scores: Scores) -> dict[str, object]:
    return {metric.name: metric for metric in scores.metrics}


def test_the_slides_accuracy_has_wilson_s_interval() -> None:
    """180 of 210 is 85.71 % [80.34, 89.81]."""
    predicted = [0] * 180 + [1] * 30
    labels = [0] * 180 + [0] * 30
    accuracy = score(from_predicted(labels, predicted, 3)).metrics[0]
    assert (accuracy.name, accuracy.n, accuracy.method) == ("accuracy", 210, "wilson")
    assert [round(100 * x, 2) for x in (accuracy.value, accuracy.low, accuracy.high)] == [
        85.71,
        80.34,
        89.81,
    ]


def test_a_small_table_has_the_values_worked_out_by_hand() -> None:
    """3 classes, 6 images: confusion, precision, recall and F1 as computed on paper."""
    scores = score(from_predicted([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2], 3))
    assert scores.confusion == ((2, 1, 0), (0, 1, 1), (0, 0, 1))
    assert [row.precision.value for row in scores.per_class] == [1.0, 0.5, 0.5]
    assert [row.recall.value for row in scores.per_class] == pytest.approx([2 / 3, 1 / 2, 1])
    assert [row.f1.value for row in scores.per_class] == pytest.approx([4 / 5, 1 / 2, 2 / 3])
    assert [row.precision.n for row in scores.per_class] == [2, 2, 2]
    assert [row.recall.n for row in scores.per_class] == [3, 2, 1]
    named = metrics(scores)
    assert named["accuracy"].value == pytest.approx(4 / 6)
    assert named["balanced_accuracy"].value == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert named["macro_f1"].value == pytest.approx((4 / 5 + 1 / 2 + 2 / 3) / 3)


@pytest.mark.filterwarnings("ignore:A single label was found")
@settings(max_examples=effort(40), deadline=None)
@given(seed=st.integers(0, 10_000), classes=st.integers(2, 9), n=st.integers(1, 80))
def test_values_agree_with_scikit_learn_and_lie_in_their_intervals(
    seed: int, classes: int, n: int
) -> None:
    """Whatever the table, values are scikit-learn's and every bound lies in [0, 1]."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, n)
    predictions = make_predictions(labels, generator.dirichlet(np.ones(classes), n))
    scores = score(predictions)
    named = metrics(scores)
    assert named["accuracy"].value == np.mean(predictions.predicted == labels)
    assert named["macro_f1"].value == pytest.approx(
        f1_score(labels, predictions.predicted, average="macro"), abs=1e-12
    )
    if set(predictions.predicted) <= set(labels):
        assert named["balanced_accuracy"].value == pytest.approx(
            balanced_accuracy_score(labels, predictions.predicted), abs=1e-12
        )
    if classes > 2:
        assert named["top2_accuracy"].value == pytest.approx(
            top_k_accuracy_score(labels, predictions.probabilities, k=2, labels=np.arange(classes))
        )
    rows = [m for row in scores.per_class for m in (row.precision, row.recall, row.f1)]
    for metric in (*scores.metrics, *rows):
        if metric.value is not None:
            assert 0 <= metric.low <= metric.high <= 1
            if metric.method == "wilson":
                assert metric.low <= metric.value + 1e-15
                assert metric.value <= metric.high + 1e-15


def test_a_class_that_was_never_predicted_has_no_precision() -> None:
    """Its precision is None with n = 0, its recall 0 of its support, its F1 0."""
    row = score(from_predicted([0, 1, 2, 2], [0, 1, 0, 1], 3)).per_class[2]
    assert (row.precision.value, row.precision.low, row.precision.n) == (None, None, 0)
    assert (row.recall.value, row.recall.n, row.support) == (0.0, 2, 2)
    assert row.f1.value == 0.0


def test_a_class_without_test_image_is_left_out_of_balanced_accuracy() -> None:
    """Its recall is None; a class that nobody names has no F1 either, and no part in macro-F1."""
    scores = score(from_predicted([0, 0, 1], [0, 0, 1], 3))
    assert scores.per_class[2].recall.value is None
    assert scores.per_class[2].f1.value is None
    assert metrics(scores)["balanced_accuracy"].value == 1.0
    assert metrics(scores)["macro_f1"].value == 1.0


def test_top_two_counts_the_second_most_probable() -> None:
    """The truth in second place counts, in third does not."""
    scores = score(make_predictions([0, 0], [[0.3, 0.5, 0.2], [0.2, 0.3, 0.5]]))
    assert metrics(scores)["top2_accuracy"].value == 0.5


def test_top_three_counts_the_third_and_is_named_in_both_languages() -> None:
    """Third place counts, fourth does not; pages have a title and a definition of it."""
    places = [[0.3, 0.4, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]]
    top = metrics(score(make_predictions([0, 0], places)))["top3_accuracy"]
    assert (top.value, top.n) == (0.5, 2)
    assert "top3_accuracy" not in metrics(score(from_predicted([0, 1, 2], [0, 1, 2], 3)))
    (row,) = (row for row in METRICS if row.name == "top3_accuracy")
    for language, title in (
        ("fr", "Exactitude parmi les trois premières"),
        ("en", "Top-3 accuracy"),
    ):
        with speaking(language):
            assert metric_title(row.name) == title
            assert t(row.definition)


def test_top_two_holds_the_predicted_class_among_equals() -> None:
    """Three equal probabilities: the first two classes are the top two, as in ``predicted``."""
    equal = [[1 / 3] * 3]
    hits = [metrics(score(make_predictions([c], equal)))["top2_accuracy"].value for c in range(3)]
    assert hits == [1.0, 1.0, 0.0]


def test_top_two_of_two_classes_is_omitted() -> None:
    """It would be 1 whatever the model."""
    assert "top2_accuracy" not in metrics(score(from_predicted([0, 1], [0, 0], 2)))


@pytest.mark.filterwarnings("ignore:A single label was found")
def test_one_class_alone_is_scored() -> None:
    """A study of one class is odd but has an accuracy."""
    assert metrics(score(from_predicted([0, 0], [0, 0], 1)))["accuracy"].value == 1.0


def test_an_interval_without_variation_says_that_it_is_not_bca() -> None:
    """Every image right: no resample differs, BCa is undefined and the method says so."""
    macro = metrics(score(from_predicted([0, 1, 2] * 5, [0, 1, 2] * 5, 3)))["macro_f1"]
    assert (macro.low, macro.value, macro.high) == (1.0, 1.0, 1.0)
    assert macro.method == "bootstrap-percentile"


def test_everything_is_recomputed_from_the_file(tmp_path: Path) -> None:
    """Predictions read back from predictions.csv give the very same scores, intervals included."""
    predictions = random_predictions(90, 6, skill=1.5)
    path = tmp_path / "predictions.csv"
    path.write_text(to_csv(predictions), encoding="utf-8")
    assert score(read_predictions(path)) == score(predictions)


def test_the_order_of_the_images_does_not_matter() -> None:
    """Shuffled images give the same scores to the last bit of the bootstrap."""
    predictions = random_predictions(120, 5, skill=1)
    order = np.random.default_rng(1).permutation(120)
    shuffled = make_predictions(predictions.labels[order], predictions.probabilities[order])
    assert score(shuffled) == score(predictions)


def test_softmax_is_float64_and_survives_large_logits() -> None:
    """Half-precision logits of 60 000 do not overflow; rows sum to 1."""
    probabilities = softmax(np.array([[60_000, 0], [1, 1]], dtype=np.float16))
    assert probabilities.dtype == np.float64
    assert probabilities.tolist() == [[1.0, 0.0], [0.5, 0.5]]


def test_no_image_is_refused() -> None:
    """An empty test part is a mistake in the data."""
    with pytest.raises(DataError, match="no image to score"):
        score(make_predictions([], np.empty((0, 3))))


def test_a_probability_that_is_not_finite_is_refused_with_its_image() -> None:
    """NaN would silently become the first class."""
    with pytest.raises(ModelError, match=r"1 of 2 images .* '00001' first"):
        score(make_predictions([0, 1], [[0.5, 0.5], [np.nan, 1.0]]))


def test_near_duplicates_widen_every_interval_and_change_no_value() -> None:
    """Each image twice: the same values, intervals as wide as those of single images."""
    once = random_predictions(105, 7, skill=1.5)
    twice = make_predictions(np.repeat(once.labels, 2), np.repeat(once.probabilities, 2, axis=0))
    single, naive = metrics(score(once)), metrics(score(twice))
    grouped = metrics(score(twice, groups=np.arange(210) // 2))
    for name, metric in grouped.items():
        assert metric.value == naive[name].value
        width = metric.high - metric.low
        assert width == pytest.approx(single[name].high - single[name].low, rel=0.06)
        assert width > 1.2 * (naive[name].high - naive[name].low)


def test_groups_of_one_image_change_no_score() -> None:
    """Without near duplicates nothing is clustered."""
    predictions = random_predictions(60, 4, skill=1)
    assert score(predictions, groups=np.arange(60)) == score(predictions)
