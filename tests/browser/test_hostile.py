"""A study of which every text is an attack, in a browser that listens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.report import explained
from tests.report.conftest import build_site, write_artefacts
from tests.report.crawl import moved
from tests.report.hostile import poison
from tests.report.test_hostile import write_poisoned

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

LISTEN = "window.hits = 0; window.hit = () => { window.hits += 1; }; window.alert = window.hit;"
INJECTED = "<img src=x onerror=hit()><script>hit()</script><svg onload=hit()></svg>"


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hostile")
    shop = explained.shop(root)
    write_artefacts(root, shop)
    write_poisoned(root, shop, poison(shop))
    output = tmp_path_factory.mktemp("site")
    done = build_site(output, root)
    assert done.returncode == 0, done.stdout + done.stderr
    return output


def test_nothing_runs_on_any_page(chromium: Browser, hostile_site: Path) -> None:
    """Without the help of the policy: it is taken away for this test."""
    context = chromium.new_context(bypass_csp=True)
    context.add_init_script(LISTEN)
    page = context.new_page()
    opened = 0
    for path in sorted(hostile_site.rglob("*.html")):
        if moved(path):
            continue
        page.goto(path.as_uri())
        opened += 1
        assert page.evaluate("window.hits") == 0, path
        assert page.locator("[onerror], [onload], [onclick], a[href^='javascript']").count() == 0
    assert opened > 20
    context.close()


def test_the_policy_stops_what_is_injected(chromium: Browser, hostile_site: Path) -> None:
    """A page that somebody altered runs no script of theirs."""
    page_file = hostile_site / "index.html"
    html = page_file.read_text(encoding="utf-8")
    altered = hostile_site / "altered.html"
    altered.write_text(html.replace("<article", f"{INJECTED}<article", 1), encoding="utf-8")
    for bypass, runs in ((False, False), (True, True)):
        context = chromium.new_context(bypass_csp=bypass)
        context.add_init_script(LISTEN)
        page = context.new_page()
        page.goto(altered.as_uri())
        page.wait_for_load_state("load")
        assert bool(page.evaluate("window.hits")) is runs
        context.close()
    altered.unlink()
