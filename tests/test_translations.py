"""What the shipped studies say has its English."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from evaluation.errors import ConfigError
from evaluation.study.config import SHIPPED, load_study
from evaluation.study.reference import load_reference


@pytest.mark.parametrize(
    "name", [path.parent.name for path in sorted(SHIPPED.glob("*/study.toml"))]
)
def test_everything_a_study_says_has_its_english(name: str) -> None:
    """Titles, question, licence, origin and sources are all in english.toml."""
    study = load_study(name)
    said = {study.title, study.question, study.dataset.licence, study.dataset.origin}
    said |= {model.title for model in study.models}
    said |= {text for one in study.prompts for text in (one.title, one.source)}
    assert {text for text in said if text} - set(study.translations) == set()


def test_photo_titles_are_those_of_the_table() -> None:
    """The demo's photos are called in English as its table calls one of that French title."""
    study = load_study("demo")
    with (SHIPPED / "demo" / "photos.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 100
    for row in rows:
        called = {one["title"] for one in rows if one["title_fr"] == row["title_fr"]}
        assert study.translations.get(row["title_fr"], row["title_fr"]) in called


def test_published_figures_have_their_english() -> None:
    """So have the source of the slides' figures and the systems they name."""
    reference = load_reference(SHIPPED / "flipkart" / "slides.toml")
    said = {reference.source, reference.slide, *(one.title for one in reference.systems)}
    assert said == set(reference.translations)


def test_a_study_without_translations(tmp_path: Path) -> None:
    """english.toml may be absent; a value of it that is not text is a mistake that is named."""
    folder = tmp_path / "demo"
    folder.mkdir()
    for path in (SHIPPED / "demo").glob("*.*"):
        if path.name != "english.toml":
            (folder / path.name).write_bytes(path.read_bytes())
    for part in ("prompts", "photos"):
        (folder / part).symlink_to(SHIPPED / "demo" / part)
    assert load_study(str(folder)).translations == {}
    (folder / "english.toml").write_text('"Titre" = 3\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"english\.toml"):
        load_study(str(folder))
