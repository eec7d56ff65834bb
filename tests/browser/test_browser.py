"""The site as people meet it: in a browser, on a phone, in the dark, from a disk."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.browser.conftest import OpenPage, until
from tests.report.crawl import moved

pytestmark = pytest.mark.browser

STUDY = "etudes/boutique"
PAGES = (
    "index.html",
    "contexte.html",
    "veille-clip.html",
    "annexes.html",
    f"{STUDY}/index.html",
    f"{STUDY}/donnees.html",
    f"{STUDY}/categories/home-decor-festive-needs.html",
    f"{STUDY}/approche-classique.html",
    f"{STUDY}/clip-zero-shot.html",
    f"{STUDY}/comparaison.html",
    f"{STUDY}/explicabilite.html",
    f"{STUDY}/explicabilite/boutique-embedded-descriptions.html",
    f"{STUDY}/explorateur.html",
    f"{STUDY}/carte-des-images.html",
    f"{STUDY}/prompts.html",
    f"{STUDY}/calibration.html",
    f"{STUDY}/etiquettes.html",
    f"{STUDY}/audit.html",
    f"{STUDY}/recherche.html",
    f"{STUDY}/methode.html",
    f"{STUDY}/modeles.html",
    f"{STUDY}/textes-plus-precis.html",
)
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"


@pytest.mark.parametrize("uri", PAGES)
def test_every_page_fits_and_is_quiet(open_page: OpenPage, uri: str) -> None:
    """No error, no request to another host, no horizontal scroll: on a phone and on a desk, where
    the window is turned from one to the other too, in either scheme.
    """
    page = open_page(uri, width=390)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 844})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            red = f"Number({BACKGROUND}.match(/\\d+/)[0])"
            until(page, f"{red} > 200" if scheme == "light" else f"{red} < 60")
            until(page, f"{OVERFLOW} === 0")  # the menu glides away when there is room


@pytest.mark.parametrize("where", ["disk", "server"])
def test_search_finds_a_class(open_page: OpenPage, served: str, where: str) -> None:
    """Typing a class's name leads to its page, from a disk and under a base URL."""
    page = open_page("annexes.html", base=served if where == "server" else "")
    page.locator(".md-search__input").click()
    page.keyboard.type("Festive Needs")
    result = page.locator(".md-search-result__link", has_text="Festive Needs").first
    result.wait_for(timeout=15_000)
    with page.expect_navigation():
        result.click()
    assert "etudes/boutique/" in page.url
    assert "Festive Needs" in page.locator("article").inner_text()


def test_every_page_works_under_a_base_url(open_page: OpenPage, served: str) -> None:
    """Following the navigation under /repo/ never leaves it."""
    page = open_page("index.html", base=served)
    page.locator(".md-tabs__link", has_text="Boutique").click()
    page.locator(".md-nav__link:visible", has_text="Comparaison").first.click()
    page.wait_for_url("**/repo/etudes/boutique/comparaison.html")
    page.locator("article a.md-nav__link, .md-footer__link--next").first.click()
    page.wait_for_url("**/repo/etudes/boutique/prompts.html")


def test_colour_scheme_can_be_chosen(open_page: OpenPage) -> None:
    """The reader's choice goes before the system's."""
    page = open_page("index.html")
    before = page.evaluate(BACKGROUND)
    page.locator("label[title='Passer au mode clair']").click()
    page.locator("label[title='Passer au mode sombre']").click()
    assert page.evaluate(BACKGROUND) != before


def test_photos_open_and_can_be_walked_through(open_page: OpenPage) -> None:
    """A photo opens larger; arrows go on, Escape gives the focus back."""
    page = open_page(f"{STUDY}/categories/home-decor-festive-needs.html")
    page.locator("a.v-photo").first.click()
    dialog = page.locator("dialog.v-lightbox")
    assert dialog.is_visible()
    assert "1 sur 19" in dialog.inner_text()
    assert '<script>alert("x")</script>' in dialog.inner_text()
    page.keyboard.press("ArrowRight")
    assert "2 sur 19" in dialog.inner_text()
    assert dialog.locator("img").evaluate("one => one.decode().then(() => one.naturalWidth)") > 0
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    focused = "document.activeElement === document.querySelectorAll('a.v-photo')[1]"
    until(page, focused)  # the close event comes after the key


