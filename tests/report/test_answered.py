"""Slices, strays, people, kept states and drifts have their sections, in both languages."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from evaluation.records import StudyResults
from evaluation.report.kit.language import Language
from evaluation.report.paper.booklet import make_booklet
from evaluation.report.paper.deck import render_deck
from evaluation.report.site.render import navigation, render
from evaluation.report.study.view import StudyView
from evaluation.stores.artefacts import read_study_results
from tests.conftest import once
from tests.report import answered
from tests.report.conftest import TEMPLATES, built, placeholder
from tests.report.words import words


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    """Made once, since it computes its comparison."""
    folder, _ = once(
        tmp_path_factory, "answered", lambda folder: answered.toys(folder / "artefacts") and None
    )
    return read_study_results(folder / "artefacts" / "jouets")


def pages(results: StudyResults, language: Language = "fr") -> dict[str, str]:
    made = render((results,), None, templates=TEMPLATES, draw=placeholder, language=language)
    return {
        uri.rpartition("/")[2]: words(text)
        for uri, text in made.items()
        if uri.startswith("etudes/jouets/") and uri.endswith(".md") and isinstance(text, str)
    }


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "fr",
            {
                "comparaison.md": [
                    "L’exactitude selon magasin.",
                    "60 600 2 refus comptés faux | 0,0012",
                    "Aucune tranche n’est démontrée plus difficile",
                    "magasin : nord | 40",
                    "4 intrus",
                    "énergie (Liu et al. 2020) | 0,850",
                    "texte « something else »",
                    "1 intrus accepté",
                    "intrus/1.png",
                    "Trains (71,0 %)",
                    "Sans ces scores",
                ],
                "donnees.md": [
                    "« Anna » et « Ben » ont classé les photos de test",
                    "exactitude moyenne, 93,3 %",
                    "Kappa de Fleiss, toutes ensemble : 0,80",
                ],
                "methode.md": [
                    "2 états de l’étude ont été gardés",
                    "du dossier « mai <b> »",
                    "Ce sont d’autres photos que celles de l’étude",
                    "3 photos, qui sont aussi de l’étude",
                ],
                "historique.md": [
                    "Depuis « avril », évalué le 23 novembre 2026",
                    "photos gagnées et perdues",
                    "Fausses maintenant, justes alors",
                ],
                "index.md": ["plafond humain (93,3 %)", "plafond humain : 93,3 %"],
            },
        ),
        (
            "en",
            {
                "comparaison.md": [
                    "Accuracy by magasin.",
                    "No slice is shown to be harder",
                    "1 stray accepted",
                    "text “something else”",
                ],
                "donnees.md": ["“Anna” and “Ben” classified the test photos", "Cohen’s kappa"],
                "methode.md": ["2 states of the study were kept", "These are other photos"],
                "historique.md": ["Since “avril”, scored on", "Wrong now, right then"],
                "index.md": ["human ceiling (93.3%)"],
            },
        ),
    ],
)
def test_each_has_its_section(
    toys: StudyResults, language: Language, expected: dict[str, list[str]]
) -> None:
    """What was measured is said where a reader of that page looks for it."""
    made = {
        name: re.sub(r"[\u00a0\u202f]", " ", text) for name, text in pages(toys, language).items()
    }
    missing = [(name, said) for name, all_ in expected.items() for said in all_
               if said not in made[name]]  # fmt: skip
    assert missing == []


def test_numbers_of_a_slice_lead_to_its_photos(toys: StudyResults) -> None:
    """The page of the photos knows the slice, and which photos are in it."""
    made = render((toys,), None, templates=TEMPLATES, draw=placeholder)
    page = unescape(str(made["etudes/jouets/comparaison.md"]))
    assert '"explorateur.html#cas=jouets%2Fanna&tranche=magasin%3Dsud&verdict=juste"' in page
    script = made["etudes/jouets/donnees/explorateur-0.js"]
    assert isinstance(script, str)
    data = json.loads(script.partition("(")[2].rstrip(");\n").replace("\\u003d", "="))
    assert data["head"]["slices"] == ["magasin=nord", "magasin=sud"]
    cards = [card for card in toys.study.samples if card.fold == "test"]
    assert [one == [1] for one in data["slices"]] == [
        card.slices["magasin"] == "sud" for card in cards
    ]


def test_the_history_is_no_page_of_the_menu(toys: StudyResults) -> None:
    """It is reached from the page of methods, and printed with all pages."""
    (section,) = navigation((toys,))
    assert not any("historique" in uri for _, uri in section.pages)
    made = render((toys,), None, templates=TEMPLATES, draw=placeholder)
    assert 'href="historique.html"' in str(made["etudes/jouets/methode.md"])
    booklet = make_booklet(toys, draw=placeholder, everything=True)
    assert "historique" in booklet["chapters"]


def test_strays_are_shown_where_photos_may_be(toys: StudyResults) -> None:
    """Their small copies are in the site; on a site without photos they are neither."""
    shown = render((toys,), None, templates=TEMPLATES, draw=placeholder)
    assert "etudes/jouets/photos/intrus-1.webp" in shown
    closed = replace(toys, study=replace(toys.study, redistributable=False))
    hidden = render(
        (closed,), None, templates=TEMPLATES, draw=placeholder, photos="redistributable"
    )
    assert not any("intrus" in uri for uri in hidden)
    assert "intrus-1.webp" not in str(hidden["etudes/jouets/comparaison.md"])


def test_the_deck_has_the_worst_slices_and_the_strays(toys: StudyResults) -> None:
    """One slide each, of the tables of the page."""
    html = render_deck(toys, draw=placeholder)
    assert "<h2>Tranches</h2>" in html
    assert "<h2>Photos d’aucune catégorie</h2>" in html


def test_a_study_without_any_of_these_has_none_of_these_sections(tmp_path: Path) -> None:
    """Older artefacts have no such records; nothing is said of what nobody asked."""
    results = answered.builder.second(tmp_path)
    view = StudyView(results=results, folder="etudes/x", draw=placeholder, photos_shown=True)
    page = built(view, "comparison")
    assert (page["slices"], page["strays"]) == (None, None)
    assert built(view, "dataset")["people"] is None
    assert built(view, "history") is None
    assert built(view, "method")["drift"] is None
