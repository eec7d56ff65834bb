"""Pages of the site on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.browser.conftest import OpenPage

pytestmark = pytest.mark.browser

STUDY = "etudes/boutique"


@pytest.mark.parametrize("uri", ["index.html", f"{STUDY}/index.html", f"{STUDY}/prompts.html"])
def test_a_page_prints_without_what_only_a_screen_can_do(open_page: OpenPage, uri: str) -> None:
    """No header, menu or footer; figures and tables are as wide as the paper, and no wider."""
    page = open_page(uri, width=700)
    page.emulate_media(media="print")
    for chrome in (".md-header", ".md-tabs", ".md-sidebar", ".md-footer", ".v-links"):
        assert page.locator(f"{chrome}:visible").count() == 0, chrome
    assert page.locator(".v-chart__drawing--wide:visible").count() > 0
    assert page.locator(".v-chart__drawing--narrow:visible").count() == 0
    wide = page.evaluate(
        "() => [...document.querySelectorAll('.v-table')]"
        ".filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.innerText)"
    )
    assert wide == []


def test_paper_is_light_whatever_the_scheme(open_page: OpenPage) -> None:
    """Dark ink, although the reader's screen is dark."""
    page = open_page(f"{STUDY}/comparaison.html", scheme="dark")
    ink = "() => getComputedStyle(document.querySelector('article p')).color"
    before = page.evaluate(ink)
    page.emulate_media(media="print")
    assert page.evaluate(ink) == "rgb(28, 36, 48)" != before
