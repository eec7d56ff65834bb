"""`mkdocs serve`: what changes shows by itself, and a fault does not stop it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from evaluation.report.kit.links import APPENDIX, HOME
from evaluation.report.site.plugin import still_there, with_fault
from tests.report import builder
from tests.report.conftest import ROOT, write_artefacts

PATIENCE = 60
"""Seconds before a server is said not to answer; it answers in a few on a quiet machine."""


@dataclass
class Served:
    """A server on its own artefacts and its own copy of the templates."""

    process: subprocess.Popen[str]
    url: str
    artefacts: Path
    templates: Path
    log: Path

    def get(self, uri: str = "index.html") -> str:
        """The text of a page; "" while there is no answer."""
        with (
            suppress(urllib.error.URLError, TimeoutError, ConnectionError),
            # The server is this machine's own.
            urllib.request.urlopen(self.url + uri, timeout=PATIENCE) as answer,  # noqa: S310
        ):
            return str(answer.read().decode())
        return ""

    def wait(self, until: Callable[[str], bool], uri: str = "index.html") -> float:
        """Seconds until a page is as wanted."""
        start = time.monotonic()
        while not until(self.get(uri)):
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
            assert time.monotonic() - start < PATIENCE, self.log.read_text(encoding="utf-8")
            time.sleep(0.05)
        return time.monotonic() - start


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """`mkdocs serve` on artefacts that do not exist yet."""
    templates, artefacts = tmp_path / "templates", tmp_path / "artefacts"
    shutil.copytree(ROOT / "templates", templates)
    config = tmp_path / "mkdocs.yml"
    config.write_text(
        f"INHERIT: {ROOT}/mkdocs.yml\n"
        f"docs_dir: {ROOT}/site_src\n"
        "plugins:\n"
        "  - search\n"
        f"  - veille: {{artefacts: artefacts, templates: {templates}}}\n",
        encoding="utf-8",
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path / "log"
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "mkdocs", "serve", "-f", str(config), "-a", f"127.0.0.1:{port}"],
            cwd=tmp_path,
            env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "COLUMNS": "400"},
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
        )
    yield Served(process, f"http://127.0.0.1:{port}/", artefacts, templates, log)
    process.terminate()
    process.wait(timeout=PATIENCE)


def faulty(page: str) -> bool:
    return 'class="v-fault"' in page


def test_changes_show_and_faults_are_told_until_they_are_mended(served: Served) -> None:
    """From no artefact at all, through a cut file and a wrong template, and back."""
    served.wait(lambda page: "Il reste à mesurer" in page)

    # The very first evaluation shows without starting the server again.
    write_artefacts(served.artefacts, builder.second(served.artefacts))
    served.wait(lambda page: "Et sur des jouets" in page)

    study = served.artefacts / "jouets" / "study.json"
    whole = study.read_text(encoding="utf-8")
    study.write_text(whole.replace("Et sur des jouets ?", "Et ces jouets-là ?"), encoding="utf-8")
    took = served.wait(lambda page: "Et ces jouets-là" in page)
    sys.stdout.write(f"\nan artefact changed: shown after {took:.1f} s\n")

    # Half a file: the pages stay, the fault is told over them, in the terminal as well.
    study.write_text(whole[: len(whole) // 2], encoding="utf-8")
    served.wait(faulty)
    told = served.get("etudes/jouets/comparaison.html")
    assert faulty(told)
    assert "study.json: is not JSON" in told
    assert "run `veille eval` again" in told
    assert faulty(served.get("annexes.html"))
    log = served.log.read_text(encoding="utf-8")
    assert len(re.findall(r"ERROR.*study\.json: is not JSON", log)) == 1
    assert "Traceback" not in log
    study.write_text(whole, encoding="utf-8")
    served.wait(lambda page: not faulty(page) and "Et sur des jouets" in page)

    template = served.templates / "comparison.md.jinja"
    right = template.read_text(encoding="utf-8")
    template.write_text(right + "{{ page.rien }}", encoding="utf-8")
    served.wait(faulty)
    told = served.get("etudes/jouets/index.html")
    assert re.search(r"comparison\.md\.jinja: line \d+", told)
    template.write_text(right + "\nUne phrase de plus.\n", encoding="utf-8")
    took = served.wait(lambda page: "Une phrase de plus" in page, "etudes/jouets/comparaison.html")
    sys.stdout.write(f"a template mended: shown after {took:.1f} s\n")
    assert not faulty(served.get())


def test_a_fault_is_inert_and_stands_first_in_the_page() -> None:
    """Whatever it quotes, and only once."""
    html = with_fault('<html><body class="x"><p>a</p><body></body></html>', "<script>&")
    assert html.index("v-fault") < html.index("<p>a</p>")
    assert "&lt;script&gt;&amp;" in html
    assert html.count("v-fault") == 1


def test_files_that_are_gone_are_not_copied_again(tmp_path: Path) -> None:
    """The last pages may show photos that were deleted since."""
    kept = tmp_path / "a.webp"
    kept.touch()
    pages = {"index.md": "x", "a.webp": kept, "b.webp": tmp_path / "b.webp"}
    assert still_there(pages) == {"index.md": "x", "a.webp": kept}


def test_without_any_page_that_came_out_there_are_two_to_tell_the_fault() -> None:
    """Those that the navigation names."""
    assert set(still_there({})) == {HOME, APPENDIX}
