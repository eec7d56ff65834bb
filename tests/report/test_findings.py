"""Conclusions in French: what each verdict allows one to say, and no more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.records import (
    ClassGain,
    Finding,
    FindingTopic,
    MeanGain,
    PromptGain,
    StudyResults,
    Verdict,
)
from evaluation.report.pages import summary
from evaluation.report.study import sentences
from evaluation.report.study.answer import answer
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView
from evaluation.scoring.findings import find_quoted
from tests.report import analysed, builder
from tests.report.conftest import links, placeholder, plain

SOURCE = "etudes/boutique/index.md"
NAMES, TEXTS = "boutique/embedded/noms", "boutique/embedded/descriptions"
TRAINED = "boutique/embedded-supervised"

DESCRIBED = "«\u00a0Substitut hors ligne (pas un CLIP) · Descriptions\u00a0»"
NAMED = "«\u00a0Substitut hors ligne (pas un CLIP) · Noms des catégories\u00a0»"
NETWORK = "«\u00a0EfficientNet-Lite2 figé et régression logistique\u00a0»"
MODEL = "«\u00a0Substitut hors ligne (pas un CLIP)\u00a0»"
PROOF = "(écart 1,4\u00a0point, IC\u00a095\u202f% [−2,7\u202f;\u00a05,7]"
CORRECTED = f"{PROOF}, p\u00a0corrigé\u00a0=\u00a00,012)"
NEAR = ", à moins de 5\u00a0points"
ON = "sur ces 210\u00a0images"


def view_of(results: StudyResults) -> StudyView:
    return StudyView(results=results, folder="etudes/boutique", draw=placeholder, photos_shown=True)


@pytest.fixture
def view(shop: StudyResults) -> StudyView:
    return view_of(shop)


def finding(
    topic: FindingTopic, verdict: Verdict, a: str, b: str, subject: str, **changes: object
) -> Finding:
    one = Finding(
        topic=topic,
        verdict=verdict,
        a=a,
        b=b,
        subject=subject,
        gap=0.0142857,
        low=-0.027,
        high=0.057,
        p=0.012,
        n=210,
    )
    return replace(one, **changes)  # type: ignore[arg-type]


def with_control(view: StudyView) -> StudyView:
    """The names' case as random words as long as the descriptions."""
    run = view.runs[NAMES]
    assert run.prompts is not None
    words = replace(run, prompts=replace(run.prompts, derive="random-words", like="descriptions"))
    return view_of(
        replace(view.results, runs=tuple(words if one is run else one for one in view.scored))
    )


def told(view: StudyView, one: Finding) -> str:
    return plain(sentences.tell(Here(view, SOURCE), one))


@pytest.mark.parametrize(
    ("topic", "verdict", "ahead", "expected"),
    [
        (
            "models",
            "better",
            True,
            (
                f"Chaque modèle avec ses meilleurs textes, {DESCRIBED} fait mieux que {NAMED} "
                f"{CORRECTED}."
            ),
        ),
        (
            "models",
            "tie",
            True,
            (
                f"Chaque modèle avec ses meilleurs textes, rien ne sépare {DESCRIBED} de {NAMED}, "
                f"à moins de 5\u00a0points {ON} {PROOF})."
            ),
        ),
        (
            "models",
            "inconclusive",
            True,
            (
                f"Chaque modèle avec ses meilleurs textes, on ne peut pas conclure "
                f"entre {DESCRIBED} "
                f"et {NAMED} {ON} {PROOF})."
            ),
        ),
        (
            "prompts",
            "better",
            True,
            (
                f"Les textes «\u00a0Descriptions\u00a0» améliorent {MODEL} de 1,4\u00a0point par "
                "rapport à «\u00a0Noms des catégories\u00a0» "
                "(IC\u00a095\u202f% [−2,7\u202f;\u00a05,7], p\u00a0corrigé\u00a0=\u00a00,012)."
            ),
        ),
        (
            "prompts",
            "better",
            False,
            (
                f"Les textes «\u00a0Descriptions\u00a0» dégradent {MODEL} de 1,4\u00a0point par "
                "rapport à «\u00a0Noms des catégories\u00a0» "
                "(IC\u00a095\u202f% [−2,7\u202f;\u00a05,7], p\u00a0corrigé\u00a0=\u00a00,012)."
            ),
        ),
        (
            "prompts",
            "tie",
            True,
            (
                f"Pour {MODEL}, rien ne sépare «\u00a0Descriptions\u00a0» de "
                f"«\u00a0Noms des catégories\u00a0»{NEAR} {ON} {PROOF})."
            ),
        ),
        (
            "prompts",
            "inconclusive",
            False,
            (
                f"Pour {MODEL}, on ne peut pas conclure entre «\u00a0Noms des catégories\u00a0» et "
                f"«\u00a0Descriptions\u00a0» {ON} {PROOF})."
            ),
        ),
        (
            "control",
            "better",
            True,
            (
                f"Pour {MODEL}, «\u00a0Descriptions\u00a0» fait mieux que des mots au "
                f"hasard de même "
                f"longueur {CORRECTED}, et que 5\u00a0tirages de ces mots en moyenne\u00a0: ce que "
                f"disent ces textes compte."
            ),
        ),
        (
            "control",
            "better",
            False,
            (
                f"Pour {MODEL}, «\u00a0Descriptions\u00a0» fait moins bien que des "
                f"mots au hasard de "
                f"même longueur {CORRECTED}."
            ),
        ),
        (
            "control",
            "tie",
            True,
            (
                f"Pour {MODEL}, rien ne sépare «\u00a0Descriptions\u00a0» de mots au "
                f"hasard de même "
                f"longueur{NEAR} {ON} {PROOF})\u00a0: rien ne montre que ce que disent ces "
                f"textes compte."
            ),
        ),
        (
            "control",
            "inconclusive",
            True,
            (
                f"Pour {MODEL}, on ne peut pas conclure entre "
                f"«\u00a0Descriptions\u00a0» et des mots "
                f"au hasard de même longueur {ON} {PROOF})."
            ),
        ),
    ],
)
def test_sentences_about_texts(
    view: StudyView, topic: FindingTopic, verdict: Verdict, *, ahead: bool, expected: str
) -> None:
    """Each verdict has its sentence, which says who is ahead, by how much, and how sure."""
    a, b = (TEXTS, NAMES) if ahead else (NAMES, TEXTS)
    if topic == "control":
        view = with_control(view)
    assert told(view, finding(topic, verdict, a, b, TEXTS)) == expected


