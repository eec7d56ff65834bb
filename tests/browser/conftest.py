"""Headless Chromium on the built site, from a disk and under a base URL."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.report.conftest import made_site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Chromium of the system; skipped, with the reason, where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = os.environ.get("VEILLE_CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium: install Debian's, or give its path in VEILLE_CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of two studies, in a folder called repo."""
    return made_site(tmp_path_factory)


@pytest.fixture
def built_site(site: Path) -> Path:
    """The site that VEILLE_SITE names, of real results; else that of the made-up studies."""
    return Path(os.environ.get("VEILLE_SITE", site)).resolve()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of a browser that left before the answer."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Says nothing."""


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    server = _Server(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()


@pytest.fixture(scope="session")
def served(site: Path) -> Iterator[str]:
    """The site under /repo/, as GitHub Pages publishes it."""
    with _serving(site.parent) as address:
        yield f"{address}{site.name}/"


@pytest.fixture(scope="session")
def at_root(site: Path) -> Iterator[str]:
    """The site at the root of its host, where its page of lost addresses finds its files."""
    with _serving(site) as address:
        yield address


OpenPage = Callable[..., "Page"]
Handlers = Mapping[str, Callable[[Any], None]]


def until(page: Page, expression: str, *, arg: object = None) -> None:
    """Waits for JavaScript to be true: the pages' policy lets nothing but a debugger evaluate."""
    deadline = time.monotonic() + 10
    while not page.evaluate(expression, arg):
        assert time.monotonic() < deadline, f"{page.url}: not {expression}"
        page.wait_for_timeout(50)


@pytest.fixture(scope="session")
def spare_pages() -> list[Page]:
    """Blank pages that tests have left: to make one takes longer than to load it."""
    return []


FORGET = "() => { try { localStorage.clear(); sessionStorage.clear(); } catch { /* no site */ } }"


@pytest.fixture
def open_page(chromium: Browser, spare_pages: list[Page], site: Path) -> Iterator[OpenPage]:
    """Opens a page; afterwards nothing may have failed, complained, or gone elsewhere.

    The page then serves another test, blank and with nothing remembered.  One that a test sets
    something on is ``fresh``, and closed.
    """
    used: list[tuple[Page, Handlers]] = []
    faults: list[str] = []

    def opened(
        uri: str, *, base: str = "", width: int = 1440, scheme: str = "light", fresh: bool = False
    ) -> Page:
        base = base or site.as_uri() + "/"
        known = spare_pages and not fresh
        page = spare_pages.pop() if known else chromium.new_context(locale="fr-FR").new_page()
        handlers = _handlers(uri, base, faults)
        used.append((page, {} if fresh else handlers))
        for event, handler in handlers.items():
            page.on(event, handler)
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(media="null", color_scheme="dark" if scheme == "dark" else "light")
        page.goto(base + uri)
        return page

    yield opened
    for page, handlers in used:
        if not handlers:
            page.context.close()
            continue
        page.evaluate(FORGET)
        page.context.clear_permissions()
        page.goto("about:blank")
        page.mouse.move(0, 0)
        for event, handler in handlers.items():
            page.remove_listener(event, handler)
        spare_pages.append(page)
    assert faults == []


def _handlers(uri: str, base: str, faults: list[str]) -> Handlers:
    """What listens to a page, and tells its faults."""

    def request(one: Any) -> None:
        if not one.url.startswith((base, "data:", "blob:", "about:")):
            faults.append(f"{uri} asks for {one.url}")

    def failed(one: Any) -> None:
        # Leaving a page cancels what it was still loading: that is no fault of the page.
        if one.failure != "net::ERR_ABORTED":
            faults.append(f"{uri}: {one.url} failed ({one.failure})")

    def said(line: Any) -> None:
        if line.type in {"error", "warning"}:
            faults.append(f"{uri}: {line.text}")

    def thrown(error: object) -> None:
        faults.append(f"{uri}: {error}")

    return {"request": request, "requestfailed": failed, "pageerror": thrown, "console": said}
