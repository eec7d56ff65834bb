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
from typing import Literal
from urllib.parse import quote, unquote

HOME = "index.md"
APPENDIX = "annexes.md"
STUDIES = "etudes"
EXPLORER = "explorateur"

Agreement = Literal["a", "b", "aucun", "deux"]
"""Which of two cases is right on a photo: only the first, only the second, neither, both."""

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


def explorer_pair(
    study: str, a: str, b: str, side: Agreement, *, truth: str = "", source: str = ""
) -> str:
    """The photos of a study, or of one class, on which two cases agree or disagree in one way.

    ``study`` is its folder, "etudes/flipkart"; ``source`` the page that links, one of the
    study's own when it is not given.
    """
    return _explorer(study, source, {"vrai": truth, "a": a, "b": b, "accord": side})


def explorer_case(
    study: str,
    case: str,
    *,
    truth: str = "",
    predicted: str = "",
    verdict: Literal["", "juste", "faux"] = "",
    confidence: tuple[float, float] | None = None,
    source: str = "",
) -> str:
    """The photos of which a case says something: of a class, in a class, right, this sure.

    ``confidence`` holds two shares, both included.
    """
    bounds = "" if confidence is None else "-".join(_percent(one) for one in confidence)
    state = {"cas": case, "vrai": truth, "predit": predicted, "verdict": verdict, "conf": bounds}
    return _explorer(study, source, state)


def _percent(share: float) -> str:
    # The page knows confidences to seven decimals (pages/explorer.py).
    return f"{100 * share:.5f}".rstrip("0").rstrip(".")


def explorer_cell(study: str, case: str, truth: str, predicted: str, *, source: str = "") -> str:
    """The photos of one class that a case puts in one class: a cell of its confusions."""
    return explorer_case(study, case, truth=truth, predicted=predicted, source=source)


def explorer_photo(study: str, sample_id: str, *, source: str = "") -> str:
    """One photo with all that is said of it."""
    return _explorer(study, source, {"id": sample_id})


def _explorer(study: str, source: str, state: dict[str, str]) -> str:
    page = f"{study}/{EXPLORER}.md"
    # As encodeURIComponent writes it: the page reads its state with decodeURIComponent.
    fragment = "&".join(
        f"{key}={quote(value, safe=_UNRESERVED)}" for key, value in state.items() if value
    )
    return href(source or page, f"{study}/{EXPLORER}.html", fragment)


def outward(address: str) -> str:
    """An address of another site that a reader may follow; "" for what is none.

    What a record says is a link may as well be ``javascript:``.
    """
    return address if re.fullmatch(r"(?i)(https?://|mailto:)[^\s<>\"\\]+", address) else ""
