"""One module a page: records in, a page model of formatted text out, for one template."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page to be: where it goes, what the navigation calls it, and what fills its template."""

    uri: str
    """As MkDocs names it: "etudes/demo/comparaison.md"."""
    title: str
    """Its entry in the navigation; "" keeps it out."""
    template: str
    model: object
    """What the template knows as ``page``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where to go next, and why."""

    text: str
    href: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A labelled piece of text: "Photos de test", "210"."""

    label: str
    text: str
    href: str = ""
    lang: str = ""
    code: bool = False
    wide: bool = False
    """Whether the text is long enough to want a line of its own."""
