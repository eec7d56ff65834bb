"""The photos that are explained follow from the predictions alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evaluation.explain.selection import select_photos
from evaluation.records import ExplainSpec, Predictions, SelectedPhoto

CLASSES = ("a", "b", "c")


def make_predictions(labels: list[int], predicted: list[int], sure: list[float]) -> Predictions:
    """Photos "0", "1", … whose predicted class has the given probability."""
    rows = np.array([[(1 - p) / 2] * 3 for p in sure])
    rows[np.arange(len(sure)), predicted] = sure
    return Predictions(
        classes=CLASSES,
        sample_ids=tuple(str(i) for i in range(len(labels))),
        labels=np.array(labels),
        probabilities=rows,
    )


def of_rule(selected: tuple[SelectedPhoto, ...], rule: str) -> dict[str, str]:
    """Class to the photo that a rule chose for it."""
    return {
        reason.label: photo.sample_id
        for photo in selected
        for reason in photo.reasons
        if reason.rule == rule
    }


def test_each_rule_chooses_the_photo_it_names() -> None:
    """Most and least confident right, most confident wrong, most frequent confusion."""
    predictions = make_predictions(
        labels=[0, 0, 0, 0, 0, 0, 1, 1, 2],
        predicted=[0, 0, 0, 1, 1, 2, 1, 1, 0],
        sure=[0.7, 0.9, 0.5, 0.6, 0.8, 0.95, 0.6, 0.7, 0.55],
    )
    selected = select_photos(predictions, ExplainSpec(confusions=1, shared_per_class=0))
    assert of_rule(selected, "surest-right") == {"a": "1", "b": "7"}
    assert of_rule(selected, "least-sure-right") == {"a": "2", "b": "6"}
    assert of_rule(selected, "surest-wrong") == {"a": "5", "c": "8"}
    confused = [p for p in selected for r in p.reasons if r.rule == "confusion"]
    assert [p.sample_id for p in confused] == ["4"]
    assert confused[0].reasons[0].predicted == "b"


def test_a_photo_chosen_twice_comes_once_with_both_reasons() -> None:
    predictions = make_predictions([0, 1], [0, 0], [0.9, 0.8])
    selected = select_photos(predictions, ExplainSpec(shared_per_class=0))
    assert {p.sample_id: [r.rule for r in p.reasons] for p in selected} == {
        "0": ["surest-right", "least-sure-right"],
        "1": ["confusion", "surest-wrong"],
    }


def test_equal_confidences_are_told_apart_by_their_order() -> None:
    predictions = make_predictions([0, 0, 0], [0, 0, 0], [0.8, 0.8, 0.8])
    selected = select_photos(predictions, ExplainSpec(shared_per_class=0))
    assert [photo.sample_id for photo in selected] == ["0"]


def test_shared_photos_do_not_depend_on_the_model() -> None:
    """Two models that agree on nothing share one photo of each class."""
    labels = [0, 0, 0, 1, 1, 1, 2, 2, 2]
    one = make_predictions(labels, labels, [0.9] * 9)
    other = make_predictions(labels, [2, 1, 1, 0, 0, 2, 0, 1, 0], np.linspace(0.4, 0.9, 9).tolist())
    shared = of_rule(select_photos(one, ExplainSpec()), "shared")
    assert shared == of_rule(select_photos(other, ExplainSpec()), "shared")
    assert set(shared) == set(CLASSES)


def test_a_case_without_errors_has_no_wrong_photos() -> None:
    predictions = make_predictions([0, 1, 2], [0, 1, 2], [0.9, 0.8, 0.7])
    rules = {r.rule for p in select_photos(predictions, ExplainSpec()) for r in p.reasons}
    assert rules == {"shared", "surest-right", "least-sure-right"}


@st.composite
def any_predictions(draw: st.DrawFn) -> Predictions:
    n = draw(st.integers(0, 30))
    some = st.lists(st.integers(0, 2), min_size=n, max_size=n)
    sure = draw(st.lists(st.sampled_from([0.4, 0.5, 0.7, 0.9]), min_size=n, max_size=n))
    if n == 0:
        return Predictions(
            classes=CLASSES,
            sample_ids=(),
            labels=np.zeros(0, dtype=int),
            probabilities=np.zeros((0, 3)),
        )
    return make_predictions(draw(some), draw(some), sure)


@given(predictions=any_predictions(), cap=st.integers(0, 12), per_rule=st.integers(0, 3))
def test_the_cap_holds_and_each_reason_is_true(
    predictions: Predictions, cap: int, per_rule: int
) -> None:
    """No photo twice, none above the cap, and each photo is right or wrong as its rule says."""
    spec = ExplainSpec(cap=cap, photos_per_rule=per_rule, confusions=2)
    selected = select_photos(predictions, spec)
    ids = [photo.sample_id for photo in selected]
    assert len(ids) == len(set(ids)) <= cap
    rules: Counter[tuple[str, str]] = Counter()
    for photo in selected:
        assert photo.reasons
        row = int(photo.sample_id)
        right = predictions.predicted[row] == predictions.labels[row]
        for reason in photo.reasons:
            assert predictions.classes[predictions.labels[row]] == reason.label
            assert "right" not in reason.rule or right
            assert reason.rule not in ("confusion", "surest-wrong") or not right
            if reason.rule not in ("confusion", "shared"):
                rules[reason.rule, reason.label] += 1
    assert all(count <= per_rule for count in rules.values())


@given(predictions=any_predictions(), cap=st.integers(0, 12))
def test_a_smaller_cap_keeps_the_first_photos(predictions: Predictions, cap: int) -> None:
    full = select_photos(predictions, ExplainSpec(cap=100))
    capped = select_photos(predictions, ExplainSpec(cap=cap))
    assert [p.sample_id for p in capped] == [p.sample_id for p in full[:cap]]