def test_a_number_leads_to_its_unfolded_record(open_page: OpenPage) -> None:
    """Following a number shows the run that it comes from."""
    page = open_page(f"{STUDY}/index.html")
    page.locator("a.v-number").first.click()
    page.wait_for_url("**/methode.html#execution-boutique-embedded-descriptions")
    record = page.locator("#execution-boutique-embedded-descriptions")
    record.wait_for()
    assert record.get_attribute("open") is not None
    assert record.locator("code", has_text="tox -e eval").is_visible()


@pytest.mark.parametrize(("width", "shown"), [(390, "narrow"), (1440, "wide")])
def test_one_drawing_of_each_chart_is_shown(open_page: OpenPage, width: int, shown: str) -> None:
    """The drawing fits the screen, and its words are large enough to be read."""
    for name in ("index", "etiquettes", "donnees"):
        page = open_page(f"{STUDY}/{name}.html", width=width)
        drawings = page.locator(".v-chart__drawing:visible")
        assert drawings.count() == page.locator(".v-chart").count() > 0
        for drawing in drawings.all():
            assert f"v-chart__drawing--{shown}" in (drawing.get_attribute("class") or "")
        height = drawings.locator("text").first.evaluate(
            "text => text.getBoundingClientRect().height"
        )
        assert height >= 11


def test_accessibility_faults_of_the_theme_are_mended(open_page: OpenPage) -> None:
    """The search dialog has a name, wide tables take the focus, the footer can be read."""
    page = open_page(f"{STUDY}/comparaison.html", width=390)
    assert page.locator(".md-search[role=dialog]").get_attribute("aria-label")
    for table in page.locator(".v-table").all():
        assert table.get_attribute("tabindex") == "0"
        assert table.get_attribute("role") == "region"
        named = table.get_attribute("aria-labelledby") or ""
        assert page.locator(f"[id='{named}']").count() == 1
    contrast = page.evaluate(
        """() => {
          const light = (colour) => {
            const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map((one) => {
              const share = one / 255;
              return share <= .03928 ? share / 12.92 : ((share + .055) / 1.055) ** 2.4;
            });
            return .2126 * r + .7152 * g + .0722 * b;
          };
          const text = getComputedStyle(document.querySelector(".md-copyright")).color;
          const footer = document.querySelector(".md-footer-meta");
          const ground = getComputedStyle(footer).backgroundColor;
          const [a, b] = [light(text), light(ground)].sort((x, y) => y - x);
          return (a + .05) / (b + .05);
        }"""
    )
    assert contrast > 4.5


def test_first_screen_is_light(open_page: OpenPage, site: Path, served: str) -> None:
    """The home page, with all that it loads, the search included.

    As it travels (a host compresses text: what Lighthouse weighs), and as it is unpacked.
    """
    page = open_page("index.html", base=served)
    page.wait_for_load_state("networkidle")
    loaded = page.evaluate(
        """performance.getEntries().filter((one) => one.decodedBodySize)
             .map((one) => [one.name, one.decodedBodySize])"""
    )
    unpacked = sum(size for _, size in loaded)
    travelling = 0
    for address, _ in loaded:
        path = site / unquote(urlsplit(address).path).removeprefix("/repo/")
        content = path.read_bytes()
        text = path.suffix in {".html", ".css", ".js", ".json", ".svg"}
        travelling += len(gzip.compress(content) if text else content)
    assert 50_000 < travelling < 300_000
    assert travelling < unpacked < 700_000


def test_a_conclusion_leads_to_its_cell_and_the_cell_to_its_photos(open_page: OpenPage) -> None:
    """From a sentence to the matrix, and from its number to the photos that make it."""
    page = open_page(f"{STUDY}/index.html")
    page.locator(".v-findings a.v-number[href*='paire-']").first.click()
    page.wait_for_url("**/comparaison.html#paire-*")
    cell = page.locator("td:target")
    assert cell.locator(".v-tag").inner_text() in {"meilleur", "on ne sait pas", "égalité"}
    cell.locator("a").click()
    page.wait_for_url("**/explorateur.html#a=*&accord=a")
    shown = page.locator(".v-explorer__cards > li")
    shown.first.wait_for()
    told = re.match(r"\d+", page.locator(".v-explorer__count").inner_text())
    assert told is not None
    assert int(told[0]) == shown.count()


