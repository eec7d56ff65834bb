"""Files that stand alone: style sheet, fonts and photos written into the HTML itself.

Two of them are pages of commands: what ``veille predict`` leaves to a person, and the figures of
``veille watch``, marked provisional, which ``veille serve`` shows beside the site.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from evaluation.data.listing import Locator
from evaluation.data.photos import open_photo
from evaluation.errors import SCORE_AGAIN, ReportError
from evaluation.files import write_bytes
from evaluation.records import FolderAnswers, Provisional
from evaluation.report.kit.language import Language, speaking
from evaluation.report.kit.markup import Templates
from evaluation.report.site import shipped

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_TYPES = {
    ".woff2": "font/woff2",
    ".webp": "image/webp",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".svg": "image/svg+xml",
}


def stylesheet(assets: Path) -> Markup:
    """The site's style sheet with its fonts in it, waited for: this file has no next page.

    Raises :class:`ReportError` when it, or a font that it names, is not there.
    """
    text = _read(assets / "veille.css").decode("utf-8")
    text = text.replace("font-display: optional", "font-display: block")
    return Markup(  # noqa: S704 - the site's own sheet
        re.sub(
            r'url\("(?P<name>[^"]+)"\)',
            lambda match: f'url("{embed(assets / match["name"])}")',
            text,
        )
    )


def sheet(path: Path) -> Markup:
    """A style sheet, or a script, of this program as it is; raises as :func:`embed` does."""
    return Markup(_read(path).decode("utf-8"))  # noqa: S704 - our own


def embed(path: Path) -> str:
    """A file as the address that holds it (a ``data:`` URI).

    Raises :class:`ReportError` when it cannot be read.
    """
    kind = _TYPES.get(path.suffix.lower(), "application/octet-stream")
    return f"data:{kind};base64,{base64.b64encode(_read(path)).decode('ascii')}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReportError(
            f"cannot be read: {error.strerror or error}",
            where=path,
            remedy=f"restore the file, or {SCORE_AGAIN} if it is a photo's small copy",
        ) from error


SHOWN = 300
"""Photos on the page; the table has them all."""
_SIDE = 240


def write_left(result: FolderAnswers, folder: Path, page: Path, language: Language) -> None:
    """Writes the page of the photos of ``folder`` that are left to a person.

    Raises :class:`OSError` when it cannot be written.
    """
    left, files = result.left, Locator(folder)
    model = {
        "result": result,
        "kept": len(result.answers) - len(left),
        "more": max(0, len(left) - SHOWN),
        "photos": [(_picture(files.locate(answer.path)[0]), answer) for answer in left[:SHOWN]],
    }
    with speaking(language):
        text = Templates(shipped.TEMPLATES).fill(
            "left.html.jinja", {"page": model, "lang": language}
        )
    write_bytes(page, text.encode())


def _picture(photo: Path) -> str:
    small, content = open_photo(photo), io.BytesIO()
    small.thumbnail((_SIDE, _SIDE))
    small.save(content, "WEBP", quality=75)
    return f"data:image/webp;base64,{base64.b64encode(content.getvalue()).decode()}"


PLACE = "provisoire"
"""The folder of these pages, as ``veille serve`` shows them."""


def folder_of(artefacts: Path) -> Path:
    """Where the pages lie: beside the artefacts, which a site being served watches."""
    whole = artefacts.resolve()
    return whole.with_name(f".{whole.name}-{PLACE}")


def write_page(
    provisional: Provisional, artefacts: Path, language: Language, texts: Mapping[str, str]
) -> Path:
    """Writes the page of a study's last save, and returns its path.

    ``texts`` translates what the study's author wrote in French, for another language.

    Raises :class:`ReportError` when the template is not there, :class:`ArtefactError` when the
    page cannot be written.
    """
    with speaking(language, texts):
        text = Templates(shipped.TEMPLATES).fill(
            "provisional.html.jinja", {"page": provisional, "lang": language}
        )
    path = folder_of(artefacts) / f"{provisional.study}.html"
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
