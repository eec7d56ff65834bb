"""A study's files in one archive."""

from __future__ import annotations

import io
import os
import re
import zipfile
from pathlib import Path

import pytest

from evaluation.report.kit import wording
from evaluation.report.kit.language import speaking
from evaluation.report.site.render import render
from evaluation.report.study.pack import pack
from evaluation.stores.artefacts import read_results
from tests.report import builder
from tests.report.conftest import TEMPLATES, placeholder, write_artefacts


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_artefacts(tmp_path / "artefacts", builder.shop(tmp_path), builder.second(tmp_path))


def names(content: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return archive.namelist()


def test_the_same_files_give_the_same_bytes(root: Path) -> None:
    """Whatever their dates: an archive changes when a result does."""
    one = pack(root / "jouets", photos=True)
    for path in (root / "jouets").rglob("*"):
        os.utime(path, (1, 1))
    other = pack(root / "jouets", photos=True)
    assert one is not None
    assert one == other
    run = root / "jouets" / "embedded" / "noms" / "run.json"
    run.write_text(run.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    changed = pack(root / "jouets", photos=True)
    assert changed is not None
    assert changed.content != one.content


def test_it_unpacks_as_a_folder_of_artefacts(root: Path, tmp_path: Path) -> None:
    """What is unpacked reads as the study that was packed."""
    found = pack(root / "boutique", photos=True)
    assert found is not None
    with zipfile.ZipFile(io.BytesIO(found.content)) as archive:
        archive.extractall(tmp_path / "again")
    (again,) = read_results(tmp_path / "again")
    assert [run.case for run in again.runs] == [run.case for run in builder.shop(tmp_path).runs]
    assert found.files == len(names(found.content))


def test_photos_are_in_it_only_where_they_may_be_shown(root: Path) -> None:
    """A public site gives the results of private photos, not the photos."""
    whole, bare = (pack(root / "boutique", photos=photos) for photos in (True, False))
    assert whole is not None
    assert bare is not None
    assert any(one.endswith(".webp") for one in names(whole.content))
    assert {Path(one).suffix for one in names(bare.content)} == {".json", ".csv"}


def test_what_is_no_artefact_is_left_out(root: Path) -> None:
    """Neither a file that is being written nor one that someone left there, whatever its suffix."""
    (root / "jouets" / ".run.json.abc.part").touch()
    (root / "jouets" / ".cache").mkdir()
    (root / "jouets" / ".cache" / "x.json").touch()
    for name in ("notes.txt", "customers.csv", "secret.json"):
        (root / "jouets" / name).touch()
    found = pack(root / "jouets", photos=False)
    assert found is not None
    left_out = ("/.", "notes", "customers", "secret")
    assert not [one for one in names(found.content) if any(word in one for word in left_out)]


def test_a_study_without_files_has_no_archive(tmp_path: Path) -> None:
    """There is then nothing to take away, and no link."""
    assert pack(tmp_path / "nothing", photos=True) is None


def test_the_pages_name_it_and_say_its_size(root: Path) -> None:
    """On the page of methods and in the appendices, at the address where it is."""
    pages = render(read_results(root), None, templates=TEMPLATES, draw=placeholder)
    content = pages["etudes/boutique/boutique-artefacts.zip"]
    assert isinstance(content, bytes)
    for uri, href in (
        ("etudes/boutique/methode.md", "boutique-artefacts.zip"),
        ("annexes.md", "etudes/boutique/boutique-artefacts.zip"),
    ):
        text = str(pages[uri])
        told = re.search(rf'<a href="{re.escape(href)}" download>[^<]*</a> \(([^)]*)\)', text)
        assert told is not None
        assert told[1].endswith(wording.size(len(content)))
        assert told[1].startswith(str(len(names(content))))


def test_sizes_are_written_as_the_language_does() -> None:
    """Kilobytes until a million, then megabytes with a decimal."""
    assert wording.size(12) == "1\u00a0ko"
    assert wording.size(640_400) == "640\u00a0ko"
    assert wording.size(1_340_000) == "1,3\u00a0Mo"
    with speaking("en"):
        assert wording.size(1_340_000) == "1.3\u00a0MB"
