"""The tutorial is true: its commands are run in its order, on photos such as it describes."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from evaluation.cli import main

DOCS = Path(__file__).parent.parent / "docs"
STEPS = re.compile(r"```(sh|toml file=(?P<file>\S+))\n(?P<text>.*?)```", re.DOTALL)


def test_the_tutorial_can_be_followed(
    tmp_path: Path,
    make_photo: Callable[..., Path],
    models_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From photos to the site of their answer, then better texts, by what the page says alone."""
    for number in range(20):
        label = ("red_mugs", "rugs")[number % 2]
        make_photo(tmp_path / "photos" / label / f"IMG_{number:04}.jpg", seed=number)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VEILLE_CACHE", str(models_cache))
    # What pytest itself reads: the maps, which take a minute, have tests of their own.
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-maps")
    said: list[str] = []
    for step in STEPS.finditer((DOCS / "tutorial.md").read_text(encoding="utf-8")):
        if step["file"]:
            assert (tmp_path / step["file"]).is_file()
            (tmp_path / step["file"]).write_text(step["text"], encoding="utf-8")
            continue
        said += [_run(shlex.split(line)) for line in step["text"].strip().splitlines()]
    assert "red_mugs → red mugs" in said[0]
    assert "12 train, 4 validation, 4 test" in said[1]
    assert "embedded/descriptions" not in said[1]
    assert "embedded/descriptions" in "".join(said[2:])
    runs = {
        path.parent.relative_to(tmp_path / "artefacts" / "shop").as_posix(): json.loads(
            path.read_text()
        )
        for path in (tmp_path / "artefacts").rglob("run.json")
    }
    assert {name: run["status"] for name, run in runs.items()} == {
        "embedded/noms": "ok",
        "embedded/descriptions": "ok",
        "embedded-supervised": "ok",
    }
    for language in ("site", "site/en"):
        assert (tmp_path / language / "etudes" / "shop" / "index.html").is_file()
        page = tmp_path / language / "etudes" / "shop" / "categories" / "red-mugs.html"
        assert "red_mugs" in page.read_text(encoding="utf-8")


def test_both_languages_give_the_same_steps() -> None:
    """A step that is added to one page is added to the other."""
    english, french = (
        [step.group() for step in STEPS.finditer((DOCS / page).read_text(encoding="utf-8"))]
        for page in ("tutorial.md", "tutoriel.md")
    )
    assert english == french
    assert len(english) == 6


def _run(words: list[str]) -> str:
    assert words[0] == "veille"
    done = CliRunner().invoke(main, words[1:])
    assert done.exit_code == 0, done.output
    return done.output
