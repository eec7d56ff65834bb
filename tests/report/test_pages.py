"""The list of pages, and the kit that they are made with."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from evaluation.records import Metric, StudyResults
from evaluation.report.kit.language import speaking
from evaluation.report.kit.markup import Templates
from evaluation.report.kit.tables import Col, number, table
from evaluation.report.kit.typography import NBSP, THIN
from evaluation.report.pages import PAGES, SITE_PAGES
from evaluation.report.site import render as site
from evaluation.report.study.here import Here
from evaluation.report.study.view import StudyView
from tests.report import answered, builder
from tests.report.conftest import TEMPLATES, placeholder
from tests.report.test_trainings import trained

NAMES = [*(page.name for page in PAGES), *(name for name, _, _ in SITE_PAGES)]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_one_name(name: str) -> None:
    """Its module and its template are called as its row is."""
    assert importlib.util.find_spec(f"evaluation.report.pages.{name}")
    assert (TEMPLATES / f"{name}.md.jinja").is_file()


def test_a_page_that_moved_redirects(shop: StudyResults, monkeypatch: pytest.MonkeyPatch) -> None:
    """At an address of before stands a page that leads to the one of now, in its language."""
    moved = tuple(
        replace(page, formerly=("anciennes/donnees",)) if page.name == "dataset" else page
        for page in PAGES
    )
    monkeypatch.setattr(site, "PAGES", moved)
    pages = site.render((shop,), None, templates=TEMPLATES, draw=placeholder, language="en")
    text = pages["etudes/boutique/anciennes/donnees.html"]
    assert isinstance(text, str)
    assert 'content="0; url=../donnees.html"' in text
    assert "default-src 'none'" in unescape(text)
    assert '<a href="../donnees.html">This page has moved.</a>' in text


def test_addresses_leave_from_here(shop: StudyResults) -> None:
    """The same target has another address on another page; what nobody kept has none."""
    view = StudyView(results=shop, folder="etudes/boutique", draw=placeholder, photos_shown=True)
    beside, above = Here(view, view.page("audit")), Here(view, "index.md")
    assert beside.to("methode", "x") == "methode.html#x"
    assert above.to("methode") == "etudes/boutique/methode.html"
    run = view.scored[0]
    assert beside.number(run).href == beside.run(run.case) == beside.case(run.case).href != ""
    assert beside.run("inconnu") == beside.photos("inconnu") == beside.gallery("inconnu") == ""


def test_a_number_has_its_interval() -> None:
    """One cell holds a value as it is read, its interval, and both unrounded."""
    found = Metric(name="accuracy", value=0.857, low=0.8, high=0.9, n=210)
    cell = number(found, "percent", title="run")
    assert (cell.text, cell.note) == (f"85,7{THIN}%", f"[80,0{THIN};{NBSP}90,0]")
    assert (cell.value, cell.low, cell.high) == ("0.857", "0.8", "0.9")
    with speaking("en"):
        assert number(0.5, "0.00").text == "0.50"
    assert number(None, "percent").kind == number(replace(found, value=None), "percent").kind
    assert number(replace(found, value=None), "percent", why="jamais prédite").title


def test_a_table_is_columns() -> None:
    """One row a thing, grouped; a column that is None is left out; other rows follow."""
    made = table(
        "x",
        "Nombres",
        (1, 2, 3),
        Col("n", str),
        None,
        Col("double", lambda n: str(2 * n), "fois deux"),
        by=lambda n: "impairs" if n % 2 else "pairs",
        row_kind=lambda n: "best" if n == 3 else "",
        title="calcul",
    )
    assert [column.text for column in made.columns] == ["n", "double"]
    sizes = [(group.title, len(group.rows)) for group in made.groups]
    assert sizes == [("impairs", 2), ("pairs", 1)]
    last = made.groups[0].rows[1]
    assert last.kind == "best"
    assert last.cells[0].head
    assert (last.cells[1].text, last.cells[1].title) == ("6", "calcul")


Keys = dict[tuple[frozenset[str], str], str]
"""Keys of mappings, told apart by what else their mapping has, to where one was seen.

Two templates may print the same mapping, each a part of it.
"""


class Watched(dict[str, Any]):
    """A page's model that tells which of its keys are read, and so do the mappings in it."""

    def __init__(self, model: Mapping[str, Any], path: str, built: Keys, read: Keys) -> None:
        super().__init__(
            {key: watched(value, f"{path}.{key}", built, read) for key, value in model.items()}
        )
        self._read = read
        self._places: Keys = {(frozenset(model), key): f"{path}.{key}" for key in model}
        built |= self._places

    def __getitem__(self, key: str) -> Any:
        self._read[frozenset(self), key] = key
        return super().__getitem__(key)

    def items(self) -> Any:
        self._read |= self._places
        return super().items()


def watched(value: Any, path: str, built: Keys, read: Keys) -> Any:
    """The same value, whose mappings are watched."""
    if isinstance(value, dict):
        return Watched(value, path, built, read)
    if isinstance(value, list | tuple) and value and all(isinstance(part, dict) for part in value):
        return [Watched(part, path, built, read) for part in value]
    return value


def test_every_key_of_a_page_is_printed(
    shop: StudyResults, toys: StudyResults, tmp_path: Path
) -> None:
    """Nothing is built for a template that no template reads, on all pages of the studies."""
    built: Keys = {}
    read: Keys = {}
    templates = Templates(TEMPLATES)
    hidden = replace(shop, study=replace(shop.study, redistributable=False))
    asked = answered.toys(tmp_path / "asked")
    studies = (
        *((shop, True), (hidden, False), (toys, True), (asked, True)),
        (trained(tmp_path / "trained"), True),
    )
    views = tuple(
        StudyView(results=results, folder="etudes/x", draw=placeholder, photos_shown=seen)
        for results, seen in studies
    )
    for view in views:
        for page in PAGES:
            for place, model in page.built(view):
                templates.page(page.name, watched(model, page.name, built, read), here=place)
    for name, _, build in SITE_PAGES:
        for some in (views, ()):
            model = build(some, builder.reference())
            templates.page(name, watched(model, name, built, read))

    assert [place for key, place in built.items() if key not in read] == []
