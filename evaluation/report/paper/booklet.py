"""A study's pages as one document to print: cover, contents, chapters.

The chapters are the pages of the site, from the same Markdown.  What a printed page cannot do
is left out: the explorer, the galleries, and the data tables folded under the figures.  A link
inside the study leads to its place in the document; one to a page that is not in it becomes
plain text.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

import markdown
from markupsafe import Markup

from evaluation.errors import ReportError
from evaluation.records import StudyResults
from evaluation.report.kit import wording
from evaluation.report.kit.language import Language, current, speaking, t
from evaluation.report.kit.markup import Templates
from evaluation.report.kit.page import Fact
from evaluation.report.kit.vega import Draw, vega_svg
from evaluation.report.site.policy import alone_policy
from evaluation.report.site.render import Pages, navigation, render, translations
from evaluation.report.site.standalone import embed, sheet, stylesheet
from evaluation.report.study.view import Photos

EXTENSIONS = ("attr_list", "fenced_code", "footnotes", "tables", "toc")
"""Of Python-Markdown, as in mkdocs.yml."""

_SCREEN_ONLY = ("explorateur",)
"""Pages that are nothing without their script."""

_FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_ATTRIBUTE = re.compile(r'(?<=\s)(id|href|src|for|aria-labelledby)="([^"]*)"')
_HEADING = re.compile(r'<h([12])[^>]*?\sid="([^"]+)"[^>]*>(.*?)</h\1>', re.DOTALL)
_NEVER = re.compile(r"<link\b[^>]*>|<(script|noscript|template|form)\b.*?</\1>", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the table of contents."""

    text: Markup
    anchor: str
    level: str
    """"1" for a chapter, "2" for a section."""
    page: str = ""
    """Its page number, once it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """One page of the site."""

    anchor: str
    body: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Booklet:
    """What the template knows as ``booklet``."""

    lang: str
    title: str
    question: str
    facts: tuple[Fact, ...]
    footer: Markup
    """The title as a CSS string."""
    sheets: tuple[Markup, ...]
    policy: Markup
    contents: tuple[Entry, ...]
    chapters: tuple[Chapter, ...]


def make_booklet(
    results: StudyResults,
    *,
    templates: Path,
    assets: Path,
    language: Language = "fr",
    photos: Photos = "all",
    draw: Draw = vega_svg,
) -> Booklet:
    """The document of a study; it reads the small photos that it shows, and writes nothing.

    Raises :class:`~evaluation.errors.ReportError` as :func:`~evaluation.report.site.render.render`.
    """
    with speaking(language, translations((results,), None)):
        pages = render(
            (results,),
            None,
            templates=templates,
            photos=photos,
            draw=draw,
            language=language,
        )
        (section,) = navigation((results,), language)
        uris = tuple(uri for _, uri in section.pages if _name(uri) not in _SCREEN_ONLY)
        chapters = tuple(_chapter(uri, uris, pages) for uri in uris)
        return Booklet(
            lang=current(),
            title=wording.told(results.study.title),
            question=wording.told(results.study.question),
            facts=_facts(results),
            footer=_css_string(wording.told(results.study.title)),
            sheets=(
                stylesheet(assets),
                sheet(assets / "cartes.css"),
                sheet(templates / "impression.css"),
            ),
            policy=alone_policy(),
            contents=tuple(entry for one in chapters for entry in _entries(one)),
            chapters=chapters,
        )


def render_booklet(
    booklet: Booklet, templates: Path, numbers: Mapping[str, int] | None = None
) -> str:
    """The document as the text of one HTML file, with the page numbers of its contents if known.

    ``numbers`` gives the page of an anchor.
    """
    known = numbers or {}
    contents = tuple(
        replace(one, page=wording.count(known[one.anchor])) if one.anchor in known else one
        for one in booklet.contents
    )
    filled = replace(booklet, contents=contents)
    with speaking(_language(booklet.lang)):
        return Templates(templates).fill("impression.html.jinja", {"booklet": filled})


def _language(lang: str) -> Language:
    return "en" if lang == "en" else "fr"


def _facts(results: StudyResults) -> tuple[Fact, ...]:
    study = results.study
    test = sum(card.fold == "test" for card in study.samples)
    scored = [run for run in results.runs if run.status == "ok" and results.is_current(run)]
    last = max((run.provenance.started for run in scored), default=None)
    facts = [
        Fact(label=t("Photos de test"), text=wording.count(test)),
        Fact(label=t("Catégories"), text=wording.count(len(study.classes))),
        Fact(
            label=t("Cas évalués"),
            text=t(
                "{done} sur {declared}",
                done=wording.count(len(scored)),
                declared=wording.count(len(study.cases)),
            ),
        ),
    ]
    if last:
        facts.append(Fact(label=t("Dernière évaluation"), text=wording.date(last)))
    return tuple(facts)


# ------------------------------------------------------------------------ chapters


def _name(uri: str) -> str:
    return posixpath.basename(uri).removesuffix(".md")


def _chapter(uri: str, uris: tuple[str, ...], pages: Pages) -> Chapter:
    text = pages[uri]
    if not isinstance(text, str):
        raise ReportError("is no page", where=uri, remedy="this is a fault of ours")
    html = markdown.markdown(_FRONT.sub("", text), extensions=list(EXTENSIONS))
    html = _NEVER.sub("", html)
    names = {posixpath.basename(one): _name(one) for one in uris}

    def rewrite(found: re.Match[str]) -> str:
        attribute, value = found[1], found[2]
        if attribute == "src":
            return f'src="{_inside(uri, value, pages)}"'
        if attribute != "href":
            return f'{attribute}="{_name(uri)}--{value}"'
        target = _target(_name(uri), value, names)
        return f'href="{target}"' if target else 'class="v-gone"'

    html = re.sub(r"<[a-zA-Z][^>]*>", lambda tag: _ATTRIBUTE.sub(rewrite, tag[0]), html)
    html = re.sub(r"url\(#", f"url(#{_name(uri)}--", html)
    html = re.sub(r"<details(?![^>]*\sopen)", "<details open", html)
    return Chapter(anchor=_name(uri), body=Markup(html))  # noqa: S704 - made from inert text


def _target(page: str, href: str, names: Mapping[str, str]) -> str:
    """Where a link leads in the document; "" when it leads out of it."""
    if re.match(r"(https?|mailto):", href):
        return href
    path, _, fragment = href.partition("#")
    if not path:
        return f"#{page}--{fragment}"
    name = names.get(re.sub(r"\.html$", ".md", unquote(path)))
    if name is None:
        return ""
    return f"#{name}--{fragment}" if fragment else f"#{name}"


def _inside(uri: str, src: str, pages: Pages) -> str:
    """A file that a page shows, as an address that holds it."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(uri), unquote(src)))
    content = pages.get(path)
    return embed(content) if isinstance(content, Path) else src


def _entries(chapter: Chapter) -> tuple[Entry, ...]:
    """The chapter's title and its sections."""
    return tuple(
        Entry(
            text=Markup(re.sub(r"<[^>]+>", "", title).strip()),  # noqa: S704 - no tag is left
            anchor=chapter.anchor if level == "1" else anchor,
            level=level,
        )
        for level, anchor, title in _HEADING.findall(chapter.body)
    )


def _css_string(text: str) -> Markup:
    safe = re.sub(r'[\\"<>&\n]', lambda one: f"\\{ord(one[0]):x} ", text)
    return Markup(f'"{safe}"')  # noqa: S704 - escaped
