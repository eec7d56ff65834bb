"""The page of what is learnt without labels: true to its records, and quiet without them."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

from evaluation.records import (
    Adaptation,
    Agreement,
    FewShot,
    FewShotPoint,
    LabelsWorth,
    LearningCurve,
    MeanGain,
    Metric,
    PairsCurve,
    PairsPoint,
    RepeatedPair,
    Repeats,
    StudyResults,
)
from evaluation.report.kit.language import speaking
from evaluation.report.site.render import render
from evaluation.report.study.view import StudyView
from evaluation.report.study.worth import rungs
from tests.report.conftest import TEMPLATES, placeholder

TEXTS, TITLES = "boutique/embedded/descriptions", "boutique/embedded-titles/descriptions"


def adaptation(*, adopted: bool = True, high: float = -0.3) -> Adaptation:
    return Adaptation(
        adapt=("titles", "photos"),
        photos=60,
        pairs=50,
        titles=48,
        before=Agreement(share=0.5, z=9.0, kappa=0.41, pairs=50),
        after=Agreement(share=0.7, z=12.0, kappa=0.62, pairs=50),
        adopted=adopted,
        shares={"a": 0.75, "b": 0.25},
        seen_shares={"a": 0.5, "b": 0.5},
        controls=(Metric(name="shuffled", value=0.125, low=0.1, high=0.2, n=40),),
        control_gains={
            "shuffled": MeanGain(gain=-0.4, low=-0.5, high=high, p=0.01, n=40, repetitions=3)
        },
    )


def with_titles(shop: StudyResults, found: Adaptation) -> StudyResults:
    """The shop with its described case adapted as well."""
    (base,) = (run for run in shop.runs if run.case == TEXTS)
    model = replace(
        base.model, name="embedded-titles", title="Adapté aux titres", adapt=found.adapt
    )
    run = replace(base, case=TITLES, model=model, adaptation=found)
    assert shop.comparison is not None
    worth = LabelsWorth(case=TITLES, method="logistic", labels=301.4, low=210.2, high=None)
    point = PairsPoint(pairs=50, accuracies=(0.7, 0.72), mean=0.71, low=0.65, high=0.77)
    comparison = replace(
        shop.comparison,
        few_shot=(
            *shop.comparison.few_shot,
            FewShot(
                model="embedded",
                zero_shot_case=None,
                zero_shot=None,
                curves=(),
                seeds=(0,),
                worth=(worth,),
            ),
        ),
        pairs=(PairsCurve(case=TITLES, points=(point,)),),
        inputs={**shop.comparison.inputs, TITLES: "x"},
    )
    (card,) = (card for card in shop.study.models if card.model.name == "embedded")
    return replace(
        shop,
        study=replace(
            shop.study,
            cases=(*shop.study.cases, TITLES),
            models=(*shop.study.models, replace(card, model=model)),
        ),
        runs=(*shop.runs, run),
        predictions={**shop.predictions, TITLES: shop.predictions[TEXTS]},
        comparison=comparison,
    )


def page(results: StudyResults, name: str = "sans-etiquette", language: str = "fr") -> str:
    pages = render((results,), None, templates=TEMPLATES, draw=placeholder, language=language)
    text = pages.get(f"etudes/boutique/{name}.md", "")
    assert isinstance(text, str)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", text)))


def test_no_page_without_a_label_free_case(shop: StudyResults) -> None:
    """A study that declares none has neither the page nor the steps."""
    assert page(shop) == ""
    assert "Ce que chaque marche" not in page(shop, "index")


def test_the_page_says_what_was_read_and_what_it_is_worth(shop: StudyResults) -> None:
    """Agreement before and after, controls, declared shares, labels with their interval."""
    said = page(with_titles(shop, adaptation()))
    assert re.search(r"50,0\W%.* des 50 paires avant, 70,0\W%.* après \(kappa, ", said)
    assert re.search(r"accord au-delà du hasard\W:\W0,62\)", said)
    assert "Titres mélangés entre les photos" in said
    assert "12,5" in said
    assert re.search(r"déclarée à 75,0\W%, vue à 50,0\W%", said)
    assert re.search(r"50 titres valent environ 301 étiquettes", said)
    assert "de 210 à plus que toutes" in said


def test_controls_say_where_the_gain_comes_from(shop: StudyResults) -> None:
    """By their paired gains over the model as it is; records of one draw have none."""
    lost, unclear = (page(with_titles(shop, adaptation(high=high))) for high in (-0.3, 0.1))
    assert re.search(r"Sur 3\Wtirages, des titres qui ne disent rien font perdre", lost)
    assert "aucun gain n’est démontré avec des titres qui ne disent rien" in unclear
    old = replace(adaptation(), control_gains={})
    assert "des titres qui ne disent rien font" not in page(with_titles(shop, old))


def test_titles_and_labels_are_on_one_curve(shop: StudyResults) -> None:
    """Accuracy by number of titles, beside that of labels where it was measured."""
    results = with_titles(shop, adaptation())
    assert results.comparison is not None
    *others, titled = results.comparison.few_shot
    curve = LearningCurve(
        method="logistic",
        points=(
            FewShotPoint(
                shots=4,
                images=28,
                accuracies=(0.6,),
                mean=0.625,
                low=0.5,
                high=0.7,
                over_zero_shot=None,
                p_holm=None,
            ),
        ),
        break_even=None,
    )
    comparison = replace(results.comparison, few_shot=(*others, replace(titled, curves=(curve,))))
    said = page(replace(results, comparison=comparison))
    assert re.search(r"28\s*—\s*62,5", said)
    assert re.search(r"50\s*71,0", said)


def test_the_spread_over_other_draws_is_told(shop: StudyResults) -> None:
    """The mean gain over the model as it is, where the study asked for other draws."""
    results = with_titles(shop, adaptation())
    assert "l’écart moyen avec le modèle tel quel" not in page(results)
    pair = RepeatedPair(a=TITLES, b=TEXTS, gap=0.15, low=0.12, high=0.18, p=0.001, p_holm=0.001)
    repeats = Repeats(
        draws=10,
        folds=None,
        tested=0.2,
        accuracies={TITLES: (0.8, 0.7), TEXTS: (0.65, 0.55)},
        pairs=(pair,),
        left_out=(),
    )
    assert results.comparison is not None
    said = page(replace(results, comparison=replace(results.comparison, repeats=repeats)))
    assert re.search(r"10\Wautres tirages .* tel quel est de \+15,0\Wpoints", said)
    assert "un test corrigé y sépare les deux" in said


def test_the_guard_is_said(shop: StudyResults) -> None:
    """A layer that chance may explain is not used, and the page says so."""
    said = page(with_titles(shop, adaptation(adopted=False)))
    assert "Rien à gagner" in said
    assert "Choisi sans étiquette" not in said
    assert "laissés de côté avec les titres" in said


def test_the_card_of_a_model_says_what_it_saw(shop: StudyResults) -> None:
    """How few pairs, and nothing where the model was left as it was."""
    said = "une couche a aussi appris de 50 paires photo-titre"
    assert said in page(with_titles(shop, adaptation()), "modeles").replace("\xa0", " ")
    refused = replace(adaptation(adopted=False), clusters=False)
    assert said not in page(with_titles(shop, refused), "modeles").replace("\xa0", " ")


def test_english(shop: StudyResults) -> None:
    """The same from the same records."""
    said = page(with_titles(shop, adaptation()), language="en")
    assert "50 titles are worth about 301 labels" in said
    assert "Chosen without a label" in said


def test_the_ladder_has_its_rungs_in_order(shop: StudyResults) -> None:
    """Names, texts, what was added without labels, labels: on the first page too."""
    results = with_titles(shop, adaptation())
    view = StudyView(results=results, folder="etudes/boutique", draw=placeholder, photos_shown=True)
    with speaking("fr"):
        steps = [(step, run.case) for step, run in rungs(view).items()]
    assert [step for step, _ in steps] == ["names", "texts", "photos", "labels"]
    assert steps[2] == ("photos", TITLES)
    assert "ce que chaque marche ajoute" in page(results, "index")


def test_zero_shot_pages_leave_label_free_cases_out(shop: StudyResults) -> None:
    """What was adapted is never counted as zero-shot."""
    results = with_titles(shop, adaptation())
    view = StudyView(results=results, folder="etudes/boutique", draw=placeholder, photos_shown=True)
    assert TITLES not in {run.case for run in view.zero_shot}
    assert [run.case for run in view.label_free] == [TITLES]