def test_every_type_of_page_is_looked_at(site: Path) -> None:
    """A page that is added is added to the list above: one study and one gallery stand for all."""
    found = {
        path.relative_to(site).as_posix() for path in site.rglob("*.html") if not moved(path)
    } - {"404.html"}
    types = {
        re.sub(r"/(categories|explicabilite)/[^/]+$", r"/\1/", uri)
        for uri in found
        if not uri.startswith(("etudes/jouets/", "en/"))
    }
    assert types == {re.sub(r"/(categories|explicabilite)/[^/]+$", r"/\1/", uri) for uri in PAGES}


# ------------------------------------------------------------------------- languages


@pytest.mark.parametrize("where", ["disk", "server"])
def test_the_other_language_shows_the_same_place(
    open_page: OpenPage, served: str, where: str
) -> None:
    """Choosing a language keeps the page and its fragment, there and back."""
    base = served if where == "server" else ""
    page = open_page(f"{STUDY}/comparaison.html#qui-bat-qui", base=base)
    assert page.locator("article h1").inner_text().startswith("Comparaison")
    page.locator(".md-select button").hover()
    page.locator(".md-select__link[hreflang=en]").click()
    page.wait_for_url(f"**/en/{STUDY}/comparaison.html#qui-bat-qui")
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("article h1").inner_text().startswith("Comparison")
    page.locator(".md-select button").hover()
    page.locator(".md-select__link[hreflang=fr]").click()
    page.wait_for_url(f"**/repo/{STUDY}/comparaison.html#qui-bat-qui")


def test_the_explorer_keeps_its_state_in_the_other_language(open_page: OpenPage) -> None:
    """What is sifted and the photo that is open follow; the panel speaks English."""
    page = open_page(f"{STUDY}/explorateur.html")
    page.locator("select[name=verdict]").select_option("faux")
    french = page.locator(".v-explorer__count").inner_text()
    page.locator(".md-select button").hover()
    page.locator(".md-select__link[hreflang=en]").click()
    page.wait_for_url("**/en/**/explorateur.html#*verdict=faux*")
    english = page.locator(".v-explorer__count").inner_text()
    assert french.replace("sur", "of") == english
    card = page.locator("a.v-explorer__card").first
    assert "Wrong: " in card.inner_text()
    card.click()
    panel = page.locator("dialog.v-panel")
    assert panel.locator("[data-close]").inner_text() == "Close"
    assert "True class" in panel.inner_text()
    size = "one => one.decode().then(() => one.naturalWidth)"
    assert panel.locator(".v-panel__photo img").evaluate(size) > 0


@pytest.mark.parametrize(
    "uri",
    [
        "index.html",
        "veille-clip.html",
        f"{STUDY}/index.html",
        f"{STUDY}/donnees.html",
        f"{STUDY}/comparaison.html",
        f"{STUDY}/explorateur.html",
    ],
)
def test_english_pages_fit_and_are_quiet(open_page: OpenPage, uri: str) -> None:
    """What English pages share with French ones is found, and a phone shows them whole."""
    page = open_page(f"en/{uri}", width=390)
    assert page.evaluate(OVERFLOW) == 0
    font = page.evaluate("getComputedStyle(document.body).fontFamily")
    assert "Atkinson" in font


def test_search_is_english(open_page: OpenPage) -> None:
    """The English site is searched in its own words."""
    page = open_page("en/annexes.html")
    page.locator(".md-search__input").click()
    page.keyboard.type("Confusion matrices")
    result = page.locator(".md-search-result__link", has_text="Comparison").first
    result.wait_for(timeout=15_000)
    with page.expect_navigation():
        result.click()
    assert "/en/etudes/" in page.url
