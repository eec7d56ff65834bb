"""Who answers, against whom, and the rule of the answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evaluation.records import AnswerSpec, Metric, ModelSpec, PairedTest, RunRecord
from evaluation.report.study.rule import answer, choose
from tests.report import builder

CLASSES = ("a", "b")
CLIP = ModelSpec(
    name="vit", kind="clip", architecture="ViT-B-32", weights="openai", title="CLIP ViT-B/32"
)


def case(model: ModelSpec, prompts: str | None, right: int = 5) -> RunRecord:
    return builder.run_record(
        "s",
        CLASSES,
        model,
        builder.prompt_set(prompts, CLASSES) if prompts else None,
        confusion=builder.confusion_of((right, right), 10),
    )


def accuracy(value: float) -> Metric:
    return Metric(name="accuracy", value=value, n=100)


STAND_IN = case(builder.embedded(), "descriptions", 7)
TRAINED = case(builder.supervised(), None, 9)


def pair(a: str, b: str, low: float, high: float, *, separated: bool) -> PairedTest:
    return PairedTest(
        a=a,
        b=b,
        n=20,
        only_a=4,
        only_b=1,
        gap=(low + high) / 2,
        low=low,
        high=high,
        p_exact=0.1,
        p_mid=0.1,
        p_holm=0.1,
        smallest_gap=None,
        verdict="better" if separated else "inconclusive",
    )


@pytest.mark.parametrize(
    ("low", "high", "separated", "word"),
    [
        (-0.04, 0.10, False, "yes"),  # not worse by the margin: equal will do
        (0.01, 0.10, True, "yes"),
        (-0.20, -0.06, True, "no"),
        (-0.06, 0.30, False, "open"),  # ahead, but perhaps worse by more than the margin
        (-0.04, -0.01, True, "yes"),  # separated, by less than matters
    ],
)
def test_the_rule(low: float, high: float, separated: bool, word: str) -> None:
    """Yes: the lower bound is above minus the margin; no: it is not, and a test separates."""
    ahead = low + high > 0
    tested = (
        pair(STAND_IN.case, TRAINED.case, low, high, separated=separated)
        if ahead
        else pair(TRAINED.case, STAND_IN.case, -high, -low, separated=separated)
    )
    said = answer(AnswerSpec(), (STAND_IN, TRAINED), {}, [tested])
    assert said.word == word
    assert (said.low, said.high) == pytest.approx((low, high))


def test_validation_chooses_both_sides() -> None:
    """The best of test is not the one that answers."""
    names, texts = case(CLIP, "noms", 9), case(CLIP, "descriptions", 6)
    validation = {names.case: accuracy(0.6), texts.case: accuracy(0.7)}
    said = answer(AnswerSpec(), (names, texts), validation, [])
    assert said.candidate is not None
    assert (said.candidate.run, said.candidate.among, said.candidate.on) == (texts, 2, "validation")


def test_without_every_validation_figure_the_choice_is_on_test() -> None:
    """Figures of two parts are not comparable; the choice says which it used."""
    names, texts = case(CLIP, "noms", 9), case(CLIP, "descriptions", 6)
    found = choose((names, texts), {texts.case: accuracy(0.9)})
    assert found is not None
    assert (found.run, found.on) == (names, "test")


def test_a_stand_in_never_answers_for_a_clip() -> None:
    """However good it is, a CLIP that was scored answers; without one it stands in, and says so."""
    about = AnswerSpec(about="clip")
    clip = case(CLIP, "noms", 5)
    with_clip = answer(about, (STAND_IN, clip, TRAINED), {}, [])
    assert with_clip.candidate is not None
    assert (with_clip.candidate.run, with_clip.stand_in) == (clip, False)
    without = answer(about, (STAND_IN, TRAINED), {}, [])
    assert without.candidate is not None
    assert (without.candidate.run, without.stand_in) == (STAND_IN, True)


def test_texts_made_from_labels_and_random_words_never_lead() -> None:
    """Sub-categories are labels of the training photos, random words a control."""
    derived = case(builder.embedded(), "sous-categories", 10)
    assert derived.prompts is not None
    random = replace(derived, prompts=replace(derived.prompts, derive="random-words"))
    said = answer(AnswerSpec(), (derived, random, STAND_IN), {}, [])
    assert said.candidate is not None
    assert (said.candidate.run, said.candidate.among) == (STAND_IN, 1)


def test_the_study_names_both_sides() -> None:
    """By model, or by case."""
    names, texts = case(CLIP, "noms", 9), case(CLIP, "descriptions", 6)
    other = replace(TRAINED, case="s/other", model=replace(TRAINED.model, name="other"))
    spec = AnswerSpec(candidates=("vit/descriptions",), rivals=("other",))
    said = answer(spec, (names, texts, TRAINED, other), {}, [])
    assert said.candidate is not None
    assert said.rival is not None
    assert (said.candidate.run, said.rival.run) == (texts, other)


@pytest.mark.parametrize(
    ("weights", "declared", "clip"),
    [
        ("openai", None, True),
        ("embedded", None, False),
        ("hf-hub:owner/name", None, None),
        ("/home/me/weights.pt", None, None),
        ("/home/me/weights.pt", True, True),
        ("openai", False, False),
    ],
)
def test_what_is_a_clip(weights: str, declared: bool | None, clip: bool | None) -> None:
    """Declared, or known of open_clip's tags; nobody guesses for other weights."""
    assert replace(CLIP, weights=weights, contrastive=declared).is_clip is clip


def test_a_trained_model_is_no_clip() -> None:
    """Whatever its weights are called."""
    assert replace(builder.supervised(), weights="imagenet").is_clip is False
