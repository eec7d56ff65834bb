"""What a browser measures and a keyboard meets: shifts, weight, search, lost pages, order."""

from __future__ import annotations

import gzip
from pathlib import Path

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
  const wait = () => (paint || performance.now() > 5000)
    ? done({ shift, paint }) : setTimeout(wait, 100);
  setTimeout(wait, 400);
})"""


BLOCKING = """() => [...document.head.querySelectorAll("link[rel=stylesheet], script[src]")]
  .filter((one) => !one.defer && !one.async && one.type !== "module")
  .map((one) => one.href ?? one.src)"""
"""What must be loaded before anything is painted."""

LENGTH = """() => [
  document.documentElement.scrollHeight,
  document.querySelectorAll("article h2[id]").length,
  document.querySelectorAll(".v-contents a").length +
    document.querySelectorAll(".md-sidebar--secondary:not([hidden]) .md-nav__link").length,
]"""


PICTURES = (".webp", ".png", ".jpg", ".svg")


def published(path: Path) -> int:
    """Bytes of a file on the wire: fonts are compressed already, the rest is on its way."""
    content = path.read_bytes()
    return len(content if path.suffix == ".woff2" else gzip.compress(content, 6))


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_moves_and_little_is_loaded(
    open_page: OpenPage, site: Path, at_root: str, width: int
) -> None:
    """On every page type: layout shifts under 0.05, painted in 1.5 s, under 400 kB without photos.

    What the time of the paint hangs on is held without a clock: 24 requests, and 60 kB in at most
    five files that painting waits for.
    """
    page = open_page("index.html", base=at_root, width=width, fresh=True)
    # Each page is the first that its reader opens.
    page.context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
    asked: list[str] = []

    def address(url: str) -> str:
        return url.removeprefix(at_root).partition("?")[0]

    page.on("request", lambda one: asked.append(address(one.url)))
    faults, paints = [], {}
    for uri in [*page_types(site), "404.html"]:
        asked.clear()
        page.goto(at_root + uri)
        measured = page.evaluate(SHIFTS)
        paints[uri] = measured["paint"]
        sizes = {one: published(site / one) for one in asked if not one.endswith(PICTURES)}
        blocking = [address(one) for one in page.evaluate(BLOCKING)]
        waited = sum(published(site / one) for one in blocking)
        if measured["shift"] >= 0.05:
            faults.append(f"{uri}: {measured}")
        if sum(sizes.values()) >= 400_000:
            faults.append(f"{uri}: {sum(sizes.values())} bytes")
        if len(sizes) > 24 or len(blocking) > 5 or waited > 60_000:
            faults.append(f"{uri}: {len(sizes)} requests, {len(blocking)} of {waited} bytes block")
    for uri in (uri for uri, paint in paints.items() if paint >= 1_500):
        # A busy machine is no slow page: the best of five loads counts.
        again = (page.goto(at_root + uri) and page.evaluate(SHIFTS)["paint"] for _ in range(5))
        if not any(0 < paint < 1_500 for paint in again):
            faults.append(f"{uri}: painted after {paints[uri]} ms")
    assert not faults, "\n".join(faults)


def test_no_page_is_long(open_page: OpenPage, built_site: Path) -> None:
    """Folds closed, at most 6,000 px at 1440; more than three sections come with their list."""
    page = open_page("index.html", base=f"{built_site.as_uri()}/")
    faults = []
    for path in sorted(built_site.rglob("*.html")):
        uri = path.relative_to(built_site).as_posix()
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


@pytest.mark.parametrize(
    ("folder", "typed", "found"),
    [
        ("", "montre", "Montres"),
        ("", "locomotive", "Trains"),
        ("", "wagon", "Trains"),
        ("", "étiquette", "étiquettes"),
        ("en/", "engine", "Trains"),
        ("en/", "carriage", "Trains"),
        ("en/", "label", "labels"),
    ],
)
def test_search_finds_what_a_reader_types(
    open_page: OpenPage, folder: str, typed: str, found: str
) -> None:
    """The singular of a class, what its name means in the page's language, a word of a page."""
    page = open_page(f"{folder}annexes.html")
    page.locator(".md-search__input").click()
    page.keyboard.type(typed)
    results = page.locator(".md-search-result__link")
    results.first.wait_for(timeout=15_000)
    assert any(found in one for one in results.all_inner_texts()), results.all_inner_texts()


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
