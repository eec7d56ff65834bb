"""A page speaks one language; what is in the other says so by ``lang``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from markdown import Markdown

from evaluation.report.kit.foreign import marked
from evaluation.report.kit.language import Language
from evaluation.report.site.render import render
from tests.report import builder
from tests.report.conftest import TEMPLATES, placeholder
from tests.report.test_answer import STAND_IN, SYNTHETIC, TRAINED, Scored, study
from tests.report.tree import Node, read

OTHERS = {
    "en": re.compile(
        r"[«»]|\b(?:le|la|les|des|du|une|est|sont|avec|dans|sur|pour|par|qui|que|pas|aucune?"
        r"|chaque|cette|ces|catégories?|modèle|textes|précision|exactitude|rappel)\b"
        r"|\b[cdjlmnst]’[a-zé]",
        flags=re.IGNORECASE,
    ),
    "fr": re.compile(
        r"\b(?:the|of|and|with|from|which|that|this|these|is|are|was|were|not|by|each|their|does"
        r"|cannot|have|has|what|needs|an|to)\b",
        flags=re.IGNORECASE,
    ),
}
"""Words of the other language that a sentence of it can hardly do without."""

SILENT = {"head", "script", "style", "svg", "template", "code", "pre", "math"}
SPOKEN = ("aria-label", "alt", "title", "placeholder")
DATA = (
    *builder.AWKWARD, "Ours", "Trains", "Cubes", "Beauty and Personal Care",
    *filter(None, builder.HOSTILE_TITLE.split("\n")),
)  # fmt: skip
"""What the data of these tests are called, in no language that anybody declared."""


def spoken(node: Node, language: Language) -> Iterator[str]:
    """The texts of an element, and of its attributes, that are in the page's own language."""
    if node.tag in SILENT or node.attributes.get("lang", language) != language:
        return
    yield from (node.attributes[name] for name in SPOKEN if name in node.attributes)
    for child in node.children:
        if isinstance(child, str):
            yield child
        else:
            yield from spoken(child, language)


def foreign_words(html: str, language: Language) -> list[str]:
    """What a page says in the other language without saying so."""
    found = []
    for text in spoken(read(html), language):
        piece = re.sub("|".join(map(re.escape, DATA)), " ", text)
        if OTHERS[language].search(piece):
            found.append(piece.strip()[:120])
    return found


def test_no_page_mixes_languages(site: Path) -> None:
    """Every page of the built sites, those of the theme and those written by hand included."""
    faults = []
    for path in sorted(site.rglob("*.html")):
        uri = path.relative_to(site)
        language: Language = "en" if uri.parts[0] == "en" else "fr"
        found = foreign_words(path.read_text(encoding="utf-8"), language)
        faults += [f"{uri}: {text!r}" for text in found]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", ["nothing", "one case", "never predicted"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_no_page_of_a_poor_study_does(tmp_path: Path, name: str, language: Language) -> None:
    """Where there is little to say, it is said in the language of the page."""
    pages = render(
        (SYNTHETIC[name](tmp_path),), None, templates=TEMPLATES, draw=placeholder, language=language
    )
    faults = [
        f"{uri}: {text!r}"
        for uri, page in pages.items()
        if uri.endswith(".md") and isinstance(page, str)
        for text in foreign_words(html_of(page), language)
    ]
    assert not faults, "\n".join(faults)


def html_of(page: str) -> str:
    text = re.sub(r"\A---\n.*?\n---\n", "", page, flags=re.DOTALL)
    return Markdown(extensions=["attr_list", "fenced_code", "tables"]).convert(text)


def test_foreign_words_are_found() -> None:
    """The check can fail, in text and in attributes; what says its language is let be."""
    assert foreign_words("Du texte and the rest.", "fr")
    assert foreign_words('<img alt="a cat of the shop">', "fr")
    assert foreign_words("The text, avec le reste.", "en")
    assert not foreign_words('Du <span lang="en">text of the rest</span>.', "fr")


def test_names_say_their_language() -> None:
    """In cells, in headings, in quotations; not in drawings, code, or what says it already."""
    page = marked(
        "# Watches\n\n<th>Watches</th><td lang='fr' title=\"de\">x</td>\n"
        "Le rappel de «\u00a0Watches\u00a0», <code>Watches</code>, "
        '<a href="x" title="Exécution">Watches</a> <svg><text>Watches</text></svg>',
        {"Watches": "en"},
    )
    assert page.count('lang="en"') == 4
    assert '# Watches {: lang="en" }' in page
    assert '<th lang="en">Watches</th>' in page
    assert '<a href="x" title="Exécution"><span lang="en">Watches</span></a>' in page
    assert "<text>Watches</text>" in page


def test_class_names_say_their_language(tmp_path: Path) -> None:
    """A prompt set made from the class names declares it; French pages then mark each name."""
    names = ("Watches", "Baby Care", "Home Decor & Festive Needs")
    results = study(tmp_path, Scored(STAND_IN, 20), Scored(TRAINED, 25), classes=names)
    first, second = results.runs
    assert first.prompts is not None
    first = replace(first, prompts=replace(first.prompts, derive="class-names"))
    results = replace(results, runs=(first, second))
    pages = render((results,), None, templates=TEMPLATES, draw=placeholder)
    asked = 0
    for uri, page in pages.items():
        if uri.endswith(".md") and isinstance(page, str):
            for node in read(html_of(page)).within():
                if node.text().strip() in names and node.tag not in SILENT | {""}:
                    asked += 1
                    around = (*node.above(), *node.within())
                    assert "en" in {one.attributes.get("lang") for one in around}, (
                        uri,
                        node.text(),
                    )
    assert asked > 60