@pytest.mark.parametrize(
    ("verdict", "trained_ahead", "expected"),
    [
        ("better", True, f"{NETWORK} (entraîné) fait mieux que {DESCRIBED} (sans exemple) "),
        ("better", False, f"{DESCRIBED} (sans exemple) fait mieux que {NETWORK} (entraîné) "),
        (
            "tie",
            True,
            f"Rien ne sépare {NETWORK} (entraîné) de {DESCRIBED} (sans exemple){NEAR} {ON} ",
        ),
        (
            "inconclusive",
            False,
            (
                f"On ne peut pas conclure entre {DESCRIBED} (sans exemple) et {NETWORK} (entraîné) "
                f"{ON} "
            ),
        ),
    ],
)
def test_sentences_about_training(
    view: StudyView, verdict: Verdict, *, trained_ahead: bool, expected: str
) -> None:
    """The trained case and the one without examples are told apart, whoever is ahead."""
    a, b = (TRAINED, TEXTS) if trained_ahead else (TEXTS, TRAINED)
    said = told(view, finding("training", verdict, a, b, TRAINED))
    assert said == expected + (f"{CORRECTED}." if verdict == "better" else f"{PROOF}).")


@pytest.mark.parametrize(
    ("verdict", "members", "expected"),
    [
        (
            "better",
            (TRAINED,),
            (
                f"{NETWORK} fait mieux que tous les autres cas\u202f; le suivant est {DESCRIBED} "
                f"{CORRECTED}."
            ),
        ),
        (
            "better",
            (TRAINED, NAMES),
            (
                f"{NETWORK} fait mieux que {DESCRIBED} {CORRECTED}, mais aucun test "
                f"ne le sépare de "
                f"{NAMED}."
            ),
        ),
        (
            "tie",
            (TRAINED, TEXTS),
            (
                f"En tête, rien ne sépare {NETWORK} de {DESCRIBED}, à moins de 5\u00a0points "
                f"{ON} {PROOF})."
            ),
        ),
        (
            "inconclusive",
            (TRAINED, TEXTS, NAMES),
            (
                f"On ne peut pas conclure entre {NETWORK} et {DESCRIBED} {ON} {PROOF})"
                f"\u202f; aucun test ne sépare non plus {NETWORK} de {NAMED}."
            ),
        ),
    ],
)
def test_sentences_about_the_leaders(
    view: StudyView, verdict: Verdict, members: tuple[str, ...], expected: str
) -> None:
    """A leader is called so only when tests separate it from some of the others."""
    one = finding("leaders", verdict, TRAINED, TEXTS, TRAINED, members=members)
    assert told(view, one) == expected


