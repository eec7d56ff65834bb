"""The page of ``veille watch``: figures of validation, marked provisional, that follow each save.

It is no page of the site, which shows results: one file that stands alone, outside the artefacts,
and which ``veille serve`` shows beside the site without building anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.files import write_bytes
from evaluation.records import Provisional
from evaluation.report.kit.language import Language, speaking
from evaluation.report.kit.markup import Templates
from evaluation.report.site.shipped import default_templates

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PLACE = "provisoire"
"""The folder of these pages, as ``veille serve`` shows them."""


def folder_of(artefacts: Path) -> Path:
    """Where the pages lie: beside the artefacts, which a site being served watches."""
    whole = artefacts.resolve()
    return whole.with_name(f".{whole.name}-{PLACE}")


def write_page(
    found: Provisional, artefacts: Path, language: Language, texts: Mapping[str, str]
) -> Path:
    """Writes the page of a study's last save, and returns its path.

    ``texts`` translates what the study's author wrote in French, for another language.

    Raises :class:`ReportError` when the template is not there, :class:`ArtefactError` when the
    page cannot be written.
    """
    with speaking(language, texts):
        text = Templates(default_templates()).fill(
            "provisional.html.jinja", {"page": found, "lang": language}
        )
    path = folder_of(artefacts) / f"{found.study}.html"
    write_bytes(path, text.encode())
    return path


def beside(site: WSGIApplication, folder: Path) -> WSGIApplication:
    """A server's site, with the pages of a folder under ``/provisoire/STUDY``."""

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        place, name = ["", *environ.get("PATH_INFO", "").rstrip("/").split("/")][-2:]
        path = folder / f"{name}.html"
        if place != PLACE or not name or path.parent != folder or not path.is_file():
            return site(environ, start)
        headers = [("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store")]
        start("200 OK", headers)
        return [path.read_bytes()]

    return answer
