"""Addresses inside the site, always relative: they hold under any base URL and from a disk.

Pages are named by their uri, as MkDocs does ("etudes/demo/index.md"), and are published as
one HTML file each (``use_directory_urls: false``): a link to a folder would show its listing
instead of its page when the site is opened from a disk.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote

HOME = "index.md"
APPENDIX = "annexes.md"
STUDIES = "etudes"


def slug(text: str) -> str:
    """A text as part of an address: "Home Decor & Festive Needs" as "home-decor-festive-needs"."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "x"


def slugs(names: Iterable[str]) -> dict[str, str]:
    """A different slug for each name, in their order."""
    taken: dict[str, str] = {}
    for name in names:
        base = candidate = slug(name)
        number = 2
        while candidate in taken.values():
            candidate, number = f"{base}-{number}", number + 1
        taken[name] = candidate
    return taken


def href(source: str, target: str, anchor: str = "") -> str:
    """The address of page or file ``target`` as seen from page ``source``."""
    page = re.sub(r"\.md$", ".html", target)
    fragment = f"#{anchor}" if anchor else ""
    if source == target and anchor:
        return fragment
    return quote(posixpath.relpath(page, posixpath.dirname(source) or ".")) + fragment