def test_equal_accuracies_are_said_equal(view: StudyView) -> None:
    """A gap of zero is no gap of 0,0 points."""
    said = told(view, finding("training", "tie", TRAINED, TEXTS, TRAINED, gap=0.0))
    assert "(même exactitude, IC\u00a095\u202f% " in said
    assert "écart" not in said


# ------------------------------------------------------------------- quoted counts


def quoted(view: StudyView, *correct: int, n: int = 210) -> list[str]:
    names = ("densenet", "clip-descriptions", "clip-gabarits")
    counts = dict(zip(names, correct, strict=True))
    return [told(view, one) for one in find_quoted(counts, n)]


DENSENET = "«\u00a0DenseNet201 avec augmentation\u00a0»"
CLIP, CLIP_NAMES = "«\u00a0CLIP, descriptions\u00a0»", "«\u00a0CLIP, gabarits\u00a0»"


def test_the_slides_counts(view: StudyView) -> None:
    """1800, 1797 and 1170 of 2100: the first two are equal, and both beat the third."""
    tie, first, second = quoted(view, 1800, 1797, 1170, n=2100)
    assert tie.startswith(
        f"D’après les comptes des diapositives, rien ne sépare {DENSENET} de {CLIP}, à moins de "
        "5\u00a0points sur ces 2\u202f100\u00a0images (écart 0,1\u00a0point, "
    )
    for said, better in ((first, DENSENET), (second, CLIP)):
        assert f"{better} fait mieux que {CLIP_NAMES} (écart " in said
        assert said.endswith("quelles que soient les images que les deux ratent ensemble.")


def test_opposite_counts_say_the_opposite(view: StudyView) -> None:
    """With the counts the other way round, so are the sentences."""
    first, second, tie = quoted(view, 1170, 1797, 1800, n=2100)
    assert f"rien ne sépare {CLIP_NAMES} de {CLIP}, " in first + second + tie
    assert f"{CLIP_NAMES} fait mieux que {DENSENET} " in first + second + tie
    assert f"{DENSENET} fait mieux que" not in first + second + tie


def test_null_counts_conclude_nothing(view: StudyView) -> None:
    """Gaps that some overlap of the errors could explain, and others not: no conclusion."""
    for said in quoted(view, 120, 110, 100):
        assert "on ne peut pas conclure entre" in said


def test_quoted_counts_lead_to_the_quoted_table(view: StudyView) -> None:
    """The evidence of a quoted figure is where it is quoted."""
    (one, *_) = find_quoted({"densenet": 180, "autre": 100}, 210)
    shown = links(sentences.tell(Here(view, SOURCE), one))
    assert shown == ["comparaison.html#exactitude-et-f1"]
    assert "«\u00a0autre\u00a0»" in told(view, one)


# ------------------------------------------------------------------------ evidence


def test_every_measured_sentence_leads_to_its_cell(view: StudyView) -> None:
    """Each conclusion of the study has a link, to the cell where the two cases meet."""
    assert view.comparison is not None
    for one in view.comparison.findings:
        shown = links(sentences.tell(Here(view, SOURCE), one))
        if one.topic != "quoted":
            assert shown == [f"comparaison.html#{view.pair_anchor(one.a, one.b)}"]


def test_random_words_of_another_length_are_not_said_as_long(view: StudyView) -> None:
    """Only a control drawn for these very texts is of their length."""
    one = finding("control", "better", TEXTS, NAMES, TEXTS)
    assert "au hasard de même longueur" in told(with_control(view), one)
    assert "des mots au hasard (écart" in told(view, one)


@pytest.mark.parametrize(
    ("control", "said"),
    [
        ({}, "sur un seul tirage de ces mots."),
        (
            {TEXTS: analysed.gain(0.01, -0.05, 0.07, 0.7)},
            "mais 5\u00a0tirages ne le confirment pas.",
        ),
    ],
)
def test_one_draw_of_random_words_is_not_enough(
    shop: StudyResults, control: dict[str, MeanGain], said: str
) -> None:
    """That what texts say matters takes several draws whose mean gain is above zero."""
    assert shop.comparison is not None
    results = replace(shop, comparison=replace(shop.comparison, control=control))
    one = finding("control", "better", TEXTS, NAMES, TEXTS)
    text = told(with_control(view_of(results)), one)
    assert text.endswith(said)
    assert "ce que disent" not in text


def test_no_sentence_knows_a_model(tmp_path: Path) -> None:
    """Titles come from the records: another title, another sentence."""
    shop = analysed.shop(tmp_path)
    runs = tuple(
        replace(run, model=replace(run.model, title=f"Titre {run.model.name}")) for run in shop.runs
    )
    said = " ".join(
        told(view_of(replace(shop, runs=runs)), one)
        for one in shop.comparison.findings  # type: ignore[union-attr]
        if one.topic != "quoted"
    )
    assert "Titre embedded" in said
    for word in ("DenseNet", "CLIP", "EfficientNet", "embarqué"):
        assert word not in said


