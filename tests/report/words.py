"""What a page says, in reading order: golden files that a person can review."""

from __future__ import annotations

import os
import re
from pathlib import Path

from markdown import Markdown

from tests.report.tree import Node, read

GOLDEN = Path(__file__).parent / "golden"

_PROSE = ("p", "li", "dt", "dd", "figcaption", "caption", "summary", "label", "legend", "pre")
_HEADS = {f"h{level}": "#" * level + " " for level in range(1, 7)}
_MARKS = {"li": "- ", "dt": "- ", "dd": "  ", "caption": "Table: ", "summary": "> "}
_SILENT = {"script", "style", "svg", "template"}
_BLOCKS = {*_PROSE, *_HEADS, "tr", "table", "div", "ul", "ol", "dl", "section", "details",
           "figure", "aside", "form", "fieldset", "article"}  # fmt: skip
_HIDDEN = "v-tools"
"""Buttons under each table."""


def words(page: str) -> str:
    """A Markdown page as its headings, sentences and cells, a line each.

    Drawings are given by their description, and every wide one only: the narrow one says the
    same.  Nothing of what only a machine reads is kept: addresses, attributes, exact values.
    """
    text = re.sub(r"\A---\n.*?\n---\n", "", page, flags=re.DOTALL)
    html = Markdown(extensions=["attr_list", "fenced_code", "footnotes", "tables"]).convert(text)
    lines: list[str] = []
    _read(read(html), lines)
    return "\n".join(lines) + "\n"


def assert_golden(page: str, name: str) -> None:
    """Fails where the words are not those of the golden file; VEILLE_UPDATE_GOLDEN=1 writes it."""
    path = GOLDEN / name.replace("/", "__").replace(".md", ".txt")
    said = words(page)
    if os.environ.get("VEILLE_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(said, encoding="utf-8")
    assert said == path.read_text(encoding="utf-8")


def _read(node: Node, lines: list[str]) -> None:
    loose: list[str] = []
    for child in node.children:
        if isinstance(child, str):
            loose.append(child)
        elif _silent(child):
            continue
        elif _is_block(child):
            _say(loose, lines)
            _block(child, lines)
        else:
            loose.append(_inline(child))
    _say(loose, lines)


def _block(node: Node, lines: list[str]) -> None:
    if node.tag in _HEADS:
        _say([_HEADS[node.tag], _inline(node)], lines, before="")
    elif node.tag == "tr":
        cells = (_inline(one) for one in node.children if not isinstance(one, str))
        lines.append(" | ".join(re.sub(r"\s+", " ", cell).strip() for cell in cells))
    elif node.attributes.get("role") == "img":
        _say([f"[{node.attributes['aria-label']}]"], lines)
    elif any(not isinstance(one, str) and _is_block(one) for one in node.children):
        _read(node, lines)
    else:
        _say([_MARKS.get(node.tag, ""), _inline(node)], lines)


def _say(pieces: list[str], lines: list[str], before: str | None = None) -> None:
    text = re.sub(r"[^\S\u00a0\u202f]+", " ", "".join(pieces)).strip()
    if text:
        lines.extend(text for text in (before, text) if text is not None)
    pieces.clear()


def _inline(node: Node) -> str:
    if _silent(node):
        return ""
    said = ""
    for child in node.children:
        piece = child if isinstance(child, str) else _inline(child)
        apart = (
            not isinstance(child, str)
            and child.tag in ("small", "br", "span", "strong")
            and "lang" not in child.attributes  # a name inside a sentence
        )
        said += f" {piece}" if apart and said and piece else piece
    return f"[{node.attributes.get('alt', '')}] " if node.tag == "img" else said


def _is_block(node: Node) -> bool:
    return any(one.tag in _BLOCKS for one in node.within())


def _silent(node: Node) -> bool:
    classes = node.attributes.get("class", "").split()
    return (
        node.tag in _SILENT
        or _HIDDEN in classes
        or "v-chart__drawing--narrow" in classes
        or node.attributes.get("aria-hidden") == "true"
    )
