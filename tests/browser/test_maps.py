"""Maps of what speaks for a class, in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import OpenPage
from tests.report import explained

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
