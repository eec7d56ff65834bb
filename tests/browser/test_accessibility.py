"""axe-core finds nothing: WCAG A and AA, RGAA and good practice, any impact, any state."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import OpenPage, until
from tests.report import tree
from tests.report.crawl import moved

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

STUDY = "etudes/boutique"
TAGS = (
    "wcag2a",
    "wcag2aa",
    "wcag21a",
    "wcag21aa",
    "wcag22aa",
    "RGAAv4",
    "best-practice",
)
SCHEMES = ("light", "dark")
LONG = "VEILLE_LONG" in os.environ
"""Whether there is time to see each page every way (`tox -e long`)."""
ENGLISH = ("index.html", f"{STUDY}/comparaison.html", f"{STUDY}/explorateur.html")
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
ALIKE = """() => {
  const seen = new Map();
  for (const row of document.querySelectorAll("article :is(tr, li)")) {
    const made = [row, ...row.querySelectorAll("*")].map(
      (one) => [one.tagName, one.className.baseVal ?? one.className, one.style.cssText].join());
    const count = (seen.get(made.join("|")) ?? 0) + 1;
    seen.set(made.join("|"), count);
    row.toggleAttribute("data-alike", count > 2);
  }
}"""
"""Marks the rows and items that two before them are like, but for their words."""
UNFOLD = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"


def page_types(site: Path) -> list[str]:
    """Every page of the site, but one study, one gallery and three English pages for all.

    404.html is left out: a server shows it at any address, a disk at none.
    """
    pages = (path for path in sorted(site.rglob("*.html")) if not moved(path))
    every = (path.relative_to(site).as_posix() for path in pages)
    found = [uri for uri in every if uri != "404.html" and not uri.startswith("en/")]
    galleries = [uri for uri in found if "/categories/" in uri]
    other_study = [uri for uri in found if uri.startswith("etudes/jouets/")]
    english = {f"en/{uri}" for uri in ENGLISH}
    return sorted({*found} - {*galleries, *other_study} | {galleries[0]} | english)


def violations(page: Page, within: str = "html") -> Iterator[str]:
    """What axe-core finds wrong, a line each.

    Of rows that are alike but for their words it is shown two, and what lies ``within`` a selector
    alone; `tox -e long` shows it all.
    """
    context = {"include": [["html"]], "exclude": [["[data-alike]"]]}
    if not LONG:
        page.evaluate(ALIKE)
        context["include"] = [[within]]
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    options = {
        "runOnly": {"type": "tag", "values": list(TAGS)},
        "resultTypes": ["violations"],
        # Style sheets cannot be fetched from a disk; no rule asked for needs them.
        "preload": False,
    }
    for fault in axe.run(page, context=context, options=options).response["violations"]:
        for node in fault["nodes"]:
            yield f"{fault['id']} ({fault['impact']}): {node['html'][:160]} {node['target']}"


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1440)])
def test_no_page_has_a_violation(
    open_page: OpenPage, site: Path, at_root: str, scheme: str, width: int
) -> None:
    """Every type of page, its folds open: by turns light on a phone and dark on a desk.

    `tox -e long` sees each of them both ways.
    """
    found, asked = [], [*page_types(site), "404.html", "en/404.html"]
    if not LONG:
        asked = asked[SCHEMES.index(scheme) :: 2]
    page = open_page("index.html", base=at_root, scheme=scheme, width=width)
    for uri in asked:
        page.goto(at_root + uri)
        page.evaluate(UNFOLD)
        found += [f"{uri}: {one}" for one in violations(page)]
    assert not found, "\n".join(found)
    assert len(asked) > 12


@pytest.mark.parametrize("scheme", SCHEMES if LONG else SCHEMES[1:])
def test_no_open_state_has_a_violation(open_page: OpenPage, scheme: str) -> None:
    """The search with its results, the panel of a photo, the dialog of a gallery, the menu.

    What they open over is seen closed by the test above.
    """
    found = []
    page = open_page("annexes.html", scheme=scheme)
    page.locator(".md-search__input").click()
    page.keyboard.type("Festive")
    page.locator(".md-search-result__link").first.wait_for(timeout=15_000)
    found += [f"search: {one}" for one in violations(page, ".md-search")]

    page = open_page(f"{STUDY}/explorateur.html", scheme=scheme)
    page.locator(".v-explorer__card").first.click()
    page.locator("dialog[open]").wait_for()
    found += [f"panel: {one}" for one in violations(page, "dialog[open]")]

    page = open_page(f"{STUDY}/explorateur.html#q=rien-de-tel&vrai=inconnue", scheme=scheme)
    page.locator(".v-explorer__empty").wait_for()
    found += [f"nothing found: {one}" for one in violations(page, "article")]

    page = open_page(f"{STUDY}/categories/home-decor-festive-needs.html", scheme=scheme)
    page.locator("a.v-photo").first.click()
    page.locator("dialog[open]").wait_for()
    found += [f"gallery: {one}" for one in violations(page, "dialog[open]")]

    page = open_page(f"{STUDY}/comparaison.html", scheme=scheme, width=390)
    page.locator("#cas thead button").first.click()
    found += [f"phone, sorted: {one}" for one in violations(page, "article")]
    page.locator(".md-header label[for=__drawer]").click()
    page.locator(".md-nav--primary").first.wait_for()
    found += [f"menu: {one}" for one in violations(page, ".md-nav--primary")]
    assert not found, "\n".join(found)


def test_zoom_at_200_percent_loses_nothing(open_page: OpenPage, site: Path) -> None:
    """Twice and four times as large on 1280 pixels: no horizontal scroll, all there to be seen."""
    shown = """() => [...document.querySelectorAll(
      "article :is(h1, h2, h3, caption, summary, figcaption, label, button, dt)")]
      .filter((one) => one.checkVisibility()).map((one) => one.textContent.trim())"""
    page = open_page("index.html")
    for uri in page_types(site):
        page.goto(f"{site.as_uri()}/{uri}")
        if "explorateur" in uri:
            page.locator(".v-explorer__card").first.wait_for()
        page.evaluate(UNFOLD)
        seen = []
        for ratio in (1, 2, 4):
            page.set_viewport_size({"width": 1280 // ratio, "height": 800 // ratio})
            until(page, f"{OVERFLOW} === 0")  # the menu glides away when there is no room
            seen.append(page.evaluate(shown))
        assert seen[0] == seen[1] == seen[2], uri


def test_every_page_says_its_language(site: Path) -> None:
    """And what is in another language says so: prompts, reasons of failures."""
    for path in sorted(site.rglob("*.html")):
        english = path.relative_to(site).parts[0] == "en"
        page = tree.read(path.read_text(encoding="utf-8"))
        assert next(page.find("html")).attributes["lang"] == ("en" if english else "fr")
    texts = tree.read((site / STUDY / "clip-zero-shot.html").read_text(encoding="utf-8"))
    lists = [one for one in texts.find("ul") if "v-texts" in one.attributes.get("class", "")]
    assert lists
    assert {one.attributes["lang"] for one in lists} == {"en"}


def test_axe_finds_what_is_wrong(open_page: OpenPage) -> None:
    """The checks above can fail: a button without a name is found."""
    page = open_page("contexte.html")
    page.evaluate("document.querySelector('article').append(document.createElement('button'))")
    assert any(one.startswith("button-name") for one in violations(page))
