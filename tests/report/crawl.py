"""Reads a built site as a browser would: every address it uses, every anchor it offers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
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

EXPLORER = "explorateur.html"
"""The only page whose fragment is no anchor but what it shows."""

_CONFIDENCES = re.compile(r"\d+(\.\d+)?-\d+(\.\d+)?")


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


def moved(path: Path) -> bool:
    """Whether a page only leads on from an address that another one had before."""
    return 'http-equiv="refresh"' in path.read_text("utf-8")


def read_site(folder: Path) -> dict[Path, Html]:
    """Every page but 404.html, which the server shows at any address, and old addresses."""
    return {
        path: Html(path)
        for path in sorted(folder.rglob("*.html"))
        if path.name != "404.html" and not moved(path)
    }


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
    elif target.name == EXPLORER and "=" in url.fragment:
        yield from (f"{name}: {address}: {fault}" for fault in _asked_in_vain(target, url.fragment))
    elif url.fragment and target in pages and unquote(url.fragment) not in pages[target].ids:
        yield f"{name}: {address} has no such anchor"


def _asked_in_vain(explorer: Path, fragment: str) -> Iterator[str]:
    """What a link asks of the explorer, whose state is in the fragment, and it does not have."""
    known = _explored(explorer)
    for pair in fragment.split("&"):
        key, _, value = pair.partition("=")
        if key == "conf" and _CONFIDENCES.fullmatch(value):
            continue
        if unquote(value) not in known.get(key, ()):
            yield f"no {key} is called {unquote(value)!r}"


@cache
def _explored(explorer: Path) -> dict[str, set[str]]:
    """The values that each key of the explorer's state may have, from its data files."""
    calls = [path.read_text(encoding="utf-8") for path in explorer.parent.glob("donnees/*-*.js")]
    parts = [json.loads(call[call.index("(") + 1 : call.rindex(")")]) for call in calls]
    (head,) = (part["head"] for part in parts if "head" in part)
    cases, classes = {case["id"] for case in head["cases"]}, set(head["classes"])
    return {
        "id": {one for part in parts for one in part["ids"]},
        **dict.fromkeys(("cas", "a", "b"), cases),
        **dict.fromkeys(("vrai", "predit"), classes),
        "accord": {"a", "b", "aucun", "deux"},
        "verdict": {"juste", "faux"},
    }
