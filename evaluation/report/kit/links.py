"""Addresses inside the site, always relative: they hold under any base URL and from a disk.

Pages are named by their uri, as MkDocs does ("etudes/demo/index.md"), and are published as
one HTML file each (``use_directory_urls: false``): a link to a folder would show its listing
instead of its page when the site is opened from a disk.
"""

import posixpath
import re
import unicodedata
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote

HOME = "index.md"
APPENDIX = "annexes.md"
STUDIES = "etudes"
EXPLORER = "explorateur"

_UNRESERVED = "!'()*"
"""What encodeURIComponent leaves alone and urllib does not."""

_LONGEST = 80
"""Characters of a slug."""


def slug(text: str) -> str:
    """A text as part of an address: "Home Decor & Festive Needs" as "home-decor-festive-needs".

    It is cut where a disk would refuse it as a file's name.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:_LONGEST].strip("-") or "x"


def slugs(names: Iterable[str]) -> dict[str, str]:
    """A different slug for each name, in their order."""
    given: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        base = candidate = slug(name)
        number = 2
        while candidate in taken:
            candidate, number = f"{base}-{number}", number + 1
        given[name] = candidate
        taken.add(candidate)
    return given


def href(source: str, target: str, anchor: str = "") -> str:
    """The address of page or file ``target`` as seen from page ``source``."""
    page = re.sub(r"\.md$", ".html", target)
    fragment = f"#{anchor}" if anchor else ""
    if source == target and anchor:
        return fragment
    return quote(posixpath.relpath(page, posixpath.dirname(source) or ".")) + fragment


def elsewhere(source: str, target: str, root: str) -> str:
    """The address of ``target`` in the site whose root is ``root`` seen from this one's root."""
    return href(source, posixpath.join(root, target))


def resolve(source: str, address: str) -> tuple[str, str]:
    """The uri that an address on page ``source`` leads to, and its query and fragment."""
    path = re.split("[?#]", address, maxsplit=1)[0]
    uri = posixpath.normpath(posixpath.join(posixpath.dirname(source), unquote(path)))
    return uri, address[len(path) :]


def explorer(source: str, study: str, state: Mapping[str, str]) -> str:
    """From page ``source`` to some photos of a study: ``state`` says which, "" says nothing.

    ``study`` is its folder, "etudes/flipkart".  A state is what the form of the page holds.
    """
    # As encodeURIComponent writes it: the page reads its state with decodeURIComponent.
    fragment = "&".join(
        f"{key}={quote(value, safe=_UNRESERVED)}" for key, value in state.items() if value
    )
    return href(source, f"{study}/{EXPLORER}.html", fragment)


def outward(address: str) -> str:
    """An address of another site that a reader may follow; "" for what is none.

    What a record says is a link may as well be ``javascript:``.
    """
    return address if re.fullmatch(r"(?i)(https?://|mailto:)[^\s<>\"\\]+", address) else ""
