"""The recipes of docs/developing.md: their files exist, and those of the report work."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from babel import Locale

from evaluation.records import StudyResults
from evaluation.report.kit import language
from evaluation.report.kit.language import speaking, t
from evaluation.report.pages import PAGES, StudyPage
from evaluation.report.site import render as site
from evaluation.report.study.here import Here
from tests.report import builder
from tests.report.conftest import ROOT, TEMPLATES, placeholder

RECIPES = dict(
    re.findall(
        r"^## (.+?)\n(.*?)(?=^## |\Z)",
        (ROOT / "docs/developing.md").read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
)


@pytest.mark.parametrize("name", RECIPES)
def test_files_of_a_recipe_exist(name: str) -> None:
    """A file that a recipe names is there; a new one has its folder."""
    paths = re.findall(r"`((?:evaluation|templates|scripts|mkdocs)[\w./-]*\.\w+)`", RECIPES[name])
    for path in paths:
        known = re.split(r"[^/]*(?:NAME|CODE)", path)[0]
        assert (ROOT / known).is_file() if known == path else (ROOT / known).is_dir(), path
    steps = re.findall(r"^\d\. ", RECIPES[name], re.MULTILINE)
    assert len(steps) <= 4


def test_a_page_is_a_module_a_template_a_row_and_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With these alone a page is rendered in its place of the menu, and its messages are told."""
    shutil.copytree(TEMPLATES, tmp_path / "templates")
    (tmp_path / "templates/greeting.md.jinja").write_text("# {{ page.title }}\n", encoding="utf-8")
    module = ModuleType("greeting")

    def build(here: Here) -> dict[str, str]:
        return {"title": t("Bonjour, {study}", study=here.view.study.name)}

    module.__dict__["build"] = build
    row = StudyPage("greeting", "bonjour", "Bonjour", module.__dict__["build"])
    monkeypatch.setattr(site, "PAGES", (*PAGES, row))
    results: StudyResults = builder.second(tmp_path)
    pages = site.render((results,), None, templates=tmp_path / "templates", draw=placeholder)
    assert "# Bonjour, jouets\n" in str(pages["etudes/jouets/bonjour.md"])
    (section,) = site.navigation((results,))
    assert ("Bonjour", "etudes/jouets/bonjour.md") in section.pages


def test_a_language_is_a_locale_and_a_catalogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With both, messages, numbers and plurals are those of the language."""
    (tmp_path / "de.po").write_text(
        'msgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=(n != 1);"\n\n'
        'msgid "{n} photo"\nmsgid_plural "{n} photos"\n'
        'msgstr[0] "{n} Foto"\nmsgstr[1] "{n} Fotos"\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(language, "CATALOGUES", tmp_path)
    monkeypatch.setitem(language._LOCALES, "de", Locale("de"))  # type: ignore[misc]
    with speaking("de"):  # type: ignore[arg-type]
        assert language.nt(1050, "{n} photo", "{n} photos") == "1.050\u00a0Fotos"
        assert language.nt(1, "{n} photo", "{n} photos") == "1\u00a0Foto"
