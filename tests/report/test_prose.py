"""The words that people wrote: templates and hand-written pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.report.conftest import ROOT, TEMPLATES

SOURCES = sorted([*TEMPLATES.glob("*.jinja"), *(ROOT / "site_src").glob("*.md")])

NOT_PROSE = re.compile(
    r"<style>.*?</style>|```.*?```|<pre>.*?</pre>|<code>.*?</code>|<math.*?</math>|`[^`\n]+`"
    r"|\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|\{:.*?\}|\]\([^)]*\)|^---\n.*?^---\n"
    r"|arXiv:[\d.]+|doi:\S+|(?<!\*)\*[^*\n]+\*(?!\*)",
    flags=re.DOTALL | re.MULTILINE,
)
"""Code, formulas, addresses, and what is in italics: titles of works, in English."""


def spacing_faults(written: str) -> list[str]:
    """Where a French text lacks its spaces or its apostrophes."""
    text = re.sub(r"<[^>]+>", "x", NOT_PROSE.sub("x", written))
    return [
        *re.findall(r".{0,25}\S [:;!?%»].{0,9}", text),
        *re.findall(r".{0,25}« .{0,9}", text),
        *re.findall(r".{0,25}[^\s\u00a0\u202f[(|x*][;!?%](?!\w).{0,9}", text),
        *re.findall(r".{0,25}\w'\w.{0,9}", text),
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_french_spacing(path: Path) -> None:
    """U+00A0 before a colon and inside « », U+202F before ; ! ? %, curly apostrophes."""
    assert spacing_faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_name_of_this_machine(path: Path) -> None:
    """Pages hold no absolute path."""
    assert not re.search(r"/(?:home|work|tmp|Users)/", path.read_text(encoding="utf-8"))


def test_footnotes_are_cited_and_cited_notes_exist() -> None:
    """Each source of the review is cited, each citation has its source and an identifier."""
    text = (ROOT / "site_src/veille-clip.md").read_text(encoding="utf-8")
    notes = dict(re.findall(r"^\[\^([\w-]+)\]: (.*)$", text, flags=re.MULTILINE))
    cited = set(re.findall(r"\[\^([\w-]+)\](?!:)", text))
    assert cited == set(notes)
    assert len(notes) > 20
    for name, note in notes.items():
        assert re.search(r"arXiv:\d{4}\.\d{4,5}|doi:10\.|NeurIPS 2013", note), name
