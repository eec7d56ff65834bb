"""English pages: the same records, the same templates, nothing of French left."""

from __future__ import annotations

import importlib
import re
from html import unescape
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from evaluation.records import StudyResults
from evaluation.report.kit.language import SLOT
from evaluation.report.site.render import Pages, navigation
from tests.report import builder
from tests.report.conftest import ROOT, write_artefacts
from tests.report.crawl import Html, problems

DATA = (
    *builder.AWKWARD,
    "Ours",
    "Trains",
    "Cubes",
    "Jouets",
    *filter(None, builder.HOSTILE_TITLE.split("\n")),
)
"""What the studies of these tests say, which is not translated."""


def text_of(pages: Pages, uri: str) -> str:
    text = pages[uri]
    assert isinstance(text, str)
    return text


def test_same_pages_without_what_is_shared(english: Pages, pages: Pages) -> None:
    """English has every page of the French site, and no photo: those are there already."""
    assert set(english) == {uri for uri, content in pages.items() if isinstance(content, str)}
    assert not [content for content in english.values() if isinstance(content, Path)]


def test_photos_are_those_of_the_french_site(english: Pages) -> None:
    """Addresses of photos and of scripts lead out of the folder of the language."""
    gallery = text_of(english, "etudes/boutique/categories/home-decor-festive-needs.md")
    sources = re.findall(r'<img src="([^"]*)"', gallery)
    assert sources
    assert all(one.startswith("../../../../etudes/boutique/photos/") for one in sources)
    explorer = text_of(english, "etudes/boutique/explorateur.md")
    assert 'src="../../../assets/explorateur.js"' in explorer
    data = text_of(english, "etudes/boutique/donnees/explorateur-0.js")
    assert '"base":"../../../etudes/boutique/"' in data


def words(text: str) -> str:
    """What a page says in its own language: no code, no address, nothing marked as French."""
    for hidden in (
        r"---\n.*?\n---\n",
        r'<(\w+)[^>]*\blang="fr"[^>]*>.*?</\1>',
        r"<pre>.*?</pre>|<code>.*?</code>|`[^`\n]+`|\]\([^)]*\)|\{: [^}]*\}",
    ):
        text = re.sub(hidden, " ", text, flags=re.DOTALL)
    attributes = re.findall(r'(?:aria-label|alt|title|placeholder)="([^"]*)"', text)
    text = unescape(unescape("\n".join([re.sub(r"<[^>]+>", " ", text), *attributes])))
    for data in DATA:
        text = text.replace(data, " ")
    return text


def test_no_french_message_is_left(english: Pages, sources: Path) -> None:
    """No message of the catalogue, nor any long piece of one between its slots, is shown."""
    script = importlib.import_module("scripts.messages")
    pieces = {
        piece.strip()
        for one in script.messages(sources)
        for message in ((one,) if isinstance(one, str) else one)
        for piece in SLOT.split(message)[::2]
        if len(piece) > 12
    }
    known = script.translations(script.CATALOGUE)
    same = "\n".join(form for forms in known.values() for form in forms)
    shown = "\n".join(words(text) for text in english.values() if isinstance(text, str))
    left = {piece for piece in pieces if piece in shown and piece not in same}
    assert left == set()


def test_what_the_author_did_not_translate_is_marked(english: Pages) -> None:
    """A French question on an English page says that it is French; a translated one does not."""
    assert '<p class="v-question" lang="fr">Et sur' in text_of(english, "etudes/jouets/index.md")
    shop = text_of(english, "etudes/boutique/index.md")
    assert '<p class="v-question">Is CLIP enough, without training?' in shop


def test_navigation_is_english(shop: StudyResults) -> None:
    """Sections and pages are called in the language of the site; their uris do not change."""
    (french,), (english,) = navigation((shop,)), navigation((shop,), "en")
    assert english.title == "Test shop"
    assert [uri for _, uri in english.pages] == [uri for _, uri in french.pages]
    assert ("Comparison", "etudes/boutique/comparaison.md") in english.pages


def test_english_alone_is_whole(
    shop: StudyResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Served, the English site has its photos and its style, and offers no other language."""
    root = write_artefacts(tmp_path / "artefacts", shop)
    monkeypatch.setenv("VEILLE_ARTEFACTS", str(root))
    site = tmp_path / "site"
    config = load_config(str(ROOT / "mkdocs.en.yml"), site_dir=str(site))
    config.plugins.on_startup(command="serve", dirty=False)
    build(config)
    assert list(problems(site)) == []
    page = Html(site / "etudes/boutique/donnees.html")
    assert "../../assets/veille.css" in page.resources
    assert any(one.startswith("photos/") for one in page.resources)
    assert "hreflang" not in page.path.read_text(encoding="utf-8")
