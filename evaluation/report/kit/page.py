"""What many pages print: links, facts, numbers in sentences, and sentences that numbers choose."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a sentence; a measured number links to its run."""

    text: str
    href: str = ""
    title: str = ""


Claim = Mapping[str, Any]
"""A sentence that the numbers choose: ``kind`` names its macro in ``_said.jinja``, which knows
the other values; templates print it with ``ui.say``."""


def claim(kind: str, /, **values: object) -> Claim:
    """What the macro ``kind`` says of these values."""
    return {"kind": kind, **values}
