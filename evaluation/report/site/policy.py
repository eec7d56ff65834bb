"""What a page may run: the program's own scripts, and nothing that a record brought along.

A Content-Security-Policy stands in each page.  Inline scripts are allowed by their hash, and
only those that the theme's templates spell: a script that found its way into a page has no
hash there, is no file of the site, and does not run.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from markupsafe import Markup

_INLINE = re.compile(r"<script>(?P<code>.*?)</script>", re.DOTALL)
_SLOT = re.compile(r"\{\{.*?\}\}")
_FILLED = r"[\w./:-]*"
"""What the theme writes into its scripts: an address inside the site."""
_HEAD = re.compile(r"<head\b[^>]*>")


def site_policy(html: str, theme: Iterable[str]) -> str:
    """A page of the site with its policy; ``theme`` are the folders of the theme's templates."""
    known = _scripts_of(tuple(theme))
    allowed = [
        match["code"]
        for match in _INLINE.finditer(html)
        if any(script.fullmatch(match["code"]) for script in known)
    ]
    # From a disk some browsers do not take the folder of a page for its own origin.
    own = "'self' file:"
    meta = policy(
        {
            "default-src": own,
            "script-src": f"{own} {_hashes(allowed)}".strip(),
            "style-src": f"{own} 'unsafe-inline'",
            "img-src": f"{own} data:",
            "object-src": "'none'",
            "base-uri": "'none'",
            "form-action": "'self'",
        }
    )
    return _HEAD.sub(lambda match: match[0] + str(meta), html, count=1)


def alone_policy(script: str = "") -> Markup:
    """The policy of a file that stands alone and runs at most one script, its own."""
    return policy(
        {
            "default-src": "'none'",
            "script-src": _hashes([script] if script else []) or "'none'",
            "style-src": "'unsafe-inline'",
            "img-src": "data:",
            "font-src": "data:",
            "base-uri": "'none'",
            "form-action": "'none'",
        }
    )


def policy(rules: dict[str, str]) -> Markup:
    """A policy as the element that stands first in a page's head."""
    content = "; ".join(f"{name} {value}" for name, value in rules.items())
    return Markup('<meta http-equiv="Content-Security-Policy" content="{}">').format(content)


def _hashes(scripts: Iterable[str]) -> str:
    digests = (hashlib.sha256(script.encode()).digest() for script in dict.fromkeys(scripts))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


@cache
def _scripts_of(folders: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """Patterns of the inline scripts in the templates of a theme."""
    codes = {
        match["code"]
        for folder in folders
        for path in Path(folder).rglob("*.html")
        for match in _INLINE.finditer(path.read_text(encoding="utf-8"))
    }
    return tuple(
        re.compile(_FILLED.join(re.escape(part) for part in _SLOT.split(code)))
        for code in sorted(codes)
        if "{%" not in code
    )
