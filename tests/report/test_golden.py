"""Pages say what they said: every kind of page, in both languages, as words."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from evaluation.report.kit import links
from evaluation.report.kit.language import Language
from evaluation.report.site.render import Pages, render
from tests.report import analysed, builder
from tests.report.conftest import TEMPLATES, placeholder
from tests.report.words import assert_golden, words

OF_A_STUDY = (
    "index.md",
    "approche-classique.md",
    "audit.md",
    "calibration.md",
    "carte-des-images.md",
    "clip-zero-shot.md",
    "comparaison.md",
    "donnees.md",
    "etiquettes.md",
    "explicabilite.md",
    "explorateur.md",
    "methode.md",
    "modeles.md",
    "prompts.md",
    "recherche.md",
    "textes-plus-precis.md",
    f"categories/{links.slug(builder.AWKWARD[0])}.md",
    "explicabilite/boutique-embedded-supervised.md",
)
PLAIN = ("index.md", "comparaison.md", "explicabilite.md", "methode.md")
"""Pages of the study that nothing is concluded about, which change with that."""

URIS = (
    links.HOME,
    "annexes.md",
    *(f"etudes/boutique/{name}" for name in OF_A_STUDY),
    *(f"etudes/jouets/{name}" for name in PLAIN),
)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_golden_pages(pages: Pages, english: Pages, language: str) -> None:
    """Pages say what they said; VEILLE_UPDATE_GOLDEN=1 accepts what they have come to say."""
    for uri in URIS:
        text = (pages if language == "fr" else english)[uri]
        assert isinstance(text, str)
        assert_golden(text, f"{language}/{uri}")


@pytest.mark.parametrize("language", ["fr", "en"])
def test_golden_home_without_results(language: Language) -> None:
    """Without artefacts the home page shows the quoted figures and says how to score."""
    made = render(
        (), builder.reference(), templates=TEMPLATES, draw=placeholder, language=language
    )[links.HOME]
    assert isinstance(made, str)
    assert_golden(made, f"{language}/sans-resultat.md")
    assert "veille eval" in made
    assert ("0,857" if language == "fr" else "0.857") in made


def test_every_kind_of_page_is_golden(pages: Pages) -> None:
    """A new page of the shop has its golden file; classes and explained cases have one of each."""
    kinds = {uri for uri in pages if uri.endswith(".md") and not uri.startswith("etudes/jouets/")}
    several = ("etudes/boutique/categories/", "etudes/boutique/explicabilite/")
    assert {uri for uri in kinds if not uri.startswith(several)} <= set(URIS)


def test_words_are_read_in_order() -> None:
    """Headings, sentences, cells and descriptions are kept; markup and exact values are not."""
    page = (
        "---\nhide: [toc]\n---\n# Title {: #t }\n\nA *word*\u00a0: **two**.\n\n"
        '<table><caption>Shares</caption><tr><th>Case</th><td data-value="0.123456">12,3 %'
        "<small>[1 ; 2]</small></td></tr></table>\n\n"
        '<div role="img" aria-label="A drawing."><svg><text>no</text></svg></div>\n'
    )
    assert words(page) == (
        "\n# Title\nA word\u00a0: two.\nTable: Shares\nCase | 12,3 % [1 ; 2]\n[A drawing.]\n"
    )


def test_stored_conclusions_are_those_of_the_program() -> None:
    """A change of the scoring writes the fixture anew: `python -m tests.report.analysed`."""
    differences = list(_differences(asdict(analysed.computed()), asdict(analysed.stored())))
    assert differences == []


def _differences(now: object, then: object, where: str = "") -> list[str]:
    if isinstance(now, dict) and isinstance(then, dict):
        keys = [*dict.fromkeys([*now, *then])]
        pairs = [(f"{where}.{key}", now.get(key), then.get(key)) for key in keys]
    elif isinstance(now, tuple) and isinstance(then, tuple) and len(now) == len(then):
        pairs = [(f"{where}[{i}]", *both) for i, both in enumerate(zip(now, then, strict=True))]
    elif isinstance(now, float) and isinstance(then, float):
        # Another processor changes the last digits, and an optimum by more than that.
        close = now == pytest.approx(then, rel=1e-3, abs=1e-6)
        return [] if close else [f"{where}: {now!r}, stored {then!r}"]
    else:
        return [] if now == then else [f"{where}: {now!r}, stored {then!r}"]
    return [fault for path, a, b in pairs for fault in _differences(a, b, path)]
