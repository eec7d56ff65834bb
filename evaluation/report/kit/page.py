"""Numbers in sentences, and sentences that numbers choose: of pages and of slides."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