def test_the_same_pair_is_not_told_twice(shop: StudyResults) -> None:
    """Leaders that nothing separates are told of by what they are; a sole leader as such."""
    view = view_of(shop)
    said = [plain(one) for one in sentences.findings(Here(view, SOURCE))]
    assert not any("En tête" in one for one in said)
    assert sum("(entraîné)" in one for one in said) == 1
    assert any("En tête" in plain(one) for one in sentences.findings(Here(view, SOURCE), "leaders"))
    assert shop.comparison is not None
    ahead = replace(
        shop.comparison,
        findings=(
            finding("leaders", "better", TRAINED, TEXTS, TRAINED, members=(TRAINED,)),
            finding("training", "better", TRAINED, TEXTS, TRAINED),
        ),
    )
    (only,) = sentences.findings(Here(view_of(replace(shop, comparison=ahead)), SOURCE))
    assert "fait mieux que tous les autres cas" in plain(only)


def test_a_comparison_of_other_cases_is_not_told(shop: StudyResults) -> None:
    """A comparison made from other cases, other photos or another split is left out."""
    assert view_of(shop).comparison is not None
    assert shop.comparison is not None
    for stale in (
        replace(shop.comparison, inputs={NAMES: "x"}),
        replace(shop.comparison, split_digest="other"),
        replace(shop.comparison, dataset_revision="other"),
    ):
        assert view_of(replace(shop, comparison=stale)).comparison is None


# ------------------------------------------------------------------------- classes


def gain(label: str, value: float, p: float) -> ClassGain:
    return ClassGain(
        label=label,
        n=30,
        only_a=9,
        only_b=1,
        gain=value,
        low=value - 0.1,
        high=value + 0.1,
        p_mid=p,
        p_holm=p,
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            (gain("A", 0.2, 0.01), gain("B", -0.1, 0.02), gain("C", 0.1, 0.3), gain("D", 0, 1)),
            (
                "gain démontré sur «\u00a0A\u00a0» (+20,0\u00a0points)\u202f; perte démontrée sur "
                "«\u00a0B\u00a0» (−10,0\u00a0points)\u202f; rien de démontré pour les 2\u00a0"
                "autres."
            ),
        ),
        (
            (gain("A", 0.2, 0.01), gain("B", 0.3, 0.02), gain("C", 0.1, 0.3)),
            (
                "gain démontré sur «\u00a0B\u00a0» (+30,0\u00a0points), «\u00a0A\u00a0» "
                "(+20,0\u00a0points)\u202f; rien de démontré pour l’autre."
            ),
        ),
        (
            (gain("A", 0.2, 0.2), gain("B", -0.3, 0.9)),
            "aucun changement n’est démontré sur 2\u00a0catégories prises une à une.",
        ),
        ((gain("<b>", 0.2, 0.01),), "gain démontré sur «\u00a0<b>\u00a0» (+20,0\u00a0points)."),
    ],
)
def test_class_sentences(view: StudyView, rows: tuple[ClassGain, ...], expected: str) -> None:
    """Only classes whose corrected test shows a change are named."""
    gain = PromptGain(a=TEXTS, b=NAMES, classes=rows)
    said = plain(sentences.class_finding(Here(view, SOURCE), gain))
    assert said == (
        "Catégorie par catégorie, «\u00a0Descriptions\u00a0» au lieu de "
        f"«\u00a0Noms des catégories\u00a0» (Substitut hors ligne (pas un CLIP))\u00a0: {expected}"
    )


def test_random_words_are_no_answer(tmp_path: Path) -> None:
    """A control of random words is never the zero-shot case that answers the question."""
    results = builder.second(tmp_path)
    run = results.runs[0]
    assert run.prompts is not None
    control = replace(run, prompts=replace(run.prompts, derive="random-words"))
    view = view_of(replace(results, runs=(control, results.runs[1])))
    assert view.controls == {control.case}
    assert "Sans aucune photo" not in plain(answer(Here(view, SOURCE)))


def test_a_conclusion_is_five_sentences_with_the_answer(shop: StudyResults) -> None:
    """Four at most after the answer, each leading to the table that it rests on."""
    sentences = summary.conclusions(Here(view_of(shop), SOURCE))
    assert 0 < len(sentences) <= 4
    for sentence in sentences:
        assert any("#" in href for href in links(sentence)), sentence
