"""A study's pages as one document to print: cover, contents, chapters.

The chapters are the pages of the site, from the same Markdown.  What a printed page cannot do
is left out: the explorer, the galleries, and the data tables folded under the figures.  A link
inside the study leads to its place in the document; one to a page that is not in it becomes
plain text.
"""

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import markdown
from markupsafe import Markup

from evaluation.records import StudyResults
from evaluation.report.kit import wording
from evaluation.report.kit.language import Language, current, speaking
from evaluation.report.kit.markup import Templates
from evaluation.report.kit.vega import Draw, vega_svg
from evaluation.report.pages import summary
from evaluation.report.site import shipped
from evaluation.report.site.policy import alone_policy
from evaluation.report.site.render import Pages, navigation, render, translations
from evaluation.report.site.standalone import embed, sheet, stylesheet
from evaluation.report.study.here import NOWHERE, Here
from evaluation.report.study.view import Photos, StudyView

EXTENSIONS = ("attr_list", "fenced_code", "footnotes", "tables", "toc")
"""Of Python-Markdown, as in mkdocs.yml."""

_SCREEN_ONLY = ("explorateur",)
"""Pages that are nothing without their script."""

_OF_A_JUROR = (
    "index",
    "donnees",
    "approche-classique",
    "clip-zero-shot",
    "sans-etiquette",
    "comparaison",
    "explicabilite",
    "methode",
)
"""Pages that are printed, without what they fold, unless everything is asked for."""

_FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_ATTRIBUTE = re.compile(r'(?<=\s)(id|href|src|for|aria-labelledby)="([^"]*)"')
_HEADING = re.compile(r'<h([12])[^>]*?\sid="([^"]+)"[^>]*>(.*?)</h\1>', re.DOTALL)
_NEVER = re.compile(r"<link\b[^>]*>|<(script|noscript|template|form)\b.*?</\1>", re.DOTALL)


Booklet = Mapping[str, Any]
"""What the template knows as ``booklet``."""


def make_booklet(
    results: StudyResults,
    *,
    language: Language = "fr",
    photos: Photos = "all",
    draw: Draw = vega_svg,
    everything: bool = False,
) -> Booklet:
    """The document of a study; it reads the small photos that it shows, and writes nothing.

    It is what a juror reads: with ``everything``, all pages, and all that they fold.

    Raises :class:`~evaluation.errors.ReportError` as :func:`~evaluation.report.site.render.render`.
    """
    assets, templates = shipped.SITE / "assets", shipped.TEMPLATES
    with speaking(language, translations((results,), None)):
        pages = render(
            (results,), None, templates=templates, photos=photos, draw=draw, language=language
        )
        view = StudyView(results=results, folder="", draw=draw, photos_shown=False)
        (section,) = navigation((results,), language)
        unlisted = [("", uri) for uri in pages if _name(uri) == "historique"]
        uris = tuple(
            uri
            for _, uri in (*section.pages, *unlisted)
            if (everything or _name(uri) in _OF_A_JUROR) and _name(uri) not in _SCREEN_ONLY
        )
        chapters = {_name(uri): _chapter(uri, uris, pages, everything=everything) for uri in uris}
        css = re.sub(r'[\\"<>&\n]', lambda special: f"\\{ord(special[0]):x} ", view.title)
        return {
            "lang": current(),
            "title": view.title,
            "question": wording.told(view.study.question),
            "facts": summary.facts(Here(view, NOWHERE)),
            # The title as a CSS string.
            "footer": Markup(f'"{css}"'),  # noqa: S704 - escaped
            "sheets": (
                stylesheet(assets),
                sheet(assets / "cartes.css"),
                sheet(templates / "impression.css"),
            ),
            "policy": alone_policy(),
            "folds": "open" if everything else "left-out",
            "chapters": chapters,
            # The title of a chapter, of level "1", and its sections, of level "2".
            "contents": [
                {
                    "text": Markup(re.sub(r"<[^>]+>", "", title).strip()),  # noqa: S704 - no tag
                    "anchor": chapter if level == "1" else anchor,
                    "level": level,
                }
                for chapter, body in chapters.items()
                for level, anchor, title in _HEADING.findall(body)
            ],
        }


def render_booklet(booklet: Booklet, numbers: Mapping[str, int] | None = None) -> str:
    """The document as the text of one HTML file, with the page numbers of its contents if known.

    ``numbers`` gives the page of an anchor.
    """
    pages = {anchor: wording.count(page) for anchor, page in (numbers or {}).items()}
    with speaking("en" if booklet["lang"] == "en" else "fr"):
        values = {"booklet": booklet, "pages": pages}
        return Templates(shipped.TEMPLATES).fill("impression.html.jinja", values)


# ------------------------------------------------------------------------ chapters


def _name(uri: str) -> str:
    return posixpath.basename(uri).removesuffix(".md")


def _chapter(uri: str, uris: tuple[str, ...], pages: Pages, *, everything: bool) -> Markup:
    """The body of a page, whose anchors and links are those of the document."""
    text = _FRONT.sub("", str(pages[uri]))
    html = _NEVER.sub("", markdown.markdown(text, extensions=list(EXTENSIONS)))
    names = {posixpath.basename(address): _name(address) for address in uris}

    def rewrite(match: re.Match[str]) -> str:
        attribute, value = match[1], match[2]
        if attribute == "src":
            path = posixpath.normpath(posixpath.join(posixpath.dirname(uri), unquote(value)))
            content = pages.get(path)
            return f'src="{embed(content) if isinstance(content, Path) else value}"'
        if attribute != "href":
            return f'{attribute}="{_name(uri)}--{value}"'
        if re.match(r"(https?|mailto):", value):
            return match[0]
        path, _, fragment = value.partition("#")
        name = names.get(re.sub(r"\.html$", ".md", unquote(path))) if path else _name(uri)
        place = f"{name}--{fragment}" if fragment or not path else name
        # To a page that is not in the document no link leads.
        return f'href="#{place}"' if name else 'class="v-gone"'

    html = re.sub(r"<[a-zA-Z][^>]*>", lambda tag: _ATTRIBUTE.sub(rewrite, tag[0]), html)
    html = re.sub(r"url\(#", f"url(#{_name(uri)}--", html)
    if everything:
        html = re.sub(r"<details(?![^>]*\sopen)", "<details open", html)
    return Markup(html)  # noqa: S704 - made from inert text
