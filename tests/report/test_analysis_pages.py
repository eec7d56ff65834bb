"""The pages of the analysis: there when there is matter, and true to it."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from evaluation.records import (
    Abstention,
    Automation,
    LearningCurve,
    Metric,
    PromptChoice,
    PromptDiagnosis,
    StudyComparison,
    StudyResults,
)
from evaluation.report.pages import method
from evaluation.report.site.render import Pages, navigation, render
from evaluation.report.study import matrix
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView
from tests.report import analysed, builder
from tests.report.conftest import TEMPLATES, built, placeholder, printed

NAMES, TEXTS = "boutique/embedded/noms", "boutique/embedded/descriptions"
TRAINED = "boutique/embedded-supervised"
SOURCE = "etudes/boutique/calibration.md"


def pages_of(results: StudyResults, **options: Any) -> Pages:
    return render((results,), None, templates=TEMPLATES, draw=placeholder, **options)


def view_of(results: StudyResults) -> StudyView:
    return StudyView(results=results, folder="etudes/boutique", draw=placeholder, photos_shown=True)


def comparison(results: StudyResults) -> StudyComparison:
    assert results.comparison is not None
    return results.comparison


def changed(results: StudyResults, **changes: Any) -> StudyResults:
    return replace(results, comparison=replace(comparison(results), **changes))


def words(pages: Pages, name: str) -> str:
    """What a page says, without its markup."""
    text = pages[f"etudes/boutique/{name}.md"]
    assert isinstance(text, str)
    return unescape(re.sub(r"<[^>]+>", " ", re.sub(r"</?a\b[^>]*>", "", text)))


# ----------------------------------------------------------------------- presence

NOTHING: dict[str, Any] = {
    "prompts": (),
    "variance": (),
    "control": {},
    "calibration": (),
    "abstention": (),
    "few_shot": (),
    "audit": None,
    "retrieval": (),
}


@pytest.mark.parametrize(
    ("title", "emptied"),
    [
        ("Prompts", ("prompts", "variance", "control")),
        ("Calibration et abstention", ("calibration", "abstention")),
        ("Combien d’étiquettes\u202f?", ("few_shot",)),
        ("Audit des données", ("audit",)),
        ("Recherche par titre", ("retrieval",)),
    ],
)
def test_a_page_without_matter_is_not_there(
    shop: StudyResults, title: str, emptied: tuple[str, ...]
) -> None:
    """What is empty has no page, or one that says how to make it; the others stay."""
    (full,) = navigation((shop,))
    (section,) = navigation((changed(shop, **{name: NOTHING[name] for name in emptied}),))
    titles = [one for one, _ in full.pages]
    assert title in titles
    left = [one for one, _ in section.pages if not one.endswith("(à calculer)")]
    assert left == [one for one in titles if one != title]


def test_without_comparison_its_pages_say_how_to_have_it(shop: StudyResults) -> None:
    """A study that was not compared has commands for pages, and its old sentences."""
    pages = pages_of(replace(shop, comparison=None))
    for name in ("prompts", "calibration", "etiquettes", "audit", "recherche"):
        assert "veille compare boutique" in str(pages[f"etudes/boutique/{name}.md"])
    assert "dont les intervalles se recouvrent" in words(pages, "comparaison")
    assert "Qui bat qui" not in words(pages, "comparaison")
    assert "Ce qu’on ne peut pas conclure" in words(pages, "index")


def test_empty_diagnoses_and_audits_are_no_matter(shop: StudyResults) -> None:
    """A diagnosis or an audit that holds nothing makes no page."""
    assert shop.comparison is not None
    assert shop.comparison.audit is not None
    # One warning of the shop says that a text was cut: it is matter enough.
    runs = tuple(replace(run, warnings=()) for run in shop.runs)
    hollow = changed(
        replace(shop, runs=runs),
        prompts=(PromptDiagnosis(model="embedded"),),
        variance=(),
        control={},
        audit=replace(
            shop.comparison.audit,
            cases=(TEXTS,),
            suspects=(),
            accuracies=(),
            embeddings=(),
            near_duplicates=(),
        ),
    )
    assert built(view_of(hollow), "prompts") is None
    assert built(view_of(hollow), "audit") is None
    cut = replace(hollow, runs=shop.runs)
    assert built(view_of(cut), "prompts") is not None


# ------------------------------------------------------------------------- matrix


def test_ranks_say_ties_in_words(shop: StudyResults) -> None:
    """Cases that no test separates are said so, with the range of their true rank."""
    first, second, last = (matrix.rank_cell(view_of(shop), c) for c in (TRAINED, TEXTS, NAMES))
    assert (first.text, first.tag) == ("1er", "non départagé")
    assert (second.text, second.tag) == ("1er", "non départagé")
    assert (last.text, last.tag) == ("3e", "")
    assert "vrai rang\u00a0: 1 à 2" in first.note
    assert "groupe b" in last.note


def test_the_matrix_is_readable_both_ways(shop: StudyResults) -> None:
    """Each pair stands twice, with opposite signs and words, and each side has its photos."""
    compared = comparison(shop).comparison
    assert compared is not None
    table = matrix.matrix(Here(view_of(shop), "etudes/boutique/comparaison.md"), compared)
    cells = {cell.id: cell for row in table.groups[0].rows for cell in row.cells if cell.id}
    assert len(cells) == 6
    ahead = cells["paire-boutique-embedded-descriptions--boutique-embedded-noms"]
    behind = cells["paire-boutique-embedded-noms--boutique-embedded-descriptions"]
    assert (ahead.text, ahead.tag) == ("+25,0", "meilleur")
    assert (behind.text, behind.tag) == ("−25,0", "moins bon")
    assert ahead.href.startswith(
        "explorateur.html#a=boutique%2Fembedded%2Fdescriptions&b=boutique%2Fembedded%2Fnoms"
    )
    assert ahead.href.endswith("&accord=a")
    unsure = cells["paire-boutique-embedded-supervised--boutique-embedded-descriptions"]
    assert unsure.tag == "on ne sait pas"
    assert "[−0,6\u202f;\u00a031,1]" in unsure.note


def test_links_to_photos_need_the_page_of_the_photos(shop: StudyResults) -> None:
    """Without predictions there is no explorer, and no link to it."""
    for name, text in pages_of(replace(shop, predictions={})).items():
        assert "explorateur.html" not in str(text), name
    pages = pages_of(shop)
    for name in ("comparaison", "audit", "clip-zero-shot", "approche-classique"):
        assert "explorateur.html&#35;" in str(pages[f"etudes/boutique/{name}.md"])


def test_what_the_images_can_show(shop: StudyResults) -> None:
    """The smallest visible gap is said; when there is none, that is said."""
    compared = comparison(shop).comparison
    assert compared is not None
    gap = printed(
        "sensitivity", replace(compared, detectable_gap=0.083, discordance=0.24), of="_said.jinja"
    )
    assert "24\u202f% des 40\u00a0images" in gap
    assert "quatre fois sur cinq, un écart vrai de 8,3\u00a0points" in gap
    none = printed("sensitivity", replace(compared, detectable_gap=None))
    assert "aucun écart ne se verrait" in none
    differ = printed("equality", replace(compared, cochran_p=0.01))
    assert "ne se valent pas" in differ
    assert "rien ne montre" in printed(
        "equality", replace(compared, cochran_p=0.2), of="_said.jinja"
    )


# ------------------------------------------------------------------------ prompts


def choice(**changes: Any) -> PromptChoice:
    one = PromptChoice(
        model="embedded",
        candidates=("noms", "descriptions", "gabarits"),
        chosen="descriptions",
        validation=builder.proportion("accuracy", 25, 30),
        test=builder.proportion("accuracy", 30, 40),
        best_on_test="gabarits",
        best_test=builder.proportion("accuracy", 32, 40),
        optimism=0.021,
    )
    return replace(one, **changes)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (choice(), "Le meilleur sur le test est «\u00a0Gabarits\u00a0» (80,0\u202f%)"),
        (choice(), "flatterait son résultat de 2,1\u00a0points en moyenne"),
        (choice(best_on_test="descriptions"), "C’est aussi le meilleur sur le test"),
        (choice(optimism=0.0), "ne flatterait pas son résultat"),
        (choice(), "et 75,0\u202f%\u00a0[59,8\u202f;\u00a085,8] sur le test"),
    ],
)
def test_choice_of_texts(shop: StudyResults, found: PromptChoice, expected: str) -> None:
    """What was chosen on validation is what counts, beside what a choice on test would say."""
    place = Here(view_of(shop), SOURCE)
    assert expected in printed("choice", place, found, of="_macros.jinja")


@pytest.mark.parametrize(
    ("gain", "expected"),
    [
        ((0.09, 0.02, 0.16, 0.01), "fait mieux que 5\u00a0tirages de mots au hasard"),
        ((-0.09, -0.16, -0.02, 0.01), "fait moins bien que 5\u00a0tirages de mots au hasard"),
        ((0.01, -0.05, 0.07, 0.6), "on ne peut pas conclure face à 5\u00a0tirages"),
    ],
)
def test_random_words(
    shop: StudyResults, gain: tuple[float, float, float, float], expected: str
) -> None:
    """Descriptions are judged against words that mean nothing, several draws of them."""
    said = words(pages_of(changed(shop, control={TEXTS: analysed.gain(*gain)})), "prompts")
    assert expected in said


def test_prompts_page_warns(pages: Pages) -> None:
    """Texts that a model cannot tell apart, or did not read to the end, are named."""
    said = words(pages, "prompts")
    assert "Textes presque identiques pour le modèle" in said
    assert "(cosinus 0,99)" in said
    assert "is cut at 77 tokens" in said
    assert "perte démontrée" in said


# -------------------------------------------------------------------- calibration


def automation(**changes: Any) -> Abstention:
    one = Abstention(
        case=TEXTS,
        curve=(),
        aurc=Metric(name="aurc", value=0.05, n=40),
        automation=Automation(
            target=0.95,
            threshold=0.9,
            chosen_on="validation",
            coverage=builder.proportion("coverage", 25, 40),
            precision=builder.proportion("precision", 24, 25),
            certified_coverage=0.0,
            certified_threshold=None,
        ),
    )
    return replace(one, automation=replace(one.automation, **changes))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            automation(precision=builder.proportion("precision", 200, 200)),
            (
                "on peut classer automatiquement 62,5\u202f% "
                "(IC\u00a095\u202f% [47,0\u202f;\u00a075,8]) du catalogue à 95\u202f% de "
                "précision\u00a0: le seuil, choisi sur la validation, donne sur le test "
                "100,0\u202f%"
            ),
        ),
        # 24 of 25, and 4 of 4: their intervals reach below the target, which is no promise.
        (automation(), "seuil visant 95\u202f% de précision"),
        (automation(), "non démontré"),
        (automation(precision=builder.proportion("precision", 4, 4)), "non démontré"),
        (
            automation(certifiable=False),
            "Si peu de photos ne peuvent rien garantir",
        ),
        (automation(), "Aucune part n’est garantie à 95\u202f%"),
        (automation(certified_coverage=0.45), "c’est garanti pour 45,0\u202f% du catalogue"),
        (automation(threshold=None), "aucun seuil de confiance ne promet 95\u202f% de précision"),
        (automation(coverage=builder.proportion("coverage", 0, 40)), "ne promet 95\u202f%"),
        (
            automation(precision=builder.proportion("precision", 15, 25)),
            (
                "ne tient pas sa promesse\u00a0: il classe 62,5\u202f% (IC\u00a095\u202f% "
                "[47,0\u202f;\u00a075,8]) du catalogue, mais avec 60,0\u202f%"
            ),
        ),
    ],
)
def test_what_can_be_automated(shop: StudyResults, found: Abstention, expected: str) -> None:
    """The decision a shop needs, with what the test photos say of the promise."""
    assert expected in printed("automated", Here(view_of(shop), SOURCE), found)


def test_probabilities_are_told_by_their_direction(shop: StudyResults) -> None:
    """Too sure, too modest, or compatible with a perfect calibration."""
    one = comparison(shop).calibration[0]
    sure = replace(one.before, ece=0.3, ece_null_high=0.1, confidence=0.99)
    modest = replace(sure, confidence=0.1)
    said = printed("calibrated", replace(one, before=sure, after=modest), 0.5)
    assert "sont trop sûres (confiance moyenne 99,0\u202f%" in said
    assert said.endswith("elles sont trop modestes.")
    fine = replace(one.before, ece=0.05, ece_null_high=0.1)
    said = printed("calibrated", replace(one, before=fine), 0.5)
    assert "compatibles" in said


def test_one_sentence_a_model(shop: StudyResults) -> None:
    """The decision is told once a model, of the texts that the validation chose."""
    page = built(view_of(shop), "calibration")
    assert page is not None
    place = Here(view_of(shop), SOURCE)
    said = [printed("automated", place, case) for case in page["automation"]]
    assert len(said) == 2
    assert not any("Noms des catégories" in one for one in said)


# --------------------------------------------------------------------- label cost


@pytest.mark.parametrize(
    ("method_name", "expected"),
    [
        ("logistic", "ne bat le zero-shot qu’avec toutes les étiquettes (jusqu’à 6\u00a0photos"),
        ("gda", "bat le zero-shot à partir de 4\u00a0photos étiquetées par catégorie (+9,0"),
        ("knn", "ne bat jamais le zero-shot de façon démontrée, même avec 24\u00a0photos"),
    ],
)
def test_break_even(method_name: str, expected: str) -> None:
    """From how many labels training pays, if it ever does."""
    (found,) = analysed.few_shot("boutique")
    curves: dict[str, LearningCurve] = {one.method: one for one in found.curves}
    assert expected in printed("break_even", curves[method_name], method_name, "#x", "")


def test_label_cost_without_texts(shop: StudyResults) -> None:
    """A model that reads no text has curves, and nothing to break even with."""
    (found,) = analysed.few_shot("boutique")
    alone = replace(
        found,
        zero_shot=None,
        zero_shot_case=None,
        curves=tuple(
            replace(
                one,
                points=tuple(replace(p, over_zero_shot=None, p_holm=None) for p in one.points),
                break_even=None,
            )
            for one in found.curves
            if one.method != "text-probe"
        ),
    )
    said = words(pages_of(changed(shop, few_shot=(alone,))), "etiquettes")
    assert "zero-shot de façon démontrée" not in said
    assert "Sans aucune étiquette" not in said
    assert "GDA" in said


# ------------------------------------------------------------------ audit, retrieval


def test_suspects_are_shown_with_what_is_said_of_them(shop: StudyResults, pages: Pages) -> None:
    """A doubtful photo stands with its label, what each model says, and a link to the rest."""
    found = comparison(shop).audit
    assert found is not None
    (suspect,) = found.suspects
    text = str(pages["etudes/boutique/audit.md"])
    assert f"explorateur.html&#35;id={suspect.sample_id}" in text
    said = words(pages, "audit")
    for label in suspect.predicted.values():
        assert label in said
    assert "1\u00a0photo est placée ailleurs" in said


def test_suspects_without_photos(tmp_path: Path) -> None:
    """Photos that may not be republished are not shown by the audit either."""
    results = analysed.shop(tmp_path, redistributable=False)
    text = str(pages_of(results, photos="redistributable")["etudes/boutique/audit.md"])
    assert "<img" not in text
    assert "ne permet pas de les republier" in text
    assert "0-test-1 et 0-test-2" in text


@pytest.mark.parametrize(
    ("rho", "p", "expected"),
    [
        (-0.9, 0.01, "Plus une catégorie est variée, moins bien elle est reconnue"),
        (0.9, 0.01, "Plus une catégorie est variée, mieux elle est reconnue"),
        (-0.9, 0.2, "Rien ne montre, sur ces catégories,"),
    ],
)
def test_variety_and_recall(shop: StudyResults, rho: float, p: float, expected: str) -> None:
    """The link of variety to recall is told only when a test shows it."""
    found = comparison(shop).audit
    assert found is not None
    model = replace(found.embeddings[0], variety_recall=rho, variety_recall_p=p)
    results = changed(shop, audit=replace(found, embeddings=(model,)))
    assert expected in words(pages_of(results), "audit")


def test_retrieval_goes_both_ways(pages: Pages) -> None:
    """From photo to title and back, with its chance."""
    said = words(pages, "recherche")
    assert "le bon titre arrive premier pour 30,0\u202f% des photos" in said
    assert "la bonne photo arrive première pour 25,0\u202f% des titres" in said
    assert "2,5\u202f%" in said
    assert "4,5" in said


# ------------------------------------------------------------------------- method


def test_method_names_the_tests_that_were_made(shop: StudyResults) -> None:
    """The tests are named with their sources; those that were not made are not."""
    said = words(pages_of(shop), "methode")
    for name in ("McNemar", "Holm", "Tango", "Cochran", "WaffleCLIP", "Brier", "Northcutt"):
        assert name in said
    assert "comptent pour une seule" not in said
    bare = words(pages_of(changed(shop, **NOTHING)), "methode")
    assert "McNemar" in bare
    assert "Brier" not in bare
    assert method.tests_made(view_of(replace(shop, comparison=None))) == []


def test_method_says_how_subcategories_were_drawn(shop: StudyResults, tmp_path: Path) -> None:
    """Parts are a systematic sample over sub-categories: said where there are some."""
    sentence = "échantillon systématique des sous-catégories"
    assert sentence in words(pages_of(shop), "methode")
    plain_cards = tuple(replace(card, subcategory=None) for card in shop.study.samples)
    without = builder.without(builder.shop(tmp_path), samples=plain_cards)
    assert sentence not in words(pages_of(without), "methode")


# ------------------------------------------------------------------------ hostile


@pytest.mark.parametrize("name", ["prompts", "calibration", "etiquettes", "audit", "recherche"])
def test_hostile_names_are_text(pages: Pages, name: str) -> None:
    """Class names and texts cannot become markup, and are shown as they are spelt."""
    text = pages[f"etudes/boutique/{name}.md"]
    assert isinstance(text, str)
    assert "<b>" not in text
    assert "{{" not in text
    assert "*très*" not in text


def test_figures_have_words_and_data(pages: Pages) -> None:
    """Each figure has a text for those who do not see it, and its data."""
    for name, figures in (("prompts", 1), ("calibration", 6), ("etiquettes", 1)):
        text = str(pages[f"etudes/boutique/{name}.md"])
        assert text.count('<figure class="v-chart"') == figures
        assert len(re.findall('role="img" aria-label="[^"]{40,}', text)) == 2 * figures
        assert text.count("<summary>Données de la figure") == figures
