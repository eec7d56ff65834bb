"""Every number says which run it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.report import tree
from tests.report.tree import Node

SAID = ("v-findings", "v-answer", "v-lead")
"""Classes of the sentences, and of their lists, that are made of measured numbers."""


CHANCE = ("Tous les cas font mieux que le hasard", "All cases do better than chance")


def traced(cell: Node) -> bool:
    """Whether a tooltip, or the head of its row, says where a number comes from."""
    if any(one.attributes.get("title") for one in cell.within()):
        return True
    row = cell.closest("tr")
    assert row is not None
    heads = (one for one in row.find("th") for one in one.within())
    return any("execution-" in one.attributes.get("href", "") for one in heads)


def untraced_cells(page: Node) -> Iterator[str]:
    for cell in page.find("td"):
        if re.search(r"\d", cell.text()) and not traced(cell):
            table = cell.closest("table")
            assert table is not None
            # Prose is no number.
            prose = "v-prose" in cell.attributes.get("class", "")
            if not prose:
                yield f"{table.attributes.get('id')}: {cell.text()}"


def sentences(page: Node) -> Iterator[Node]:
    for one in page.within():
        kinds = one.attributes.get("class", "").split()
        if one.tag == "p" and set(kinds) & set(SAID):
            yield one
        if one.tag == "ul" and set(kinds) & set(SAID):
            yield from one.find("li")


@pytest.fixture(scope="module")
def trees(site: Path) -> dict[str, Node]:
    return {
        path.relative_to(site).as_posix(): tree.read(path.read_text(encoding="utf-8"))
        for path in sorted(site.rglob("*.html"))
    }


def test_every_number_of_every_table_says_where_it_comes_from(trees: dict[str, Node]) -> None:
    """A cell with a figure has a tooltip, or stands in a row whose head leads to its run.

    The hand-written watch quotes others, in footnotes.
    """
    found = [
        f"{uri} {one}"
        for uri, page in trees.items()
        if not uri.endswith("veille-clip.html")
        for one in untraced_cells(page)
    ]
    assert not found, "\n".join(found)
    assert sum(1 for page in trees.values() for _ in page.find("td")) > 1_000


def test_every_measured_sentence_leads_to_its_run(trees: dict[str, Node]) -> None:
    """A sentence with a decimal has a link with a tooltip in it, in both languages."""
    found, asked = [], {False: 0, True: 0}
    for uri, page in trees.items():
        for sentence in sentences(page):
            text = sentence.text()
            quoted = re.search(r"diapositives|slides", text, flags=re.IGNORECASE)
            if not re.search(r"\d[.,]\d", text) or quoted or text.startswith(CHANCE):
                continue
            asked[uri.startswith("en/")] += 1
            if not any(one.attributes.get("title") for one in sentence.find("a")):
                found.append(f"{uri}: {text}")
    assert not found, "\n".join(found)
    assert min(asked.values()) > 20


def test_the_runs_are_listed_once_a_study(trees: dict[str, Node]) -> None:
    """On the page of the method, and on no other page of the study."""
    listing = {
        uri: sum("v-run" in one.attributes.get("class", "") for one in page.find("details"))
        for uri, page in trees.items()
        if uri.startswith("etudes/boutique/")
    }
    assert {uri for uri, runs in listing.items() if runs} == {"etudes/boutique/methode.html"}
    assert listing["etudes/boutique/methode.html"] >= 3
