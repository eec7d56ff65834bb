"""Prompt diagnostics: gains by class, effects of texts, variance, and the price of choosing."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.scoring import prompts, softmax
from evaluation.scoring.comparison import align
from evaluation.scoring.prompts import (
    choose_prompts,
    near_identical,
    prompt_gain,
    text_effects,
    variance_split,
)
from tests.scoring.test_metrics import from_predicted, make_predictions


def test_gains_are_counted_class_by_class() -> None:
    """Class 0: 12 images won, 2 lost of 30; class 1: untouched; p corrected for both."""
    labels = [0] * 30 + [1] * 30
    long = [0] * 12 + [1] * 2 + [0] * 16 + [1] * 30
    names = [1] * 12 + [0] * 2 + [0] * 16 + [1] * 30
    cases = {"long": from_predicted(labels, long, 2), "names": from_predicted(labels, names, 2)}
    first, second = prompt_gain(align(cases), "long", "names", None).classes
    assert (first.label, first.n, first.only_a, first.only_b) == ("class 0", 30, 12, 2)
    assert first.gain == pytest.approx(10 / 30)
    assert 0 < first.low < first.gain < first.high
    # Exact 2 × (1 + 14 + 91) / 2^14, minus the probability 91 / 2^14 of the table itself.
    assert first.p_mid == pytest.approx((2 * 106 - 91) / 2**14)
    assert first.p_holm == pytest.approx(2 * first.p_mid)
    assert (second.gain, second.p_mid, second.p_holm) == (0.0, 1.0, 1.0)


def test_a_class_without_test_image_has_no_gain() -> None:
    """Three classes, images of two."""
    cases = {name: from_predicted([0, 1], [0, 1], 3) for name in "ab"}
    assert [c.label for c in prompt_gain(align(cases), "a", "b", None).classes] == [
        "class 0",
        "class 1",
    ]


def test_the_effect_of_each_text_is_measured_without_it() -> None:
    """Two classes; without its text "good", class 0 loses 6 of its 10 images, class 1 none."""
    labels = np.repeat([0, 1], 10)
    logits = np.where(np.eye(2)[labels] == 1, 1.0, 0.0)
    predictions = make_predictions(labels, softmax(logits))

    def without(_label: str, i: int) -> np.ndarray:
        changed = logits.copy()
        if i == 0:
            changed[:6] = [0.0, 1.0]
        return changed

    texts = {"class 0": ("good", "idle"), "class 1": ()}
    good, idle = text_effects(predictions, texts, without, None)
    assert (good.label, good.text, good.only_with, good.only_without) == ("class 0", "good", 6, 0)
    assert (good.effect, good.own_recall, good.n) == (0.3, 0.6, 20)
    assert good.p_mid == pytest.approx(2**-6)
    assert good.p_holm == pytest.approx(2 * 2**-6)
    assert good.low > 0
    assert (idle.effect, idle.p_mid) == (0.0, 1.0)


def test_a_harmful_text_has_a_negative_effect() -> None:
    """Without it, two more images are right."""
    labels = np.array([0, 0, 1, 1])
    predictions = from_predicted([0, 0, 1, 1], [1, 1, 1, 1], 2)
    texts = {"class 0": ("bad", "other"), "class 1": ()}
    effect = text_effects(predictions, texts, lambda _label, _i: np.eye(2)[labels], None)[0]
    assert (effect.effect, effect.own_recall) == (-0.5, -1.0)


def test_copies_count_as_one_in_the_gains_and_effects() -> None:
    """Twelve photos won, each of them three times: p is that of twelve, not of thirty-six."""
    labels = np.repeat([0, 1], 30)
    guess = labels.copy()
    guess[:12] = 1
    cases = {"good": from_predicted(labels, labels, 2), "bad": from_predicted(labels, guess, 2)}
    copies = {
        name: from_predicted(np.repeat(labels, 3), np.repeat(one.predicted, 3), 2)
        for name, one in cases.items()
    }
    groups = np.repeat(np.arange(60), 3)
    alone = prompt_gain(align(cases), "good", "bad", None).classes[0]
    thrice = prompt_gain(align(copies), "good", "bad", groups).classes[0]
    assert (thrice.only_a, thrice.n) == (36, 90)
    assert thrice.p_mid == pytest.approx(alone.p_mid)

    texts = {"class 0": ("kept",), "class 1": ()}
    scores = np.eye(2)[np.repeat(guess, 3)]
    (effect,) = text_effects(copies["good"], texts, lambda _label, _i: scores, groups)
    assert (effect.only_with, effect.p_mid) == (36, pytest.approx(alone.p_mid))


def test_near_identical_class_texts_are_flagged() -> None:
    """Cosines .9987 and 1 of unnormalised vectors, closest first; .894 is left alone."""
    embeddings = np.array([[1.0, 0.0], [20.0, 1.0], [1.0, 0.5], [0.0, 1.0], [0.0, 3.0]])
    pairs = near_identical(["a", "b", "c", "d", "e"], embeddings)
    assert [(pair.a, pair.b) for pair in pairs] == [("d", "e"), ("a", "b")]
    assert pairs[1].cosine == pytest.approx(20 / 401**0.5)


def table(rates: list[list[float]], n: int = 400, seed: int = 0) -> dict:
    generator = np.random.default_rng(seed)
    threshold = generator.random(n)  # hard images are hard for all
    return {
        (f"m{i}", f"p{j}"): (0.5 * threshold + 0.5 * generator.random(n)) < rate
        for i, row in enumerate(rates)
        for j, rate in enumerate(row)
    }


def by_source(correct: dict, n: int = 400) -> dict:
    return {one.source: one for one in variance_split(correct, np.arange(n) % 4)}


def test_the_variance_split_by_hand() -> None:
    """Accuracies .9 .7 / .7 .5: half from models, half from prompt sets, nothing from both."""
    n = 400
    accuracies = {("a", "p"): 0.9, ("a", "q"): 0.7, ("b", "p"): 0.7, ("b", "q"): 0.5}
    correct = {key: np.arange(n) < n * value for key, value in accuracies.items()}
    split = by_source(correct)
    assert [round(split[s].share, 9) for s in ("model", "prompts", "interaction")] == [0.5, 0.5, 0]
    assert split["model"].df == split["prompts"].df == split["interaction"].df == 1
    # Root mean square model effect: ±.1, a little less once the noise is taken away.
    assert split["model"].effect == pytest.approx(0.1, abs=0.003)
    assert split["model"].p < 1e-6
    assert split["interaction"].p > 0.9


def test_degrees_of_freedom_of_a_larger_table() -> None:
    """3 models × 4 prompt sets: 2, 3 and 6; shares sum to 1."""
    split = by_source(table([[0.4, 0.5, 0.5, 0.6]] * 3))
    assert [one.df for one in split.values()] == [2, 3, 6]
    assert sum(one.share for one in split.values()) == pytest.approx(1)
    assert split["prompts"].share > 0.8
    assert split["prompts"].low < split["prompts"].share < split["prompts"].high


def test_a_crossing_is_an_interaction() -> None:
    """One set suits one model, the other set the other model."""
    split = by_source(table([[0.7, 0.5], [0.5, 0.7]]))
    assert split["interaction"].share > 0.8
    assert split["interaction"].p < 1e-6
    assert split["model"].p > 0.05


def test_the_wald_tests_keep_their_size() -> None:
    """Six equal cells on 210 images, 500 studies: each source is found in 2-8 % of them."""
    labels = np.arange(210) % 7
    found = np.zeros(3)
    for seed in range(500):
        correct = table([[0.5, 0.5, 0.5]] * 2, n=210, seed=seed)
        cells = np.column_stack(list(correct.values())).astype(float)
        found += np.array(_p_values(cells, labels)) < 0.05
    assert (found / 500 >= 0.02).all()
    assert (found / 500 <= 0.08).all()


def _p_values(cells: np.ndarray, labels: np.ndarray) -> list[float]:
    """The tests alone: the bootstrap of the shares would take most of the time."""
    tests = prompts.wald_tests(cells, labels, None, prompts._contrasts(2, 3))
    return [test["p"] for test in tests.values()]


def test_cells_without_variation_are_finite() -> None:
    """All right against all wrong: shares, effects and tests are numbers."""
    right, wrong = np.ones(40, dtype=bool), np.zeros(40, dtype=bool)
    correct = {("a", "p"): right, ("a", "q"): right, ("b", "p"): wrong, ("b", "q"): wrong}
    split = {one.source: one for one in variance_split(correct, np.zeros(40, dtype=int))}
    assert split["model"].share == pytest.approx(1)
    assert np.isfinite(split["model"].wald)
    assert split["model"].p < 1e-6
    assert split["prompts"].p == 1.0


def test_prompts_are_chosen_on_validation_and_reported_on_test() -> None:
    """The best on validation is not the best on test, and is the one reported."""
    validation = {"p": np.arange(10) < 9, "q": np.arange(10) < 7}
    test = {"p": np.arange(20) < 14, "q": np.arange(20) < 16}
    choice = choose_prompts("model", validation, test, np.zeros(20, dtype=int))
    assert (choice.chosen, choice.best_on_test) == ("p", "q")
    assert (choice.validation.value, choice.test.value, choice.best_test.value) == (0.9, 0.7, 0.8)


def test_the_first_of_equals_is_chosen() -> None:
    """Same accuracy on validation: the study's order decides."""
    same = {"p": np.ones(5, dtype=bool), "q": np.ones(5, dtype=bool)}
    assert choose_prompts("m", same, same, np.zeros(5, dtype=int)).chosen == "p"


def test_the_optimism_is_that_of_the_best_of_k() -> None:
    """12 equal prompt sets on 100 images: the bootstrap finds the bias of the best, or more."""
    generator = np.random.default_rng(0)
    labels = np.zeros(100, dtype=int)
    biases, found = [], []
    for _ in range(20):
        right = generator.random((12, 100)) < 0.7
        parts = {str(i): row for i, row in enumerate(right)}
        biases.append(right.mean(axis=1).max() - 0.7)
        found.append(choose_prompts("m", parts, parts, labels).optimism)
    assert np.mean(biases) == pytest.approx(0.07, abs=0.02)
    assert 0.5 * np.mean(biases) <= np.mean(found) <= 1.2 * np.mean(biases)


def test_one_candidate_has_no_optimism() -> None:
    """Nothing was chosen."""
    one = {"p": np.arange(50) < 30}
    assert choose_prompts("m", one, one, np.zeros(50, dtype=int)).optimism == pytest.approx(
        0, abs=0.005
    )
