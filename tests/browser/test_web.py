"""What a browser measures and a keyboard meets: shifts, weight, search, lost pages, order."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import OpenPage
from tests.browser.test_accessibility import page_types

pytestmark = pytest.mark.browser

STUDY = "etudes/boutique"
SHIFTS = """() => new Promise((done) => {
  let [shift, paint] = [0, 0];
  new PerformanceObserver((list) => list.getEntries().forEach((one) => {
    if (!one.hadRecentInput) shift += one.value;
  })).observe({ type: "layout-shift", buffered: true });
  new PerformanceObserver((list) => list.getEntries().forEach((one) => { paint = one.startTime; }))
    .observe({ type: "largest-contentful-paint", buffered: true });
  setTimeout(() => done({ shift, paint }), 400);
})"""


LENGTH = """() => [
  document.documentElement.scrollHeight,
  document.querySelectorAll("article h2[id]").length,
  document.querySelectorAll(".v-contents a").length +
    document.querySelectorAll(".md-sidebar--secondary:not([hidden]) .md-nav__link").length,
]"""


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_moves_and_little_is_loaded(
    open_page: OpenPage, site: Path, at_root: str, width: int
) -> None:
    """On every page type: layout shifts under 0.05, under 400 kB on the wire without photos."""
    page = open_page("index.html", base=at_root, width=width)
    sizes: list[int] = []

    def weigh(response: Any) -> None:
        if response.request.resource_type == "image" or not response.ok:
            return
        # As pages are published: fonts are compressed already, the rest is on its way.
        body = response.body()
        font = response.request.resource_type == "font"
        sizes.append(len(body if font else gzip.compress(body, 6)))

    page.on("response", weigh)
    faults, asked = [], [*page_types(site), "404.html"]
    for uri in asked:
        sizes.clear()
        page.goto(at_root + uri)
        measured = page.evaluate(SHIFTS)
        if measured["shift"] >= 0.05 or not measured["paint"]:
            faults.append(f"{uri}: {measured}")
        # Vega, which one page draws with, is a whole program.
        if sum(sizes) >= (600_000 if "carte-des-images" in uri else 400_000):
            faults.append(f"{uri}: {sum(sizes)} bytes")
    assert not faults, "\n".join(faults)


@pytest.fixture
def built(site: Path) -> Path:
    """The site that VEILLE_SITE names, of real results; else that of the made-up studies."""
    return Path(os.environ.get("VEILLE_SITE", site))


def test_no_page_is_long(open_page: OpenPage, built: Path) -> None:
    """Folds closed, at most 6,000 px at 1440; more than three sections come with their list."""
    page = open_page("index.html", base=f"{built.as_uri()}/")
    faults = []
    for path in sorted(built.rglob("*.html")):
        uri = path.relative_to(built).as_posix()
        if uri == "404.html" or "http-equiv" in path.read_text("utf-8")[:500]:
            continue
        page.goto(path.as_uri())
        height, sections, listed = page.evaluate(LENGTH)
        if height > 6_000:
            faults.append(f"{uri}: {height} px")
        if sections > 3 and not listed:
            faults.append(f"{uri}: {sections} sections without a list of them")
    assert not faults, "\n".join(faults)


def test_search_finds_words_behind_an_apostrophe(open_page: OpenPage) -> None:
    """The word in "d'attention" is found by itself."""
    page = open_page("annexes.html")
    page.locator(".md-search__input").click()
    page.keyboard.type("attention")
    results = page.locator(".md-search-result__link")
    results.first.wait_for(timeout=15_000)
    assert any("’attention" in one for one in results.all_inner_texts())


@pytest.mark.parametrize(("folder", "title"), [("", "Cette page n’existe pas"),
                                               ("en/", "This page does not exist")])  # fmt: skip
def test_a_lost_reader_is_told_in_their_language(
    open_page: OpenPage, at_root: str, folder: str, title: str
) -> None:
    """The page of lost addresses says so, and leads to the sections of the site."""
    page = open_page(f"{folder}404.html", base=at_root)
    assert page.locator("h1").inner_text() == title
    links = page.locator("article li a")
    assert links.count() >= 4
    links.nth(1).click()
    assert page.locator("h1").first.inner_text() != title


def test_the_keyboard_can_pass_the_menu(open_page: OpenPage) -> None:
    """The first stop of a page without headings of its own leads to its content."""
    page = open_page(f"{STUDY}/explorateur.html")
    page.keyboard.press("Tab")
    link = page.evaluate("document.activeElement.getAttribute('href')")
    assert link == "#contenu"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "contenu"


def test_the_search_field_shows_that_it_has_the_focus(open_page: OpenPage) -> None:
    """A keyboard that reaches the search sees where it is."""
    page = open_page("annexes.html")
    page.locator(".md-search__input").focus()
    width = page.locator(".md-search__form").evaluate("(one) => getComputedStyle(one).outlineWidth")
    assert width == "2px"


def test_zero_is_not_slashed(open_page: OpenPage) -> None:
    """Digits come from the face whose zero is plain."""
    page = open_page("index.html")
    loaded = page.evaluate(
        "document.fonts.ready.then(() => [...document.fonts].filter((one) =>"
        " one.status === 'loaded').map((one) => one.unicodeRange))"
    )
    assert "U+30-39" in loaded


def test_the_explorer_sorts(open_page: OpenPage) -> None:
    """Surest first and least sure first are each other's reverse; the choice is in the address."""
    page = open_page(f"{STUDY}/explorateur.html")

    def sure(order: str) -> list[float]:
        page.locator("[name=tri]").select_option(order)
        texts = page.locator(".v-explorer__card .v-verdict small").all_text_contents()
        return [float(text.strip("%\u202f\u00a0 ").replace(",", ".")) for text in texts]

    down, up = sure("sures"), sure("hesitantes")
    assert down == sorted(down, reverse=True)
    assert up == sorted(up)
    assert down != up
    assert "tri=hesitantes" in page.url
    page.locator("[name=tri]").select_option("desaccord")
    assert page.locator(".v-explorer__card").count() == len(up)
