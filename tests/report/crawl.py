"""Reads a built site as a browser would: every address it uses, every anchor it offers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

RESOURCES = {
    "img": ("src", "srcset"),
    "script": ("src",),
    "link": ("href",),
    "source": ("src", "srcset"),
    "iframe": ("src",),
    "object": ("data",),
    "video": ("src", "poster"),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
}
"""Attributes that make a browser fetch something."""


@dataclass
class Html(HTMLParser):
    """What a page offers and what it uses."""

    path: Path
    ids: list[str] = field(default_factory=list)
    resources: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    images: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "img":
            self.images.append(found)
        for name in RESOURCES.get(tag, ()):
            if name in found:
                value = found[name]
                parts = value.split(",") if name == "srcset" else [value]
                self.resources += [part.split()[0] for part in parts if part.strip()]
        self.resources += style_addresses(found.get("style", ""))

    handle_startendtag = handle_starttag


def style_addresses(css: str) -> list[str]:
    """Addresses in url() and @import, data: left out."""
    found = re.findall(r"url\(\s*[\"']?([^\"')]+)", css) + re.findall(
        r"@import\s+[\"']([^\"']+)", css
    )
    return [one for one in found if not one.startswith("data:")]


def read_site(folder: Path) -> dict[Path, Html]:
    """Every page but 404.html, which the server shows at any address."""
    return {path: Html(path) for path in sorted(folder.rglob("*.html")) if path.name != "404.html"}


def problems(folder: Path) -> Iterator[str]:
    """Dead links, dead resources, missing anchors, other hosts, repeated identifiers."""
    pages = read_site(folder)
    for path, page in pages.items():
        name = path.relative_to(folder).as_posix()
        for one in {one for one in page.ids if page.ids.count(one) > 1}:
            yield f"{name}: id {one!r} is used twice"
        for address in page.resources:
            yield from _problem(folder, pages, path, address, fetched=True)
        for address in page.links:
            yield from _problem(folder, pages, path, address, fetched=False)
    for sheet in folder.glob("assets/*.css"):
        for address in style_addresses(sheet.read_text(encoding="utf-8")):
            yield from _problem(folder, pages, sheet, address, fetched=True)


def _problem(
    folder: Path, pages: dict[Path, Html], source: Path, address: str, *, fetched: bool
) -> Iterator[str]:
    name = source.relative_to(folder).as_posix()
    url = urlsplit(address)
    if url.scheme or url.netloc:
        if fetched:
            yield f"{name}: asks another host for {address}"
        return
    if address.startswith("/"):
        yield f"{name}: {address} holds under one base URL only"
        return
    target = (source.parent / unquote(url.path)).resolve() if url.path else source
    if not target.is_file():
        yield f"{name}: {address} leads nowhere"
    elif url.fragment and target in pages and unquote(url.fragment) not in pages[target].ids:
        yield f"{name}: {address} has no such anchor"
