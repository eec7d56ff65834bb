"""One site a language: where each lies, what they share, and how a page leads to its twins.

The French site lies at the root, the English one in ``en/``; a page has the same uri in both.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import escape
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page

from evaluation.report.kit import links
from evaluation.report.kit.language import Language, t
from evaluation.report.site.render import ASSETS, Section

ROOT: Language = "fr"
"""The language of the site at the root."""

FROM_ANOTHER = ".."
"""The root, as seen from the root of another language."""

STUDIES = "{studies}"
"""The entry of ``nav`` that the studies' sections replace."""

_FEW = 3
"""Sections that need no table of contents."""

NAMES: dict[Language, str] = {"fr": "Français", "en": "English"}


class Address(str):
    """An address as the page that shows it must write it."""

    __slots__ = ()


def keeping_addresses(url: Callable[[Context, str], str]) -> Callable[[Context, str], str]:
    """MkDocs' filter, which loses its way to a folder of the same name in another site."""

    @pass_context
    def kept(context: Context, value: str) -> str:
        return value if isinstance(value, Address) else url(context, value)

    return kept


def choices(url: str, spoken: Language) -> list[dict[str, str]]:
    """What Material's choice of languages offers on a page: the same page in each."""
    up = "" if spoken == ROOT else f"{FROM_ANOTHER}/"
    places = {language: f"{up}{folder(language)}{url}" for language in NAMES} | {spoken: url}
    return [
        {"name": name, "lang": language, "link": Address(links.href(url, places[language]))}
        for language, name in NAMES.items()
    ]


def folder(language: Language) -> str:
    """Where the site of a language lies, seen from the root."""
    return "" if language == ROOT else f"{language}/"


def mended(html: str) -> str:
    """A page of Material, less its links to sitemaps, whose menus have names of their own.

    There is no sitemap beside a page, and from a disk none may be read.  Menus within menus are
    named after both: studies have parts of one name.
    """
    html = re.sub(r'\s*<link rel="alternate"[^>]*\bhreflang=[^>]*>', "", html)
    menus = r'aria-labelledby="(__nav_\d+)_(\d+)_label"'
    return re.sub(menus, r'aria-labelledby="\1_label \1_\2_label"', html)


def share(config: MkDocsConfig, root: str) -> None:
    """Points to the style sheets, scripts and pictures of the site at ``root``."""

    def there(address: Any) -> Any:
        return f"{root}/{address}" if str(address).startswith(ASSETS) else address

    config.extra_css = [there(asset) for asset in config.extra_css]
    config.extra_javascript = [there(asset) for asset in config.extra_javascript]
    config.extra["polyfills"] = [there(asset) for asset in config.extra.get("polyfills", ())]
    for name in ("logo", "favicon"):
        config.theme[name] = there(config.theme[name])


def assets(config: MkDocsConfig) -> Iterator[tuple[str, Path]]:
    """Uri and file of what the French site, whose pages lie one folder up, would have shared."""
    root = Path(config.docs_dir).parent
    for path in sorted((root / ASSETS).rglob("*")):
        if path.is_file():
            yield path.relative_to(root).as_posix(), path


def with_contents(html: str, page: Page) -> str:
    """A page of more than three sections that leaves its margin to wide tables: they are listed
    under its title instead.
    """
    top = next(iter(page.toc), None)
    sections = top.children if top is not None and top.level == 1 else [*page.toc]
    if "toc" not in page.meta.get("hide", ()) or len(sections) <= _FEW:
        return html
    links = "".join(f'<li><a href="{section.url}">{section.title}</a></li>' for section in sections)
    listed = (
        f'<nav class="v-others v-contents" aria-label="{t("Sommaire")}" data-search-exclude>'
        f"<ul>{links}</ul></nav>"
    )
    return html.replace("</h1>", f"</h1>\n{listed}", 1)


def fill_nav(nav: Any, sections: tuple[Section, ...]) -> list[Any]:
    """``nav`` with each study's section where ``{studies}`` stood.

    Raises :class:`PluginError` where it does not.
    """
    if not isinstance(nav, list) or STUDIES not in nav:
        raise PluginError(f'nav has no "{STUDIES}" entry; add it where the studies should stand')
    # The theme prints titles as they are: a study's is text.
    entries = [
        {
            escape(section.title): [
                {
                    escape(group): pages[0][1]
                    if pages[0][0] == group
                    else [{escape(title): uri} for title, uri in pages]
                }
                for group, pages in section.groups.items()
            ]
        }
        for section in sections
    ]
    place = nav.index(STUDIES)
    return [*nav[:place], *entries, *nav[place + 1 :]]
