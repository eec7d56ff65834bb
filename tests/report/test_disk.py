"""The second way out: pages as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.errors import ArtefactError, ReportError
from evaluation.report.site import shipped
from evaluation.report.site.disk import write_pages, write_report
from tests.report import builder
from tests.report.conftest import write_artefacts


def test_report_is_written_from_artefacts(tmp_path: Path) -> None:
    """Pages and photos land at their addresses; the call says which files it wrote."""
    root = write_artefacts(tmp_path / "artefacts", builder.second(tmp_path / "artefacts"))
    written = write_report(root, tmp_path / "out")
    assert all(path.is_file() for path in written)
    names = {path.relative_to(tmp_path / "out").as_posix() for path in written}
    assert {"index.md", "annexes.md", "etudes/jouets/comparaison.md"} <= names
    assert sum(name.endswith(".webp") for name in names) == 78
    assert "98,3\u202f%" in (tmp_path / "out/index.md").read_text(encoding="utf-8")


def test_report_without_artefacts_quotes_the_slides(tmp_path: Path) -> None:
    """No artefact: the shipped figures of the slides, and how to score."""
    write_report(tmp_path / "rien", tmp_path / "out")
    text = (tmp_path / "out/index.md").read_text(encoding="utf-8")
    assert "0,857" in text
    assert "veille eval" in text


def test_what_ships_exists() -> None:
    """Templates and figures are found without being told where."""
    assert (shipped.TEMPLATES / "home.md.jinja").is_file()
    assert shipped.SLIDES.is_file()


def test_a_missing_photo_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """Half a report is not written."""
    root = write_artefacts(tmp_path / "artefacts", builder.second(tmp_path / "artefacts"))
    next((root / "jouets/photos").iterdir()).unlink()
    with pytest.raises(ReportError, match="no such small copy"):
        write_report(root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The system's refusal is one line that names the file."""
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(ReportError, match=r"out/index\.md: cannot be written"):
        write_pages({"index.md": "x"}, tmp_path / "out")


def test_a_broken_artefact_is_named(tmp_path: Path) -> None:
    """What cannot be read is an error of the artefact, not an empty page."""
    (tmp_path / "x").mkdir()
    (tmp_path / "x/study.json").write_text("{", encoding="utf-8")
    with pytest.raises(ArtefactError, match=r"study\.json"):
        write_report(tmp_path, tmp_path / "out")
