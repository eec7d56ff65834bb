"""What a study has not: told once, with the reason or with the command that makes it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from evaluation.errors import Reason
from evaluation.records import StudyResults
from evaluation.report.kit.language import WORDS, Language, speaking
from evaluation.report.pages import PAGES, stub
from evaluation.report.site.render import Pages, navigation, render
from evaluation.report.study.absences import absences
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView
from tests.report import builder
from tests.report.conftest import TEMPLATES, placeholder, printed

INDEX = "etudes/boutique/index.md"


def here(results: StudyResults) -> Here:
    folder = f"etudes/{results.study.name}"
    view = StudyView(results=results, folder=folder, draw=placeholder, photos_shown=True)
    return Here(view, f"{folder}/index.md")


def text(pages: Pages, uri: str) -> str:
    content = pages[uri]
    assert isinstance(content, str)
    return content


# --------------------------------------------------------------------------- cases


def test_every_declared_case_without_result_is_explained(shop: StudyResults) -> None:
    """Failed, unavailable and never run: each has a status, and a reason or what was recorded."""
    found = absences(here(shop))
    assert [one["status"] for one in found] == ["en échec", "indisponible", "pas encore évalué"]
    assert all(one["reason"] or one["recorded"] for one in found)


def test_cases_that_lack_the_same_are_told_together(shop: StudyResults) -> None:
    """Five prompt sets of a model without weights are one line, which leads to its card."""
    lacking = shop.runs[3]
    sets = [builder.prompt_set("noms", ("a",))]
    sets += [replace(sets[0], name=f"n{i}", title=f"N {i}") for i in range(4)]
    runs = tuple(replace(lacking, prompts=one, case=f"boutique/siglip2/{one.name}") for one in sets)
    failed = replace(runs[4], status="failed", error="no room")
    results = replace(shop, runs=(*shop.runs[:3], *runs[:4], failed))
    results = builder.without(results, cases=tuple(run.case for run in results.runs))
    found = absences(here(results))
    assert [(one["title"], one["status"]) for one in found] == [
        ("Substitut hors ligne (pas un CLIP) · Gabarits", "en échec"),
        ("SigLIP2 B/16, 4\u00a0jeux de textes", "indisponible"),
        ("SigLIP2 B/16 · N 3", "en échec"),
    ]
    assert found[1]["href"] == "modeles.html#modele-siglip2"
    said = printed("unscored", here(results), of="_macros.jinja")
    assert said == "6\u00a0cas non évalués\u00a0: lesquels, pourquoi."


def test_a_model_without_a_card_is_not_linked(shop: StudyResults) -> None:
    """Artefacts that were written before there were cards have the same lines, without links."""
    assert {one["href"] for one in absences(here(builder.without(shop, models=())))} == {""}


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_reason_is_said_in_both_languages(shop: StudyResults, language: Language) -> None:
    """A code is a sentence of the page's language; a record without one is quoted."""
    assert set(WORDS["reasons"]) == set(get_args(Reason))
    french = set(WORDS["reasons"].values())
    for reason in WORDS["reasons"]:
        lacking = replace(shop.runs[3], status="unavailable", reason=reason)
        results = replace(shop, runs=(*shop.runs[:3], lacking, *shop.runs[4:]))
        with speaking(language, {}):
            (told,) = (one for one in absences(here(results)) if "SigLIP2" in one["title"])
        assert (told["reason"].replace("\u202f", " ") in french) == (language == "fr")


def test_a_reason_is_told_on_one_page(pages: Pages) -> None:
    """The others say how many cases were not scored, and lead there."""
    reason = "logits are not finite"
    told = [uri for uri, page in pages.items()
            if uri.endswith(".md") and isinstance(page, str) and reason in page]  # fmt: skip
    assert told == ["etudes/boutique/methode.md"]
    for uri in ("index", INDEX[:-3], "etudes/boutique/comparaison"):
        assert re.search(r"methode\.html(#|&#35;)cas-non-evalues", text(pages, f"{uri}.md")), uri


# --------------------------------------------------------------------------- pages


def test_a_page_that_a_command_would_make_is_in_the_menu(toys: StudyResults) -> None:
    """Maps, the deep comparison and suggestions that were not run: the command and its cost."""
    pages = render((toys,), None, templates=TEMPLATES, draw=placeholder)
    (section,) = navigation((toys,))
    wanted = {
        "explicabilite": "veille explain jouets",
        "etiquettes": "veille compare jouets --deep",
        "audit": "veille compare jouets --deep",
        "prompts": "veille compare jouets --deep",
        "textes-plus-precis": "veille suggest jouets",
    }
    menu = {uri: title for part in section.groups.values() for title, uri in part}
    for address, command in wanted.items():
        uri = f"etudes/jouets/{address}.md"
        assert menu[uri].endswith("(à calculer)")
        assert f"<code>{command}</code>" in text(pages, uri)
    assert "32\u202f000\u00a0passages" in text(pages, "etudes/jouets/explicabilite.md")


def test_a_study_that_has_everything_has_no_stub(shop: StudyResults) -> None:
    """What is made is not announced, and what was looked for in vain is not asked for again."""
    (section,) = navigation((shop,))
    menu = [title for pages in section.groups.values() for title, _ in pages]
    left = [title for title in menu if title.endswith("(à calculer)")]
    assert left == []


def test_a_study_that_never_ran_is_all_commands(shop: StudyResults) -> None:
    """Every page of results stands, and says that an evaluation makes it."""
    empty = replace(shop, runs=(), predictions={}, comparison=None, explanations={},
                    suggestions={}, projections={})  # fmt: skip
    pages = render((empty,), None, templates=TEMPLATES, draw=placeholder)
    for name in stub.STEPS:
        (page,) = (one for one in PAGES if one.name == name)
        if name != "retrieval":
            assert "veille eval boutique" in text(pages, f"etudes/boutique/{page.address}.md"), name


def test_a_study_of_predictions_alone_is_not_promised_maps(tmp_path: Path) -> None:
    """Where there is no model, no command makes a map, a curve or a plane."""
    results = builder.second(tmp_path)
    given = tuple(
        replace(run, model=replace(run.model, kind="predictions"), prompts=None)
        for run in results.runs
    )
    place = here(replace(results, runs=given))
    made = {name for name in stub.STEPS if stub.build(place, name)}
    assert made.isdisjoint({"explain", "image_map", "few_shot", "audit", "prompts", "suggestion"})


def test_without_training_photos_no_curve_is_promised(tmp_path: Path) -> None:
    """How many labels it takes cannot be told where no photo is left to learn from."""
    results = builder.second(tmp_path)
    cards = tuple(card for card in results.study.samples if card.fold != "train")
    place = here(replace(results, study=replace(results.study, samples=cards), comparison=None))
    made = {name for name in stub.STEPS if stub.build(place, name)}
    assert "audit" in made
    assert "few_shot" not in made
