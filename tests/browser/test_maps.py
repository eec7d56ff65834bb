"""Maps of what speaks for a class, in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import OpenPage
from tests.report import explained

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

STUDY = "etudes/boutique"
LOADED = "one => one.decode().then(() => one.naturalWidth)"


def test_the_explorer_shows_the_maps_of_a_photo(open_page: OpenPage, tmp_path: Path) -> None:
    """The panel of an explained photo has the chosen case's maps, with their words."""
    found = explained.shop(tmp_path).explanations["boutique/embedded/descriptions"]
    photo = next(one for one in found.photos if one.label != one.predicted)
    page = open_page(
        f"{STUDY}/explorateur.html#cas=boutique%2Fembedded%2Fdescriptions&id={photo.sample_id}"
    )
    figures = page.locator("dialog .v-map")
    figures.first.wait_for()
    assert figures.count() == len(photo.maps) == 4
    for figure, one in zip(figures.all(), photo.maps, strict=True):
        overlay = figure.locator(".v-map__overlay")
        assert one.label in (overlay.get_attribute("alt") or "")
        overlay.scroll_into_view_if_needed()
        assert overlay.evaluate(LOADED) == one.width
        below = figure.locator("img").first
        assert below.get_attribute("alt") == ""
        assert overlay.bounding_box() == below.bounding_box()
    page.locator("dialog .v-panel__maps h3 a").click()
    page.wait_for_url("**/explicabilite/boutique-embedded-descriptions.html")


def test_the_english_explorer_shows_them_in_english(open_page: OpenPage, tmp_path: Path) -> None:
    """The pictures are those of the French pages; words and links are English."""
    found = explained.shop(tmp_path).explanations["boutique/embedded/descriptions"]
    page = open_page(
        f"en/{STUDY}/explorateur.html#cas=boutique%2Fembedded%2Fdescriptions"
        f"&id={found.photos[0].sample_id}"
    )
    overlay = page.locator("dialog .v-map__overlay").first
    overlay.wait_for()
    assert (overlay.get_attribute("alt") or "").startswith("Map of “")
    assert overlay.evaluate(LOADED) > 0
    page.locator("dialog .v-panel__maps h3 a").click()
    page.wait_for_url("**/en/etudes/boutique/explicabilite/*.html")


PAGE = f"{STUDY}/explicabilite.html"
CASE = f"{STUDY}/explicabilite/boutique-embedded-descriptions.html"
OPACITY = "one => getComputedStyle(one).opacity"


def test_the_keyboard_changes_the_colours_strength(open_page: OpenPage, served: str) -> None:
    """Arrows move the slider, which says its value; the choice holds on the next page."""
    page = open_page(PAGE, base=served)
    slider = page.get_by_label("Force des couleurs")
    overlay = page.locator(".v-map__overlay").first
    assert overlay.evaluate(OPACITY) == "0.65"
    assert slider.get_attribute("aria-valuetext") == "65\u202f%"
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert overlay.evaluate(OPACITY) == "0.7"
    assert slider.get_attribute("aria-valuetext") == "70\u202f%"
    assert page.locator(".v-opacity output").inner_text() == "70\u202f%"
    page.keyboard.press("Home")
    assert overlay.evaluate(OPACITY) == "0"
    page.keyboard.press("ArrowRight")
    page.goto(served + CASE)
    assert page.locator(".v-map__overlay").first.evaluate(OPACITY) == "0.05"
    assert page.get_by_label("Force des couleurs").input_value() == "5"


def test_maps_need_no_script(chromium: Browser, site: Path) -> None:
    """Without JavaScript the colours lie over the photos, and no dead slider is shown."""
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.as_uri() + f"/{PAGE}")
    assert not page.locator(".v-opacity").is_visible()
    assert page.locator(".v-scale").is_visible()
    assert page.locator(".v-map__overlay").first.is_visible()
    context.close()


@pytest.mark.parametrize("width", [390, 1440])
def test_colours_lie_on_their_photo(open_page: OpenPage, width: int) -> None:
    """Every overlay loads, covers the photo under it exactly, and has its words."""
    page = open_page(CASE, width=width)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    pictures = page.locator(".v-map__picture:has(.v-map__overlay)")
    assert pictures.count() > 20
    for picture in pictures.all()[::5]:
        picture.scroll_into_view_if_needed()
        below, overlay = picture.locator("img").all()
        assert overlay.evaluate(LOADED) == below.evaluate(LOADED)
        assert overlay.bounding_box() == below.bounding_box()
        assert below.get_attribute("alt") == "La photo, sous la carte"
        assert "Carte de «" in (overlay.get_attribute("alt") or "")


def test_pictures_wait_until_they_are_near(open_page: OpenPage, served: str) -> None:
    """The first screen of a case asks for few of its pictures."""
    page = open_page(CASE, base=served)
    page.wait_for_load_state("networkidle")
    asked = "performance.getEntriesByType('resource').filter(one => one.name.includes('.webp'))"
    everything = page.locator(".v-map__picture img").count()
    assert 0 < page.evaluate(f"{asked}.length") < everything / 2


def test_a_tag_leads_to_its_measure(open_page: OpenPage) -> None:
    """From the label of a method to the table that it comes from, which the bar does not hide."""
    page = open_page(PAGE)
    page.locator(".v-maps__method a.v-tag").first.click()
    page.wait_for_url("**/explicabilite/*.html#fidelite-du-cas")
    heading = page.locator("#fidelite-du-cas")
    bar = page.locator(".v-bar").bounding_box()
    place = heading.bounding_box()
    assert bar is not None
    assert place is not None
    assert place["y"] + place["height"] > bar["y"] + bar["height"]


def test_print_shows_the_maps(open_page: OpenPage) -> None:
    """On paper the slider is gone and folded photos are there."""
    page = open_page(PAGE)
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert not page.locator(".v-opacity").is_visible()
    lazy = page.locator(".v-map__picture img[loading=lazy]").count()
    assert lazy == 0
    assert page.locator(".v-map__overlay").last.is_visible()


def test_the_bar_leaves_where_there_are_no_maps(open_page: OpenPage) -> None:
    """Before and beside the maps the slider is there; at the end of the page it is not."""
    page = open_page(PAGE)
    bar = page.locator(".v-bar")
    assert bar.is_visible()
    page.locator("#erreurs").scroll_into_view_if_needed()
    assert bar.is_visible()
    page.locator("#methodes summary").click()
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.locator(".v-bar--away").wait_for(state="attached")
    assert not bar.is_visible()
    page.locator("#erreurs").scroll_into_view_if_needed()
    page.locator(".v-bar--away").wait_for(state="detached")
