"""The map of the photos in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from evaluation.report.kit.scatter import Axes, scatter_plot
from evaluation.report.kit.vega import vega_svg
from tests.browser.conftest import until

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import OpenPage

pytestmark = pytest.mark.browser

URI = "etudes/boutique/carte-des-images.html"
POINTS = ".v-plane__points path"


OVERLAPS = """(selector) => {
  const names = [...document.querySelectorAll(selector)].filter((one) => one.getClientRects().length);
  const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
  const boxes = names.map((one) => [one.textContent, one.getBoundingClientRect()]);
  return [boxes.length, boxes.flatMap(([name, box], place) =>
    boxes.slice(place + 1).filter(([, other]) => !apart(box, other)).map(([other]) => `${name} / ${other}`))];
}"""  # noqa: E501
NAMES = 'text[font-weight="bold"]'
CROWD = tuple(f"Une catégorie, numéro {place}" for place in range(12))


def opened(open_page: OpenPage, fragment: str = "", **options: object) -> Page:
    page = open_page(URI + fragment, **options)
    until(page, f"document.querySelectorAll('{POINTS}').length > 0")
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_photo_and_text_is_drawn(open_page: OpenPage, scheme: str) -> None:
    """40 photos, 4 names of classes beside those of the legend, and colours of the scheme."""
    page = opened(open_page, scheme=scheme)
    assert page.locator(POINTS).count() == 40
    assert page.locator(".v-plane__count").inner_text() == "40 des 40 photos"
    assert page.locator(".v-plane__plot :is(text, li)", has_text="Home Decor").count() == 2
    assert page.locator(".v-plane__still svg:visible").count() == 0
    stroke = page.locator(POINTS).first.evaluate("one => getComputedStyle(one).stroke")
    assert stroke == {"light": "rgb(13, 102, 116)", "dark": "rgb(99, 199, 212)"}[scheme]


def test_filters_change_the_points_and_the_address(open_page: OpenPage) -> None:
    """By class and by verdict; the address restores them."""
    page = opened(open_page)
    page.locator("select[name=vrai]").select_option("0")
    assert page.locator(POINTS).count() == 10
    page.locator("select[name=verdict]").select_option("faux")
    wrong = page.locator(POINTS).count()
    assert 0 < wrong < 10
    again = opened(open_page, page.url.partition(".html")[2])
    assert again.locator(POINTS).count() == wrong
    assert again.locator("select[name=verdict]").input_value() == "faux"


def test_another_case_has_other_answers_and_no_text(open_page: OpenPage) -> None:
    """The supervised case reads none."""
    page = opened(open_page)
    option = page.locator("select[name=cas] option", has_text="régression logistique")
    page.locator("select[name=cas]").select_option(option.get_attribute("value"))
    until(
        page,
        "[...document.querySelectorAll('.v-plane__plot text')]"
        ".every((one) => !one.textContent.includes('Home Decor'))",
    )
    assert "#cas=boutique%2Fembedded-supervised" in page.url


def test_a_point_shows_its_photo_and_opens_it(open_page: OpenPage) -> None:
    """Under the pointer its photo and the answer; a click leads to it in the explorer."""
    page = opened(open_page)
    point = page.locator(POINTS).last
    point.hover(force=True)
    card = page.locator(".v-plane__card figure")
    card.wait_for()
    assert card.locator("img").evaluate("one => one.decode().then(() => one.naturalWidth)") > 0
    target = card.locator("a").get_attribute("href")
    assert target is not None
    point.click(force=True)
    page.wait_for_url(f"**/{target}")
    page.locator("dialog[open]").wait_for()


def test_the_list_says_the_same_from_the_keyboard(open_page: OpenPage) -> None:
    """Each photo that is sifted is in the list; the one that has the focus is shown and ringed."""
    page = opened(open_page, "#verdict=faux")
    number = page.locator(POINTS).count()
    page.locator(".v-plane__fold > summary").focus()
    page.keyboard.press("Enter")
    assert page.locator(".v-plane__list li").count() == number
    page.keyboard.press("Tab")
    first = page.locator(".v-plane__list a").first
    assert first.evaluate("one => one === document.activeElement")
    assert page.locator(".v-plane__card strong").inner_text() == first.inner_text()
    assert page.locator(".v-plane__ring").count() == 1


@pytest.mark.parametrize("width", [390, 1024, 1440])
def test_names_of_texts_do_not_overlap(open_page: OpenPage, built_site: Path, width: int) -> None:
    """No two names of any case, in the plot and in the still figure, of every study."""
    asked = 0
    for path in sorted(built_site.rglob("carte-des-images.html")):
        uri = path.relative_to(built_site).as_posix()
        page = open_page(uri, base=f"{built_site.as_uri()}/", width=width)
        until(page, f"document.querySelectorAll('{POINTS}').length > 0")
        for option in range(page.locator("select[name=cas] option").count()):
            page.locator("select[name=cas]").select_option(index=option)
            until(page, f"document.querySelectorAll('{POINTS}').length > 0")
            asked, overlaps = asked + 1, page.evaluate(OVERLAPS, f".v-plane__plot {NAMES}")[1]
            assert overlaps == [], (uri, option)
    assert asked


@pytest.mark.parametrize("narrow", [False, True])
def test_twelve_texts_that_crowd_are_all_named(open_page: OpenPage, *, narrow: bool) -> None:
    """Twelve long names around one point: each is written, and none over another."""
    draw = np.random.default_rng(3)
    at = draw.normal(0, 0.06, (len(CROWD), 2)).tolist()
    texts = [{"x": x, "y": y, "label": label} for label, (x, y) in zip(CROWD, at, strict=True)]
    axes = Axes(classes=CROWD, x=(-1, 1), y=(-1, 1), x_title="un", y_title="deux")
    data = {"photos": [], "texts": texts}
    drawing = vega_svg(scatter_plot(axes, data, narrow=narrow))
    page = open_page("annexes.html")
    place = "(svg) => { document.querySelector('article').innerHTML = svg; }"
    page.evaluate(place, f"<div class='v-chart__drawing crowd'>{drawing}</div>")
    assert page.evaluate(OVERLAPS, f".crowd {NAMES}") == [12, []]


def test_it_fits_a_phone(open_page: OpenPage) -> None:
    """390 pixels, no horizontal scroll."""
    page = opened(open_page, width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("scripts", [False, True])
def test_without_scripts_or_data_the_still_figure_stays(
    open_page: OpenPage, *, scripts: bool
) -> None:
    """The page is whole when scripts are refused, and says so when a server lost its data."""
    page = open_page("annexes.html")
    bare = page.context.browser.new_context(java_script_enabled=scripts)  # type: ignore[union-attr]
    try:
        quiet = bare.new_page()
        quiet.route("**/donnees/*", lambda route: route.abort())
        quiet.goto(page.url.replace("annexes.html", URI))
        assert quiet.locator(".v-plane__still .v-chart__drawing--wide").is_visible()
        assert not quiet.locator(".v-plane__form").is_visible()
        assert quiet.locator(".v-plane > .v-withheld").count() == scripts
    finally:
        bare.close()
