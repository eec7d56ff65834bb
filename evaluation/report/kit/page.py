"""Small things that many pages print."""

from dataclasses import dataclass


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
